"""Pools of people: who is there, which call is answered next, how long it takes to come. One cell at a time each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from twin.core.chance import Chance, Stream
from twin.core.clock import US, Clock
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.lapses import Lapses
from twin.farm.shifts import on_duty
from twin.farm.spec import PeopleSpec
from twin.faults.injection import InForce, Injection
from twin.faults.people import Abandons, TwoAtOnce, WrongCell, WrongCommand


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
    kept_us: int | None = None
    """Since when it waits only because somebody who could come is away."""
    second: str | None = None
    """Somebody else who comes as well, uncalled."""


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
        in_force: InForce,
    ) -> None:
        self.pools, self.clock, self.book, self.chance = dict(pools), clock, book, chance
        self.zones, self.start, self.where = zones, start, where
        self.free = {name: [f"{name}/{i + 1}" for i in range(spec.count)] for name, spec in pools.items()}
        self.there = {name: spec.count for name, spec in pools.items()}
        """How many of a pool are on duty."""
        self.at: dict[str, int] = {}
        """Person → the place of the cell that it went to last."""
        self.lapses, self.in_force = Lapses(clock, chance, in_force), in_force
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

    def page(
        self, cell: Cell, pool: str, why: str, deadline_s: float | None, afar: bool = False, episode: int | None = None
    ) -> Page:
        """Call somebody of `pool` to `cell`, for a `reset`, a `repair`, or to help in an `episode`; dropped after `deadline_s`
        unless begun."""
        self.count, cell.calls = self.count + 1, cell.calls + 1
        event = self.book.emit("page.sent", cell, job=None if episode is None else cell.job, episode=episode, cause=cell.cry,
                               pool=pool, why=why, page=self.count, deadline_s=deadline_s)  # fmt: skip
        page = Page(self.count, cell, pool, why, event, afar=afar)
        if deadline_s is not None:
            page.deadline = self.clock.after(deadline_s, "page.deadline", cell.name, page.number)
        self.pages[page.number] = page
        cell.page = page.number
        self._assign(pool)
        return page

    def _assign(self, pool: str) -> None:
        spec, free = self.pools[pool], self.free[pool]
        waiting = [p for p in self.pages.values() if p.pool == pool and p.state == "waiting" and not self.cut_off(p)]
        here = [person for person in free if not self.lapses.away(person)]
        while waiting and here and spec.count - len(free) < self.there[pool]:
            page, person = self._next(pool, waiting, here)
            waiting.remove(page)
            self._waited(page)
            self._take(person, here)
            page.person, page.state = person, "coming"
            self.lapses.sent(person)
            seconds = draw(spec.response_s, self._stream(page, "response")) + self._walk(page, person)
            page.timer = self._sent(page, self.lapses.takes(person, seconds))
            if here and (fault := self.lapses.strikes(TwoAtOnce, page)) is not None:
                page.second = here[0]
                self._take(here[0], here)
                self.clock.after(seconds, "person.second", pool, (page.number, page.second, fault))
        for page in waiting if len(here) < len(free) else ():
            page.kept_us = self.clock.now_us if page.kept_us is None else page.kept_us

    def _take(self, person: str, here: list[str]) -> None:
        here.remove(person)
        self.free[person.rpartition("/")[0]].remove(person)

    def _sent(self, page: Page, seconds: float) -> int:
        """Somebody is on the way, to the right cell or first to a wrong one."""
        astray = len(self.where) > 1 and self.lapses.strikes(WrongCell, page)
        if not astray:
            return self.clock.after(seconds, "person.arrive", page.pool, page.number)
        astray.measured(1.0)
        others = [name for name in self.where if name != page.cell.name]
        other = others[int(self.chance.uniform(page.cell.name, "people/astray", page.cell.calls) * len(others))]
        self.book.emit("person.astray", page.cell, cause=page.event, person=page.person, pool=page.pool, went_to=other)
        return self.clock.after(seconds, "person.astray", other, (page.number, seconds))

    def astray(self, number: int, seconds: float) -> None:
        """The person stands at a wrong cell, and goes on to the right one."""
        page = self.pages[number]
        page.timer = self.clock.after(seconds, "person.arrive", page.pool, page.number)

    def second(self, number: int, person: str, fault: Injection) -> None:
        """Somebody comes to a cell at which another one is at work already, and is refused."""
        page = self.pages.get(number)
        if page is not None:
            page.second = None
            self.book.emit("authority.refused", page.cell, cause=page.event, role="people", action="take_over", id=person,
                           reason=f"{page.person} has it")  # fmt: skip
            fault.measured(1.0)
        self._home(person)

    def _waited(self, page: Page) -> None:
        """A call is answered, or dropped: how long it waited for want of people who are away."""
        if page.kept_us is not None:
            waited = self.clock.now_us - page.kept_us
            for fault in self.lapses.absences(page.pool, self.pools[page.pool].count):
                fault.measured(waited / US, waited)
            page.kept_us = None

    def changed(self) -> None:
        """Somebody is away from now on, or back."""
        for pool in self.pools:
            self._assign(pool)

    def settle(self) -> None:
        """Bring what waits up to date."""
        for page in self.pages.values():
            self._waited(page)

    def _next(self, pool: str, waiting: Sequence[Page], people: Sequence[str]) -> tuple[Page, str]:
        """Which call is answered next, and by whom."""
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

    def cut_off(self, page: Page) -> bool:
        """Whether it is answered from afar and nothing passes the cell's link: nobody can help until it is back."""
        return page.afar and self.in_force.is_cut(page.cell.name, self.clock.now_us)

    def arrive(self, number: int) -> Page | None:
        """The person has reached the cell; how long the work takes is drawn by the caller (`work`). None: the line to whoever
        helps from afar is dead, and the call waits again."""
        page = self.pages[number]
        if self.cut_off(page):
            person, page.state, page.person, page.timer = page.person or "", "waiting", None, None
            self._home(person)
            return None
        self._forget(page.deadline)
        page.state, page.from_us, page.deadline = "working", self.clock.now_us, None
        self.book.emit("page.answered", page.cell, cause=page.event, person=page.person, pool=page.pool, page=number)
        self.book.emit("person.busy", page.cell, cause=page.event, person=page.person, pool=page.pool, why=page.why)
        return page

    def work(self, page: Page, work: Any) -> None:
        """The person works for as long as `work` (a quantity in s) says."""
        seconds = self.lapses.takes(page.person or "", draw(work, self._stream(page, "work")))
        left = self.lapses.strikes(Abandons, page)
        if left is None:
            self.clock.after(seconds, "person.finish", page.pool, page.number)
            return
        left.measured(1.0)
        self.clock.after(0.5 * seconds, "person.leaves", page.pool, page.number)

    def leaves(self, number: int) -> Page:
        """A person goes away in the middle of the work: the call is over, and nothing is done."""
        page = self.pages.pop(number)
        page.cell.page = None
        self.book.emit("page.abandoned", page.cell, cause=page.event, person=page.person, pool=page.pool, page=number)
        self._release(page)
        return page

    def errs(self, page: Page) -> bool:
        """Whether a reset that is done was done wrong."""
        wrong = self.lapses.strikes(WrongCommand, page)
        if wrong is not None:
            wrong.measured(1.0)
        return wrong is not None

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
        self._waited(page)
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
        self._home(page.person)

    def _home(self, person: str) -> None:
        pool = person.rpartition("/")[0]
        self.free[pool].append(person)
        self.free[pool].sort()
        self._assign(pool)
