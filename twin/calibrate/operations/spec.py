"""Spec of the part `operations`."""

from __future__ import annotations

from typing import Literal

from twin.calibrate.partspec import PartSpec


class OperationsSpec(PartSpec):
    """What to fit of operations."""

    kind: Literal["operations"]
