"""The farm's time at a glance: one lane a cell, from the first second to the last."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from twin.judge.accounting import LOOKS, Accounts
from twin.judge.columns import US
from twin.judge.report import svg
from twin.judge.strips import Drawn, Strips
from twin.judge.words import NB, num, pct, short

BUDGET = 60_000
"""Bars that a timeline may draw before it falls back to columns."""

ROOMY = 60
"""Up to so many cells each lane carries its name and its share."""


def timeline(books: Accounts, models: dict[str, str], budget: int = BUDGET) -> str:
    """The timeline as SVG. `models`: robot model by cell; `budget`: bars before it falls back to columns."""
    n = len(books.cells)
    roomy = n <= ROOMY
    pitch = 24.0 if n <= 24 else 17.0 if roomy else max(2.0, min(8.0, 1600.0 / max(n, 1)))
    thick = pitch - (6 if n <= 24 else 4 if roomy else min(0.8, pitch / 5))
    left, right, top = (170.0, 64.0, 26.0) if roomy else (130.0, 30.0, 26.0)
    x = svg.Scale(0, books.duration_us, left, svg.WIDTH - right)
    bottom = top + n * pitch
    body = [*_axis(books, x, top, bottom), f'<g class="lanes{"" if roomy else " thin"}" stroke-width="{svg.fix(thick)}">']
    columns, states = _columns(books.strips, n, x.x1 - x.x0, budget), books.by_cell()
    labels: list[str] = []
    for index, name in enumerate(books.cells):
        y = top + (index + 0.5) * pitch
        used = states[name]["episode"] / max(books.duration_us, 1)
        drawn = books.strips.exact[name] if columns is None else _binned(books.strips, name, columns)
        body.append(_lane(drawn, x, y, columns is None, f"{name} · {models.get(name, '')} · {pct(used, 0)} in episodes"))
        if roomy:
            labels.append(svg.text(left - 12, y + 4.5, name, cls="lab", anchor="end"))
            labels.append(svg.text(8, y + 4.5, models.get(name, ""), cls="dim"))
            labels.append(svg.text(svg.WIDTH - right + 10, y + 4.5, pct(used, 0), cls="num"))
    if not roomy:
        labels += _sparse(books.cells, top, pitch, left)
    alt = f"Timeline of {n} cells over {num(books.duration_us / US)} seconds; the same hours are summed in the tables below."
    return svg.figure([*body, "</g>", *labels], height=bottom + 10, alt=alt, cls="timeline")


def column_s(books: Accounts, budget: int = BUDGET) -> float | None:
    """Seconds that one column of the timeline stands for, or None where every span is drawn by itself."""
    columns = _columns(books.strips, len(books.cells), svg.WIDTH - 142.0, budget)
    return None if columns is None else books.duration_us / US / columns


def _columns(strips: Strips, cells: int, width: float, budget: int) -> int | None:
    if strips.whole and strips.count <= budget // 4:
        return None
    return int(max(100, min(width * 2, budget // max(cells, 1))))


def _axis(books: Accounts, x: svg.Scale, top: float, bottom: float) -> list[str]:
    moments, unit = svg.time_ticks(books.duration_us / US)
    out = []
    for i, t in enumerate(moments):
        at = x(t * US)
        words = short(t / svg.UNIT_S[unit]) + (f"{NB}{unit}" if i == 0 or i == len(moments) - 1 else "")
        out += [svg.line(at, top - 4, at, bottom, cls="grid"), svg.text(at, top - 10, words, cls="dim", anchor="middle")]
    return out


def _lane(drawn: Sequence[Drawn], x: svg.Scale, y: float, exact: bool, title: str) -> str:
    runs: dict[str, list[tuple[float, float]]] = {"idle": [(x(x.low), x(x.high))]}
    for kind, start, stop in drawn:
        if kind != "idle":
            a, b = x(start), x(stop)
            gap = 0.6 if exact and b - a > 3 else 0.0
            runs.setdefault(kind, []).append((a, max(b - gap, a + 0.4)))
    paths = "".join(f'<path class="p-{kind}" d="{svg.bars(bars, y)}"/>' for kind, bars in runs.items())
    return f"<g><title>{escape(title)}</title>{paths}</g>"


def _binned(strips: Strips, cell: str, columns: int) -> list[Drawn]:
    """Columns of equal time, each in the look that fills most of it, equal neighbours joined."""
    kinds = list(LOOKS)
    filled = strips.shares(cell, kinds, columns)
    edges = np.linspace(0, strips.duration_us, columns + 1)
    best = filled.argmax(axis=0)
    cuts = np.flatnonzero(np.diff(best)) + 1
    starts, stops = np.concatenate([[0], cuts]), np.concatenate([cuts, [columns]])
    return [(kinds[int(best[a])], int(edges[a]), int(edges[b])) for a, b in zip(starts, stops, strict=True)]


def _sparse(names: Sequence[str], top: float, pitch: float, left: float) -> list[str]:
    """Every so many cells a name, where lanes are too thin to carry their own."""
    every = max(1, round(40 / pitch))
    shown = [i for i in range(len(names)) if i % every == 0]
    return [svg.text(left - 10, top + (i + 0.5) * pitch + 4, names[i], cls="dim", anchor="end") for i in shown]
