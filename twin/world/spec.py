"""Specs of what stands in a cell: the arm, its gripper, its sensors, the workcell."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from twin.core.quantity import NonNegative
from twin.core.spec import Spec

Positive = Annotated[float, Field(gt=0)]


def _number_or_list(value: Any) -> str:
    return "a list" if isinstance(value, (list, tuple)) else "a number"


PerJoint = Annotated[
    Annotated[Positive, Tag("a number")] | Annotated[tuple[Positive, ...], Tag("a list")], Discriminator(_number_or_list)
]
"""One number for all joints, or one a joint."""


class LimitsSpec(Spec):
    """Overrides of an arm's limits; what is left out is the data sheet's. One number for all joints, or one a joint."""

    position_margin_rad: float = Field(default=0.02, ge=0)
    velocity_radps: PerJoint | None = None
    acceleration_radps2: PerJoint | None = None


class GripperSpec(Spec):
    """A parallel gripper."""

    kind: Literal["parallel"] = "parallel"
    stroke_mm: float = Field(default=80.0, gt=0, le=200)
    force_N: float = Field(default=40.0, gt=0)


class SensorSpec(Spec):
    """A sensor of a cell: the joint encoders or the camera that gives the object's pose."""

    kind: Literal["joint", "camera"]
    rate_hz: float = Field(default=50.0, gt=0)
    noise: NonNegative = 0.0


class WorkcellSpec(Spec):
    """A table with a start area and a tray to place into."""

    kind: Literal["table"] = "table"
    object_mm: float = Field(default=40.0, ge=20, le=80)
    object_kg: float = Field(default=0.08, gt=0, le=2)
    object_friction: float = Field(default=0.8, gt=0, le=3)
    physics_step_ms: float = Field(default=2.0, gt=0, le=10)
