"""Jerk: `joint_limits` for a robot whose fleet file limits how fast an acceleration may change.

Promise: that of `joint_limits`, and between ticks the acceleration of a joint changes by no more than its jerk limit times the
period; a joint can always stop before its position limit and below its speed limit without more jerk than that. A command that
keeps all this passes unchanged; any other is approached, joint by joint, as fast as can be stopped at it.

In periods: a joint at speed v gains u a period, |u| ≤ gain, and u changes by at most h = jerk·dt². What a joint that stops
sheds grows by h a period up to `gain`, and in the end falls by h a period, so that speed and acceleration reach nought
together (`_stop`). A gain is allowed if the joint, stopping from then on, keeps its limits; it then keeps them by stopping,
whatever is asked later. Stops of every category, and filters behind this one, brake at once with all the acceleration there
is: what they shed may be let go again at once, and where they left a joint nearer to its end than a smooth stop needs, or
faster than it may be (`torque`, of one that is pushed), its end and its speed count more than the jerk.
"""

from __future__ import annotations

import math

import numpy as np

from twin.control.safety.limits import GAIN, HIGH, LOW, SAME_RAD, VELOCITY, Bounds, untouched, within
from twin.core.compiled import compiled
from twin.core.records import Certified, Floats, Ints, Observation, Rows

CHANGE = 5
"""Row of `JerkLimits.limits` behind those of `Bounds.table`."""
_SLACK = 1e-10
"""Share by which rounding may go beyond a limit."""
_HALVINGS = 24
"""How finely a gain is looked for; what is missed now is made up for in the next period."""


