"""What it is worth that sites learn from each other: pooled data against each site's own, and either with one site lost.

The scenario is run four times with the same seed. A site that is lost stands still from half of the time on, as in a
maintenance window that does not end; what it taught the others before stays with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.build import build
from twin.core.clock import US, to_us
from twin.core.errors import InputError, nearest
from twin.farm.spec import FleetSpec
from twin.scenario.load import Scenario, remade
from twin.suite.predict import KEPT_S, Progress

BINS = 40
"""Moments at which success is told."""


@dataclass(frozen=True)
class Way:
    """One way of sharing. By site: success (day, share of episodes that succeeded since the moment before), what the last
    version knows, and usable episodes a cell and hour."""

    name: str
    data: str
    lost: str | None
    success: Mapping[str, tuple[tuple[float, float], ...]]
    level: Mapping[str, float]
    usable: Mapping[str, float]


def ways(scenario: Scenario, lost: str | None = None, progress: Progress | None = None) -> list[Way]:
    """Pooled and own, each whole and with the site `lost` (left out: the one with most cells).

    Raises `InputError` where nothing is learnt, there is one site only, or no such site.
    """
    fleet = scenario.spec.fleet
    if fleet.learning is None:
        raise InputError(f"{scenario.name}: its fleet declares no 'learning', so no site learns from another")
    cells = {site: [c for c in scenario.cells if c.spec.site == site] for site in fleet.sites}
    cells = {site: members for site, members in cells.items() if members}
    if len(cells) < 2:
        raise InputError(f"{scenario.name} has one site with cells: pooling takes two")
    gone = lost or max(cells, key=lambda site: len(cells[site]))
    if gone not in cells:
        raise InputError(f"--lost: no site {gone!r}{nearest(gone, cells, what='sites')}")
    out = []
    for n, (data, away) in enumerate([("pooled", None), ("own", None), ("pooled", gone), ("own", gone)]):
        out.append(_run(_changed(scenario, data, away), data, away))
        if progress is not None:
            progress(n + 1, 4)
    return out


def _changed(scenario: Scenario, data: str, lost: str | None) -> Scenario:
    """The scenario with one way of sharing, and a site that stands still from half of the time on."""
    told = scenario.spec.model_dump(mode="json", by_alias=True)
    told["fleet"]["learning"]["data"] = data
    half_h = scenario.spec.duration_s / 7200
    for cell in told["fleet"]["cells"]:
        if lost is not None and (cell["site"] or _only(scenario.spec.fleet)) == lost:
            cell["maintenance"] = [*cell["maintenance"], {"at_h": half_h, "for_h": 2 * half_h + 1}]
    return remade(scenario, told)


def _only(fleet: FleetSpec) -> str:
    return next(iter(fleet.sites))


def _run(scenario: Scenario, data: str, lost: str | None) -> Way:
    farm = build(scenario, "sites", 1)
    farm.begin()
    end_us = to_us(scenario.spec.duration_s)
    sites = list(dict.fromkeys(cell.site for cell in farm.cells.values()))
    tally: dict[str, list[list[float]]] = {site: [[0.0, 0.0] for _ in range(BINS)] for site in sites}
    usable = dict.fromkeys(sites, 0)
    for due in range(to_us(KEPT_S), end_us + to_us(KEPT_S), to_us(KEPT_S)):
        while farm.step(min(due, end_us)):
            pass
        for row in farm.book.episodes:
            told: Mapping[str, Any] = json.loads(row) if isinstance(row, str) else row
            held = tally[told["site"]][min(BINS - 1, int(BINS * told["start_s"] * US / end_us))]
            held[0], held[1] = held[0] + bool(told.get("label")), held[1] + 1
            usable[told["site"]] += bool(told.get("usable"))
        farm.book.new, farm.book.episodes = [], []
    hours = end_us / US / 3600
    learning: Any = farm.episodes.learning  # type: ignore[attr-defined]
    of = {site: sum(cell.site == site for cell in farm.cells.values()) for site in sites}
    name = f"{data} data" + (f", {lost} lost" if lost else "")
    day = scenario.spec.duration_s / 86400 / BINS
    curves = {s: tuple(((k + 0.5) * day, g / n) for k, (g, n) in enumerate(bins) if n) for s, bins in tally.items()}
    return Way(name, data, lost, curves, dict(learning.level), {s: usable[s] / hours / of[s] for s in sites})
