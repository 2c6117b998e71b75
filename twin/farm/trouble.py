"""Planned faults at work: when they begin and end, on which target, and their receipts.

A fault at a port of a lane is entered there; of all others the site makes something (site.py). Every target of a fault is an
injection of its own with random streams of its own. Several faults at one port act in the order of the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twin.core.chance import Chance
from twin.core.clock import Clock
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.lane import Lane
from twin.farm.onsets import Onsets
from twin.farm.targets import Targets
from twin.faults.injection import InForce, Injection
from twin.faults.process import ProcessFault, StopFault
from twin.faults.release import RollBack
from twin.faults.safety import BrakeSlip
from twin.faults.spec import LANE_PORTS

if TYPE_CHECKING:
    from twin.farm.site import Site


class Trouble:
    """The fault plan of one run, spread over its targets."""

    site: Site
    """What faults outside of lanes act on; set by the farm."""

    def __init__(
        self,
        plan: Sequence[Any],
        targets: Targets,
        cells: Mapping[str, Cell],
        lanes: Sequence[Lane],
        duration_us: int,
        clock: Clock,
        book: Book,
        chance: Chance,
        in_force: InForce,
    ) -> None:
        self.cells, self.lanes, self.clock, self.book, self.chance = cells, lanes, clock, book, chance
        self.in_force = in_force
        self.injections: list[Injection] = []
        for index, spec in enumerate(plan):
            name = spec.name or f"{spec.component}-{spec.mode}-{index + 1}"
            fixed = spec.at_severity(spec.severity) if isinstance(spec.severity, float) else spec
            for target in targets.of(spec):
                cell = cells.get(target)
                lane, row = (-1, -1) if cell is None else (cell.lane, cell.row)
                self.injections.append(Injection(name, fixed, target, lane, row, index, planned=fixed))
        self.members = {(f.name, f.cell): targets.members(f.spec, f.cell) for f in self.injections if f.lane < 0}
        """(fault, target) → the cells that it hits together."""
        self.of: dict[str, list[int]] = {name: [] for name in cells}
        """Cell → the numbers of its injections."""
        for number, fault in enumerate(self.injections):
            if fault.lane >= 0:
                self.of[fault.cell].append(number)
        self.onsets = Onsets(self.injections, duration_us, clock, chance)

    def number(self, fault: Injection) -> int:
        """Which of the injections this is."""
        return self.injections.index(fault)

    def begin(self) -> None:
        """Enter the onsets that do not wait for an episode."""
        self.onsets.begin()

    def episode_begins(self, cell: Cell) -> None:
        """Draw the onsets that fall into an episode, and tell the faults in force that it begins."""
        for number in self.of[cell.name]:
            fault = self.injections[number]
            order = self.onsets.episode(number, cell)
            if order is not None:
                cell.timers[f"fault/{number}"] = order
            if fault.active:
                self._mark(cell, fault)

    def episode_ends(self, cell: Cell) -> None:
        """Faults that were drawn for this episode end with it."""
        for number in self.of[cell.name]:
            fault = self.injections[number]
            order = cell.timers.pop(f"fault/{number}", None)
            if order is not None:
                self.clock.cancel(order)
            if fault.spec.onset.per_episode is not None and fault.active:
                self.over(number, fault.onsets)

    def onset(self, number: int, lasts_s: float | None) -> None:
        """A fault is due. lasts_s: as a table says, None: as the plan says."""
        fault = self.injections[number]
        cell = self.cells.get(fault.cell)
        if cell is not None:
            cell.timers.pop(f"fault/{number}", None)
            self._follow(number, cell)
        self.onsets.again(number)
        if fault.active or self._held(number):
            fault.coincident += 1
            return
        entity, count = f"fault/{fault.name}/{fault.cell}", fault.onsets + 1
        fault.begin(self.clock.now_us, self.chance.key(entity, "port", count))
        stream, spec = self.chance.stream(entity, "size", count), fault.planned
        told = {"component": spec.component, "mode": spec.mode, "onset": fault.onsets}
        if not isinstance(spec.severity, float | None):
            told["severity"] = drawn = draw(spec.severity, self.chance.stream(entity, "severity", count))
            fault.spec = spec.at_severity(drawn)
        episode = cell.episode if cell is not None and cell.state == "episode" else None
        fault.event = self.book.emit(
            "fault.onset", cell, episode=episode, known=spec.announced, fault=fault.name, target=fault.cell, **told
        )
        if lasts_s is None and spec.duration_s is not None:
            lasts_s = draw(spec.duration_s, stream)
        fault.lasts_s = lasts_s
        if lasts_s is not None:
            self.clock.after(lasts_s, "fault.off", fault.cell, (number, fault.onsets))
        if episode is not None and cell is not None:
            self._mark(cell, fault)
        if not self._enter(fault):
            fault.missed += 1
            self._leave(fault)
        elif isinstance(spec, RollBack):
            self._roll_back(fault)

    def _enter(self, fault: Injection) -> bool:
        """It acts from now on, at ports of lanes or on the site. False where nothing came of it."""
        spec = fault.spec
        if spec.PORT in LANE_PORTS or spec.IN_LANE:
            lane = self.lanes[fault.lane]
            lane.faults.enter(fault, lane.world, self.clock.now_us)
            self.site.cut(fault)
            if isinstance(spec, ProcessFault):
                self.site.begin(fault)
            elif isinstance(spec, BrakeSlip):
                self.site.slips(self.cells[fault.cell])
            return True
        if spec.PART is None:
            return self.site.begin(fault)
        for cell in self.site.cells_of(fault):
            part = Injection(fault.name, spec.PART, cell.name, cell.lane, cell.row, number=fault.number)
            part.begin(self.clock.now_us, fault.key)
            fault.parts.append(part)
            self._enter(part)
        return True

    def _leave(self, fault: Injection) -> None:
        """It ends, and what it did is undone."""
        spec = fault.spec
        if spec.PORT in LANE_PORTS or spec.IN_LANE:
            self.lanes[fault.lane].relieve(self.clock.now_us, fault)
            self.site.mend(fault)
            if isinstance(spec, ProcessFault):
                self.site.end(fault)
        elif spec.PART is None:
            self.site.end(fault)
        for part in fault.parts:
            self.lanes[part.lane].relieve(self.clock.now_us, part)
            self.site.mend(part)
            fault.add(part)
        fault.parts.clear()
        fault.clear(self.clock.now_us)
        cell, known = self.cells.get(fault.cell), spec.announced
        self.book.emit("fault.cleared", cell, known=known, fault=fault.name, target=fault.cell, onset=fault.onsets)
        if cell is not None:
            at_work_us = self.clock.now_us - cell.started_us if cell.state == "episode" else 0
            self.onsets.renew(self.number(fault), cell.operated_us + at_work_us)

    def _roll_back(self, fault: Injection) -> None:
        """All that is rolled out on its cell ends now, and it with it."""
        before = self.site.rolled_out(fault.cell)
        for other in before:
            self._take_back(other)
        left = len(self.site.rolled_out(fault.cell))
        fault.measured(len(before) - left, len(before))
        self._leave(fault)

    def _take_back(self, fault: Injection) -> None:
        self._leave(fault)

    def _follow(self, number: int, cell: Cell) -> None:
        """The next moment of a table in operating time, where the episode goes on."""
        onset = self.injections[number].spec.onset
        if onset.moments is None or onset.clock != "operating":
            return
        self.onsets.due[number] += 1
        if cell.state == "episode":
            order = self.onsets.moment(number, cell.operated_us + self.clock.now_us - cell.started_us)
            if order is not None:
                cell.timers[f"fault/{number}"] = order

    def _held(self, number: int) -> bool:
        """Whether what this fault did last still lasts, or a stop holds where it would make one."""
        fault = self.injections[number]
        stopped = isinstance(fault.spec, StopFault) and fault.spec.ENDS_ITSELF and self.cells[fault.cell].stop is not None
        return stopped or fault in self.site.holding.values()

    def done(self, cell: Cell, what: str) -> None:
        """A stop was unlocked, or a robot repaired: what a plan had done with it is over."""
        for fault in self.site.freed(cell, what):
            self._leave(fault)

    def repaired(self, cell: Cell) -> None:
        """A robot was repaired: what a plan broke, and what lasts until a repair, is over."""
        self.done(cell, "break")
        for number in self.of[cell.name]:
            fault = self.injections[number]
            if fault.active and fault.spec.until == "repaired":
                self.over(number, fault.onsets)

    def over(self, number: int, onset: int) -> None:
        """A fault's time is up (of its `onset`-th onset)."""
        fault = self.injections[number]
        if fault.active and fault.onsets == onset and not getattr(fault.spec, "ENDS_ITSELF", False):
            self._leave(fault)

    def look(self) -> None:
        """Something happened on the farm: what that means for the faults in force, and their receipts."""
        if self.site.watch.faults:
            self.site.keep()
            self.site.watch.look()

    def _mark(self, cell: Cell, fault: Injection) -> None:
        if fault.name not in cell.injected:
            cell.injected.append(fault.name)

    def receipts(self) -> list[dict[str, Any]]:
        """One receipt for every fault and target."""
        self.site.settle()
        rows = []
        for fault in self.injections:
            so_far = replace(fault)
            for part in fault.parts:
                so_far.add(part)
            rows.append(so_far.receipt())
        return rows
