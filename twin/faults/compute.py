"""Computers that pause, crash and come back, run out of disk, or have the wrong time."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from twin.faults.injection import Injection
from twin.faults.process import Aim, ProcessFault


class ControllerCrash(ProcessFault):
    """The cell controller dies and comes back empty after `duration_s`: its episode is lost, its job is not."""

    EFFECT: ClassVar[str] = "time without controller"
    UNIT: ClassVar[str] = "s"

    component: Literal["compute"]
    mode: Literal["crash"]

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """It is gone, and with it all that it had been told."""
        farm.controllers.down(farm, fault.cell, fault, "controller")
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """It has started again."""
        farm.controllers.up(farm, fault.cell, fault)


class ControllerPause(ProcessFault):
    """The cell controller stands still (swapping, a debugger) and goes on where it was."""

    EFFECT: ClassVar[str] = "control periods missed"
    UNIT: ClassVar[str] = "periods"
    NEEDS_LANES: ClassVar[bool] = True

    component: Literal["compute"]
    mode: Literal["pause"]

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """No command leaves it."""
        farm.lanes[fault.lane].late.pause(fault, 1.0)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """It goes on."""
        farm.lanes[fault.lane].late.resume(fault)


class ControlOverrun(ProcessFault):
    """The control loop is late in some of its periods: the drives keep the command that they have."""

    EFFECT: ClassVar[str] = "control periods missed"
    UNIT: ClassVar[str] = "periods"
    NEEDS_LANES: ClassVar[bool] = True

    component: Literal["compute"]
    mode: Literal["overrun"]
    share: float = Field(gt=0, lt=1)
    """Share of the periods that are missed."""

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """From now on some commands do not leave in time."""
        farm.lanes[fault.lane].late.pause(fault, self.share)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """All do."""
        farm.lanes[fault.lane].late.resume(fault)


class ServerFault(ProcessFault):
    """Something that happens to a policy server, a key of `compute`."""

    AIM: ClassVar[Aim] = "server"
    NEEDS_LANES: ClassVar[bool] = True

    def end(self, farm: Any, fault: Injection) -> None:
        """It serves again."""
        farm.servers[fault.cell].up(fault, farm.clock.now_us)


class ServerCrash(ServerFault):
    """A policy server dies with all requests that it has and comes back after `duration_s`; cells ask again."""

    EFFECT: ClassVar[str] = "requests lost"
    UNIT: ClassVar[str] = "requests"

    component: Literal["compute"]
    mode: Literal["server_crash"]
    cold_start_s: float = Field(default=0.0, ge=0, le=1e6)
    """How long it takes to load the model once it runs again."""

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """What it had is lost."""
        machine = farm.servers[fault.cell]
        machine.down(fault, farm.clock.now_us, lossy=True, cold_s=self.cold_start_s)
        for lane in farm.lanes:
            lane.inbox.lost_at(machine, farm.clock.now_us)
        return True


class ServerPause(ServerFault):
    """A policy server stands still: requests wait."""

    EFFECT: ClassVar[str] = "requests kept waiting"
    UNIT: ClassVar[str] = "requests"

    component: Literal["compute"]
    mode: Literal["server_pause"]

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """It takes nothing."""
        farm.servers[fault.cell].down(fault, farm.clock.now_us, lossy=False)
        return True


class StrategyFault(ProcessFault):
    """Something that happens to the farm's scheduler or dispatch."""

    AIM: ClassVar[Aim] = "strategy"


class SchedulerPause(StrategyFault):
    """The scheduler (or dispatch) stands still: it is told late what happened meanwhile."""

    EFFECT: ClassVar[str] = "events told late"
    UNIT: ClassVar[str] = "events"

    component: Literal["compute"]
    mode: Literal["scheduler_pause"]
    target: str = "scheduler"

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """It answers nothing."""
        farm.work.down(fault)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """It is told what it missed."""
        farm.work.up(fault, again=False)


class SchedulerCrash(StrategyFault):
    """The scheduler (or dispatch) is killed and started again: from its own saved state where it keeps one, else empty and
    told again what still stands."""

    EFFECT: ClassVar[str] = "events told late"
    UNIT: ClassVar[str] = "events"

    component: Literal["compute"]
    mode: Literal["scheduler_crash"]
    target: str = "scheduler"

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """It is gone."""
        farm.work.down(fault)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """It starts again."""
        farm.work.up(fault, again=True)


class ClockSkew(ProcessFault):
    """The clock of the cell is wrong: what it records carries another time."""

    EFFECT: ClassVar[str] = "largest |stamped - true|"
    UNIT: ClassVar[str] = "s"
    FOLD: ClassVar[Literal["sum", "max", "mean"]] = "max"

    component: Literal["compute"]
    mode: Literal["clock_skew"]
    skew_s: float = Field(ge=-1e6, le=1e6)
    drift_ppm: float = Field(default=0.0, ge=-1e6, le=1e6)
    """How much more it is wrong with time."""

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """Recordings ask for it."""
        return True

    def off_s(self, since_s: float) -> float:
        """By how much the clock is ahead, s, this long after the onset."""
        return self.skew_s + 1e-6 * self.drift_ppm * since_s


class DiskFull(ProcessFault):
    """The disk of the cell controller is full: it begins no episode that it could not record."""

    EFFECT: ClassVar[str] = "time without work for want of disk"
    UNIT: ClassVar[str] = "s"

    component: Literal["compute"]
    mode: Literal["disk_full"]

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """The episode that runs is finished."""
        farm.controllers.down(farm, fault.cell, fault, "disk", at_once=False)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """Somebody has tidied up."""
        farm.controllers.up(farm, fault.cell, fault)


MODES = (
    ControlOverrun,
    ControllerPause,
    ControllerCrash,
    ServerPause,
    ServerCrash,
    SchedulerPause,
    SchedulerCrash,
    ClockSkew,
    DiskFull,
)
"""In the order in which they are listed."""
