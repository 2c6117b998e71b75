"""Strategies of a farm: told what became known, asked for actions, woken when they wish; down, and up again with their mail."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twin.control.releases import role_of
from twin.core.clock import Clock
from twin.core.errors import UseError
from twin.core.records import Action, Event
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.host import Host
from twin.farm.standing import Standing
from twin.faults.compute import StrategyFault
from twin.faults.injection import InForce, Injection
from twin.faults.release import MixedRelease

ROUNDS = 1000
"""Strategies that answer each other longer than this at one instant are in a loop."""


class Strategies:
    """The strategies of one farm in the order in which they are asked. `carry_out` does what one of them answers."""

    def __init__(
        self,
        hosts: list[Host],
        clock: Clock,
        book: Book,
        cells: Mapping[str, Cell],
        in_force: InForce,
        carry_out: Callable[[Host, Action], None],
    ) -> None:
        self.hosts, self.clock, self.book, self.cells = hosts, clock, book, cells
        self.in_force, self.carry_out = in_force, carry_out
        self.standing = Standing()
        """What a strategy that starts empty is told; kept up to date where one may."""
        self.watches = False
        self.versions = frozenset(host.role for host in hosts if "@" in host.role)
        """Roles of schedulers that releases bring."""
        self.wakes: dict[str, tuple[int, int]] = {}
        """Role → when it wants to be called, and the clock entry of that."""
        asked = [host.hears for host in hosts]
        book.heard = None if None in asked else frozenset().union(*(kinds for kinds in asked if kinds is not None))

    def tell(self) -> None:
        """Tell strategies all that became known, until nobody has anything to say."""
        events: tuple[Event, ...] = ()
        for _ in range(ROUNDS):
            if not self.book.told:
                return
            events, self.book.told = tuple(self.book.told), []
            if self.watches:
                self.standing.saw(events)
            for host in self.hosts:
                self._ask(host, self._for(host, events))
        refused = next((event for event in reversed(events) if event.kind == "authority.refused"), None)
        roles = " and ".join(host.role for host in self.hosts) if refused is None else refused.payload["role"]
        last = "" if refused is None else f" (the last: {refused.payload['action']} refused, {refused.payload['reason']})"
        when = f"{self.book.now_s():.6f} s of simulated time"
        raise UseError(f"{roles} answered {ROUNDS} times at {when}{last}: a loop that does not end")

    def scheduler_of(self, cell: Cell) -> str:
        """The role of the scheduler that gives work to a cell."""
        for fault in reversed(self.in_force.of(cell.name, MixedRelease) if self.versions else ()):
            if (role := role_of(fault.spec.release)) in self.versions:
                return role
        return "scheduler"

    def _for(self, host: Host, events: Sequence[Event]) -> Sequence[Event]:
        """What a strategy is told: schedulers hear of all jobs, and of offers of the cells that are theirs."""
        if not self.versions or not host.role.startswith("scheduler"):
            return events
        return [e for e in events if e.kind != "authority.offered" or self.scheduler_of(self.cells[e.cell or ""]) == host.role]

    def wake(self, role: str) -> None:
        """A strategy asked to be called now."""
        self.wakes.pop(role, None)
        for host in self.hosts:
            if host.role == role:
                self._ask(host, ())

    def down(self, fault: Injection) -> None:
        """A strategy answers nothing from now on."""
        host = self._host(fault.cell)
        host.down = True
        was = self.wakes.pop(host.role, None)
        if was is not None:
            self.clock.cancel(was[1])

    def up(self, fault: Injection) -> None:
        """It answers again, unless something else keeps it down: told what it missed, or all that stands if it was killed."""
        host = self._host(fault.cell)
        if fault.spec.KILLS:
            host.restart(self.clock.now_us, self._for(host, self.standing.told_again()))
        host.down = bool(self.in_force.of(host.role, StrategyFault))
        if not host.down:
            events, host.mail = tuple(host.mail), []
            self._ask(host, events)

    def _host(self, role: str) -> Host:
        return next(host for host in self.hosts if host.role == role)

    def _ask(self, host: Host, events: Sequence[Event]) -> None:
        told, waited = host.told, len(host.mail)
        for action in host.handle(self.clock.now_us, events):
            self.carry_out(host, action)
        if host.told > told:
            for fault in self.in_force.of(host.role, StrategyFault):
                fault.measured(float(len(host.mail) - waited), 1)
        wake, (was, order) = host.wake_at(self.clock.now_us), self.wakes.get(host.role, (None, 0))
        if wake == was:
            return
        if was is not None:
            self.clock.cancel(order)
            del self.wakes[host.role]
        if wake is not None:
            self.wakes[host.role] = (wake, self.clock.at(wake, "strategy.wake", host.role))
