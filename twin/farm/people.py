"""Pools of people: one call at a time each, calls answered in the order in which they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.core.chance import Chance, Stream
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
    """Order of the clock entry at which the person arrives."""
    deadline: int | None = None
    """Order of the clock entry at which the call is dropped."""


class People:
    """Everybody who can be called. Entries `person.arrive` and `person.finish` come back to `arrive` and `finish`."""

    def __init__(self, pools: Mapping[str, PeopleSpec], clock: Clock, book: Book, chance: Chance) -> None:
        self.pools, self.clock, self.book, self.chance = dict(pools), clock, book, chance
        self.free = {name: [f"{name}/{i + 1}" for i in range(spec.count)] for name, spec in pools.items()}
        self.pages: dict[int, Page] = {}
        self.count = 0

    def page(self, cell: Cell, pool: str, why: str, deadline_s: float | None) -> Page:
        """Call somebody of `pool` to `cell`, to do a `reset` or a `repair`; dropped after `deadline_s` unless begun."""
        self.count, cell.calls = self.count + 1, cell.calls + 1
        event = self.book.emit("page.sent", cell, cause=cell.cry, pool=pool, why=why, page=self.count, deadline_s=deadline_s)
        page = Page(self.count, cell, pool, why, event)
        if deadline_s is not None:
            page.deadline = self.clock.after(deadline_s, "page.deadline", cell.name, page.number)
        self.pages[page.number] = page
        cell.page = page.number
        self._assign(pool)
        return page

    def _assign(self, pool: str) -> None:
        waiting = [p for p in self.pages.values() if p.pool == pool and p.state == "waiting"]
        while waiting and self.free[pool]:
            page = waiting.pop(0)
            page.person, page.state = self.free[pool].pop(0), "coming"
            seconds = draw(self.pools[pool].response_s, self._stream(page, "response"))
            page.timer = self.clock.after(seconds, "person.arrive", pool, page.number)

    def _stream(self, page: Page, what: str) -> Stream:
        """Keyed by the cell and its calls: what other cells ask for moves nothing here but the queue."""
        return self.chance.stream(page.cell.name, f"people/{page.pool}/{what}", page.cell.calls)

    def arrive(self, number: int) -> Page:
        """The person has reached the cell; how long the work takes is drawn by the caller (`work`)."""
        page = self.pages[number]
        self._forget(page.deadline)
        page.state, page.from_us, page.deadline = "working", self.clock.now_us, None
        self.book.emit("page.answered", page.cell, cause=page.event, person=page.person, pool=page.pool, page=number)
        self.book.emit("person.busy", page.cell, cause=page.event, person=page.person, pool=page.pool, why=page.why)
        return page

    def work(self, page: Page, work: Any) -> None:
        """The person works for as long as `work` (a quantity in s) says."""
        seconds = draw(work, self._stream(page, "work"))
        self.clock.after(seconds, "person.finish", page.pool, page.number)

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
        self._forget(page.timer)
        self._forget(page.deadline)
        del self.pages[number]
        page.cell.page = None
        self.book.emit("page.expired", page.cell, cause=page.event, pool=page.pool, page=number)
        if page.person is not None:
            self._back(page)
        return True

    def _forget(self, order: int | None) -> None:
        if order is not None:
            self.clock.cancel(order)

    def _release(self, page: Page) -> None:
        self.book.emit("person.free", page.cell, cause=page.event, person=page.person, pool=page.pool)
        self._back(page)

    def _back(self, page: Page) -> None:
        """The person of a page can be sent elsewhere."""
        assert page.person is not None
        self.free[page.pool].append(page.person)
        self.free[page.pool].sort()
        self._assign(page.pool)
