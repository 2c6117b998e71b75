"""Planned faults at work: when they begin and end, on which cell, and their receipts.

A fault at a port of a lane is entered there; a fault of process (a stop, a breakage) is something the farm does. Every target
of a fault is an injection of its own with random streams of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Protocol

from twin.core.chance import Chance
from twin.core.clock import US, Clock, to_us
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.lane import Lane
from twin.faults.injection import Injection


class FarmLike(Protocol):
    """What a fault of process needs of the farm."""

    def stop(self, cell: Cell, category: int | None, cause: str, **how: Any) -> bool:
        """Stop the robot of a cell; False where that cannot be."""
        ...

    def break_robot(self, cell: Cell, cause: int | None) -> bool:
        """Break the robot of a cell; False where that cannot be."""
        ...


class Trouble:
    """The fault plan of one run, spread over its targets."""

    def __init__(
        self, plan: Sequence[Any], cells: Mapping[str, Cell], lanes: Sequence[Lane], clock: Clock, book: Book, chance: Chance
    ) -> None:
        self.cells, self.lanes, self.clock, self.book, self.chance = cells, lanes, clock, book, chance
        self.injections: list[Injection] = []
        for index, spec in enumerate(plan):
            name = spec.name or f"{spec.component}-{spec.mode}-{index + 1}"
            for cell in cells.values():
                if fnmatchcase(cell.name, spec.target):
                    self.injections.append(Injection(name, spec, cell.name, cell.lane, cell.row, index))
        self.of: dict[str, list[int]] = {name: [] for name in cells}
        """Cell → the numbers of its injections."""
        for number, fault in enumerate(self.injections):
            self.of[fault.cell].append(number)
        self.stopping: dict[str, int] = {}
        """Cell → the injection whose stop holds it."""
        self.breaking: dict[str, tuple[int, int]] = {}
        """Cell → the injection that broke it, and since when."""
        self.due = [0] * len(self.injections)
        """Onsets drawn so far of faults that come at a rate."""

    def begin(self) -> None:
        """Enter the onsets that do not wait for an episode."""
        for number, fault in enumerate(self.injections):
            if fault.spec.onset.at_s is not None:
                self.clock.at(to_us(fault.spec.onset.at_s), "fault.on", fault.cell, number)
            elif fault.spec.onset.rate_per_h is not None:
                self._next(number)

    def _next(self, number: int) -> None:
        fault = self.injections[number]
        stream = self.chance.stream(f"fault/{fault.name}/{fault.cell}", "onset", self.due[number])
        self.due[number] += 1
        self.clock.after(fault.spec.onset.wait_s(self.clock.now_us / US, stream), "fault.on", fault.cell, number)

    def episode_begins(self, cell: Cell) -> None:
        """Draw the onsets of faults that come with a probability per episode."""
        for number in self.of[cell.name]:
            fault = self.injections[number]
            onset = fault.spec.onset
            if onset.per_episode is not None:
                stream = self.chance.stream(f"fault/{fault.name}/{fault.cell}", "onset", cell.count)
                if float(stream.random()) < onset.share(self.clock.now_us / US):
                    delay = float(stream.random()) * onset.within_s
                    cell.timers[f"fault/{number}"] = self.clock.after(delay, "fault.on", fault.cell, number)
            if fault.active:
                self._mark(cell, fault)

    def episode_ends(self, cell: Cell) -> None:
        """Faults that were drawn for this episode end with it."""
        for number in self.of[cell.name]:
            fault = self.injections[number]
            if fault.spec.onset.per_episode is None:
                continue
            order = cell.timers.pop(f"fault/{number}", None)
            if order is not None:
                self.clock.cancel(order)
            if fault.active:
                self.over(number, fault.onsets)

    def onset(self, farm: FarmLike, number: int) -> None:
        """A fault is due."""
        fault = self.injections[number]
        cell, spec = self.cells[fault.cell], fault.spec
        cell.timers.pop(f"fault/{number}", None)
        if spec.onset.rate_per_h is not None:
            self._next(number)
        if fault.active:
            return
        entity, number_of = f"fault/{fault.name}/{fault.cell}", fault.onsets + 1
        fault.begin(self.clock.now_us, self.chance.key(entity, "port", number_of))
        stream = self.chance.stream(entity, "size", number_of)
        episode = cell.episode if cell.state == "episode" else None
        cause = self.book.emit("fault.onset", cell, episode=episode, known=spec.announced, fault=fault.name,
                               component=spec.component, mode=spec.mode, onset=fault.onsets)  # fmt: skip
        if spec.duration_s is not None:
            self.clock.after(draw(spec.duration_s, stream), "fault.off", fault.cell, (number, fault.onsets))
        if cell.state == "episode":
            self._mark(cell, fault)
        if spec.PORT == "process":
            self._process(farm, number, fault, cell, cause)
            return
        lane = self.lanes[fault.lane]
        lane.faults.enter(fault, lane.world, self.clock.now_us)

    def _process(self, farm: FarmLike, number: int, fault: Injection, cell: Cell, cause: int) -> None:
        """A stop or a breakage happens at once, and lasts until the robot is unlocked or repaired."""
        if fault.spec.component == "safety":
            happened = farm.stop(cell, None, fault.name, recover_s=fault.spec.recover_s)
            if happened:
                self.stopping[cell.name] = number
        else:
            happened = farm.break_robot(cell, cause)
            if happened:
                self.breaking[cell.name] = (number, self.clock.now_us)
        fault.active, fault.cleared_us = False, None
        if not happened:
            self._clear(fault)

    def _clear(self, fault: Injection) -> None:
        fault.clear(self.clock.now_us)
        cell, known = self.cells[fault.cell], fault.spec.announced
        self.book.emit("fault.cleared", cell, known=known, fault=fault.name, onset=fault.onsets)

    def over(self, number: int, onset: int) -> None:
        """A fault's time is up (of its `onset`-th onset)."""
        fault = self.injections[number]
        if not fault.active or fault.onsets != onset or fault.spec.PORT == "process":
            return
        if fault.spec.PORT != "process":
            lane = self.lanes[fault.lane]
            lane.relieve(self.clock.now_us, fault)
        self._clear(fault)

    def stop_cleared(self, cell: Cell, held_us: int) -> None:
        """A stop ended: its length is the effect of the fault that caused it."""
        number = self.stopping.pop(cell.name, None)
        if number is not None:
            self._lasted(self.injections[number], held_us)
            self._clear(self.injections[number])

    def repaired(self, cell: Cell) -> None:
        """A robot was repaired: what a plan broke, and what lasts until a repair, is over."""
        if cell.name in self.breaking:
            number, since = self.breaking.pop(cell.name)
            self._lasted(self.injections[number], self.clock.now_us - since)
            self._clear(self.injections[number])
        for number in self.of[cell.name]:
            fault = self.injections[number]
            if fault.active and fault.spec.until == "repaired":
                self.over(number, fault.onsets)

    @staticmethod
    def _lasted(fault: Injection, us: int) -> None:
        """A stop (s) or a breakage (h) was in force so long: its effect and its exposure."""
        fault.measured(us / US if fault.spec.unit == "s" else us / US / 3600, us)

    def _mark(self, cell: Cell, fault: Injection) -> None:
        if fault.name not in cell.injected:
            cell.injected.append(fault.name)

    def receipts(self) -> list[dict[str, Any]]:
        """One receipt for every fault and target."""
        now = self.clock.now_us
        open_since = dict(self.breaking.values())
        open_since |= {n: since for c, n in self.stopping.items() if (since := self.cells[c].stopped_from_us) is not None}
        rows = []
        for number, fault in enumerate(self.injections):
            so_far = replace(fault)
            if number in open_since:
                self._lasted(so_far, now - open_since[number])
            rows.append(so_far.receipt())
        return rows
