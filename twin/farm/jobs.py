"""Jobs: what is asked of the farm, how it arrives, how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twin.core.chance import Chance
from twin.core.clock import Clock, to_us
from twin.farm.spec import JobList, JobSpec, PoissonJobs


@dataclass
class Job:
    """One job. `state`: queued, assigned, done, failed, cancelled."""

    name: str
    spec: JobSpec
    left: int
    state: str = "queued"
    cell: str | None = None
    tries: int = 0
    """Attempts made at the current goal."""
    first: int | None = None
    """Episode of the first attempt at the current goal."""
    voids: int = 0

    def payload(self) -> dict[str, Any]:
        """What a scheduler is told."""
        s = self.spec
        return {
            "task": s.task,
            "episodes": self.left,
            "owner": s.owner,
            "priority": s.priority,
            "deadline_s": s.deadline_s,
            "on": s.on,
        }


class Arrivals:
    """Enters every workload's jobs on the clock, one ahead for random streams."""

    def __init__(self, workloads: Sequence[Any], clock: Clock, chance: Chance) -> None:
        self.workloads, self.clock, self.chance = tuple(workloads), clock, chance
        self.counts = [0] * len(self.workloads)

    def begin(self) -> None:
        """Enter what is known, and the first of what is drawn."""
        for index, load in enumerate(self.workloads):
            if isinstance(load, JobList):
                for k, job in enumerate(load.jobs):
                    name = job.job or f"job{index}-{k + 1}"
                    self.clock.at(to_us(job.at_s), "job.arrival", name, (index, job))
            elif isinstance(load, PoissonJobs):
                for _ in range(load.at_start):
                    self._enter(index, 0)
                self._next(index)

    def _enter(self, index: int, when_us: int) -> None:
        load = self.workloads[index]
        self.counts[index] += 1
        spec = JobSpec(task=load.task, episodes=load.episodes, retries=load.retries, owner=load.owner, priority=load.priority)
        self.clock.at(when_us, "job.arrival", f"job{index}-{self.counts[index]}", (index, spec))

    def _next(self, index: int) -> None:
        gap = self.chance.stream(f"jobs/{index}", "arrival", self.counts[index]).exponential(
            3600.0 / self.workloads[index].per_hour
        )
        self._enter(index, self.clock.now_us + max(1, to_us(gap)))

    def arrived(self, index: int, when_us: int) -> None:
        """A job of a random stream came: draw the next. Those that waited at the start draw none."""
        if isinstance(self.workloads[index], PoissonJobs) and when_us > 0:
            self._next(index)
