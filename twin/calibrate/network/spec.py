"""Spec of the part `network`."""

from __future__ import annotations

from typing import Literal

from twin.calibrate.partspec import PartSpec


class NetworkSpec(PartSpec):
    """What to fit of network."""

    kind: Literal["network"]
