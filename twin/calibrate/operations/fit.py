"""Entry of the part `operations`."""

from __future__ import annotations

from twin.calibrate.given import Given
from twin.calibrate.operations.spec import OperationsSpec
from twin.calibrate.result import PartResult
from twin.core.errors import InputError


def fit(spec: OperationsSpec, given: Given) -> PartResult:
    """What the log tells of operations."""
    raise InputError(f"the part {given.name(spec)!r} (operations) is not built yet")
