"""Stops: categories 0, 1 and 2 of IEC 60204-1 (9.2.2) as a state machine a row, with stopping time and distance measured.

    category 0   power goes at once, the brakes take the arm
    category 1   the arm brakes along its path, within its range; at standstill, or when its time is over, power goes
    category 2   as 1, but power stays and the standstill is watched: a joint that moves is a stop of category 0

    running ──trip──▶ braking ──at rest──▶ standing ──reset──▶ ready ──start──▶ running

A stop latches. A stricter one takes over from a milder one, never the other way round. A reset gives power back and moves
nothing: the command is then where the arm stands. Only a start, which is another act, lets commands through again, and by
then the lane has forgotten all that was commanded before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twin.control.safety.limits import Bounds, braked
from twin.core.clock import US
from twin.core.records import Bools, Floats, Rows
from twin.world.base import World

RUNNING, BRAKING, STANDING, READY = range(4)
STILL_RADPS = 0.02
"""A joint slower than this stands."""
STILL_US = 100_000
"""For so long it must stand, to count as standing since then."""
MOVED_RAD = 0.02
"""A joint that moves this far from where a stop of category 2 left it is not standing."""


class Standstill(NamedTuple):
    """A stop that has come to rest on a row: time and distance since it was demanded, on ground truth. `late`: power had to
    be taken away because the arm did not come to rest in its time; `moved`: it stood, and moved again."""

    row: int
    category: int
    time_s: float
    distance_m: float
    turned_rad: float
    late: bool
    moved: bool


class Stops:
    """The stops of a lane's n rows. `any` is False while all rows run, and then nothing here needs to be asked."""

    def __init__(self, bounds: Bounds, n: int, limit_s: float = 1.0) -> None:
        """limit_s: a stop of category 1 or 2 that is not at rest by then becomes one of category 0."""
        self.bounds, self.limit_us = bounds, round(limit_s * US)
        nq = len(bounds.low)
        self.state, self.category = np.zeros(n, np.int8), np.zeros(n, np.int8)
        self.off, self.late = np.zeros(n, bool), np.zeros(n, bool)
        self.since_us, self.still_us = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.distance, self.turned = np.zeros(n), np.zeros(n)
        self.tool, self.q, self.stood = np.zeros((n, 3)), np.zeros((n, nq)), np.zeros((n, nq))
        self.any = False

    def clear(self, row: int, world: World) -> None:
        """A row starts afresh, with power."""
        self.state[row] = RUNNING
        self._power(row, world, on=True)
        self.any = bool(self.state.any())

    def trip(self, row: int, category: int, now_us: int, world: World) -> bool:
        """Demand a stop. False where one of this category or stricter is latched already."""
        if self.state[row] != RUNNING and self.category[row] <= category:
            return False
        if self.state[row] != BRAKING:
            truth = world.truth(np.array([row], np.int32))
            self.since_us[row], self.distance[row], self.turned[row] = now_us, 0.0, 0.0
            self.tool[row], self.q[row] = truth.tool[0], truth.q[0]
        self.state[row], self.category[row], self.late[row] = BRAKING, category, False
        self.any = True
        if category == 0:
            self._power(row, world, on=False)
        return True

    def reset(self, row: int, world: World) -> bool:
        """Unlatch a stop that has come to rest: power is back, nothing moves. False while the arm still moves."""
        if self.state[row] not in (STANDING, READY):
            return False
        self.state[row] = READY
        self._power(row, world, on=True)
        return True

    def start(self, row: int) -> bool:
        """Let commands through again. False unless the stop was reset."""
        if self.state[row] != READY:
            return False
        self.state[row] = RUNNING
        self.any = bool(self.state.any())
        return True

    def running(self, at: Rows) -> Bools:
        """(n,) rows whose commands count."""
        going: Bools = self.state[at] == RUNNING
        return going

    def slowed(self, last: Floats, last_v: Floats) -> Floats:
        """(n, nq) where joints at `last`, sent at `last_v`, go in a period in which all brake together along their path; one
        whose end lies on it stops there, sooner than the others."""
        slower = self.bounds.reachable(braked(self.bounds, last_v), last, last_v)
        way: Floats = last + slower * self.bounds.dt
        return way

    def watch(self, now_us: int, rows: Rows, world: World) -> list[Standstill]:
        """After a step: which stops came to rest, ran out of time, or moved again."""
        held = rows[self.state[rows] != RUNNING]
        if not len(held):
            return []
        truth = world.truth(held)
        out: list[Standstill] = []
        for i, row in enumerate(held.tolist()):
            if self.state[row] == BRAKING:
                self.distance[row] += float(np.sqrt(((truth.tool[i] - self.tool[row]) ** 2).sum()))
                self.turned[row] = max(self.turned[row], float(np.abs(truth.q[i] - self.q[row]).max()))
                self.tool[row] = truth.tool[i]
                out += self._braking(row, now_us, truth.q[i], truth.dq[i], world)
            elif float(np.abs(truth.q[i] - self.stood[row]).max()) > MOVED_RAD:
                if not self.trip(row, 0, now_us, world):
                    self.stood[row] = truth.q[i]  # the brakes do not hold: there is nothing stricter
                out.append(self._told(row, now_us, moved=True))
        return out

    def _braking(self, row: int, now_us: int, q: Floats, dq: Floats, world: World) -> list[Standstill]:
        if float(np.abs(dq).max()) >= STILL_RADPS:
            self.still_us[row] = now_us + 1  # not yet
        elif now_us - max(self.still_us[row], self.since_us[row]) >= STILL_US:  # an arm that turns round is still for a moment
            self.state[row], self.stood[row] = STANDING, q
            if self.category[row] < 2:
                self._power(row, world, on=False)
            return [self._told(row, max(int(self.still_us[row]), int(self.since_us[row])))]
        if self.category[row] and not self.late[row] and now_us - self.since_us[row] >= self.limit_us:
            self.late[row] = True
            self._power(row, world, on=False)
        return []

    def _told(self, row: int, now_us: int, moved: bool = False) -> Standstill:
        spent = (now_us - int(self.since_us[row])) / US
        return Standstill(row, int(self.category[row]), spent, float(self.distance[row]), float(self.turned[row]),
                          bool(self.late[row]), moved)  # fmt: skip

    def _power(self, row: int, world: World, on: bool) -> None:
        if self.off[row] == on:
            self.off[row] = not on
            world.set_field(np.array([row], np.int32), "power", np.array([float(on)]))
