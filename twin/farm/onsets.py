"""When planned faults begin: each way of an onset as entries on the clock. A fault's draws are keyed by its name and target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from twin.core.chance import Chance, Stream
from twin.core.clock import US, Clock, to_us
from twin.core.quantity import draw
from twin.core.records import Event
from twin.farm.cells import Cell
from twin.faults.hazards import draw_life
from twin.faults.injection import Injection
from twin.faults.onset import Onset
from twin.faults.wander import Course

HOUR_US = 3600 * US


class Onsets:
    """Enters `fault.on` for the injections of one plan: entity the target, payload (number, how long it lasts in s or None)."""

    def __init__(self, injections: Sequence[Injection], duration_us: int, clock: Clock, chance: Chance) -> None:
        self.injections, self.duration_us, self.clock, self.chance = injections, duration_us, clock, chance
        self.due = [0] * len(injections)
        """Onsets drawn so far, or moments of the table that are over."""
        self.ends_us: dict[int, float] = {}
        """Fault → operating time at which it begins, where a hazard law says so."""
        self.on: dict[str, list[int]] = {}
        """Kind of event → the faults that follow from it."""
        self.courses: dict[int, Course] = {}
        """Entry of the plan → how it wanders. Kept because it is asked for again and again, no part of the state."""
        for number, fault in enumerate(injections):
            if fault.spec.onset.event is not None:
                self.on.setdefault(fault.spec.onset.event, []).append(number)

    def _stream(self, fault: Injection, count: int) -> Stream:
        return self.chance.stream(f"fault/{fault.name}/{fault.cell}", "onset", count)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"courses": {}}

    def _course(self, fault: Injection) -> Course | Onset:
        """How a rate or share goes on: as its onset says, or as it wanders in this run."""
        onset: Onset = fault.spec.onset
        if onset.wanders is not None and fault.number not in self.courses:
            stream = self.chance.stream(f"fault/{fault.name}", "wanders")
            self.courses[fault.number] = Course(onset, self.duration_us / US, stream)
        return self.courses.get(fault.number, onset)

    def _enter(self, number: int, when_us: int, lasts_s: float | None = None) -> int:
        return self.clock.at(when_us, "fault.on", self.injections[number].cell, (number, lasts_s))

    def begin(self) -> None:
        """Enter what is known at the start."""
        shared: dict[int, list[int]] = {}
        for number, fault in enumerate(self.injections):
            onset = fault.spec.onset
            if onset.at_s is not None:
                self._enter(number, to_us(onset.at_s))
            elif onset.rate_per_h is not None:
                self.again(number)
            elif onset.operating_h is not None:
                self.renew(number, 0)
            elif onset.moments is not None and onset.clock == "farm":
                for moment in onset.moments:
                    self._enter(number, to_us(moment.at_s), moment.duration_s)
            elif onset.drawn is not None:
                shared.setdefault(fault.number, []).append(number)
        for numbers in shared.values():
            self._scatter(numbers)

    def _scatter(self, numbers: Sequence[int]) -> None:
        """Moments and targets of an entry of the plan that is drawn."""
        first = self.injections[numbers[0]]
        stream = self.chance.stream(f"fault/{first.name}", "drawn")
        for _ in range(first.spec.onset.drawn):
            when, which = float(stream.random()), int(stream.integers(len(numbers)))
            self._enter(numbers[which], int(when * self.duration_us))

    def again(self, number: int) -> None:
        """The next onset of a fault that comes at a rate."""
        fault = self.injections[number]
        if fault.spec.onset.rate_per_h is not None:
            wait_s = self._course(fault).wait_s(self.clock.now_us / US, self._stream(fault, self.due[number]))
            self.due[number] += 1
            self._enter(number, self.clock.now_us + to_us(wait_s))

    def renew(self, number: int, operated_us: int) -> None:
        """A fault that comes by a hazard law is drawn anew, from the robot's operating time on."""
        fault = self.injections[number]
        law = fault.spec.onset.operating_h
        if law is not None:
            hours = draw_life(law, self._stream(fault, self.due[number]))
            self.due[number] += 1
            self.ends_us[number] = operated_us + hours * HOUR_US

    def episode(self, number: int, cell: Cell) -> int | None:
        """An episode begins: the clock's entry of an onset that would fall into it, were it long enough; None: none would."""
        fault = self.injections[number]
        onset, now = fault.spec.onset, self.clock.now_us
        if onset.per_episode is not None:
            stream = self._stream(fault, cell.count)
            if float(stream.random()) < self._course(fault).share(now / US):
                even = onset.after_s is None
                wait_s = float(stream.random()) * onset.within_s if even else draw(onset.after_s, stream)
                return self._enter(number, now + to_us(wait_s))
        elif onset.operating_h is not None and not fault.active and not math.isinf(self.ends_us[number]):
            return self._enter(number, now + max(0, round(self.ends_us[number]) - cell.operated_us))
        elif onset.moments is not None and onset.clock == "operating":
            return self.moment(number, cell.operated_us)
        return None

    def moment(self, number: int, operated_us: int) -> int | None:
        """Enter the next moment of a table in operating time; `operated_us`: what the robot's clock says now."""
        moments = self.injections[number].spec.onset.moments
        if self.due[number] >= len(moments):
            return None
        moment = moments[self.due[number]]
        return self._enter(number, self.clock.now_us + max(0, to_us(moment.at_s) - operated_us), moment.duration_s)

    def saw(self, event: Event) -> None:
        """Something happened: faults that follow from it."""
        for number in self.on[event.kind]:
            fault = self.injections[number]
            onset = fault.spec.onset
            if (fault.lane >= 0 and event.cell != fault.cell) or not onset.follows(str(event.payload.get("reason"))):
                continue
            stream = self._stream(fault, self.due[number])
            self.due[number] += 1
            if float(stream.random()) < onset.probability:
                self._enter(number, self.clock.now_us + to_us(draw(onset.delay_s, stream)))
