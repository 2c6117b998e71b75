"""Joint limits: commands stay within position, velocity and acceleration limits of every joint.

Promise: between ticks the command of a joint moves no faster than its velocity limit and changes its speed by no more than its
acceleration limit times the period, and a joint always can stop before its position limit. A command that keeps this passes
unchanged; any other is approached, joint by joint, as fast as can be stopped at it, until commands can be followed again.
Assumes that the drive follows its command; whether it did is judged on ground truth.
"""

from __future__ import annotations

import math

import numpy as np

from twin.core.compiled import compiled
from twin.core.records import Bools, Certified, Floats, Ints, Observation, Rows

_SLACK = 1 + 1e-10
"""What rounding may add to a limit before a command counts as beyond it."""
SAME_RAD = 1e-12
"""A command that differs by less from what the policy asked for is what it asked for."""


LOW, HIGH, VELOCITY, ACCELERATION, GAIN = range(5)
"""Rows of `Bounds.table`."""


class Bounds:
    """What the joints of an arm may do in a control period. Position limits are kept `margin_rad` away from."""

    jerk: Floats | None = None
    """(nq,) rad/s³, how fast an acceleration may change; None: at once."""

    def __init__(self, limits: Floats, velocity: Floats, acceleration: Floats, period_s: float, margin_rad: float) -> None:
        """limits (nq, 2) rad; velocity (nq,) rad/s; acceleration (nq,) rad/s²; the control period in s."""
        self.low, self.high = limits[:, 0] + margin_rad, limits[:, 1] - margin_rad
        self.velocity, self.acceleration, self.dt = velocity, acceleration, float(period_s)
        self.gain = acceleration * period_s
        """(nq,) rad/s, how much a speed may change in a period."""
        self.table: Floats = np.stack((self.low, self.high, velocity, acceleration, self.gain))
        """(5, nq), all of it, for compiled loops."""

    def stoppable(self, distance: Floats) -> Floats:
        """Greatest speed (n, nq) from which a joint stops within `distance` (n, nq) rad, losing `gain` a period."""
        speed: Floats = np.empty(distance.shape)
        _all_stoppable(self.table, distance, speed)
        return speed

    def reachable(self, speed: Floats, last: Floats, last_v: Floats) -> Floats:
        """The speed (n, nq) nearest to `speed` that the joints can take from `last` (n, nq) rad, moving at `last_v` (n, nq).

        A joint that starts beyond its position limit stands, at the price of its acceleration limit, or moves back.
        """
        able: Floats = np.empty(last.shape)
        _all_reachable(self.table, speed, last, last_v, able)
        return able


@compiled
def stoppable(table: Floats, j: int, distance: float) -> float:
    """Greatest speed from which joint j stops within `distance` rad, losing `gain` a period.

    Solves v·dt + v²/(2a) = distance for v. From v = (k + r)·a·dt, k whole and 0 ≤ r < 1, a joint really travels
    ((k + 1)(k + r) - k(k + 1)/2)·a·dt², which is less by k/2 + r²/2 of that unit: the bound errs on the safe side, and
    a joint that keeps it at one tick can keep it at the next. No distance, or less: stand still.
    """
    gain, d = table[GAIN, j], 2 * table[ACCELERATION, j] * max(distance, 0.0)
    # not -g + √(g² + 2ad), which loses all digits where a joint has come close
    speed: float = d / (math.sqrt(d + gain * gain) + gain)
    return speed


@compiled
def within(value: float, low: float, high: float) -> float:
    """`value`, or the nearer end; the upper end where they cross; NaN stays."""
    return min(max(value, low), high)


@compiled
def reachable(table: Floats, j: int, speed: float, last: float, last_v: float) -> float:
    """`Bounds.reachable` of joint j."""
    gain, fastest = table[GAIN, j], table[VELOCITY, j]
    v = within(speed, last_v - gain, last_v + gain)
    v = max(min(v, stoppable(table, j, table[HIGH, j] - last)), -stoppable(table, j, last - table[LOW, j]))
    return within(v, -fastest, fastest)


@compiled
def _all_stoppable(table: Floats, distance: Floats, out: Floats) -> None:
    for i in range(len(distance)):
        for j in range(distance.shape[1]):
            out[i, j] = stoppable(table, j, distance[i, j])


@compiled
def _all_reachable(table: Floats, speed: Floats, last: Floats, last_v: Floats, out: Floats) -> None:
    for i in range(len(last)):
        for j in range(last.shape[1]):
            out[i, j] = reachable(table, j, speed[i, j], last[i, j], last_v[i, j])


def periods(bounds: Bounds, speed: Floats) -> Floats:
    """(n,) control periods until joints at `speed` (n, nq) stand, when all brake together as hard as the slowest can."""
    longest: Floats = np.maximum.reduce(np.abs(speed) / bounds.gain, axis=1)
    return longest


