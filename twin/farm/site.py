"""The farm as a port: what faults outside of the lanes do to it, and what their receipts measure.

What a fault had to act on is read off the cells, whether or not it acts: `Watch` adds up for how long each could have shown and
for how long it did. A fault whose effect happens at moments (a call, a request, a recording) is found in `InForce` by whoever
carries it out, and measured there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.control.servers import Machine
from twin.core.clock import Clock
from twin.farm.breaking import Breaking
from twin.farm.cells import Cell
from twin.farm.controllers import Controllers
from twin.farm.watch import Watch
from twin.faults.compute import ServerFault, StrategyFault
from twin.faults.facility import PartBatch
from twin.faults.injection import InForce, Injection
from twin.faults.joint import JointBreaks
from twin.faults.outage import Outage
from twin.faults.people import PeopleFault
from twin.faults.process import Down, StepFault
from twin.faults.recorder import UploadStalls
from twin.faults.release import BadConfiguration, MixedRelease
from twin.faults.safety import Held, HumanEnters, LightCurtain, ProtectiveStop

if TYPE_CHECKING:
    from twin.farm.episodes import Episodes


class Site:
    """Begins and ends faults on the parts of one farm."""

    def __init__(
        self,
        clock: Clock,
        cells: Mapping[str, Cell],
        members: Mapping[tuple[str, str], Sequence[str]],
        servers: Mapping[str, Machine],
        controllers: Controllers,
        breaking: Breaking,
        episodes: Episodes,
        in_force: InForce,
    ) -> None:
        """members: by fault and target, the cells that are hit as one."""
        self.clock, self.cells, self.members, self.servers = clock, cells, members, servers
        self.controllers, self.breaking, self.episodes, self.in_force = controllers, breaking, episodes, in_force
        self.work, self.wear = episodes.work, episodes.wear
        self.people = episodes.recovery.people
        self.holding: dict[tuple[str, str], Injection] = {}
        """(cell, what) → the fault that holds it so (`stop`, `break`)."""
        self.watch = Watch(self)

    def settle(self) -> None:
        """Bring all that is measured up to date."""
        self.watch.settle()
        self.episodes.desk.settle()
        self.people.settle()

    def cells_of(self, fault: Injection) -> list[Cell]:
        """The cells that it is about."""
        names = self.members.get((fault.name, fault.cell), (fault.cell,))
        found = [self.cells[name] for name in names if name in self.cells]
        by_link = isinstance(fault.spec, Outage) and fault.spec.BY_LINK
        return [cell for cell in found if cell.spec.link is not None] if by_link else found

    def begin(self, fault: Injection) -> bool:
        """It is due. False where nothing came of it, and it is over at once."""
        self.in_force.enter(fault)
        self.watch.enter(fault)
        before = self._reading(fault)
        begun = self._begin(fault)
        if before is not None:
            fault.measured(before - (self._reading(fault) or 0.0), int(before > 0))
        if not begun and self.watch.exposed(fault):
            fault.measured(0.0, 1)
        return begun

    def _begin(self, fault: Injection) -> bool:
        match fault.spec:
            case Down() | Outage():
                acts = self.controllers.down if isinstance(fault.spec, Down) else self.episodes.cut_off
                for cell in self.cells_of(fault):
                    acts(cell, fault)
                self.cut(fault)
            case ProtectiveStop() as spec:
                return self.hold(fault, recover_s=spec.recover_s if fault.lasts_s is None else fault.lasts_s)
            case Held():
                self._comes(fault)
            case LightCurtain():
                self.trip(fault)
            case JointBreaks():
                return self._break(fault)
            case ServerFault():
                self._down(fault)
            case StrategyFault():
                self.work.strategies.down(fault)
            case PeopleFault():
                self.people.changed()
            case MixedRelease():
                self.work.handed(self.cells[fault.cell])
            case PartBatch():
                shrunk = [self.wear.shrink(cell.name, fault.spec.life) for cell in self.cells_of(fault)]
                return any(shrunk)
        return True

    def end(self, fault: Injection) -> None:
        """It is over: what it did is undone."""
        self.watch.leave(fault)
        if isinstance(fault.spec, PeopleFault):
            self.people.settle()
        elif isinstance(fault.spec, UploadStalls):
            self.episodes.desk.flush(self.cells[fault.cell])
        self.in_force.leave(fault)
        match fault.spec:
            case Down() | Outage():
                acts = self.controllers.up if isinstance(fault.spec, Down) else self.episodes.answered
                for cell in self.cells_of(fault):
                    acts(cell, fault)
                self.mend(fault)
            case Held():
                self._goes(fault)
            case ServerFault():
                self.servers[fault.cell].up(fault, self.clock.now_us)
            case StrategyFault():
                self.work.strategies.up(fault)
            case PeopleFault():
                self.people.changed()
            case MixedRelease():
                self.work.handed(self.cells[fault.cell])

    def cut(self, fault: Injection) -> None:
        """Where it cuts links, nobody reaches its cells from afar from now on."""
        seconds = fault.spec.cuts_s()
        for cell in self.cells_of(fault) if seconds else ():
            self.in_force.cut(cell.name, fault)
        if 0 < seconds < math.inf:
            self.clock.after(seconds, "link.back", fault.cell)

    def mend(self, fault: Injection) -> None:
        """Where it cut links, operators answer again."""
        if fault.spec.cuts_s():
            for cell in self.cells_of(fault):
                self.in_force.mend(cell.name, fault)
            self.people.changed()

    def slips(self, cell: Cell) -> None:
        """A brake slips: an arm that has no power, and has come to rest, sags again."""
        if self.controllers.dark(cell):
            self.episodes.darken(cell)

    def rolled_out(self, cell: str) -> list[Injection]:
        """Releases and configurations that are rolled out on a cell."""
        return self.in_force.of(cell, MixedRelease | BadConfiguration)

    def _reading(self, fault: Injection) -> float | None:
        """What a fault that acts once changes: hours of life that are left."""
        if not isinstance(fault.spec, StepFault):
            return None
        return sum(self.wear.left_h(cell.name) for cell in self.cells_of(fault))

    def _down(self, fault: Injection) -> None:
        """A server serves nothing; one that died loses what it had."""
        machine, spec, now_us = self.servers[fault.cell], fault.spec, self.clock.now_us
        machine.down(fault, now_us, lossy=spec.LOSSY, cold_s=spec.cold_s())
        for lane in self.episodes.lanes if spec.LOSSY else ():
            lane.inbox.lost_at(machine, fault, now_us)

    def _break(self, fault: Injection) -> bool:
        cell = self.cells[fault.cell]
        if not self.breaking.robot(cell, None, fault.event):
            return False
        self.holding[cell.name, "break"] = fault
        return True

    # -- stops -----------------------------------------------------------------------------------------------------------------

    def hold(self, fault: Injection, **how: Any) -> bool:
        """Stop the robot of a fault, until it is unlocked (see `Stopping.stop`). False where it did not stop."""
        cell = self.cells[fault.cell]
        if not self.episodes.stopping.stop(cell, None, fault.name, kind=fault.spec.KIND, **how):
            return False
        self.holding[cell.name, "stop"] = fault
        return True

    def keep(self) -> None:
        """Who is there holds whatever a robot begins to do."""
        for fault in self.watch.faults:
            held = isinstance(fault.spec, Held) and fault.spec.holds()
            if held and self.watch.exposed(fault) and not self.held(fault, "stop"):
                self.hold(fault, held=True)

    def trip(self, fault: Injection) -> None:
        """A light curtain trips, and will again."""
        if self.watch.moves(self.cells[fault.cell]):
            fault.measured(0.0, 1)
        self.hold(fault, recover_s=fault.spec.for_s)
        self.clock.after(fault.spec.every_s, "curtain.trip", fault.cell, (fault, fault.onsets))

    def _comes(self, fault: Injection) -> None:
        """Somebody presses a button, or walks in from the door and stays."""
        spec, cell = fault.spec, self.cells[fault.cell]
        if isinstance(spec, HumanEnters) and self.episodes.lanes:
            door, place = (np.array([*at, 0.0]) for at in (spec.door_m, spec.place_m))
            persons = self.episodes.lanes[cell.lane].persons
            persons.enter(cell.row, self.clock.now_us, door, place, spec.speed_mps)
            if not spec.holds():
                persons.faults[cell.row] = fault
        if spec.holds():
            self.hold(fault, held=True)

    def _goes(self, fault: Injection) -> None:
        """The button is released, or nobody is there any more."""
        if isinstance(fault.spec, HumanEnters) and self.episodes.lanes:
            cell = self.cells[fault.cell]
            self.episodes.lanes[cell.lane].persons.leave(cell.row, self.clock.now_us)
        if self.held(fault, "stop"):
            self.episodes.stopping.release(self.cells[fault.cell])

    def held(self, fault: Injection, what: str) -> bool:
        """Whether a stop or a breakage of its cell is this fault's."""
        return self.holding.get((fault.cell, what)) is fault

    def freed(self, cell: Cell, what: str) -> list[Injection]:
        """A stop was unlocked, or a robot repaired: the faults that are over with it."""
        self.holding.pop((cell.name, what), None)
        return self.in_force.of(cell.name, ProtectiveStop if what == "stop" else JointBreaks)
