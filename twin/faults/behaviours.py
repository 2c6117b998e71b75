"""What can be wrong with a signal, whatever it says: the modes that sensors, cameras and drives have in common.

A component's file makes a mode of one by saying which signal it acts on. Of poses (seven columns each) only positions
can be off; how things are turned is left as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from twin.core.quantity import NonNegative, quantiles
from twin.core.records import Bools, Floats, Ints
from twin.faults.group import Memory, Moment
from twin.faults.signals import SAME, Signal, SignalFault
from twin.faults.spec import Bench

BUFFER = 256
"""So many control periods a delay can span; a longer one is refused when the scenario is loaded."""
NONSENSE = 1e4
"""Values that no joint, force or place has (rad, N, m)."""


def _not_nothing(value: float) -> float:
    if value == 0:
        raise ValueError("must not be 0: that would change nothing")
    return value


def _places(value: Floats) -> Floats:
    """(k, m, ≤ 3) a view of what can be off: of poses their positions, else all."""
    k, width = value.shape
    return value.reshape(k, -1, 7)[:, :, :3] if width >= 7 else value[:, None]


def _plus(signal: Signal, what: Floats) -> Signal:
    """Add `what` (k, 3) to all that can be off."""
    out = signal.value.copy()
    places = _places(out)
    places += what[:, None, : places.shape[2]]
    return Signal(out, signal.taken_us)


class Off(SignalFault):
    """Nothing comes: no number."""

    EFFECT: ClassVar[str] = "time without a number"
    UNIT: ClassVar[str] = "s"
    MEASURE: ClassVar[str] = "blind_s"

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """No number."""
        return Signal(np.full_like(signal.value, np.nan), signal.taken_us)


class Stuck(SignalFault):
    """The last value, again and again."""

    EFFECT: ClassVar[str] = "largest |out - in|"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    def start(self, now: Moment, signal: Signal) -> Memory:
        """The first is the last one."""
        return {"value": signal.value, "taken_us": signal.taken_us}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """That one again."""
        return Signal(memory["value"], memory["taken_us"])

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """What stands has nothing to hide."""
        moved: Bools = (np.abs(signal.value - memory["value"]) > SAME).any(axis=1)
        return moved


class Bias(SignalFault):
    """Off by always as much."""

    SIZES: ClassVar[Mapping[str, float]] = {"bias": 0.0}
    EFFECT: ClassVar[str] = "largest |out - in|"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    bias: float = Field(ge=-1e3, le=1e3)
    """By how much, on each axis; in the sensor's unit: rad, N, m."""

    _some = field_validator("bias")(_not_nothing)

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """More by that."""
        return _plus(signal, np.full((len(signal.value), 3), self.bias))


class Drift(SignalFault):
    """Off by more and more."""

    SIZES: ClassVar[Mapping[str, float]] = {"drift_per_min": 0.0}
    EFFECT: ClassVar[str] = "largest |out - in|"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    drift_per_min: float = Field(ge=-1e3, le=1e3)
    """How much more a minute, on each axis; in the sensor's unit: rad, N, m."""

    _some = field_validator("drift_per_min")(_not_nothing)

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """As much as since its onset."""
        off = self.drift_per_min * (now.now_us - now.since_us) / 60e6
        return _plus(signal, np.repeat(off[:, None], 3, axis=1))

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """Not at the moment of its onset."""
        later: Bools = np.asarray(now.since_us < now.now_us, np.bool_)
        return later


class Noise(SignalFault):
    """Off by something else each time, normally distributed."""

    SIZES: ClassVar[Mapping[str, float]] = {"noise": 0.0}
    EFFECT: ClassVar[str] = "mean |out - in| of the axis that is furthest off"
    FOLD = "mean"
    MEASURE: ClassVar[str] = "deviation"

    noise: float = Field(gt=0, le=1e3)
    """Standard deviation on each axis; in the sensor's unit: rad, N, m."""

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """Anew every time."""
        return _plus(signal, self.noise * now.normal(3))


