"""Hands that do not do what they are told."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from twin.core.clock import US
from twin.core.records import Bools, Floats
from twin.faults.fields import FieldFault
from twin.faults.group import Memory, Moment
from twin.faults.signals import GRIPPER, SAME, Channel, Signal, SignalFault

HELD_S = (0.4, 3.0)
"""Fingers that slip let go after holding for a time drawn evenly between these (s)."""
SLIP_S = 0.4
"""How long slipping fingers stay open (s)."""


class _Hand(SignalFault):
    """A hand whose opening is not what it is told."""

    PORT: ClassVar[str] = "actuator"
    EFFECT: ClassVar[str] = "time for which the opening was forced"
    UNIT: ClassVar[str] = "s"
    MEASURE: ClassVar[str] = "altered_s"

    component: Literal["gripper"]

    def channel(self, port: str) -> Channel:
        """The opening."""
        return Channel("command", GRIPPER)


class GripperSlips(_Hand):
    """The fingers let go of what they hold."""

    mode: Literal["slips"]

    def start(self, now: Moment, signal: Signal) -> Memory:
        """It has not slipped yet."""
        return {"until_us": np.full(len(signal.value), -1)}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """Open for a while, once, after having held for long enough."""
        begins = (memory["until_us"] < 0) & self._lets_go(now)
        memory["until_us"][begins] = now.now_us + round(SLIP_S * US)
        opened = np.where(self._open(now, memory)[:, None], now.body.open_m, signal.value)
        return Signal(opened, signal.taken_us)

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """Once it has held for long enough; a hand that is told to open anyway does not slip."""
        closed: Bools = np.abs(signal.value[:, 0] - now.body.open_m) > SAME
        slips: Bools = closed & (self._open(now, memory) | ((memory["until_us"] < 0) & self._lets_go(now)))
        return slips

    def _lets_go(self, now: Moment) -> Bools:
        wait_us = US * (HELD_S[0] + (HELD_S[1] - HELD_S[0]) * now.once()[:, 0])
        enough: Bools = now.held_us >= wait_us
        return enough

    def _open(self, now: Moment, memory: Memory) -> Bools:
        slipping: Bools = now.now_us < memory["until_us"]
        return slipping


class _OneWay(_Hand):
    """A hand that goes one way only."""

    AFRESH: ClassVar[bool] = True

    def start(self, now: Moment, signal: Signal) -> Memory:
        """As far as it is."""
        return {"value": signal.value.copy()}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """No way back."""
        memory["value"] = self._further(memory["value"], signal.value)
        return Signal(memory["value"], signal.taken_us)

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """Told to go back."""
        back: Bools = np.abs(self._further(memory["value"], signal.value) - signal.value)[:, 0] > SAME
        return back

    def _further(self, kept: Floats, told: Floats) -> Floats:
        raise NotImplementedError


class GripperWillNotClose(_OneWay):
    """The fingers open, but do not close."""

    mode: Literal["will_not_close"]

    def _further(self, kept: Floats, told: Floats) -> Floats:
        return np.maximum(kept, told)


class GripperWillNotOpen(_OneWay):
    """The fingers close, but do not open."""

    mode: Literal["will_not_open"]

    def _further(self, kept: Floats, told: Floats) -> Floats:
        return np.minimum(kept, told)


class GripperObjectSticks(FieldFault):
    """What the fingers let go of sticks to one of them."""

    FIELD: ClassVar[str] = "tack"
    EFFECT: ClassVar[str] = "force with which each contact of a finger holds on"
    UNIT: ClassVar[str] = "N"

    component: Literal["gripper"]
    mode: Literal["object_sticks"]
    holds_N: float = Field(default=5.0, ge=2, le=1e3)
    """Of each contact of one finger with a thing."""

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """So much more."""
        return np.full(len(now.keys), 1.0 + self.holds_N)


MODES = (GripperWillNotClose, GripperWillNotOpen, GripperSlips, GripperObjectSticks)
