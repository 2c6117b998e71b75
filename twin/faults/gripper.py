"""Hands that do not do what they are told."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from twin.core.clock import US
from twin.core.records import Bools
from twin.faults.group import Memory, Moment
from twin.faults.signals import GRIPPER, SAME, Channel, Signal, SignalFault

HELD_S = (0.4, 3.0)
"""Fingers that slip let go after holding for a time drawn evenly between these (s)."""
SLIP_S = 0.4
"""How long slipping fingers stay open (s)."""


class GripperSlips(SignalFault):
    """The fingers let go of what they hold."""

    PORT: ClassVar[str] = "actuator"
    EFFECT: ClassVar[str] = "time for which the opening was forced"
    UNIT: ClassVar[str] = "s"
    MEASURE: ClassVar[str] = "altered_s"

    component: Literal["gripper"]
    mode: Literal["slips"]

    def channel(self) -> Channel:
        """The opening."""
        return Channel("command", GRIPPER)

    def start(self, now: Moment, signal: Signal) -> Memory:
        """It has not slipped yet."""
        return {"until_us": np.full(len(signal.value), -1)}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """Open for a while, once, after having held for long enough."""
        wait_us = US * (HELD_S[0] + (HELD_S[1] - HELD_S[0]) * now.once()[:, 0])
        begins = (memory["until_us"] < 0) & (now.held_us >= wait_us)
        memory["until_us"][begins] = now.now_us + round(SLIP_S * US)
        opened = np.where(self._open(now, memory)[:, None], now.body.open_m, signal.value)
        return Signal(opened, signal.taken_us)

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """A hand that is told to open anyway does not slip."""
        closed: Bools = np.abs(signal.value[:, 0] - now.body.open_m) > SAME
        return closed & (self._open(now, memory) | (now.held_us > 0))

    def _open(self, now: Moment, memory: Memory) -> Bools:
        slipping: Bools = now.now_us < memory["until_us"]
        return slipping