def braked(bounds: Bounds, speed: Floats) -> Floats:
    """Joint speeds (n, nq) a period later when all joints brake together: the arm stays on its line in joint space."""
    left: Floats = speed * np.maximum(0.0, 1.0 - 1.0 / np.maximum(periods(bounds, speed)[:, None], 1e-9))
    return left


def untouched(command: Floats) -> Certified:
    """`command` as it is."""
    n = len(command)
    return Certified(command, np.zeros(n, np.int64), np.ones(n), np.zeros(n, bool))


class JointLimits:
    """Filter over joint targets. All rows are checked at once; only violators are changed.

    A row that was changed is in pursuit: what it was asked last is kept, to see whether its target moves, until it is caught.
    """

    name = "joint_limits"

    def __init__(self, bounds: Bounds, rows: int) -> None:
        """bounds of the arm; rows of the lane."""
        self.bounds = bounds
        self.pursuit = np.zeros(rows, bool)
        self.asked: Floats = np.zeros((rows, len(bounds.low)))

    def begin(self, row: int) -> None:
        """A row starts afresh: what it pursued is forgotten."""
        self.pursuit[row] = False

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1); the gripper column passes."""
        n, bounds = len(command), self.bounds
        seen_by = bounds.table, bounds.dt, seen.last, seen.last_v, command
        bad = np.empty(n, bool)
        if not _violating(*seen_by, self.pursuit, seen.rows, bad):
            return untouched(command)
        changed, solved = np.zeros(n, np.int64), command.copy()
        altered = _pursue(*seen_by, self.pursuit, self.asked, seen.rows, bad, solved, changed)
        return Certified(solved if altered else command, changed, np.ones(n), np.zeros(n, bool))


@compiled
def _violating(
    table: Floats, dt: float, last: Floats, last_v: Floats, command: Floats, pursuit: Bools, rows: Rows, bad: Bools
) -> int:
    """How many rows break a limit, or are in pursuit; which they are into `bad` (n,). The last column is no joint."""
    n, nq = last_v.shape
    count = 0
    for i in range(n):
        fine = not pursuit[rows[i]]
        for j in range(nq):
            step, gain = command[i, j] - last[i, j], table[GAIN, j] * dt
            fine &= abs(step) <= table[VELOCITY, j] * dt * _SLACK and abs(step - last_v[i, j] * dt) <= gain * _SLACK
            rest = command[i, j] + 0.5 * step * abs(step) / (gain * dt)  # where the joint would come to rest
            fine &= table[LOW, j] <= rest <= table[HIGH, j]
        bad[i] = not fine
        count += bad[i]
    return count


@compiled
def _pursue(
    table: Floats,
    dt: float,
    last: Floats,
    last_v: Floats,
    command: Floats,
    pursuit: Bools,
    asked: Floats,
    rows: Rows,
    bad: Bools,
    solved: Floats,
    changed: Ints,
) -> int:
    """What joints of the rows that are `bad` can be sent on their way to `command`, into `solved`, and 1 into `changed` where
    that is not the command itself; how many those are. What was asked is kept where a row is still on its way."""
    nq, count = last_v.shape[1], 0
    way = np.empty(nq)
    for i in range(len(rows)):
        if not bad[i]:
            continue
        row, caught = rows[i], True
        for j in range(nq):
            before = asked[row, j] if pursuit[row] else last[i, j]
            way[j] = last[i, j] + dt * _towards(table, dt, j, last[i, j], last_v[i, j], command[i, j], before)
            caught &= abs(way[j] - command[i, j]) <= SAME_RAD
            asked[row, j] = command[i, j]
        pursuit[row] = not caught
        if not caught:
            solved[i, :nq], changed[i] = way, 1
            count += 1
    return count


@compiled
def _towards(table: Floats, dt: float, j: int, last: float, last_v: float, q: float, before: float) -> float:
    """The speed of joint j, sent to `last` at `last_v`, on its way to `q`, which was at `before` a period ago."""
    way, moving, turn = q - last, (q - before) / dt, table[GAIN, j] * _SLACK
    wanted = way / dt
    if abs(moving) > table[VELOCITY, j] * _SLACK:  # no target moves like that: it jumped
        moving = 0.0
    if not (abs(wanted - last_v) <= turn and abs(wanted - moving) <= turn):
        # towards where the target is going, as fast as can be slowed to its speed, but never past where it is now
        ahead = way - moving * dt
        chased = moving + math.copysign(stoppable(table, j, abs(ahead)), ahead)
        wanted = within(chased, min(wanted, 0.0), max(wanted, 0.0))
    return reachable(table, j, wanted, last, last_v)
