"""Joints that wear out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from twin.core.records import Floats
from twin.faults.fields import JointField
from twin.faults.group import Memory, Moment
from twin.faults.process import ProcessFault
from twin.faults.signals import Channel, Signal, SignalFault, joint


class JointBreaks(ProcessFault):
    """The robot breaks, besides what its reliability law does, and is away until it has been repaired."""

    PORT: ClassVar[str] = "site"
    EFFECT: ClassVar[str] = "time out of service"
    UNIT: ClassVar[str] = "h"
    ENDS_ITSELF: ClassVar[bool] = True

    component: Literal["joint"]
    mode: Literal["breaks"]


class JointFriction(JointField):
    """Friction of a joint grows with the hours that it works."""

    SIZES: ClassVar[Mapping[str, float]] = {"growth_per_h": 0.0}
    FIELD: ClassVar[str] = "joint_drag"
    DRIVES: ClassVar[bool] = True
    MOVES: ClassVar[bool] = True
    EFFECT: ClassVar[str] = "friction added, in shares of the torque limit"
    UNIT: ClassVar[str] = "share"

    component: Literal["joint"]
    mode: Literal["friction"]
    growth_per_h: float = Field(gt=0, le=1e6)
    """Share of the torque limit that an hour of work adds."""
    most: float = Field(default=0.8, gt=0, le=2)
    """At which it stays."""

    def start(self, now: Moment) -> Memory:
        """It has not worked yet."""
        return {"hours": np.zeros(len(now.keys))}

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """As much as it has worked."""
        added: Floats = np.minimum(self.growth_per_h * memory["hours"], self.most)
        return 1.0 + added

    def advance(self, now: Moment, effort: Floats, memory: Memory) -> None:
        """Another period of work."""
        memory["hours"] = memory["hours"] + now.period_s / 3600.0


class JointEncoderSlip(SignalFault):
    """The encoder slips on its shaft: what it shows is off for good, and its drive follows what it shows."""

    SIZES: ClassVar[Mapping[str, float]] = {"slip_rad": 0.0}
    PORT: ClassVar[str] = "sense"
    ALSO: ClassVar[tuple[str, ...]] = ("actuator",)
    DRIVES: ClassVar[bool] = True
    EFFECT: ClassVar[str] = "largest |seen - true|"
    UNIT: ClassVar[str] = "rad"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    component: Literal["joint"]
    mode: Literal["encoder_slip"]
    joint: int = Field(ge=0)
    """Index of the joint, from 0 at the base."""
    slip_rad: float = Field(ge=-3.2, le=3.2)
    """By how much it shows more than is true."""

    def channel(self, port: str) -> Channel:
        """What it shows, and what its drive is told."""
        return Channel("q" if port == "sense" else "command", joint(self.joint))

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """More is shown, and less is done."""
        off = self.slip_rad if now.port == "sense" else -self.slip_rad
        return Signal(signal.value + off, signal.taken_us)


MODES = (JointBreaks, JointFriction, JointEncoderSlip)
