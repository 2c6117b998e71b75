"""Pools of people: who is there, which call is answered next, how long it takes to come. One cell at a time each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from twin.core.chance import Chance, Stream
from twin.core.clock import Clock
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.shifts import on_duty
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
    afar: bool = False
    """It is answered from afar: nobody walks."""
    deadline: int | None = None
    """Order of the clock entry at which the call is dropped."""


class People:
    """Everybody who can be called. Entries `people.shift`, `person.arrive` and `person.finish` come back to the methods here.

    zones: time zone of each pool; start: the instant at which the clock reads 0; where: places of the cells, by name.
    """

    def __init__(
        self,
        pools: Mapping[str, PeopleSpec],
        clock: Clock,
        book: Book,
        chance: Chance,
        zones: Mapping[str, ZoneInfo],
        start: datetime,
        where: Mapping[str, int],
    ) -> None:
        self.pools, self.clock, self.book, self.chance = dict(pools), clock, book, chance
        self.zones, self.start, self.where = zones, start, where
        self.free = {name: [f"{name}/{i + 1}" for i in range(spec.count)] for name, spec in pools.items()}
        self.there = {name: spec.count for name, spec in pools.items()}
        """How many of a pool are on duty."""
        self.at: dict[str, int] = {}
        """Person → the place of the cell that it went to last."""
        self.pages: dict[int, Page] = {}
        self.count = 0

    def begin(self) -> None:
        """Who is there when the run begins."""
        for pool, spec in self.pools.items():
            if spec.shifts:
                self.shift(pool)

    def shift(self, pool: str) -> None:
        """People come or go, or have a break."""
        now = self.start + timedelta(microseconds=self.clock.now_us)
        spec = self.pools[pool]
        self.there[pool], change = on_duty(spec.shifts, spec.count, self.zones[pool], now)
        if change is not None:
            after = round((change - self.start) / timedelta(microseconds=1))
            self.clock.at(after, "people.shift", pool)
        self._assign(pool)

    def page(self, cell: Cell, pool: str, why: str, deadline_s: float | None, afar: bool = False) -> Page:
        """Call somebody of `pool` to `cell`, to do a `reset` or a `repair`; dropped after `deadline_s` unless begun."""
        self.count, cell.calls = self.count + 1, cell.calls + 1
        event = self.book.emit("page.sent", cell, cause=cell.cry, pool=pool, why=why, page=self.count, deadline_s=deadline_s)
        page = Page(self.count, cell, pool, why, event, afar=afar)
        if deadline_s is not None:
            page.deadline = self.clock.after(deadline_s, "page.deadline", cell.name, page.number)
        self.pages[page.number] = page
        cell.page = page.number
        self._assign(pool)
        return page

    def _assign(self, pool: str) -> None:
        spec, free = self.pools[pool], self.free[pool]
        waiting = [p for p in self.pages.values() if p.pool == pool and p.state == "waiting"]
        while waiting and free and spec.count - len(free) < self.there[pool]:
            page, person = self._next(pool, waiting)
            waiting.remove(page)
            free.remove(person)
            page.person, page.state = person, "coming"
            seconds = draw(spec.response_s, self._stream(page, "response")) + self._walk(page, person)
            page.timer = self.clock.after(seconds, "person.arrive", pool, page.number)

    def _next(self, pool: str, waiting: Sequence[Page]) -> tuple[Page, str]:
        """Which call is answered next, and by whom."""
        people = self.free[pool]
        match self.pools[pool].queue:
            case "newest_first":
                return waiting[-1], people[0]
            case "repair_first":
                return min(waiting, key=lambda page: (page.why != "repair", page.number)), people[0]
            case "nearest_first":
                pairs = [(self._far(page, person), page.number, n) for page in waiting for n, person in enumerate(people)]
                _, number, n = min(pairs)
                return self.pages[number], people[n]
        return waiting[0], people[0]

    def _far(self, page: Page, person: str) -> int:
        """Cells between where a person went last and the cell of a call; nobody's first way is counted."""
        there = self.where[page.cell.name]
        return abs(there - self.at.get(person, there))

    def _walk(self, page: Page, person: str) -> float:
        if page.afar:
            return 0.0
        far, self.at[person] = self._far(page, person), self.where[page.cell.name]
        return far * draw(self.pools[page.pool].walk_s, self._stream(page, "walk")) if far else 0.0

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
