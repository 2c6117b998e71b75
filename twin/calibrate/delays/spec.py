"""Spec of the part `delays`."""

from __future__ import annotations

from typing import Literal

from twin.calibrate.partspec import PartSpec


class DelaysSpec(PartSpec):
    """What to fit of delays."""

    kind: Literal["delays"]
