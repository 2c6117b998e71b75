"""Spec of the part `actuators`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from twin.calibrate.actuators.parameters import NAMES
from twin.calibrate.partspec import PartSpec
from twin.core.errors import nearest


class ActuatorsSpec(PartSpec):
    """A position servo that moves a pendulum: its gain, delay, torque constant, back-EMF, friction, battery voltage.

    `gain`, `mass_kg` and `length_m` are numbers, or labels of the log where runs differ.
    """

    kind: Literal["actuators"]
    robot: str
    """How the overlay calls the servo (`models.<robot>.…`)."""
    position: str = "q"
    """The signal of the measured angle; 0 hangs down."""
    command: str = "command"
    """The signal of the commanded angle."""
    volts: str | None = None
    """The signal of the supply voltage; left out: 1, and the torque constant is per unit of duty."""
    enabled: str | None = None
    """A signal above zero while the servo is powered."""
    gain: str | float = 1.0
    """The servo's own position gain."""
    mass_kg: str | float
    length_m: str | float
    """The load, as a point at this distance from the axis."""
    max_delay_ms: float = Field(default=60.0, gt=0)
    gravity_mps2: float = Field(default=9.81, gt=0)
    fixed: dict[str, float] = Field(default_factory=dict)
    """Parameters that are known and do not move, in SI (`{armature: 0.002}`); see `parameters.py` for their names."""
    friction: tuple[Literal["coulomb", "load", "stribeck"], ...] = ("coulomb", "load", "stribeck")
    """Friction models that compete; each holds those before it."""

    @field_validator("fixed")
    @classmethod
    def _known(cls, fixed: dict[str, float]) -> dict[str, float]:
        for name in fixed:
            if name not in NAMES:
                raise ValueError(f"a servo has no parameter {name!r}{nearest(name, NAMES, what='parameters')}")
        return fixed
