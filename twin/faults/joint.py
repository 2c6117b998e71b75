"""Joints that wear out."""

from __future__ import annotations

from typing import ClassVar, Literal

from twin.faults.spec import Fault


class JointBreaks(Fault):
    """The robot breaks at a time, besides what its reliability law does."""

    PORT: ClassVar[str] = "process"
    EFFECT: ClassVar[str] = "time out of service"
    UNIT: ClassVar[str] = "h"

    component: Literal["joint"]
    mode: Literal["breaks"]
