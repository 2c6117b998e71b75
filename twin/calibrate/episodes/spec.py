"""Spec of the part `episodes`."""

from __future__ import annotations

from typing import Literal

from twin.calibrate.partspec import PartSpec


class EpisodesSpec(PartSpec):
    """What to fit of episodes."""

    kind: Literal["episodes"]
