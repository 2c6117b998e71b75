"""Entry of the part `actuators`."""

from __future__ import annotations

from twin.calibrate.actuators.spec import ActuatorsSpec
from twin.calibrate.given import Given
from twin.calibrate.result import PartResult
from twin.core.errors import InputError


def fit(spec: ActuatorsSpec, given: Given) -> PartResult:
    """What the log tells of actuators."""
    raise InputError(f"the part {given.name(spec)!r} (actuators) is not built yet")
