"""A scenario: a fleet, what is asked of it, what goes wrong, and what must hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from twin.control import spec as control
from twin.control.spec import (
    FilterSpec,
    JointLimitsFilter,
    PolicySpec,
    ScriptedPolicy,
    TrackingMonitor,
    UseSpec,
    WorkspaceFilter,
    built_in_or_use,
)
from twin.core.spec import Spec
from twin.farm import curriculum, dispatchers, schedulers
from twin.farm.spec import FleetSpec
from twin.farm.workload import WorkloadSpec
from twin.faults.catalogue import FaultSpec
from twin.judge.spec import CheckSpec

SchedulerSpec = Annotated[schedulers.BuiltIn | Annotated[UseSpec, Tag("use:")], Discriminator(built_in_or_use("fifo"))]
DispatchSpec = Annotated[dispatchers.BuiltIn | Annotated[UseSpec, Tag("use:")], Discriminator(built_in_or_use("first_free"))]
IdleSpec = Annotated[curriculum.BuiltIn | Annotated[UseSpec, Tag("use:")], Discriminator(built_in_or_use("none"))]


class ReleaseSpec(control.ReleaseSpec):
    """Another release of the stack."""

    scheduler: SchedulerSpec | None = None
    """It gives work to the cells that run the release; the fleet's own serves the others."""


class LogSpec(Spec):
    """How the run is kept. What is left out depends on the tier: physics keeps all events and commits every 5 s, the outcome
    tier keeps exceptions and commits every simulated hour."""

    snapshot_s: float | None = Field(default=None, gt=0, le=1e9)
    """A transaction and a snapshot every so many simulated seconds."""
    events: Literal["all", "exceptions"] | None = None
    """`exceptions`: what every episode that goes well would say is in its row of the episode table only."""
    ticks: str | None = None
    """Keep what the cells whose name matches (`"*"`, `ur3-0*`) do at every control period, in ticks.parquet; physics only."""


class PublishedThroughput(Spec):
    """What somebody published of the farm that a scenario describes: so many episodes in so many days, or robot-hours."""

    count: float = Field(gt=0)
    days: float | None = Field(default=None, gt=0)
    robot_h: float | None = Field(default=None, gt=0)
    cells: int | None = Field(default=None, ge=1)
    """Of how many cells it speaks; left out: of all."""
    source: str

    @model_validator(mode="after")
    def _one_time(self) -> PublishedThroughput:
        if (self.days is None) == (self.robot_h is None):
            raise ValueError("needs exactly one of days and robot_h")
        return self


LONGEST = 200
"""Bytes of a scenario's name: file systems take 255 for a folder, and seed, digest and engine follow it."""


class ScenarioSpec(Spec):
    """A scenario file. `fleet` is a file beside it or the fleet itself."""

    scenario: str = Field(pattern=r"^[^\W_][\w.-]*$")
    """Names run folders, beside seed and digest."""
    about: str = ""
    fleet: FleetSpec
    overlay: str | None = None
    """A file beside it, as `twin calibrate` writes it, whose values are laid over the fleet's."""
    jobs: tuple[WorkloadSpec, ...] = Field(min_length=1)
    scheduler: SchedulerSpec = schedulers.FifoSpec()
    dispatch: DispatchSpec = dispatchers.FirstFreeSpec()
    idle: IdleSpec = curriculum.NoneSpec()
    """What robots practise while no job waits."""
    policy: PolicySpec = ScriptedPolicy()
    filters: tuple[FilterSpec, ...] = (
        JointLimitsFilter(kind="joint_limits"),
        WorkspaceFilter(kind="workspace_box"),
        TrackingMonitor(kind="tracking"),
    )
    releases: dict[str, ReleaseSpec] = Field(default_factory=dict)
    """Other releases of policy, filters or scheduler, for faults `release/mixed` to roll out."""
    faults: tuple[FaultSpec, ...] = ()
    duration_s: float = Field(gt=0, le=1e9)
    episode_timeout_s: float = Field(default=40.0, gt=0, le=1e9)
    seed: int = Field(default=0, ge=0)
    start_utc: str = "2026-01-05T08:00:00Z"
    tier: Literal["physics", "outcome"] = "physics"
    """`outcome`: episodes are not simulated, their outcome is drawn from the fleet's `outcomes`."""
    checks: tuple[CheckSpec, ...] = ()
    published: tuple[PublishedThroughput, ...] = ()
    """What `twin predict` sets its prediction beside."""
    log: LogSpec = LogSpec()

    @model_validator(mode="after")
    def _ticks_are_physics(self) -> ScenarioSpec:
        if self.log.ticks is not None and self.tier != "physics":
            raise ValueError("log: ticks are of the physics tier; the outcome tier has none")
        return self

    @field_validator("scenario")
    @classmethod
    def _names_folders(cls, name: str) -> str:
        if (size := len(name.encode())) > LONGEST:
            raise ValueError(f"names run folders and may have {LONGEST} bytes at the most, has {size}")
        return name

    @field_validator("start_utc")
    @classmethod
    def _instant(cls, text: str) -> str:
        try:
            aware = datetime.fromisoformat(text).tzinfo is not None
        except ValueError:
            aware = False
        if not aware:
            raise ValueError(f"expected a date and time with its zone, such as '2026-01-05T08:00:00Z', found {text!r}")
        return text

    @property
    def commit_s(self) -> float:
        """Simulated seconds between two transactions."""
        return self.log.snapshot_s or (5.0 if self.tier == "physics" else 3600.0)

    @property
    def everyday(self) -> bool:
        """Whether the log keeps the events of every episode that goes well."""
        return (self.log.events or ("all" if self.tier == "physics" else "exceptions")) == "all"
