"""How a cell comes back after an episode: the reset ladder. Nothing here waits for ever.

Every rung of a person has a deadline; when it passes unanswered the next rung is tried, and after the last one the cell is out
of service and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twin.control.spec import OperatorSpec
from twin.core.chance import Chance
from twin.core.clock import US, Clock, to_us
from twin.core.quantity import quantile
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.ladder import AutomaticRung, PersonRung, ReverseRung, RobotRung
from twin.farm.people import Page, People
from twin.farm.spec import FleetSpec

HOUR_US = 3600 * US


class Undoes(Protocol):
    """What a tier does about the reverse of a task; when it is over, `attempt_over` hears of it."""

    def can_undo(self, cell: Cell, rung: ReverseRung) -> bool:
        """Whether the task that a cell did has a reverse that it can do."""
        ...

    def undo(self, cell: Cell, rung: ReverseRung) -> None:
        """Let the cell do the reverse of the task that it did, from how things lie."""
        ...

    def operate(self, cell: Cell, page: Page, spec: OperatorSpec) -> bool:
        """Let an operator drive the cell; its end is `person.finish`. False where there is nothing to drive."""
        ...


class Recovery:
    """The ladder of one farm. `gone(cell)`, set by `Work`, takes the lease of a cell that is given up; `tier`: its episodes."""

    tier: Undoes

    def __init__(self, fleet: FleetSpec, clock: Clock, book: Book, chance: Chance, people: People) -> None:
        self.rungs, self.specs = fleet.resets, fleet.people
        self.clock, self.book, self.chance, self.people = clock, book, chance, people
        self.gone: Callable[[Cell], None]

    def can_come(self, pool: str, cell: Cell, skill: str) -> bool:
        """Whether people of a pool have the skill and go to the cell's site."""
        spec = self.specs.get(pool)
        return spec is not None and skill in spec.skills and spec.site in (None, cell.site)

    def begin(self, cell: Cell, everyday: bool = False) -> None:
        """An episode left a mess, or a repaired robot must be put at its start: climb the ladder from the bottom.

        everyday: it follows an episode that ended by itself; while all goes well, the log need not dwell on it.
        """
        cell.rung, cell.attempt, cell.everyday = 0, 0, everyday
        cell.reset_from_us = self.clock.now_us
        self._try(cell)

    def stand(self, cell: Cell, everyday: bool = True) -> None:
        """The things may stay as the episode left them: the cell is ready at once, and as soon as others had their turn."""
        cell.state, cell.everyday = "reset", everyday
        cell.timers["reset"] = self.clock.after(0.0, "cell.ready", cell.name)

    def _try(self, cell: Cell) -> None:
        """Start the first rung from where the cell stands that can help, or give the cell up."""
        while cell.rung < len(self.rungs):
            rung = self.rungs[cell.rung]
            if self._helps(cell, rung):
                wait_us = self._capped_us(cell, rung)
                if not wait_us:
                    self._use(cell, rung)
                    return
                if not any(self._helps(cell, other) for other in self.rungs[cell.rung + 1 :]):
                    cell.state = "reset"
                    cell.timers["reset"] = self.clock.at(self.clock.now_us + wait_us, "rung.retry", cell.name)
                    return
            cell.rung, cell.attempt = cell.rung + 1, 0
        self.abandon(cell)

    def retry(self, cell: Cell) -> None:
        """A cell that used its last rung too often may use it again."""
        self._try(cell)

    def _helps(self, cell: Cell, rung: Any) -> bool:
        """Whether a rung can do anything: what lies out of reach no robot can fetch, not even one that is driven."""
        if isinstance(rung, PersonRung):
            return (cell.in_reach or not rung.remote) and self.can_come(rung.pool, cell, "reset")
        return cell.in_reach and (not isinstance(rung, ReverseRung) or self.tier.can_undo(cell, rung))

    def _capped_us(self, cell: Cell, rung: Any) -> int:
        """How long a cell has to wait until it may use a rung again."""
        if rung.per_hour is None:
            return 0
        used, now = cell.used.setdefault(cell.rung, []), self.clock.now_us
        while used and used[0] <= now - HOUR_US:
            used.pop(0)
        return used[0] + HOUR_US - now if len(used) >= rung.per_hour else 0

    def _use(self, cell: Cell, rung: Any) -> None:
        if rung.per_hour is not None:
            cell.used.setdefault(cell.rung, []).append(self.clock.now_us)
        if isinstance(rung, PersonRung):
            self._cry(cell, rung)
        else:
            self._attempt(cell, rung)

    def _attempt(self, cell: Cell, rung: RobotRung) -> None:
        cell.state, cell.attempt, cell.tried = "reset", cell.attempt + 1, cell.tried + 1
        if cell.attempt == 1:
            cell.rung_from_us = self.clock.now_us
        self._say(cell)("reset.start", cell, job=cell.job, reset=rung.kind, attempt=cell.attempt)
        if isinstance(rung, ReverseRung):
            cell.everyday = False
            self.tier.undo(cell, rung)
            return
        seconds = quantile(rung.seconds, self.chance.uniform(cell.name, "reset/seconds", cell.tried))
        luck = self.chance.uniform(cell.name, "reset/luck", cell.tried)
        cell.timers["reset"] = self.clock.after(seconds, "reset.end", cell.name, luck < rung.success)

    def _say(self, cell: Cell) -> Callable[..., int | None]:
        """How the log is told of a reset."""
        return self.book.usual if cell.everyday else self.book.emit

    def _cry(self, cell: Cell, rung: PersonRung) -> None:
        cell.state, cell.everyday = "stuck", False
        cell.cry = self.book.emit("reset.stuck", cell, job=cell.job, rung=cell.rung, pool=rung.pool, deadline_s=rung.deadline_s)
        cell.timers["rung"] = self.clock.after(rung.deadline_s, "rung.deadline", cell.name)

    def attempt_over(self, cell: Cell, lucky: bool) -> bool:
        """An attempt of the robot ended; True when the cell is in order."""
        rung = self.rungs[cell.rung]
        assert not isinstance(rung, PersonRung)
        cell.resets += 1
        if lucky:
            self._done(cell, rung.kind)
            return True
        cell.everyday = False
        self.book.emit("reset.failed", cell, job=cell.job, reset=rung.kind, attempt=cell.attempt)
        late = isinstance(rung, AutomaticRung) and self.clock.now_us - cell.rung_from_us >= to_us(rung.deadline_s)
        if cell.attempt >= rung.attempts or late:
            cell.rung, cell.attempt = cell.rung + 1, 0
        self._try(cell)
        return False

    def refuses(self, cell: Cell, kind: str) -> str | None:
        """Why a strategy cannot have a cell reset by a rung of a kind now; None: it can, and a call that waits is dropped."""
        if cell.state not in ("free", "stuck"):
            return f"cell is {cell.state}"
        rung = self._rung(cell, kind)
        if rung is None:
            return f"no rung {kind!r} can help at this cell"
        if self._capped_us(cell, self.rungs[rung]):
            return f"rung {kind!r} is used up for this hour"
        if cell.page is not None and not self.people.expire(cell.page):
            return "somebody is at work on it"
        return None

    def climb(self, cell: Cell, kind: str) -> None:
        """A strategy has a cell reset by the first rung of a kind that helps; if that fails, the ladder goes on from there."""
        self.cancel(cell, "rung")
        rung = self._rung(cell, kind)
        assert rung is not None
        if cell.state == "free":
            cell.reset_from_us = self.clock.now_us
        cell.rung, cell.attempt, cell.everyday = rung, 0, False
        self._use(cell, self.rungs[rung])

    def _rung(self, cell: Cell, kind: str) -> int | None:
        return next((n for n, rung in enumerate(self.rungs) if rung.kind == kind and self._helps(cell, rung)), None)

    def page(self, cell: Cell, pool: str, deadline_s: float | None) -> str | None:
        """The dispatcher calls somebody. Returns why not, or None."""
        if pool not in self.people.pools:
            return f"no pool {pool!r}"
        if cell.page is not None:
            return "somebody is called already"
        if cell.state not in ("stuck", "broken"):
            return f"cell is {cell.state}"
        skill = "repair" if cell.state == "broken" else "reset"
        if not self.can_come(pool, cell, skill):
            return f"{pool} cannot {skill} at this cell"
        self.people.page(cell, pool, skill, deadline_s, afar=skill == "reset" and self._hand(cell) == "operator")
        return None

    def arrived(self, page: Page) -> None:
        """A person stands at the cell, or sits at its controls, and starts to tidy up."""
        self.book.emit("reset.start", page.cell, job=page.cell.job, reset=self._hand(page.cell), attempt=1)
        rung = self.rungs[page.cell.rung] if page.cell.rung < len(self.rungs) else None
        if isinstance(rung, PersonRung) and rung.remote and rung.drive and self.tier.operate(page.cell, page, rung.drive):
            return
        self.people.work(page, self.people.pools[page.pool].work_s)

    def _hand(self, cell: Cell) -> str:
        """Who resets by hand: a person on site, or an operator from afar."""
        rung = self.rungs[cell.rung] if cell.rung < len(self.rungs) else None
        return "operator" if isinstance(rung, PersonRung) and rung.remote else "person"

    def finished(self, page: Page) -> bool:
        """A person is done; False where it did not work and the next rung is tried."""
        cell = page.cell
        rung = self.rungs[cell.rung] if cell.rung < len(self.rungs) else None
        cell.resets, cell.tried = cell.resets + 1, cell.tried + 1
        driven, cell.driven = cell.driven, None
        if driven is not None:
            lucky = driven
        elif self.people.cut_off(page):  # the operator lost the robot on the way
            lucky = False
        else:
            lucky = not isinstance(rung, PersonRung) or self.chance.uniform(cell.name, "reset/luck", cell.tried) < rung.success
        if not lucky:
            self.book.emit("reset.failed", cell, job=cell.job, reset=self._hand(cell), attempt=1)
            self.deadline(cell)
            return False
        self._done(cell, self._hand(cell))
        return True

    def failed(self, cell: Cell) -> None:
        """A person's reset did not work, or was left: somebody is called again."""
        self.book.emit("reset.failed", cell, job=cell.job, reset="person", attempt=1)
        self._try(cell)

    def deadline(self, cell: Cell) -> None:
        """A rung's time is over and nobody has begun: climb on."""
        cell.rung, cell.attempt = cell.rung + 1, 0
        self._try(cell)

    def _done(self, cell: Cell, kind: str) -> None:
        cell.reset_kind = kind
        cell.reset_us += self.clock.now_us - cell.reset_from_us
        cell.in_reach, cell.stands = True, False
        self._say(cell)("reset.done", cell, job=cell.job, reset=kind)

    def abandon(self, cell: Cell) -> None:
        """Nothing more can be tried: the cell is out of service."""
        cell.state = "out"
        self.book.emit("reset.abandoned", cell, job=cell.job)
        self.gone(cell)

    def cancel(self, cell: Cell, *names: str) -> None:
        """Take timers of a cell off the clock."""
        for name in names:
            order: Any = cell.timers.pop(name, None)
            if order is not None:
                self.clock.cancel(order)
