"""Spec of the part `delays`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from twin.calibrate.partspec import PartSpec


class DelaysSpec(PartSpec):
    """How long after its command a robot moves, and as what servo: one of each a joint, over all runs."""

    kind: Literal["delays"]
    robot: str
    """How the overlay calls the robot (`models.<robot>.…`)."""
    command: str = "command"
    """The signal of what was asked for: (n,), or one column a joint."""
    motion: str = "q"
    """The signal of what was measured, with as many columns."""
    joints: tuple[str, ...] | None = None
    """What the columns are called in report and overlay; left out: by their names, or 1, 2, …"""
    max_delay_ms: float = Field(default=500.0, gt=0)
    """No delay beyond this is looked for."""
