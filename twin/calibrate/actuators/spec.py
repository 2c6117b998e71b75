"""Spec of the part `actuators`."""

from __future__ import annotations

from typing import Literal

from twin.calibrate.partspec import PartSpec


class ActuatorsSpec(PartSpec):
    """What to fit of actuators."""

    kind: Literal["actuators"]
