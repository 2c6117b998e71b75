"""Bars, intervals and distributions. Each chart is one function from figures to SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from twin.judge.accounting import LOOKS, Accounts
from twin.judge.report import svg
from twin.judge.stats import Interval
from twin.judge.words import hours, pct


def mix(books: Accounts, groups: dict[str, list[str]]) -> str:
    """What filled the hours: one stacked bar a group of cells."""
    left, top, pitch, thick = 170.0, 24.0, 40.0, 26.0
    x = svg.Scale(0, 1, left, svg.WIDTH - 34)
    body = [svg.text(x(t), 14, pct(t, 0), cls="dim", anchor="middle") for t in (0, 0.25, 0.5, 0.75, 1)]
    body += [svg.line(x(t), top - 4, x(t), top + pitch * len(groups), cls="grid") for t in (0, 0.25, 0.5, 0.75, 1)]
    looks = books.by_look()
    for i, (name, members) in enumerate(groups.items()):
        y, at, total = top + i * pitch + 4, 0.0, len(members) * books.duration_us
        body.append(svg.text(left - 12, y + 18, name, cls="lab", anchor="end"))
        for kind, us in _added(looks, members).items():
            share = us / total if total else 0.0
            title = f"{name}: {LOOKS[kind]} {hours(us)}, {pct(share)}"
            body.append(svg.rect(x(at), y, x(at + share) - x(at), thick, cls=f"f-{kind}", title=title))
            if share > 0.05:
                body.append(_plate((x(at) + x(at + share)) / 2, y + 18, pct(share, 0)))
            at += share
    alt = "Share of robot-hours by state, for " + ", ".join(groups)
    return svg.figure(body, height=top + pitch * len(groups) + 4, alt=alt)


def _plate(x: float, y: float, words: str) -> str:
    """A number on a plate, so that it can be read over any pattern."""
    width = 7.4 * len(words) + 8
    return svg.rect(x - width / 2, y - 13, width, 18, cls="plate", radius=4) + svg.text(x, y, words, cls="num", anchor="middle")


def by_look(books: Accounts, members: Sequence[str] | None = None) -> dict[str, int]:
    """µs in each look, of some cells or all; looks without time are left out."""
    return _added(books.by_look(), books.cells if members is None else members)


def _added(looks: Mapping[str, Mapping[str, int]], members: Sequence[str]) -> dict[str, int]:
    total = {kind: sum(looks[name][kind] for name in dict.fromkeys(members)) for kind in LOOKS}
    return {kind: us for kind, us in total.items() if us}


class Bar(NamedTuple):
    """One bar of a bar chart: its name, length, look, and what stands at its end."""

    name: str
    length: float
    look: str
    words: str


def bar_chart(rows: Sequence[Bar], *, alt: str) -> str:
    """Horizontal bars, longest first as given, each with its figure in words."""
    left, pitch, thick = 260.0, 32.0, 20.0
    x = svg.Scale(0, max((r.length for r in rows), default=1.0), left, svg.WIDTH - 250)
    body = []
    for i, row in enumerate(rows):
        y = 4 + i * pitch
        body.append(svg.text(left - 12, y + 15, row.name, cls="lab", anchor="end"))
        body.append(svg.rect(left, y, max(x(row.length) - left, 1.5), thick, cls=f"f-{row.look}"))
        body.append(svg.text(x(row.length) + 10, y + 15, row.words, cls="num"))
    body.append(svg.line(left, 0, left, 4 + pitch * len(rows), cls="axis"))
    return svg.figure(body, height=8 + pitch * len(rows), alt=alt)


class Dot(NamedTuple):
    """One line of a forest plot. `level` 0 stands out, 1 is a group, 2 a member."""

    name: str
    interval: Interval
    words: str
    level: int = 2


def forest(rows: Sequence[Dot], *, alt: str, marks: Sequence[tuple[float, str]] = (), left: float = 170.0) -> str:
    """Shares with their intervals, one line each, on an axis from 0 to 100 %. `marks`: lines at bounds, with a word; `left`:
    room for names."""
    top = 36.0 if marks else 22.0
    pitch = 26.0
    x = svg.Scale(0, 1, left, svg.WIDTH - 230)
    bottom = top + pitch * len(rows)
    body = []
    for t in (0, 0.25, 0.5, 0.75, 1):
        body += [
            svg.line(x(t), top, x(t), bottom, cls="grid"),
            svg.text(x(t), bottom + 18, pct(t, 0), cls="dim", anchor="middle"),
        ]
    for value, word in marks:
        body += [
            svg.line(x(value), top - 8, x(value), bottom, cls="mark"),
            svg.text(x(value), top - 14, word, cls="dim", anchor="middle"),
        ]
    for i, row in enumerate(rows):
        y = top + (i + 0.5) * pitch
        body.append(svg.text(left - 12, y + 4.5, row.name, cls="lab strong" if row.level == 0 else "lab", anchor="end"))
        body.append(svg.text(svg.WIDTH - 216, y + 4.5, row.words, cls="num"))
        body.append(whisker(row.interval, x, y, cls=f"l{row.level}"))
    return svg.figure(body, height=bottom + 26, alt=alt)


def whisker(interval: Interval, x: svg.Scale, y: float, *, cls: str, shape: str = "dot") -> str:
    """A value with its interval; an open end where a bound is not known."""
    if interval.value is None:
        return ""
    low = x(interval.low) if interval.low is not None else x(interval.value)
    high = x(interval.high) if interval.high is not None else x(interval.value)
    at = x(interval.value)
    out = svg.line(low, y, high, y, cls=f"whisk {cls}")
    if shape == "square":
        return out + svg.rect(at - 4.5, y - 4.5, 9, 9, cls=f"dot {cls}")
    return out + f'<circle class="dot {cls}" cx="{svg.fix(at)}" cy="{svg.fix(y)}" r="5"/>'
