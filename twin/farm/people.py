"""Pools of people: one call at a time each, calls answered in the order in which they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.core.chance import Chance
from twin.core.clock import Clock
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.spec import PeopleSpec


@dataclass
class Page:
    """One call: for which cell, to whom, why. `state`: waiting, coming, working."""

    number: int
    cell: Cell
    pool: str
    why: str
    event: int
    state: str = "waiting"
    person: str | None = None
    from_us: int = 0
    timer: int | None = None


class People:
    """Everybody who can be called. Entries `person.arrive` and `person.finish` come back to `arrive` and `finish`."""

    def __init__(self, pools: Mapping[str, PeopleSpec], clock: Clock, book: Book, chance: Chance) -> None:
        self.pools, self.clock, self.book, self.chance = dict(pools), clock, book, chance
        self.free = {name: [f"{name}/{i + 1}" for i in range(spec.count)] for name, spec in pools.items()}
        self.pages: dict[int, Page] = {}
        self.count = 0

    def page(self, cell: Cell, pool: str, why: str, cause: int | None) -> Page:
        """Call somebody of `pool` to `cell`, to do a `reset` or a `repair`."""
        self.count += 1
        event = self.book.emit("page.sent", cell, cause=cause, pool=pool, why=why, page=self.count)
        page = Page(self.count, cell, pool, why, event)
        self.pages[page.number] = page
        cell.page = page.number
        self._assign(pool)
        return page

    def _assign(self, pool: str) -> None:
        waiting = [p for p in self.pages.values() if p.pool == pool and p.state == "waiting"]
        while waiting and self.free[pool]:
            page = waiting.pop(0)
            page.person, page.state = self.free[pool].pop(0), "coming"
            seconds = draw(self.pools[pool].response_s, self.chance.stream(f"people/{pool}", "response", page.number))
            page.timer = self.clock.after(seconds, "person.arrive", pool, page.number)

    def arrive(self, number: int) -> Page | None:
        """The person has reached the cell; how long the work takes is drawn by the caller (`work`)."""
        page = self.pages.get(number)
        if page is None:
            return None
        page.state, page.from_us = "working", self.clock.now_us
        self.book.emit("page.answered", page.cell, cause=page.event, person=page.person, pool=page.pool, page=number)
        self.book.emit("person.busy", page.cell, cause=page.event, person=page.person, pool=page.pool, why=page.why)
        return page

    def work(self, page: Page, work: Any) -> None:
        """The person works for as long as `work` (a quantity in s) says."""
        seconds = draw(work, self.chance.stream(f"people/{page.pool}", "work", page.number))
        page.timer = self.clock.after(seconds, "person.finish", page.pool, page.number)

    def finish(self, number: int) -> Page:
        """The work is done; the person takes the next call."""
        page = self.pages.pop(number)
        page.cell.page = None
        self.book.emit("page.done", page.cell, cause=page.event, person=page.person, pool=page.pool, page=number)
        self._release(page)
        return page

    def expire(self, number: int) -> bool:
        """The deadline of a call is over: True if it was dropped, False where somebody is at work on it."""
        page = self.pages.get(number)
        if page is None or page.state == "working":
            return False
        if page.timer is not None:
            self.clock.cancel(page.timer)
        del self.pages[number]
        page.cell.page = None
        self.book.emit("page.expired", page.cell, cause=page.event, pool=page.pool, page=number)
        if page.person is not None:
            self.free[page.pool].append(page.person)
            self._assign(page.pool)
        return True

    def _release(self, page: Page) -> None:
        assert page.person is not None
        self.book.emit("person.free", page.cell, cause=page.event, person=page.person, pool=page.pool)
        self.free[page.pool].append(page.person)
        self.free[page.pool].sort()
        self._assign(page.pool)
