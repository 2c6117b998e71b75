"""The sidecar of a robot of one's own: what a cell needs to know of it and no URDF or MJCF file says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from twin.core.spec import Spec
from twin.world.spec import PerJoint

SUFFIXES = (".urdf", ".xml")
Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Three = Annotated[tuple[Number, ...], Field(min_length=3, max_length=3)]
Pair = Annotated[tuple[Number, ...], Field(min_length=2, max_length=2)]


def is_file(model: str) -> bool:
    """Whether a robot's `model` is a file rather than the name of an arm that ships."""
    return Path(model).suffix.lower() in SUFFIXES


class ToolFrame(Spec):
    """A frame fixed to a link: z points out of the arm, fingers move along y."""

    link: str
    """A link of the URDF, or a body of the MJCF."""
    at_m: Three = (0.0, 0.0, 0.0)
    rpy_rad: Three = (0.0, 0.0, 0.0)
    """Roll, pitch and yaw about fixed axes, as in a URDF."""


class OwnLimits(Spec):
    """Of the arm's joints, from base to tool. One number for all, or one a joint; what the file says may be left out."""

    position_rad: tuple[Pair, ...] | None = None
    """[low, high] of each joint; left out: the file's, one turn either way where it has none."""
    velocity_radps: PerJoint | None = None
    """Left out: the URDF's."""
    acceleration_radps2: PerJoint = 10.0
    """No URDF says it; 10 is an assumption."""
    torque_Nm: PerJoint | None = None
    """Left out: the URDF's efforts, or the limits of the MJCF's actuators."""

    @field_validator("position_rad")
    @classmethod
    def _low_first(cls, pairs: tuple[Pair, ...] | None) -> tuple[Pair, ...] | None:
        for low, high in pairs or ():
            if low >= high:
                raise ValueError(f"[low, high] of a joint, low first, found [{low:g}, {high:g}]")
        return pairs


class OwnSpec(Spec):
    """What stands in `arm.yaml` beside `arm.urdf` or `arm.xml`. Joints that are neither the arm's nor fingers are welded."""

    home_rad: tuple[Number, ...] = Field(min_length=1)
    """Where the arm waits between episodes, a joint each from base to tool; best with the tool pointing down."""
    tool: ToolFrame
    """Where a gripper is mounted; with `fingers`, the point between their tips."""
    fingers: tuple[str, ...] | None = Field(default=None, min_length=2, max_length=2)
    """The robot's own: two joints that slide along the tool's y, apart when positive. Used by a gripper of `kind: own`."""
    without: tuple[str, ...] = ()
    """Links to leave out with all that hangs from them: a hand where another is mounted."""
    base_m: Three = (0.0, 0.0, 0.0)
    """Where the robot's base stands in the cell, whose table top is z = 0: back (negative x) where it cannot reach close to
    itself, on a riser (positive z) where it is small."""
    limits: OwnLimits = OwnLimits()
    rotor_kgm2: PerJoint | None = None
    """Rotor inertia of the drives, as the joints feel it. Left out: the file's; where it has none, what a joint's full torque
    speeds up at 200 rad/s², as in the arms that ship (120 to 290)."""
    servo_radps: float = Field(default=30.0, gt=0, le=200)
    """Natural frequency of the joints' position servos, which are critically damped."""
    meshes: bool = True
    """false: do without meshes; the robot then has no shape in pictures and for `keep_out`."""
