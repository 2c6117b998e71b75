"""Planned faults at work: when they begin and end, on which target, and their receipts.

A fault at a port of a lane is entered there; a fault of process tells a part of the farm what to do. Every target of a fault is
an injection of its own with random streams of its own. Several faults at one port act in the order of the plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from twin.core.chance import Chance
from twin.core.clock import US, Clock
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.lane import Lane
from twin.farm.onsets import Onsets
from twin.farm.targets import Targets
from twin.faults.injection import Injection

HOUR_US = 3600 * US


class Trouble:
    """The fault plan of one run, spread over its targets. `farm`, set by the farm itself, is what faults of process act on."""

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
    ) -> None:
        self.farm: Any = None
        self.cells, self.lanes, self.clock, self.book, self.chance = cells, lanes, clock, book, chance
        self.injections: list[Injection] = []
        for index, spec in enumerate(plan):
            name = spec.name or f"{spec.component}-{spec.mode}-{index + 1}"
            for target in targets.of(spec):
                cell = cells.get(target)
                lane, row = (-1, -1) if cell is None else (cell.lane, cell.row)
                self.injections.append(Injection(name, spec, target, lane, row, index))
        self.members = {f.cell: targets.cells(f.cell) for f in self.injections if f.lane < 0}
        """Cells of a group that is hit together."""
        self.of: dict[str, list[int]] = {name: [] for name in cells}
        """Cell → the numbers of its injections."""
        for number, fault in enumerate(self.injections):
            if fault.lane >= 0:
                self.of[fault.cell].append(number)
        self.onsets = Onsets(self.injections, duration_us, clock, chance)
        self.holding: dict[tuple[str, str], tuple[int, int]] = {}
        """(cell, what) → the injection that holds it so (`stop`, `break`), and since when."""

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"farm": None}  # a farm is pickled by its parts

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
                if fault.spec.PORT == "process":
                    fault.spec.episode(self.farm, fault)

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
        cell, spec = self.cells.get(fault.cell), fault.spec
        if cell is not None:
            cell.timers.pop(f"fault/{number}", None)
            self._follow(number, cell)
        self.onsets.again(number)
        if fault.active or self._held(number):
            fault.coincident += 1
            return
        entity, count = f"fault/{fault.name}/{fault.cell}", fault.onsets + 1
        fault.begin(self.clock.now_us, self.chance.key(entity, "port", count))
        stream = self.chance.stream(entity, "size", count)
        episode = cell.episode if cell is not None and cell.state == "episode" else None
        cause = self.book.emit("fault.onset", cell, episode=episode, known=spec.announced, fault=fault.name, target=fault.cell,
                               component=spec.component, mode=spec.mode, onset=fault.onsets)  # fmt: skip
        if lasts_s is None and spec.duration_s is not None:
            lasts_s = draw(spec.duration_s, stream)
        fault.lasts_s = lasts_s
        if lasts_s is not None:
            self.clock.after(lasts_s, "fault.off", fault.cell, (number, fault.onsets))
        if episode is not None and cell is not None:
            self._mark(cell, fault)
        if spec.PORT != "process":
            lane = self.lanes[fault.lane]
            lane.faults.enter(fault, lane.world, self.clock.now_us)
        elif not spec.begin(self.farm, fault, cause):
            fault.missed += 1
            self._clear(fault)

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
        makes_one = fault.spec.component == "safety" and getattr(fault.spec, "ENDS_ITSELF", False)
        stopped = makes_one and self.cells[fault.cell].stop is not None
        return stopped or any(held == number for held, _ in self.holding.values())

    def holds(self, cell: Cell, what: str, fault: Injection) -> None:
        """A stop or a breakage by a fault lasts until `done`."""
        self.holding[cell.name, what] = (self.number(fault), self.clock.now_us)

    def done(self, cell: Cell, what: str) -> None:
        """A stop was unlocked, or a robot repaired: how long it lasted is the effect of the fault behind it."""
        number, since = self.holding.pop((cell.name, what), (-1, 0))
        if number < 0:
            return
        fault = self.injections[number]
        self._lasted(fault, self.clock.now_us - since)
        if fault.spec.ENDS_ITSELF:
            self._clear(fault)

    def stop_cleared(self, cell: Cell, held_us: int) -> None:
        """A stop ended."""
        self.done(cell, "stop")

    def repaired(self, cell: Cell) -> None:
        """A robot was repaired: what a plan broke, and what lasts until a repair, is over."""
        self.done(cell, "break")
        for number in self.of[cell.name]:
            fault = self.injections[number]
            if fault.active and fault.spec.until == "repaired":
                self.over(number, fault.onsets)

    def _clear(self, fault: Injection) -> None:
        fault.clear(self.clock.now_us)
        cell, known = self.cells.get(fault.cell), fault.spec.announced
        self.book.emit("fault.cleared", cell, known=known, fault=fault.name, target=fault.cell, onset=fault.onsets)
        if cell is not None:
            at_work_us = self.clock.now_us - cell.started_us if cell.state == "episode" else 0
            self.onsets.renew(self.number(fault), cell.operated_us + at_work_us)

    def over(self, number: int, onset: int) -> None:
        """A fault's time is up (of its `onset`-th onset)."""
        fault = self.injections[number]
        if not fault.active or fault.onsets != onset:
            return
        if fault.spec.PORT != "process":
            self.lanes[fault.lane].relieve(self.clock.now_us, fault)
        elif fault.spec.ENDS_ITSELF:
            return
        else:
            fault.spec.end(self.farm, fault)
        self._clear(fault)

    @staticmethod
    def _lasted(fault: Injection, us: int) -> None:
        """A stop (s) or a breakage (h) was in force so long: its effect and its exposure."""
        fault.measured(us / US if fault.spec.unit == "s" else us / HOUR_US, us)

    def _mark(self, cell: Cell, fault: Injection) -> None:
        if fault.name not in cell.injected:
            cell.injected.append(fault.name)

    def receipts(self) -> list[dict[str, Any]]:
        """One receipt for every fault and target."""
        now = self.clock.now_us
        since = dict(self.holding.values())
        rows = []
        for number, fault in enumerate(self.injections):
            so_far = replace(fault)
            if number in since:
                self._lasted(so_far, now - since[number])
            for part in fault.parts:
                so_far.measured(part.effect, part.exposed_us)
            rows.append(so_far.receipt())
        return rows
