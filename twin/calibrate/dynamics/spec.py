"""Spec of the part `dynamics`."""

from __future__ import annotations

from typing import Literal

from twin.calibrate.partspec import PartSpec


class DynamicsSpec(PartSpec):
    """What to fit of dynamics."""

    kind: Literal["dynamics"]
