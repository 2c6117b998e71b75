"""The success detector: what the farm believes of an episode, and how often it is wrong."""

from __future__ import annotations

from twin.core.chance import Stream
from twin.farm.spec import DetectorSpec


def label(truth: bool, spec: DetectorSpec, stream: Stream) -> bool:
    """The label of an episode whose truth is known to the physics only."""
    wrong = spec.false_negative if truth else spec.false_positive
    return truth != (float(stream.random()) < wrong)