class Garbage(SignalFault):
    """Some values are nonsense: not a number, or one that cannot be."""

    SIZES: ClassVar[Mapping[str, float]] = {"share": 0.0}
    EFFECT: ClassVar[str] = "nonsense passed on"
    UNIT: ClassVar[str] = "values"
    MEASURE: ClassVar[str] = "altered"

    share: float = Field(default=0.2, gt=0, le=1)
    """Of the values."""
    kind: Literal["nan", "out_of_range", "both"] = "both"
    """What comes instead."""

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """Some of each."""
        u = now.uniform(2)
        nan = {"nan": 1.0, "out_of_range": 0.0, "both": 0.5}[self.kind]
        instead = np.where(u[:, 1] < nan, np.nan, np.where(u[:, 1] < 0.5 * (1.0 + nan), -NONSENSE, NONSENSE))
        return Signal(np.where((u[:, 0] < self.share)[:, None], instead[:, None], signal.value), signal.taken_us)

    def chance(self, now: Moment, memory: Memory) -> float:
        """That share."""
        return self.share


class Quantised(SignalFault):
    """Only whole steps."""

    SIZES: ClassVar[Mapping[str, float]] = {"step": 0.0}
    EFFECT: ClassVar[str] = "largest |out - in|"
    FOLD = "max"
    MEASURE: ClassVar[str] = "deviation"

    step: float = Field(gt=0, le=1e3)
    """In the sensor's unit: rad, N, m."""

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """The nearest."""
        out = signal.value.copy()
        places = _places(out)
        places[:] = np.round(places / self.step) * self.step
        return Signal(out, signal.taken_us)

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """What is a whole number of steps anyway shows nothing."""
        places = _places(signal.value)
        off = np.abs(places - np.round(places / self.step) * self.step) > SAME
        between: Bools = np.logical_or.reduce(off.reshape(len(off), -1), axis=1)
        return between


class Delayed(SignalFault):
    """Everything comes later."""

    SIZES: ClassVar[Mapping[str, float]] = {"delay_ms": 0.0}
    EFFECT: ClassVar[str] = "mean added age of what is used"
    UNIT: ClassVar[str] = "ms"
    FOLD = "mean"
    MEASURE: ClassVar[str] = "older_ms"

    delay_ms: float = Field(gt=0, le=1e6)
    """By how much: rounded up to whole control periods, of which it can span 256."""

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """A delay spans so many control periods."""
        longest = BUFFER * cell.control_ms
        if self.delay_ms > longest:
            held = f"{BUFFER} control periods of {cell.control_ms:g} ms are kept, {longest:g} ms in all"
            return "delay_ms", f"a delay of {self.delay_ms:g} ms is longer than the buffer: {held}"
        return super().cannot(cell)

    def start(self, now: Moment, signal: Signal) -> Memory:
        """Nothing is on its way: the first value holds until it has come through."""
        deep = min(BUFFER, math.ceil(1000 * self.delay_ms / now.body.period_us)) + 2
        value, taken = np.repeat(signal.value[:, None], deep, axis=1), np.repeat(signal.taken_us[:, None], deep, axis=1)
        return {"values": value, "taken": taken, "came_us": taken.copy(), "next": np.zeros(len(value), np.int64)}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """The newest that has come through."""
        k, at = np.arange(len(signal.value)), memory["next"]
        memory["values"][k, at], memory["taken"][k, at], memory["came_us"][k, at] = *signal, now.now_us
        memory["next"] = (at + 1) % memory["values"].shape[1]
        came = memory["came_us"]
        best = np.where(self._through(now, came), came, -1).argmax(axis=1)
        best = np.where(self._through(now, came).any(axis=1), best, came.argmin(axis=1))
        return Signal(memory["values"][k, best].copy(), memory["taken"][k, best].copy())

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """Once something can be as old as it says."""
        ready: Bools = np.logical_or.reduce(self._through(now, memory["came_us"]), axis=1)
        return ready

    def _through(self, now: Moment, came_us: Ints) -> Bools:
        through: Bools = came_us <= now.now_us - round(1000 * self.delay_ms)
        return through


