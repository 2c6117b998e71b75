"""For how long each fault of the farm had something to act on, and did: read off the cells, whether or not it acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twin.core.clock import US
from twin.farm.cells import Cell
from twin.farm.controllers import WORKABLE
from twin.farm.stopping import UNMOVED
from twin.faults.injection import Injection
from twin.faults.joint import JointBreaks
from twin.faults.outage import Outage
from twin.faults.process import Down, StopFault
from twin.faults.safety import HumanEnters, LightCurtain

if TYPE_CHECKING:
    from twin.farm.site import Site

HOUR_US = 3600 * US
MOVING = ("episode", "reset")
"""States in which a program moves the robot."""


class Watch:
    """For how long faults in force had something to act on, and did."""

    def __init__(self, site: Site) -> None:
        self.site, self.clock = site, site.clock
        self.faults: list[Injection] = []
        self.was: list[tuple[int, int, int]] = []
        """Of each: on how many cells it could show, and shows, and since when (µs)."""

    def enter(self, fault: Injection) -> None:
        """It begins."""
        if isinstance(fault.spec, Down | Outage | StopFault | JointBreaks):
            self.faults.append(fault)
            self.was.append((*self._state(fault), self.clock.now_us))

    def leave(self, fault: Injection) -> None:
        """It ends."""
        if fault in self.faults:
            at = self.faults.index(fault)
            self._tell(at)
            del self.faults[at], self.was[at]

    def look(self) -> None:
        """Something happened on the farm."""
        for at, fault in enumerate(self.faults):
            state = self._state(fault)
            if state != self.was[at][:2]:
                self._tell(at)
                self.was[at] = (*state, self.clock.now_us)

    def settle(self) -> None:
        """Bring all of it up to date."""
        for at, (exposed, shown, _) in enumerate(self.was):
            self._tell(at)
            self.was[at] = (exposed, shown, self.clock.now_us)

    def _tell(self, at: int) -> None:
        fault, (exposed, shown, since_us) = self.faults[at], self.was[at]
        spent_us = self.clock.now_us - since_us
        fault.measured(shown * spent_us / (US if fault.spec.unit == "s" else HOUR_US), exposed * spent_us)

    def exposed(self, fault: Injection) -> bool:
        """Whether it has something to act on now."""
        return self._state(fault)[0] > 0

    def _state(self, fault: Injection) -> tuple[int, int]:
        shows = [self._shows(fault, cell) for cell in self.site.cells_of(fault)]
        could = [shown or self._could(fault, cell) for shown, cell in zip(shows, self.site.cells_of(fault), strict=True)]
        return sum(could), sum(shows)

    def _shows(self, fault: Injection, cell: Cell) -> bool:
        match fault.spec:
            case Down():
                return self.site.controllers.holds(cell, fault)
            case Outage():
                return self.site.episodes.waits(cell, fault)
            case StopFault():
                return cell.stop is not None and self.site.held(fault, "stop")
        return self.site.held(fault, "break")

    def _could(self, fault: Injection, cell: Cell) -> bool:
        match fault.spec:
            case Down(AT_ONCE=True):
                return cell.state in WORKABLE
            case Down():
                begun = cell.state == "episode" and cell.started_us > fault.began_us
                return begun or cell.state in ("free", "held")
            case Outage():
                return cell.state == "episode"
            case StopFault(KIND="emergency"):
                return cell.stop is None and cell.state not in UNMOVED
            case LightCurtain():
                return False
            case HumanEnters(seen_by="scanner"):  # shown by the lane: how long it works beside somebody
                return cell.state == "episode" and bool(self.site.episodes.lanes)
            case StopFault():
                return self.moves(cell)
        return self.site.breaking.possible(cell)

    def moves(self, cell: Cell) -> bool:
        """Whether a program moves its robot."""
        return cell.stop is None and cell.state in MOVING
