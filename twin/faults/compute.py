"""Computers that pause, crash and come back, run out of disk, or have the wrong time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from twin.faults.outage import outage
from twin.faults.process import Aim, Down, LateFault, ProcessFault
from twin.faults.spec import Fault, Fold


class ControllerCrash(Down):
    """The cell controller dies and comes back empty after `duration_s`: its episode is lost, its job is not."""

    EFFECT: ClassVar[str] = "time without controller"
    WHY: ClassVar[str] = "controller"

    component: Literal["compute"]
    mode: Literal["crash"]


class ControllerPause(LateFault):
    """The cell controller stands still (swapping, a debugger) and goes on where it was."""

    component: Literal["compute"]
    mode: Literal["pause"]


class ControlOverrun(LateFault):
    """The control loop is late in some of its periods: the drives keep the command that they have."""

    SIZES: ClassVar[Mapping[str, float]] = {"share": 0.0}

    component: Literal["compute"]
    mode: Literal["overrun"]
    share: float = Field(gt=0, lt=1)
    """Share of the periods that are missed."""

    def missed(self) -> float:
        """That share."""
        return self.share


class ServerFault(ProcessFault):
    """Something that happens to a policy server, a key of `compute`."""

    UNIT: ClassVar[str] = "requests"
    AIM: ClassVar[Aim] = "server"
    NEEDS_LANES: ClassVar[bool] = True
    LOSSY: ClassVar[bool]
    """Requests that it has are lost; else they wait."""

    def cold_s(self) -> float:
        """How long it takes until it serves once it runs again."""
        return 0.0

    def drawn(self) -> Fault:
        """Nothing is answered until it serves again."""
        return outage(self, cold_s=self.cold_s())


class ServerCrash(ServerFault):
    """A policy server dies with all requests that it has and comes back after `duration_s`; cells ask again."""

    EFFECT: ClassVar[str] = "requests lost"
    LOSSY: ClassVar[bool] = True

    component: Literal["compute"]
    mode: Literal["server_crash"]
    cold_start_s: float = Field(default=0.0, ge=0, le=1e6)
    """How long it takes to load the model once it runs again."""

    def cold_s(self) -> float:
        """It loads its model."""
        return self.cold_start_s


class ServerPause(ServerFault):
    """A policy server stands still: requests wait."""

    EFFECT: ClassVar[str] = "requests kept waiting"
    LOSSY: ClassVar[bool] = False

    component: Literal["compute"]
    mode: Literal["server_pause"]


class StrategyFault(ProcessFault):
    """Something that happens to the farm's scheduler or dispatch."""

    EFFECT: ClassVar[str] = "events told late"
    UNIT: ClassVar[str] = "events"
    AIM: ClassVar[Aim] = "strategy"
    KILLS: ClassVar[bool]
    """It starts again from what it saved, or empty; else it goes on where it was."""

    target: str = "scheduler"


class SchedulerPause(StrategyFault):
    """The scheduler (or dispatch) stands still: it is told late what happened meanwhile."""

    KILLS: ClassVar[bool] = False

    component: Literal["compute"]
    mode: Literal["scheduler_pause"]


class SchedulerCrash(StrategyFault):
    """The scheduler (or dispatch) is killed and started again: from its own saved state where it keeps one, else empty and
    told again what still stands."""

    KILLS: ClassVar[bool] = True

    component: Literal["compute"]
    mode: Literal["scheduler_crash"]


class ClockSkew(ProcessFault):
    """The clock of the cell is wrong: what it records carries another time."""

    SIZES: ClassVar[Mapping[str, float]] = {"skew_s": 0.0, "drift_ppm": 0.0}
    EFFECT: ClassVar[str] = "largest |stamped - true|"
    UNIT: ClassVar[str] = "s"
    FOLD: ClassVar[Fold] = "max"

    component: Literal["compute"]
    mode: Literal["clock_skew"]
    skew_s: float = Field(ge=-1e6, le=1e6)
    drift_ppm: float = Field(default=0.0, ge=-1e6, le=1e6)
    """How much more it is wrong with time."""

    def off_s(self, since_s: float) -> float:
        """By how much the clock is ahead, s, this long after the onset."""
        return self.skew_s + 1e-6 * self.drift_ppm * since_s


class DiskFull(Down):
    """The disk of the cell controller is full: it begins no episode that it could not record."""

    EFFECT: ClassVar[str] = "time without work for want of disk"
    WHY: ClassVar[str] = "disk"
    AT_ONCE: ClassVar[bool] = False

    component: Literal["compute"]
    mode: Literal["disk_full"]


MODES = (
    ControlOverrun, ControllerPause, ControllerCrash, ServerPause, ServerCrash, SchedulerPause, SchedulerCrash, ClockSkew,
    DiskFull,
)  # fmt: skip
"""In the order in which they are listed."""
