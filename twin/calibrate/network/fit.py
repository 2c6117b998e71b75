"""Entry of the part `network`."""

from __future__ import annotations

from twin.calibrate.given import Given
from twin.calibrate.network.spec import NetworkSpec
from twin.calibrate.result import PartResult
from twin.core.errors import InputError


def fit(spec: NetworkSpec, given: Given) -> PartResult:
    """What the log tells of network."""
    raise InputError(f"the part {given.name(spec)!r} (network) is not built yet")
