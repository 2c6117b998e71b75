"""Specs of what stands in a cell: the arm, its gripper, its sensors, the workcell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Discriminator, Field, Tag, model_validator

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
    jerk_radps3: PerJoint | None = None
    """How fast an acceleration may change; left out: at once. Data sheets seldom give it: there is no default."""


class GripperSpec(Spec):
    """A gripper of two fingers."""

    kind: Literal["parallel", "own"] = "parallel"
    """`own`: the fingers that a robot of one's own brings, see its sidecar."""
    stroke_mm: float = Field(default=80.0, gt=0, le=200)
    force_N: float = Field(default=40.0, gt=0)


class SensorSpec(Spec):
    """A sensor of a cell: the joint encoders or the camera that gives the object's pose."""

    kind: Literal["joint", "camera"]
    rate_hz: float = Field(default=50.0, gt=0)
    noise: NonNegative = 0.0


class WorkcellSpec(Spec):
    """What stands before the robot: a table with a tray and objects, a bin of objects beside a tray, or a drawer."""

    kind: Literal["table", "bin", "drawer"] = "table"
    objects: int | None = Field(default=None, ge=1, le=6)
    """How many; left out: one on the table, six in the bin."""
    object_mm: float = Field(default=40.0, ge=20, le=80)
    object_kg: float = Field(default=0.08, gt=0, le=2)
    object_friction: float = Field(default=0.8, gt=0, le=3)
    physics_step_ms: float = Field(default=2.0, gt=0, le=10)
    rest: bool = False
    """Whether things that lie still sleep until they are touched: faster, within 0.1 mm the same. MuJoCo's alone."""

    @property
    def count(self) -> int:
        """Objects that lie free."""
        usual = {"table": 1, "bin": 6, "drawer": 0}[self.kind]
        return usual if self.objects is None else self.objects

    @model_validator(mode="after")
    def _fit(self) -> WorkcellSpec:
        most = {"table": 2, "bin": 6, "drawer": 0}[self.kind]
        if self.objects is not None and self.objects > most:
            raise ValueError(f"a {self.kind} has room for {most} objects at the most, found {self.objects}")
        if self.count > 1 and self.object_mm > 40:
            raise ValueError(f"several objects lie side by side up to an edge of 40 mm, found {self.object_mm:g}")
        return self


class Needs(NamedTuple):
    """What a task needs of the workcell it is done in: its kind, and at least so many objects."""

    workcell: str
    objects: int = 0


TASKS: Mapping[str, Needs] = {
    "pick_place": Needs("table", 1),
    "clear_tray": Needs("table", 1),
    "push": Needs("table", 1),
    "push_back": Needs("table", 1),
    "stack": Needs("table", 2),
    "unstack": Needs("table", 2),
    "bin_pick": Needs("bin", 1),
    "bin_fill": Needs("bin", 1),
    "drawer_open": Needs("drawer"),
    "drawer_close": Needs("drawer"),
}
"""The tasks there are, each of one arm with a gripper; `twin/world/tasks.py` does them."""
