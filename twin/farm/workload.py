"""What a farm is asked to do: jobs written down one by one, at random, or as they were in reality."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from twin.core.spec import Spec


class JobSpec(Spec):
    """A job: run `episodes` of a task; where the label says no, up to `retries` more attempts of the same goal."""

    job: str | None = None
    task: str = "pick_place"
    episodes: int = Field(default=1, ge=1, le=1_000_000_000)
    retries: int = Field(default=0, ge=0, le=1_000_000_000)
    owner: str = ""
    priority: int = Field(default=0, ge=-1_000_000_000, le=1_000_000_000)
    at_s: float = Field(default=0.0, ge=0, le=1e9)
    deadline_s: float | None = Field(default=None, gt=0, le=1e9)
    """Seconds after its arrival at which it has failed if it is not done; the episode that runs then is finished."""
    on: str | None = None
    """A cell name or pattern that this job must run on."""
    scene: str | None = None
    """Name of the initial condition: episodes of one scene start alike on every cell. Pairs simulated and real episodes."""


class JobList(Spec):
    """Jobs written down one by one."""

    kind: Literal["list"]
    jobs: tuple[JobSpec, ...] = Field(min_length=1)


class PoissonJobs(Spec):
    """Jobs that arrive at random, `per_hour` on average, all alike; `at_start` of them wait at the beginning."""

    kind: Literal["poisson"]
    per_hour: float = Field(gt=0, le=1e9)
    at_start: int = Field(default=0, ge=0, le=1_000_000)
    task: str = "pick_place"
    episodes: int = Field(default=1, ge=1, le=1_000_000_000)
    retries: int = Field(default=0, ge=0, le=1_000_000_000)
    owner: str = ""
    priority: int = Field(default=0, ge=-1_000_000_000, le=1_000_000_000)


class TableJobs(Spec):
    """Real requests: a CSV with columns at_s, task and, where wanted, the other keys of a job."""

    kind: Literal["table"]
    path: str


WorkloadSpec = Annotated[JobList | PoissonJobs | TableJobs, Field(discriminator="kind")]
