"""The success detector: what the farm believes of an episode, and how often it is wrong."""

from __future__ import annotations

from twin.farm.spec import DetectorSpec


def label(truth: bool, spec: DetectorSpec, u: float) -> bool:
    """The label of an episode whose truth is known to the physics only; `u` in [0, 1) decides."""
    wrong = spec.false_negative if truth else spec.false_positive
    return truth != (u < wrong)
