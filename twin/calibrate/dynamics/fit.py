"""Entry of the part `dynamics`."""

from __future__ import annotations

from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.given import Given
from twin.calibrate.result import PartResult
from twin.core.errors import InputError


def fit(spec: DynamicsSpec, given: Given) -> PartResult:
    """What the log tells of dynamics."""
    raise InputError(f"the part {given.name(spec)!r} (dynamics) is not built yet")