class Slow(SignalFault):
    """A new value comes less often."""

    EFFECT: ClassVar[str] = "mean added age of what is used"
    UNIT: ClassVar[str] = "ms"
    FOLD = "mean"
    MEASURE: ClassVar[str] = "older_ms"

    rate_hz: float = Field(gt=0, le=1e6)
    """How often: less often than the control rate."""

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """It must be slower than what is asked of it."""
        if self.rate_hz * cell.control_ms >= 1000.0:
            rate = f"it is read at {1000.0 / cell.control_ms:g} Hz"
            return "rate_hz", f"{self.rate_hz:g} Hz would change nothing: {rate}"
        return super().cannot(cell)

    def start(self, now: Moment, signal: Signal) -> Memory:
        """The first comes at once."""
        return {"value": signal.value, "taken_us": signal.taken_us, "due_us": np.full(len(signal.value), now.now_us)}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """The last that came."""
        comes = memory["due_us"] <= now.now_us
        memory["value"][comes], memory["taken_us"][comes] = signal.value[comes], signal.taken_us[comes]
        every_us = round(1e6 / self.rate_hz)
        memory["due_us"][comes] += every_us * (1 + (now.now_us - memory["due_us"][comes]) // every_us)
        return Signal(memory["value"], memory["taken_us"])

    def chance(self, now: Moment, memory: Memory) -> Floats:
        """None where a new value is due, or the last one came just now."""
        return np.asarray((memory["due_us"] > now.now_us) & (memory["taken_us"] < now.now_us), np.float64)


class Dropped(SignalFault):
    """Some values do not come, and the last one before is taken for them."""

    SIZES: ClassVar[Mapping[str, float]] = {"share": 0.0}
    EFFECT: ClassVar[str] = "values that did not come"
    UNIT: ClassVar[str] = "values"
    MEASURE: ClassVar[str] = "older"

    share: float = Field(gt=0, le=1)
    """Of the values."""

    def start(self, now: Moment, signal: Signal) -> Memory:
        """The last one before is the first."""
        return {"value": signal.value, "taken_us": signal.taken_us}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """The last that came."""
        comes = now.uniform()[:, 0] >= self.share
        memory["value"][comes], memory["taken_us"][comes] = signal.value[comes], signal.taken_us[comes]
        return Signal(memory["value"], memory["taken_us"])

    def chance(self, now: Moment, memory: Memory) -> float:
        """That share."""
        return self.share


class Intermittent(SignalFault):
    """Now and then nothing comes for a while: a loose contact."""

    EFFECT: ClassVar[str] = "time without a number"
    UNIT: ClassVar[str] = "s"
    MEASURE: ClassVar[str] = "blind_s"

    every_s: float = Field(default=5.0, gt=0, le=1e6)
    """Time between two gaps, on average (exponential)."""
    gap_s: NonNegative = 0.5
    """How long a gap lasts."""

    def start(self, now: Moment, signal: Signal) -> Memory:
        """No gap."""
        return {"until_us": np.zeros(len(signal.value), np.int64)}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """No number in a gap."""
        u = now.uniform(2)
        begins = (memory["until_us"] <= now.now_us) & (u[:, 0] < -math.expm1(-now.period_s / self.every_s))
        lasts = np.maximum(1e6 * quantiles(self.gap_s, u[:, 1]), now.body.period_us)
        memory["until_us"] = np.where(begins, now.now_us + np.rint(lasts).astype(np.int64), memory["until_us"])
        gap = memory["until_us"] > now.now_us
        return Signal(np.where(gap[:, None], np.nan, signal.value), signal.taken_us)

    def chance(self, now: Moment, memory: Memory) -> float:
        """That a gap begins."""
        return -math.expm1(-now.period_s / self.every_s)
