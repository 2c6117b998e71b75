"""Jobs: what is asked of the farm, how it arrives, how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from twin.core.chance import Chance
from twin.core.clock import Clock, to_us
from twin.farm.cells import Cell
from twin.farm.workload import JobList, JobSpec, PoissonJobs


@dataclass
class Job:
    """One job. `state`: queued, assigned, done, failed, cancelled; in the last three it is closed."""

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
    goal: int | None = None
    """The goal cell of a practice."""
    deadline: int | None = None
    """Order of the clock entry of its deadline."""

    def fits(self, cell: Cell) -> bool:
        """Whether a cell can do this job at all."""
        return self.spec.task in cell.spec.tasks and fnmatchcase(cell.name, self.spec.on or "*")

    @property
    def closed(self) -> bool:
        """Nothing is left to do about it."""
        return self.state not in ("queued", "assigned")

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
            "scene": s.scene,
        }


class Arrivals:
    """Enters every workload's jobs on the clock, one ahead for random streams."""

    def __init__(self, workloads: Sequence[Any], clock: Clock, chance: Chance) -> None:
        self.workloads, self.clock, self.chance = tuple(workloads), clock, chance
        self.counts = [0] * len(self.workloads)
        self.specs = [load.jobs if isinstance(load, JobList) else (_alike(load),) for load in self.workloads]
        """Fixed by the scenario: snapshots name a job's spec and do not copy it."""
        self.given = frozenset(job.job for jobs in self.specs for job in jobs if job.job)

    def begin(self) -> None:
        """Enter what is known, and the first of what is drawn."""
        for index, load in enumerate(self.workloads):
            if isinstance(load, JobList):
                for k, job in enumerate(load.jobs):
                    self.clock.at(to_us(job.at_s), "job.arrival", job.job or self._name(index, k + 1), (index, k))
            else:
                for _ in range(load.at_start):
                    self._enter(index, 0)
                self._next(index)

    def _enter(self, index: int, when_us: int) -> None:
        self.counts[index] += 1
        self.clock.at(when_us, "job.arrival", self._name(index, self.counts[index]), (index, 0))

    def _name(self, index: int, number: int) -> str:
        """The name of a job that got none, and that no other job was given."""
        name = f"job{index}-{number}"
        while name in self.given:
            name += "'"
        return name

    def _next(self, index: int) -> None:
        gap = self.chance.stream(f"jobs/{index}", "arrival", self.counts[index]).exponential(
            3600.0 / self.workloads[index].per_hour
        )
        self._enter(index, self.clock.now_us + max(1, to_us(gap)))

    def arrived(self, index: int, number: int) -> JobSpec:
        """What came. After a job of a random stream the next is drawn; those that waited at the start draw none."""
        if isinstance(self.workloads[index], PoissonJobs) and self.clock.now_us > 0:
            self._next(index)
        spec: JobSpec = self.specs[index][number]
        return spec


def _alike(load: PoissonJobs) -> JobSpec:
    """The job of which a random stream brings one after the other."""
    return JobSpec(task=load.task, episodes=load.episodes, retries=load.retries, owner=load.owner, priority=load.priority)
