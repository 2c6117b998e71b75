"""Entry of the part `episodes`."""

from __future__ import annotations

from twin.calibrate.episodes.spec import EpisodesSpec
from twin.calibrate.given import Given
from twin.calibrate.result import PartResult
from twin.core.errors import InputError


def fit(spec: EpisodesSpec, given: Given) -> PartResult:
    """What the log tells of episodes."""
    raise InputError(f"the part {given.name(spec)!r} (episodes) is not built yet")
