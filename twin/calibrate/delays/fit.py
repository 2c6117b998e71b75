"""Entry of the part `delays`."""

from __future__ import annotations

from twin.calibrate.delays.spec import DelaysSpec
from twin.calibrate.given import Given
from twin.calibrate.result import PartResult
from twin.core.errors import InputError


def fit(spec: DelaysSpec, given: Given) -> PartResult:
    """What the log tells of delays."""
    raise InputError(f"the part {given.name(spec)!r} (delays) is not built yet")
