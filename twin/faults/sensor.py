"""Sensors that lie: joint encoders."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from twin.core.records import Bools
from twin.faults.group import Memory, Moment
from twin.faults.signals import SAME, Channel, Signal, SignalFault, joint


class _Encoder(SignalFault):
    """A fault of a joint's encoder."""

    PORT: ClassVar[str] = "sense"
    UNIT: ClassVar[str] = "rad"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    component: Literal["sensor"]
    joint: int = Field(ge=0)
    """Index of the joint, from 0 at the base."""

    def channel(self) -> Channel:
        """The joint's reading."""
        return Channel("q", joint(self.joint))


class SensorStuck(_Encoder):
    """The encoder of a joint repeats its last value."""

    EFFECT: ClassVar[str] = "largest |seen - true|"

    mode: Literal["stuck"]

    def start(self, now: Moment, signal: Signal) -> Memory:
        """The first reading is the last one."""
        return {"value": signal.value, "taken_us": signal.taken_us}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """That reading again."""
        return Signal(memory["value"], memory["taken_us"])

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """A joint that stands has nothing to hide."""
        moved: Bools = (np.abs(signal.value - memory["value"]) > SAME).any(axis=1)
        return moved
