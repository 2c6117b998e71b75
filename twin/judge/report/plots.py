"""Two figures that several pages share: ranges on one axis, and curves with a legend at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twin.judge.report import svg
from twin.judge.words import short

DASHES = ("", "8 4", "2 4", "12 4 2 4")
COLOURS = ("var(--sim)", "var(--real)", "var(--good)", "var(--attended)")
"""A curve is told apart by colour and by dash."""


class Range(NamedTuple):
    """A line of a range chart: from `low` to `high` with a dot at `value`, and what stands at its end."""

    name: str
    low: float
    value: float
    high: float
    words: str


def ranges(rows: Sequence[Range], *, axis: str, alt: str, mark: tuple[float, str] | None = None) -> str:
    """Ranges under each other on one axis from zero; `mark`: a line at a value, with a word."""
    left, pitch, top = 420.0, 26.0, 40.0 if mark else 12.0
    ends = [v for r in rows for v in (r.low, r.value, r.high)] + ([mark[0]] if mark else [])
    x = svg.Scale(0, 1.05 * max(ends, default=1.0), left, svg.WIDTH - 190)
    bottom = top + pitch * len(rows)
    body = [svg.line(x(t), top, x(t), bottom, cls="grid") for t in svg.ticks(0, x.high)]
    body += [svg.text(x(t), bottom + 17, short(t), cls="dim", anchor="middle") for t in svg.ticks(0, x.high)]
    body.append(svg.text(x(0), bottom + 36, axis, cls="dim"))
    if mark:
        body += [svg.line(x(mark[0]), top - 10, x(mark[0]), bottom, cls="mark"),
                 svg.text(x(mark[0]), top - 16, mark[1], cls="dim", anchor="middle")]  # fmt: skip
    for i, row in enumerate(rows):
        y = top + (i + 0.5) * pitch
        body.append(svg.text(left - 12, y + 4.5, row.name, cls="lab", anchor="end"))
        body.append(svg.line(x(row.low), y, x(row.high), y, cls="whisk l1"))
        body.append(f'<circle class="dot l1" cx="{svg.fix(x(row.value))}" cy="{svg.fix(y)}" r="5"/>')
        body.append(svg.text(svg.WIDTH - 180, y + 4.5, row.words, cls="num"))
    return svg.figure(body, height=bottom + 44, alt=alt)


class Curve(NamedTuple):
    """A curve: its name and its points, x ascending."""

    name: str
    points: Sequence[tuple[float, float]]


def curves(lines: Sequence[Curve], *, x_axis: str, y_axis: str, alt: str, least_y: float = 0.0) -> str:
    """Curves on common axes from zero, each named where it ends."""
    left, right, top, bottom = 70.0, svg.WIDTH - 250, 30.0, 320.0
    every = [p for line in lines for p in line.points]
    x = svg.Scale(0, max((p[0] for p in every), default=1.0), left, right)
    y = svg.Scale(0, 1.08 * max([least_y, *(p[1] for p in every)]) or 1.0, bottom, top)
    body = [svg.line(left, y(t), right, y(t), cls="grid") for t in svg.ticks(0, y.high)]
    body += [svg.text(left - 8, y(t) + 4, short(t), cls="dim", anchor="end") for t in svg.ticks(0, y.high)]
    body += [svg.text(x(t), bottom + 18, short(t), cls="dim", anchor="middle") for t in svg.ticks(0, x.high, 8)]
    body += [svg.line(left, bottom, right, bottom, cls="axis"), svg.text(left, 14, y_axis, cls="dim")]
    body.append(svg.text(right, bottom + 38, x_axis, cls="dim", anchor="end"))
    taken: list[float] = []
    for k, line in enumerate(lines):
        colour, dash = COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]
        points = "L".join(f"{svg.fix(x(a))} {svg.fix(y(b))}" for a, b in line.points)
        body.append(
            f'<path style="fill:none;stroke:{colour};stroke-width:2.6;stroke-dasharray:{dash or "none"}" d="M{points}"/>'
        )
        at = y(line.points[-1][1]) + 4
        while any(abs(at - other) < 15 for other in taken):
            at += 15
        taken.append(at)
        body.append(svg.text(right + 10, at, line.name, cls="lab"))
    return svg.figure(body, height=bottom + 46, alt=alt)
