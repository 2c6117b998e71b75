"""The page of physics against the outcome tier: statistic by statistic, and what the two farms came to."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from markupsafe import Markup

from twin.judge.compare import Comparison, Group
from twin.judge.report import beside, curves, sheet, waiting
from twin.judge.stats import NOTHING, Interval
from twin.judge.waiting import Waiting
from twin.judge.words import NONE, between, several, unit


def write(name: str, told: Comparison, farm: Waiting, notes: Sequence[str], out: Path) -> Path:
    """Write the page; the outcome tier is the first side of both comparisons. Raises `StorageError`."""
    parts = [(group.name or "All episodes", _group(group, farm.names)) for group in told.groups]
    parts += [("What the farms came to", waiting.tables(farm)), ("Notes", _notes([*notes, *told.notes]))]
    return sheet.put(sheet.page("tiers", f"{name}: outcome tier beside physics", sentence(told), parts), Path(out))


def sentence(told: Comparison) -> str:
    """What the outcome tier may be trusted for."""
    return told.sentence.replace("This twin", "The outcome tier").replace("this twin", "the outcome tier")


def _group(group: Group, names: tuple[str, str]) -> str:
    heads = ["Statistic", f">{names[0]}, {several(group.n_sim, 'episode')}", f">{names[1]}, {several(group.n_real, 'episode')}",
             "Side by side", "Verdict", "Difference"]  # fmt: skip
    rows = []
    for row in group.rows:
        figure = Markup(curves.pair(row.sim or NOTHING, row.real or NOTHING, row.unit, names))
        rows.append((row.name, _side(row.sim, row.unit), _side(row.real, row.unit), figure, row.words, row.apart))
    drawn = "".join(f"<figure>{figure}</figure>" for figure in beside.figures(group, names))
    drawn = f'<div class="duo">{drawn}</div>' if drawn else ""
    legend = f'<p class="note">In the figures the solid line is the {names[0]}, the dashed one {names[1]}.</p>' if drawn else ""
    return sheet.table(heads, rows) + drawn + legend


def _side(interval: Interval | None, of: str) -> str:
    if interval is None or interval.value is None:
        return NONE
    return f"{unit(interval.value, of)} ({between(interval, of)})"


def _notes(notes: Sequence[str]) -> str:
    told = [escape(note) for note in notes]
    told.append(
        "“agrees”: the difference is shown to lie inside the margin; “differs”: beyond it; “cannot tell”: neither is shown. Of "
        "each kind of claim at most 5 % are wrong, in expectation (Benjamini–Hochberg). The model was fitted to other seeds."
    )
    return '<ul class="note">' + "".join(f"<li>{note}</li>" for note in told) + "</ul>"
