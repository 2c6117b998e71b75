"""Safety functions that act: people who come near, buttons, light curtains, power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from twin.core.quantity import NonNegative
from twin.core.records import Floats
from twin.faults.fields import JointField
from twin.faults.group import Memory, Moment
from twin.faults.process import Down, StopFault


class ProtectiveStop(StopFault):
    """The robot's own safety controller stops it (a collision it thinks it felt)."""

    ENDS_ITSELF: ClassVar[bool] = True

    component: Literal["safety"]
    mode: Literal["protective_stop"]
    recover_s: NonNegative = 5.0
    """How long it takes until the stop is unlocked; a table of onsets may tell it for each."""


class Held(StopFault):
    """Something that stops a robot, and whatever it begins to do, while it is there."""

    def holds(self) -> bool:
        """Whether it stops it indeed."""
        return True


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

    def holds(self) -> bool:
        """Only a curtain stops the robot."""
        return self.seen_by == "curtain"


class EStop(Held):
    """Somebody presses the emergency stop; released at the end."""

    KIND: ClassVar[Literal["protective", "emergency"]] = "emergency"

    component: Literal["safety"]
    mode: Literal["e_stop"]


class LightCurtain(StopFault):
    """The light curtain sees somebody again and again where there is nobody."""

    SIZES: ClassVar[Mapping[str, float]] = {"for_s": 0.0}

    component: Literal["safety"]
    mode: Literal["light_curtain"]
    every_s: float = Field(default=2.0, gt=0, le=1e6)
    """Time between two trips."""
    for_s: float = Field(default=0.3, gt=0, le=1e6)
    """How long each lasts."""


class PowerCut(Down):
    """The cell loses its power; when it is back, controller and robot start again and prove themselves."""

    PORT: ClassVar[str] = "site"
    EFFECT: ClassVar[str] = "time without power"
    WHY: ClassVar[str] = "power"
    DARK: ClassVar[bool] = True

    component: Literal["safety"]
    mode: Literal["power_cut"]


class BrakeSlip(JointField):
    """A joint's brake slips: an arm that a stop has left without power sags under its weight."""

    SIZES: ClassVar[Mapping[str, float]] = {"holds": 1.0}
    FIELD: ClassVar[str] = "brake"
    TURNS: ClassVar[bool] = True
    EFFECT: ClassVar[str] = "farthest that the joint turned with its brake shut"
    UNIT: ClassVar[str] = "rad"

    component: Literal["safety"]
    mode: Literal["brake_slip"]
    holds: float = Field(default=0.0, ge=0, lt=1)
    """Share of its torque with which the brake still holds."""

    def start(self, now: Moment) -> Memory:
        """It has not been shut yet."""
        return {"shut_at": np.full(len(now.keys), np.nan), "allowed": np.zeros(len(now.keys))}

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """What is left of it."""
        return np.full(len(now.keys), self.holds)


MODES = (ProtectiveStop, HumanEnters, EStop, LightCurtain, PowerCut, BrakeSlip)
"""In the order in which they are listed."""
