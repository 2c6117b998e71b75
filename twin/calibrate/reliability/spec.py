"""Spec of the part `reliability`."""

from __future__ import annotations

from typing import Literal

from twin.calibrate.partspec import PartSpec


class ReliabilitySpec(PartSpec):
    """What to fit of reliability."""

    kind: Literal["reliability"]
