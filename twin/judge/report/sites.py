"""The page of sites that learn from each other, or alone, and one of them lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twin.judge.report import plots, sheet
from twin.judge.words import num, pct


def write(name: str, ways: Sequence[Mapping[str, Any]], out: Path) -> Path:
    """Write the page of `twin predict --sites`: a figure a site, and what the last versions know. Raises `StorageError`."""
    sites = list(ways[0]["level"])
    parts = [(f"Site {site}", _figure(site, ways)) for site in sites]
    heads = [
        "Way",
        *(f">{site}: success of its last version" for site in sites),
        *(f">{site}: usable a cell and hour" for site in sites),
    ]
    rows = [(w["name"], *(pct(w["level"][s]) for s in sites), *(num(w["usable"][s]) for s in sites)) for w in ways]
    note = '<p class="note">A site that is lost stands still from half of the time on. All runs have the same seed.</p>'
    parts.append(("At the end", sheet.table(heads, rows) + note))
    return sheet.put(sheet.page("sites", name, sentence(ways), parts), Path(out))


def sentence(ways: Sequence[Mapping[str, Any]]) -> str:
    """What pooling is worth, whole and with a site lost."""
    told = {(w["data"], bool(w["lost"])): w for w in ways}
    left = [site for site in ways[0]["level"] if site != told["pooled", True]["lost"]]
    worst = {key: min(w["level"][site] for site in left) for key, w in told.items()}
    return (
        f"At the end the weakest of the sites that stay succeeds in {pct(worst['pooled', False])} of episodes with pooled data "
        f"and in {pct(worst['own', False])} with its own. With site {told['pooled', True]['lost']} lost half-way it is "
        f"{pct(worst['pooled', True])} and {pct(worst['own', True])}."
    )


def _figure(site: str, ways: Sequence[Mapping[str, Any]]) -> str:
    lines = [plots.Curve(w["name"], w["success"][site]) for w in ways if w["success"][site]]
    alt = f"Success at {site} over time: " + "; ".join(f"{line.name} ends at {pct(line.points[-1][1])}" for line in lines)
    return f"<figure>{plots.curves(lines, x_axis='days', y_axis='share labelled a success', alt=alt)}</figure>"
