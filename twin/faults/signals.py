"""The signal ports: sense (a copy of the observation), command (before the filters) and actuator (after them).

A signal is what a sensor says, or what a drive is told, with the time it stems from. A fault makes one signal of another; the
port compares the two. Of several faults on one signal the earlier in the plan acts first, and each is measured against what it
was given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from twin.core.clock import US
from twin.core.records import Bools, Floats, Ints
from twin.faults.group import Body, Group, Memory, Moment
from twin.faults.spec import Fault

SAME = 1e-9
"""Less than this (rad, m, N) is no difference."""


class Signal(NamedTuple):
    """value (k, w); taken_us (k,) when it was measured or sent."""

    value: Floats
    taken_us: Ints


class SignalFault(Fault):
    """A fault that makes one signal of another. `MEASURE` names how the port compares them."""

    MEASURE: ClassVar[str]
    ALSO: ClassVar[tuple[str, ...]] = ()
    """Further ports at which it acts; it is measured at its own."""
    AFRESH: ClassVar[bool] = False
    """Whether what it remembers begins anew with every episode."""

    def channel(self, port: str) -> Channel:
        """Which signal: the array, and its columns."""
        raise NotImplementedError

    def start(self, now: Moment, signal: Signal) -> Memory:
        """What it remembers from the first signal that passes."""
        return {}

    def alter(self, now: Moment, signal: Signal, memory: Memory) -> Signal:
        """What comes out, for k rows. `memory` is edited in place."""
        raise NotImplementedError

    def exposed(self, now: Moment, signal: Signal, memory: Memory) -> Bools:
        """(k,) where it has something to act on; told before `alter`."""
        return np.ones(len(signal.value), bool)

    def chance(self, now: Moment, memory: Memory) -> float | Floats | None:
        """How likely an exposed tick shows an effect, where not every one does; told before `alter`."""
        return None


class Channel(NamedTuple):
    """Columns of one array of a port: q, force, objects (sense); command (command, actuator)."""

    array: str
    columns: slice


def joint(index: int) -> slice:
    """The column of one joint."""
    return slice(index, index + 1)


def pose(index: int) -> slice:
    """The columns of one thing's pose."""
    return slice(7 * index, 7 * index + 7)


GRIPPER = slice(-1, None)
"""The column of the gripper in a command."""


def _deviation(before: Signal, after: Signal, now: Moment) -> Any:
    """Largest difference of values that are numbers."""
    gap = np.abs(after.value - before.value)
    largest = np.where(np.isfinite(gap), gap, 0.0).max(axis=1)
    return np.where(largest > SAME, largest, 0.0)


def _altered(before: Signal, after: Signal, now: Moment) -> Any:
    """1 where anything is not what it was."""
    gap = np.abs(after.value - before.value) > SAME
    return (gap | (np.isfinite(after.value) != np.isfinite(before.value))).any(axis=1).astype(np.float64)


def _blind(before: Signal, after: Signal, now: Moment) -> Any:
    """1 where a number became none."""
    return (np.isfinite(before.value) & ~np.isfinite(after.value)).any(axis=1).astype(np.float64)


def _older(before: Signal, after: Signal, now: Moment) -> Any:
    """By how much it stems from an earlier time, in s."""
    return (before.taken_us - after.taken_us) / US


MEASURES: Mapping[str, Callable[[Signal, Signal, Moment], Any]] = {
    "deviation": _deviation,
    "altered_s": lambda before, after, now: _altered(before, after, now) * now.period_s,
    "altered": _altered,
    "older": lambda before, after, now: (before.taken_us > after.taken_us).astype(np.float64),
    "blind_s": lambda before, after, now: _blind(before, after, now) * now.period_s,
    "older_s": _older,
    "older_ms": lambda before, after, now: 1000.0 * _older(before, after, now),
}
"""How a port compares what went in with what came out: (k,) numbers a tick."""


class SignalPort:
    """The faults of one lane at one signal port."""

    def __init__(self, name: str, body: Body) -> None:
        self.name, self.body = name, body
        self.groups: list[Group] = []

    def act(
        self, arrays: Mapping[str, Floats], now_us: int, place: Ints, held_us: Ints | None = None
    ) -> list[tuple[Channel, Any]]:
        """Let the faults act on `arrays` (n, w), in place; returns which channels they touched, at which positions."""
        touched: list[tuple[Channel, Any]] = []
        taken: dict[str, Ints] = {}
        for group in self.groups:
            at = place[group.rows]
            which = np.flatnonzero(at >= 0)
            if not len(which):
                continue
            at, channel = at[which], group.spec.channel(self.name)
            values = arrays[channel.array]
            key = f"{channel.array}{channel.columns}"
            stamps = taken.setdefault(key, np.full(len(values), now_us))
            before = Signal(values[at, channel.columns], stamps[at])
            held = np.zeros(len(at), np.int64) if held_us is None else held_us[group.rows[which]]
            after = self._one(group, which, now_us, held, before)
            values[at, channel.columns], stamps[at] = after
            touched.append((channel, at))
        return touched

    def _one(self, group: Group, which: Any, now_us: int, held_us: Ints, before: Signal) -> Signal:
        """One entry of the plan acts on its rows, and is measured."""
        spec: SignalFault = group.spec
        fresh = group.fresh[which]
        if fresh.any():
            some = np.flatnonzero(fresh)
            first = Signal(before.value[some], before.taken_us[some])
            begins = group.moment(now_us, self.body, which[some], held_us[some], now_us // self.body.period_us, self.name)
            group.start(which[some], spec.start(begins, first))
        now = group.moment(now_us, self.body, which, held_us, now_us // self.body.period_us, self.name)
        memory = group.take(which)
        exposed, likely = spec.exposed(now, before, memory), spec.chance(now, memory)
        after = spec.alter(now, Signal(before.value.copy(), before.taken_us.copy()), memory)
        group.keep(which, memory)
        if self.name != spec.PORT:
            return after
        effect = np.where(exposed, MEASURES[spec.MEASURE](before, after, now), 0.0)
        sound = np.isfinite(before.value).any(axis=1) & (before.taken_us >= now_us)
        able = exposed & (sound | (effect > 0))  # what another fault made void or old may leave it nothing to do
        chance = None if likely is None else likely * able
        group.report(which, effect, able * self.body.period_us, exposed * self.body.period_us / US, chance)
        return after
