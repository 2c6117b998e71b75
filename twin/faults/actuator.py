"""Drives that do not do what they are told."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from twin.core.records import Floats
from twin.faults.fields import FieldFault
from twin.faults.group import Memory, Moment


class ActuatorWeak(FieldFault):
    """A drive delivers a fraction of its torque."""

    FIELD: ClassVar[str] = "actuator_strength"
    EFFECT: ClassVar[str] = "part of the torque that is lost"
    UNIT: ClassVar[str] = "share"

    component: Literal["actuator"]
    mode: Literal["weak"]
    joint: int = Field(ge=0)
    """Index of the joint, from 0 at the base."""
    torque: float = Field(ge=0, lt=1)
    """Fraction of the torque limit that is left."""

    def column(self) -> int:
        """Its joint."""
        return self.joint

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """What is left."""
        return np.full(len(now.keys), self.torque)
