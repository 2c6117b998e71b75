"""Safety functions that act, or fail to."""

from __future__ import annotations

from typing import ClassVar, Literal

from twin.core.quantity import NonNegative
from twin.faults.spec import Fault


class ProtectiveStop(Fault):
    """The robot's own safety controller stops it (a collision it thinks it felt)."""

    PORT: ClassVar[str] = "process"
    EFFECT: ClassVar[str] = "time stopped"
    UNIT: ClassVar[str] = "s"

    component: Literal["safety"]
    mode: Literal["protective_stop"]
    recover_s: NonNegative = 5.0
    """How long it takes until the stop is unlocked."""


MODES = (ProtectiveStop,)
