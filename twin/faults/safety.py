"""Safety functions that act: people who come near, buttons, light curtains, power."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from twin.core.quantity import NonNegative
from twin.core.records import Floats
from twin.faults.fields import FieldFault
from twin.faults.group import Memory, Moment
from twin.faults.injection import Injection
from twin.faults.process import ProcessFault


class ProtectiveStop(ProcessFault):
    """The robot's own safety controller stops it (a collision it thinks it felt)."""

    EFFECT: ClassVar[str] = "time stopped"
    UNIT: ClassVar[str] = "s"
    ENDS_ITSELF: ClassVar[bool] = True

    component: Literal["safety"]
    mode: Literal["protective_stop"]
    recover_s: NonNegative = 5.0
    """How long it takes until the stop is unlocked; a table of onsets may tell it for each."""

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """Stop the robot, if it moves."""
        recover_s = self.recover_s if fault.lasts_s is None else fault.lasts_s
        stopped: bool = farm.hold(fault, recover_s=recover_s)
        return stopped


class Held(ProcessFault):
    """Something that stops a robot and keeps it stopped while it is there."""

    EFFECT: ClassVar[str] = "time stopped"
    UNIT: ClassVar[str] = "s"
    KIND: ClassVar[str] = "protective"

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """Stop the robot, if it moves; else whatever it begins to do."""
        farm.hold(fault, kind=self.KIND, held=True)
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """What held the stop lets go."""
        farm.let_go(fault)

    def episode(self, farm: Any, fault: Injection) -> None:
        """It does not get far."""
        farm.hold(fault, kind=self.KIND, held=True)


class HumanEnters(Held):
    """A person walks into the cell, stays for a while, and is gone."""

    EFFECT: ClassVar[str] = "time stopped, or at work with somebody there"

    component: Literal["safety"]
    mode: Literal["human_enters"]
    seen_by: Literal["curtain", "scanner"] = "curtain"
    """A light curtain stops the robot as the person passes; a scanner stops nothing, it tells the filter `separation` where the
    person was a moment ago."""
    door_m: tuple[float, float] = (3.0, 0.0)
    """Where the person comes from, over the ground, in the robot's base frame."""
    place_m: tuple[float, float] = (0.6, 0.0)
    """Where the person stays."""
    speed_mps: float = Field(default=1.6, gt=0, le=10)

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """Somebody sets out from the door."""
        if farm.lanes:
            door, place = (np.array([*at, 0.0]) for at in (self.door_m, self.place_m))
            persons = farm.lanes[fault.lane].persons
            persons.enter(fault.row, farm.clock.now_us, door, place, self.speed_mps)
            if self.seen_by == "scanner":
                persons.faults[fault.row] = fault
        return self.seen_by == "scanner" or super().begin(farm, fault, cause)

    def end(self, farm: Any, fault: Injection) -> None:
        """Nobody is there any more."""
        if farm.lanes:
            farm.lanes[fault.lane].persons.leave(fault.row, farm.clock.now_us)
        if self.seen_by == "curtain":
            super().end(farm, fault)

    def episode(self, farm: Any, fault: Injection) -> None:
        """A curtain that is broken lets nothing begin."""
        if self.seen_by == "curtain":
            super().episode(farm, fault)


class EStop(Held):
    """Somebody presses the emergency stop; released at the end."""

    KIND: ClassVar[str] = "emergency"

    component: Literal["safety"]
    mode: Literal["e_stop"]


class LightCurtain(ProcessFault):
    """The light curtain sees somebody again and again where there is nobody."""

    EFFECT: ClassVar[str] = "time stopped"
    UNIT: ClassVar[str] = "s"

    component: Literal["safety"]
    mode: Literal["light_curtain"]
    every_s: float = Field(default=2.0, gt=0, le=1e6)
    """Time between two trips."""
    for_s: float = Field(default=0.3, gt=0, le=1e6)
    """How long each lasts."""

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """The first trip; the others follow."""
        self.trip(farm, fault)
        return True

    def trip(self, farm: Any, fault: Injection) -> None:
        """One trip."""
        farm.hold(fault, recover_s=self.for_s)
        farm.clock.after(self.every_s, "curtain.trip", fault.cell, (farm.trouble.number(fault), fault.onsets))


class PowerCut(ProcessFault):
    """The cell loses its power; when it is back, controller and robot start again and prove themselves."""

    EFFECT: ClassVar[str] = "time without power"
    UNIT: ClassVar[str] = "s"

    component: Literal["safety"]
    mode: Literal["power_cut"]

    def begin(self, farm: Any, fault: Injection, cause: int) -> bool:
        """Everything in the cell goes off."""
        farm.controllers.down(farm, fault.cell, fault, "power")
        return True

    def end(self, farm: Any, fault: Injection) -> None:
        """It goes on again."""
        farm.controllers.up(farm, fault.cell, fault)


class BrakeSlip(FieldFault):
    """A joint's brake slips: an arm that a stop has left without power sags under its weight."""

    FIELD: ClassVar[str] = "brake"
    TURNS: ClassVar[bool] = True
    EFFECT: ClassVar[str] = "farthest that the joint turned with its brake shut"
    UNIT: ClassVar[str] = "rad"

    component: Literal["safety"]
    mode: Literal["brake_slip"]
    joint: int = Field(ge=0)
    """Index of the joint, from 0 at the base."""
    holds: float = Field(default=0.0, ge=0, lt=1)
    """Share of its torque with which the brake still holds."""

    def column(self) -> int:
        """Its joint."""
        return self.joint

    def start(self, now: Moment) -> Memory:
        """It has not been shut yet."""
        return {"shut_at": np.full(len(now.keys), np.nan), "allowed": np.zeros(len(now.keys))}

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """What is left of it."""
        return np.full(len(now.keys), self.holds)


MODES = (ProtectiveStop, HumanEnters, EStop, LightCurtain, PowerCut, BrakeSlip)
"""In the order in which they are listed."""
