"""Entry of the part `reliability`."""

from __future__ import annotations

from twin.calibrate.given import Given
from twin.calibrate.reliability.spec import ReliabilitySpec
from twin.calibrate.result import PartResult
from twin.core.errors import InputError


def fit(spec: ReliabilitySpec, given: Given) -> PartResult:
    """What the log tells of reliability."""
    raise InputError(f"the part {given.name(spec)!r} (reliability) is not built yet")
