"""Joint limits: commands stay within position, velocity and acceleration limits of every joint.

Promise: between ticks the command of a joint moves no faster than its velocity limit and changes its speed by no more than its
acceleration limit times the period, and a joint always can stop before its position limit. A command that keeps this passes
unchanged; any other is approached, joint by joint, as fast as can be stopped at it, until commands can be followed again.
Assumes that the drive follows its command; whether it did is judged on ground truth.
"""

from __future__ import annotations

import numpy as np

from twin.core.records import Bools, Certified, Floats, Ints, Observation, Rows

_SLACK = 1 + 1e-10
"""What rounding may add to a limit before a command counts as beyond it."""
SAME_RAD = 1e-12
"""A command that differs by less from what the policy asked for is what it asked for."""


class Bounds:
    """What the joints of an arm may do in a control period. Position limits are kept `margin_rad` away from."""

    def __init__(self, limits: Floats, velocity: Floats, acceleration: Floats, period_s: float, margin_rad: float) -> None:
        """limits (nq, 2) rad; velocity (nq,) rad/s; acceleration (nq,) rad/s²; the control period in s."""
        self.low, self.high = limits[:, 0] + margin_rad, limits[:, 1] - margin_rad
        self.velocity, self.acceleration, self.dt = velocity, acceleration, period_s
        self.gain = acceleration * period_s
        """(nq,) rad/s, how much a speed may change in a period."""
        self._squared, self._twice = self.gain**2, 2 * acceleration

    def stoppable(self, distance: Floats) -> Floats:
        """Greatest speed (n, nq) from which a joint stops within `distance` (n, nq) rad, losing `gain` a period.

        Solves v·dt + v²/(2a) = distance for v. From v = (k + r)·a·dt, k whole and 0 ≤ r < 1, a joint really travels
        ((k + 1)(k + r) - k(k + 1)/2)·a·dt², which is less by k/2 + r²/2 of that unit: the bound errs on the safe side, and
        a joint that keeps it at one tick can keep it at the next. No distance, or less: stand still.
        """
        d = np.maximum(distance, 0.0)
        d *= self._twice
        # not -g + √(g² + 2ad), which loses all digits where a joint has come close
        root = np.sqrt(d + self._squared)
        root += self.gain
        d /= root
        return d

    def reachable(self, speed: Floats, last: Floats, last_v: Floats) -> Floats:
        """The speed (n, nq) nearest to `speed` that the joints can take from `last` (n, nq) rad, moving at `last_v` (n, nq).

        A joint that starts beyond its position limit stands, at the price of its acceleration limit, or moves back.
        """
        room: Floats = np.empty((2, *last.shape))
        np.subtract(self.high, last, out=room[0])
        np.subtract(last, self.low, out=room[1])
        up, down = self.stoppable(room)
        v = np.minimum(np.maximum(speed, last_v - self.gain), last_v + self.gain)
        v = np.maximum(np.minimum(v, up), -down)
        able: Floats = np.minimum(np.maximum(v, -self.velocity), self.velocity)
        return able


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
        dt = bounds.dt
        # columns: with joints down and rows across, NumPy takes a third of the time
        self._step, self._turn = (bounds.velocity * (dt * _SLACK))[:, None], (bounds.gain * (dt * _SLACK))[:, None]
        self._brake = (0.5 / (bounds.acceleration * dt * dt))[:, None]
        self._middle, self._half = 0.5 * (bounds.low + bounds.high)[:, None], 0.5 * (bounds.high - bounds.low)[:, None]
        self.pursuit = np.zeros(rows, bool)
        self.asked: Floats = np.zeros((rows, len(bounds.low)))
        self._pursuing = False

    def begin(self, row: int) -> None:
        """A row starts afresh: what it pursued is forgotten."""
        self.pursuit[row] = False
        self._pursuing = bool(self.pursuit.any())

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1); the gripper column passes."""
        q = command[:, :-1].T
        step = np.subtract(q, seen.last[:, :-1].T, order="C")
        size = np.abs(step)
        bad = size > self._step
        turn = np.multiply(seen.last_v.T, self.bounds.dt, order="C")
        np.subtract(step, turn, out=turn)
        bad |= np.abs(turn, out=turn) > self._turn
        size *= step
        size *= self._brake
        size += q  # where the joints would come to rest
        size -= self._middle
        bad |= np.abs(size, out=size) > self._half
        if not self._pursuing and not np.count_nonzero(bad):
            return untouched(command)
        rows: Ints = np.flatnonzero(bad.any(axis=0) | self.pursuit[seen.rows])
        solved, caught = self._solve(seen.rows[rows], seen.last[rows, :-1], seen.last_v[rows], command[rows, :-1])
        changed = np.zeros(len(command), np.int64)
        changed[rows[~caught]] = 1
        command = command.copy()
        command[rows[~caught], :-1] = solved[~caught]
        return Certified(command, changed, np.ones(len(command)), np.zeros(len(command), bool))

    def _solve(self, which: Rows, last: Floats, last_v: Floats, q: Floats) -> tuple[Floats, Bools]:
        """What the joints of the lane's rows `which` can be sent on their way to `q`, and (n,) whether that is `q` itself."""
        bounds, dt = self.bounds, self.bounds.dt
        way = q - last
        wanted = way / dt
        before = np.where(self.pursuit[which, None], self.asked[which], last)
        moving = (q - before) / dt
        moving[np.abs(moving) > bounds.velocity * _SLACK] = 0.0  # no target moves like that: it jumped
        turn = bounds.gain * _SLACK
        joined = (np.abs(wanted - last_v) <= turn) & (np.abs(wanted - moving) <= turn)
        # towards where the target is going, as fast as can be slowed to its speed, but never past where it is now
        ahead = way - moving * dt
        chased = moving + np.sign(ahead) * bounds.stoppable(np.abs(ahead))
        chased = np.minimum(np.maximum(chased, np.minimum(wanted, 0.0)), np.maximum(wanted, 0.0))
        solved: Floats = last + bounds.reachable(np.where(joined, wanted, chased), last, last_v) * dt
        caught: Bools = np.logical_and.reduce(np.abs(solved - q) <= SAME_RAD, axis=1)
        self.pursuit[which], self.asked[which] = ~caught, q
        self._pursuing = bool(self.pursuit.any())
        return solved, caught
