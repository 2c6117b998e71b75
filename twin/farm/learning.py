"""Collective experience: a policy that learns from episodes, its own site's or those of all, and is rolled out by site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from twin.core.clock import Clock
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.outcomes import LearningSpec


class Learning:
    """What every site's policy knows. `level`: its success now; `version`: how often it was rolled out.

    saved: usable episodes by site, counted elsewhere.
    """

    def __init__(self, spec: LearningSpec, clock: Clock, book: Book, cells: Iterable[Cell], saved: Mapping[str, int]) -> None:
        self.spec, self.clock, self.book, self.saved = spec, clock, book, saved
        self.cells: dict[str, list[Cell]] = {}
        for cell in cells:
            self.cells.setdefault(cell.site, []).append(cell)
        self.version = dict.fromkeys(self.cells, 1)
        self.level = dict.fromkeys(self.cells, spec.start)

    def begin(self) -> None:
        """Enter the first rollouts, site after site."""
        for number, site in enumerate(self.cells):
            self.clock.after(3600 * (self.spec.rollout_h + number * self.spec.stagger_h), "policy.rollout", site)

    def rollout(self, site: str) -> None:
        """A site gets the version that its data make: those of all sites, or its own."""
        known = self.saved.get(site, 0) if self.spec.data == "own" else sum(self.saved.values())
        self.level[site], self.version[site] = self.spec.success(known), self.version[site] + 1
        for cell in self.cells[site]:
            self.book.emit("policy.changed", cell, version=str(self.version[site]), learnt_from=known)
        self.clock.after(3600 * self.spec.rollout_h, "policy.rollout", site)
