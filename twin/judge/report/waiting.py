"""The page of two farms beside each other: who waited, and what was lost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from twin.judge.report import curves, plots, sheet
from twin.judge.stats import Interval
from twin.judge.waiting import ALPHA, Row, Waiting
from twin.judge.words import NONE, between, num, pct, points, several, unit

DRAWN = 7
"""Groups of jobs whose waits are drawn."""
POINTS = 120


def write(told: Waiting, out: Path) -> Path:
    """Write the page. Raises `StorageError`."""
    first, second = told.names
    differs = [(path, *values.split(" → ", 1)) for path, _, values in (line.partition(": ") for line in told.differs)]
    asked = [row for row in told.rows if row.group != "the farm"]
    lost = [row for row in told.rows if row.group == "the farm"]
    parts = [("What differs between the two", sheet.table(["Value", first, second], differs) if differs else _nothing())]
    parts.append(("Who waited", _figures(told) + _table(told, asked)))
    parts.append(("What was lost", _table(told, lost) + _note(told)))
    return sheet.put(sheet.page("two farms", f"{first} beside {second}", told.sentence(), parts), Path(out))


def tables(told: Waiting) -> str:
    """All rows as one table with its note, for other pages."""
    return _table(told, told.rows) + _note(told)


def _nothing() -> str:
    return '<p class="note">Nothing that the scenarios say: the two sides ran the same farm.</p>'


def _table(told: Waiting, rows: Sequence[Row]) -> str:
    first, second = told.names
    heads = ["Of", "What", f">{first}", f">{second}", "Side by side", f">{second} − {first}", "Shown"]
    return sheet.table(heads, [_line(row, told.names) for row in rows])


def _line(row: Row, names: tuple[str, str]) -> tuple[str, ...]:
    figure = Markup(curves.pair(row.first, row.second, row.unit, names))
    return (row.group, row.name, _value(row.first, row.unit), _value(row.second, row.unit), figure, _gap(row), row.verdict)


def _value(interval: Interval, name: str) -> str:
    told = unit(interval.value, name)
    return told if interval.low is None else f"{told} ({between(interval, name)})"


def _gap(row: Row) -> str:
    """The difference with its interval, signed."""
    gap = row.difference
    if gap.value is None:
        return NONE
    if row.unit == "%":
        return points(gap)
    ends = [NONE if v is None else ("+" if v > 0 else "−" if v < 0 else "") + num(abs(v)) for v in gap[:3]]
    return f"{ends[0]} ({ends[1]} to {ends[2]})" if gap.low is not None else ends[0]


def _figures(told: Waiting) -> str:
    """The share of jobs that waited at least so long, of each group and side."""
    html = ""
    for name, sides in list(told.waits.items())[:DRAWN]:
        if not all(sides):
            continue
        lines = [plots.Curve(called, _curve(waits)) for called, waits in zip(told.names, sides, strict=True)]
        alt = f"{name}: share of jobs that waited longer, against the wait; " + _middle(told.names, sides)
        drawn = plots.curves(lines, x_axis="minutes until a robot begins", y_axis=f"{name}: share that waited longer", alt=alt)
        html += f"<figure>{drawn}</figure>"
    return html


def _middle(names: Sequence[str], sides: Sequence[Sequence[float]]) -> str:
    medians = (num(float(np.median(waits)) / 60) for waits in sides)
    return ", ".join(f"{name} median {median} min" for name, median in zip(names, medians, strict=True))


def _curve(waits: Sequence[float]) -> list[tuple[float, float]]:
    """(minutes, share of jobs that waited longer), a few points of it."""
    x = np.asarray(waits) / 60
    x, n = x[x > 0], len(x)
    if not len(x):
        return [(0.0, 0.0)]
    at = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(int))
    return [(0.0, len(x) / n), *((float(x[i]), (len(x) - 1 - i) / n) for i in at)]


def _note(told: Waiting) -> str:
    return (
        f'<p class="note">Means over {several(len(told.seeds), "seed")} that both ran, with Student’s 95 % intervals; the '
        "difference is taken within each seed, for one seed brings the same jobs at the same times to both. “higher” and "
        f"“lower” are said of the second at an adjusted p of at most {pct(ALPHA, 0)} (Benjamini–Hochberg over all rows). A job "
        "that nobody began counts with its wait until it failed, was withdrawn, or the run ended.</p>"
    )