class JerkLimits:
    """Filter over joint targets, in place of `JointLimits`, with what each row was asked and sent last, and how fast before."""

    name = "joint_limits"

    def __init__(self, bounds: Bounds, rows: int) -> None:
        """bounds of the arm, with its jerk limit; rows of the lane."""
        assert bounds.jerk is not None
        self.dt, nq = bounds.dt, len(bounds.low)
        self.limits: Floats = np.vstack((bounds.table, bounds.jerk * bounds.dt**2))
        """(6, nq): those of `Bounds.table`, and how much (rad/s) the gain of a period may differ from the one before."""
        self.asked, self.sent, self.speed = (np.full((rows, nq), np.nan) for _ in range(3))

    def begin(self, row: int) -> None:
        """A row starts afresh, without acceleration."""
        self.asked[row] = self.sent[row] = self.speed[row] = np.nan

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1); the gripper column passes."""
        sent, changed = np.empty((len(command), command.shape[1] - 1)), np.zeros(len(command), np.int64)
        past = (self.asked, self.sent, self.speed)
        _follow(self.limits, self.dt, seen.rows, seen.last, seen.last_v, command, *past, sent, changed)
        if not np.count_nonzero(changed):
            return untouched(command)
        at = changed > 0
        command = command.copy()
        command[at, :-1] = sent[at]
        return Certified(command, changed, np.ones(len(command)), np.zeros(len(command), bool))


@compiled
def _follow(
    limits: Floats, dt: float, rows: Rows, last: Floats, last_v: Floats, command: Floats,
    asked: Floats, sent: Floats, speed: Floats, out: Floats, changed: Ints,
) -> None:  # fmt: skip
    """Into out (n, nq), what each row is sent, and changed (n,), whether that is not what was asked."""
    nq = limits.shape[1]
    for i in range(len(rows)):
        row, caught = rows[i], True
        free = False  # somebody else changed what was sent last
        for j in range(nq):
            free = free or last[i, j] != sent[row, j]
        for j in range(nq):
            low, high, most, gain, h = limits[LOW, j], limits[HIGH, j], limits[VELOCITY, j], limits[GAIN, j], limits[CHANGE, j]
            at, v, q = last[i, j], last_v[i, j], command[i, j]
            u = 0.0 if math.isnan(speed[row, j]) else within(v - speed[row, j], -gain, gain)  # more was no stop, but a jump
            goal = min(max(q, min(low, at)), max(high, at))
            moving = (goal - asked[row, j]) / dt
            if not abs(moving) <= most:  # no target moves like that: it jumped, or is the first
                moving = 0.0
            up, down = max(high - at, 0.0) / dt, max(at - low, 0.0) / dt
            v += _gained((goal - at) / dt, moving, v, u, free, up, down, most, gain, h)
            out[i, j] = at + v * dt
            caught = caught and abs(out[i, j] - q) <= SAME_RAD
            speed[row, j], asked[row, j] = last_v[i, j], goal
        changed[i] = not caught
        for j in range(nq):
            sent[row, j] = command[i, j] if caught else out[i, j]


@compiled
def _gained(
    way: float, moving: float, v: float, u: float, free: bool, up: float, down: float, most: float, gain: float, h: float
) -> float:
    """What a joint gains in a period, on its `way` (as a speed) to a target that moves at `moving`."""
    slack = 1.0 + _SLACK
    lowest, highest = u - h * slack, u + h * slack
    if free:
        lowest, highest = min(lowest, -h * slack), max(highest, h * slack)
    lowest, highest = max(lowest, -gain * slack), min(highest, gain * slack)
    now, then = way - v, moving - way
    joined = lowest <= now <= highest and abs(then - now) <= h * slack and abs(then) <= min(h, gain) * slack
    if joined and _fits(v + now, now, up, down, most, gain, h, _SLACK):
        return now
    stop = _stop(v, u, free, gain, h)
    if not _fits(v + stop, stop, up, down, most, gain, h, 10 * _SLACK):  # somebody else got the joint there
        return within(v + stop, -min(_stoppable(down, gain), most), min(_stoppable(up, gain), most)) - v
    # towards where the target is, but so that stopping beside it, at its speed, is still possible
    ahead, apart = way - moving, v - moving
    one, other = max(min(lowest, stop), -gain), min(max(highest, stop), gain)
    if _left(ahead, apart, other, gain, h) >= 0.0:
        new = other
    elif _left(ahead, apart, one, gain, h) <= 0.0:
        new = one
    else:
        for _ in range(_HALVINGS):
            new = 0.5 * (one + other)
            if _left(ahead, apart, new, gain, h) >= 0.0:
                one = new
            else:
                other = new
        new = one
    if _fits(v + new, new, up, down, most, gain, h, _SLACK):
        return new
    for _ in range(_HALVINGS):
        middle = 0.5 * (stop + new)
        if _fits(v + middle, middle, up, down, most, gain, h, _SLACK):
            stop = middle
        else:
            new = middle
    return stop


@compiled
def _left(ahead: float, apart: float, u: float, gain: float, h: float) -> float:
    """How far short of a target `ahead`, from which it moves `apart`, a joint stops that gains u now and stops then."""
    return ahead - (apart + u) - _way(apart + u, u, gain, h)[2]


@compiled
def _fits(v: float, u: float, up: float, down: float, most: float, gain: float, h: float, slack: float) -> bool:
    """Whether a joint that has gained u and moves at v keeps its limits, if it stops from then on."""
    slack *= 1.0 + most
    later = v + math.copysign(_later(abs(u), h), u)
    if abs(v) > most + slack or abs(later) > most + slack:
        return False
    lowest, highest, _ = _way(v, u, gain, h)
    # half of the fastest step is left over: filters behind brake by `stoppable`, which errs by up to that on the safe side
    above, below = 0.5 * max(v, later, 0.0), 0.5 * max(-v, -later, 0.0)
    return v + highest + above <= up + slack and v + lowest - below >= -down - slack


@compiled
def _stoppable(room: float, gain: float) -> float:
    """As `Bounds.stoppable`, with distances as sums of speeds."""
    return 2.0 * gain * room / (gain + math.sqrt(gain * gain + 2.0 * gain * room))


@compiled
def _later(w: float, h: float) -> float:
    """What is shed after a period in which w ≥ 0 is, by h less in each: w − h, w − 2h, …"""
    m = math.floor(w / h)
    return w * m - 0.5 * h * m * (m + 1)


@compiled
def _shed(v: float, h: float) -> float:
    """What a joint at speed v sheds in a period so that it rests if it sheds h less in each that follows."""
    if v <= 0.0:
        return 0.0
    m = math.floor(0.5 * (math.sqrt(1.0 + 8.0 * v / h) - 1.0))
    return (v + 0.5 * h * m * (m + 1)) / (m + 1)


@compiled
def _stop(v: float, u: float, free: bool, gain: float, h: float) -> float:
    """What a joint gains in a period in which it stops. free: what it sheds may be let go at once."""
    side = 1.0 if v + (0.0 if free else math.copysign(_later(abs(u), h), u)) >= 0.0 else -1.0
    w = -side * u
    if free:
        return -side * min(max(w, 0.0) + h, gain, _shed(side * v, h))
    return -side * max(min(w + h, gain, _shed(side * v, h)), w - h)


@compiled
def _way(v: float, u: float, gain: float, h: float) -> tuple[float, float, float]:
    """How far (as a sum of speeds) a joint at v that gained u gets while it stops: at least, at most, and in the end."""
    side = 1.0 if v + math.copysign(_later(abs(u), h), u) >= 0.0 else -1.0
    v, w, x, least = side * v, -side * u, 0.0, 0.0
    while w + h <= gain and w + h + _later(max(w + h, 0.0), h) <= v or w + h <= 0.0:  # it sheds ever more
        w += h
        v -= w
        x += v
        least = min(least, x)
    whole = gain + _later(gain, h)
    if w + h > gain and v >= whole:
        n = math.floor((v - whole) / gain) + 1
        x += n * v - 0.5 * gain * n * (n + 1)
        v -= n * gain
    w = _shed(v, h)
    m = math.floor(w / h)
    x += 0.5 * w * m * (m + 1) - h * m * (m + 1) * (2 * m + 1) / 6.0
    if side > 0.0:
        return least, max(x, 0.0), x
    return -max(x, 0.0), -least, -x
