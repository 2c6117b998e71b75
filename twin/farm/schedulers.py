"""Built-in schedulers: who gets which cell. Users bring their own with `use:`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, Tag, model_validator

from twin.core.clock import to_us
from twin.core.records import Action, Event, FleetInfo
from twin.core.spec import Spec
from twin.farm.line import Asked, Line, Place


class FifoSpec(Spec):
    """First come, first served: the oldest job that a free cell can do."""

    kind: Literal["fifo"] = "fifo"


class PrioritySpec(Spec):
    """The highest priority first. A job that waits gains one level every `level_min`: no other that arrives later than
    `level_min` times the difference of their priorities can pass it."""

    kind: Literal["priority"]
    level_min: float = Field(default=30.0, gt=0, le=1e7)


class FairShareSpec(Spec):
    """Robot-time in proportion to the owners' weights. The lease of an owner who had more than its share ends between two
    episodes, `quantum_min` after it began, if another waits."""

    kind: Literal["fair_share"]
    weights: dict[str, float] = Field(default_factory=dict)
    """Owner → weight; owners that are not named have 1."""
    quantum_min: float = Field(default=10.0, gt=0, le=1e6)

    @model_validator(mode="after")
    def _something(self) -> FairShareSpec:
        if any(w < 0 for w in self.weights.values()):
            raise ValueError("a weight below nothing: weights are at least 0")
        if self.weights and not sum(self.weights.values()):
            raise ValueError("the weights add up to nothing: nobody would ever be served")
        return self


class DeadlineSpec(Spec):
    """The earliest deadline first; jobs without one come last, oldest first."""

    kind: Literal["earliest_deadline"]


class BatchSpec(Spec):
    """Jobs of the task that a cell is set up for come first, until another has waited for `longest_wait_min`."""

    kind: Literal["batch_by_setup"]
    longest_wait_min: float = Field(default=60.0, gt=0, le=1e7)


BuiltIn = (
    Annotated[FifoSpec, Tag("fifo")]
    | Annotated[PrioritySpec, Tag("priority")]
    | Annotated[FairShareSpec, Tag("fair_share")]
    | Annotated[DeadlineSpec, Tag("earliest_deadline")]
    | Annotated[BatchSpec, Tag("batch_by_setup")]
)


class Fifo(Line):
    """First come, first served."""

    def __init__(self, fleet: FleetInfo, spec: FifoSpec | None = None) -> None:
        super().__init__(fleet)

    def place(self, job: Asked) -> Place:
        """The arrival alone counts."""
        return ()


class Priority(Line):
    """Priority with ageing. All jobs age alike, so that a place never changes: the arrival, less what the priority is worth."""

    def __init__(self, fleet: FleetInfo, spec: PrioritySpec) -> None:
        super().__init__(fleet)
        self.level_us = to_us(60 * spec.level_min)

    def place(self, job: Asked) -> Place:
        """When a job of priority 0 would have had to arrive to stand here."""
        return (job.arrived_us - job.asks["priority"] * self.level_us,)


class EarliestDeadline(Line):
    """Earliest deadline first."""

    def __init__(self, fleet: FleetInfo, spec: DeadlineSpec) -> None:
        super().__init__(fleet)

    def place(self, job: Asked) -> Place:
        """The deadline."""
        seconds = job.asks["deadline_s"]
        return (math.inf if seconds is None else job.arrived_us + to_us(seconds),)


class BatchBySetup(Line):
    """Cells keep to the task they are set up for while anybody asks for it, within bounds."""

    def __init__(self, fleet: FleetInfo, spec: BatchSpec) -> None:
        super().__init__(fleet)
        self.longest_us = to_us(60 * spec.longest_wait_min)
        self.setup: dict[str, str] = {}
        """Cell → the task that it did last."""

    def place(self, job: Asked) -> Place:
        """The arrival alone counts."""
        return ()

    def note(self, event: Event) -> None:
        """Also which task a cell was given last."""
        super().note(event)
        if event.kind == "job.assigned" and event.job in self.jobs and event.cell:
            self.setup[event.cell] = self.jobs[event.job].asks["task"]

    def match(self, now_us: int) -> list[Action]:
        """Whoever waited too long first, then each cell its own task, then the rest."""
        waiting = [self.jobs[name] for _, name in self.line]
        late = [job for job in waiting if now_us - job.arrived_us >= self.longest_us]
        actions = self.in_order(late)
        taken = {a.job: None for a in actions} | {a.cell: None for a in actions}
        for cell in self.cells():
            if cell in taken:
                continue
            mine = [job for job in waiting if job.name not in taken and self.fits(job, cell)]
            same = [job for job in mine if job.asks["task"] == self.setup.get(cell)]
            for job in (same or mine)[:1]:
                taken |= {job.name: None, cell: None}
                actions.append(self.assign(job, cell))
        return actions


class FairShare(Line):
    """Weighted fair share of robot-time by owner: whoever had least for its weight comes first.

    A lease that runs counts with the time that it has run and, so that one instant's cells are not all given to the same
    owner, one quantum ahead.
    """

    def __init__(self, fleet: FleetInfo, spec: FairShareSpec) -> None:
        super().__init__(fleet)
        self.weights, self.quantum_us = dict(spec.weights), to_us(60 * spec.quantum_min)
        self.had_us: dict[str, int] = {}
        """Owner → robot-time of leases that ended."""
        self.running: dict[str, tuple[str, int, int]] = {}
        """Cell → owner, since when, lease."""
        self.now_us = 0

    def place(self, job: Asked) -> Place:
        """Among jobs of one owner the arrival counts."""
        return ()

    def note(self, event: Event) -> None:
        """Also what every owner had."""
        if event.kind == "job.arrived":
            self._catch_up(event.payload["owner"], event.t_us)
        super().note(event)
        cell = event.cell or ""
        if event.kind == "authority.granted" and event.job in self.jobs:
            self.running[cell] = (self.jobs[event.job].asks["owner"], event.t_us, event.payload["lease"])
        elif event.kind in ("authority.released", "authority.withdrawn") and cell in self.running:
            owner, since, _ = self.running.pop(cell)
            self.had_us[owner] = self.had_us.get(owner, 0) + event.t_us - since

    def _catch_up(self, owner: str, now_us: int) -> None:
        """An owner who asks again after a pause does not make up for the time in which nothing was asked."""
        active = {job.asks["owner"]: None for job in self.jobs.values()}
        if owner not in active and active:
            least = min(self.share(who, now_us, {}) for who in active)
            if least < math.inf:
                self.had_us[owner] = max(self.had_us.get(owner, 0), round(least * self.weight(owner)))

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """Match; where somebody still waits, end the leases of those who had more than their share."""
        self.now_us = now_us
        actions = list(super().handle(now_us, events))
        return actions + self._preempt(now_us, {a.job for a in actions})

    def wake_at(self) -> int | None:
        """When the next lease is a quantum old, while anybody waits."""
        if not self.line or not self.running:
            return None
        ends = [since + self.quantum_us for _, since, _ in self.running.values()]
        return min((end for end in ends if end > self.now_us), default=self.now_us + self.quantum_us)

    def weight(self, owner: str) -> float:
        """The weight of an owner."""
        return self.weights.get(owner, 1.0)

    def share(self, owner: str, now_us: int, ahead: Mapping[str, int]) -> float:
        """Robot-time that an owner had, for its weight; infinite for a weight of nothing."""
        had = self.had_us.get(owner, 0) + self.quantum_us * ahead.get(owner, 0)
        had += sum(now_us - since for who, since, _ in self.running.values() if who == owner)
        return had / self.weight(owner) if self.weight(owner) else math.inf

    def match(self, now_us: int) -> list[Action]:
        """Owner by owner, always the one who had least."""
        ahead: dict[str, int] = {}
        for owner, _, _ in self.running.values():
            ahead[owner] = ahead.get(owner, 0) + 1
        waiting: dict[str, list[Asked]] = {}
        for _, name in self.line:
            waiting.setdefault(self.jobs[name].asks["owner"], []).append(self.jobs[name])
        return list(self._turns(now_us, waiting, ahead))

    def _turns(self, now_us: int, waiting: dict[str, list[Asked]], ahead: dict[str, int]) -> Iterator[Action]:
        free = self.cells()
        while free and waiting:
            owner = min(waiting, key=lambda who: (self.share(who, now_us, ahead), who))
            found = ((job, cell) for job in waiting[owner] for cell in free if self.fits(job, cell))
            pair = next(found, None)
            if pair is None:
                del waiting[owner]
                continue
            job, cell = pair
            waiting[owner].remove(job)
            free.remove(cell)
            ahead[owner] = ahead.get(owner, 0) + 1
            if not waiting[owner]:
                del waiting[owner]
            yield self.assign(job, cell)

    def _preempt(self, now_us: int, given: Any) -> list[Action]:
        """End leases older than a quantum whose owner had more than somebody who waits and could use the cell."""
        if not self.line or all(now_us - since < self.quantum_us for _, since, _ in self.running.values()):
            return []
        waiting = [self.jobs[name] for _, name in self.line if name not in given]
        owners = {job.asks["owner"]: self.share(job.asks["owner"], now_us, {}) for job in waiting}
        actions: list[Action] = []
        for cell, (owner, since, lease) in self.running.items():
            if now_us - since < self.quantum_us:
                continue
            mine = self.share(owner, now_us, {})
            able = (who for who, least in owners.items() if who != owner and least < mine)
            if any(self.fits(job, cell) for who in able for job in waiting if job.asks["owner"] == who):
                actions.append(Action("release", f"release@{cell}#{lease}", cell=cell, lease=lease))
        return actions


SCHEDULERS: Mapping[type[Spec], type[Line]] = {
    FifoSpec: Fifo,
    PrioritySpec: Priority,
    FairShareSpec: FairShare,
    DeadlineSpec: EarliestDeadline,
    BatchSpec: BatchBySetup,
}
