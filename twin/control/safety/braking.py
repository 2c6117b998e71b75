"""What region filters share: a command passes only if the arm, braking from it at once, stays clear all the way to rest.

A drive is behind its command by what `lag` says, and each joint by its own: from where the arm is measured (q) it goes through
the triangle between q, the command and where the command comes to rest, in joint space. Points of the arm are looked at in the
corners; between them they leave the flat triangle by no more than their second derivative allows (`BEND`), and a drive leaves
the triangle by no more than a share of the way (`STRAY`). The margin at rest is `MARGIN_M`.

A row that could get out brakes now, all joints together, which the command before was found able to do.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.limits import Bounds, braked, periods
from twin.core.records import Bools, Certified, Floats, Ints, Observation
from twin.world.kinematics import Arm

MARGIN_M = 0.005
"""A point is kept this far inside, for what loads add."""
BEND = 0.17
"""A function of curvature M leaves the plane through the corners of a triangle of edges d by at most this times M·d²."""
STRAY = 0.08
"""Share of the way to rest by which coupling between joints and unequal inertias lead a drive off the triangle. Found on the
arms that ship by `benchmarks.safety`, which prints the worst that was seen."""


class Braking:
    """A filter that keeps points of an arm in a region. Subclasses say how far they are from getting out."""

    name: str

    def __init__(self, arm: Arm, bounds: Bounds, lever: Floats, bend: Floats | None = None) -> None:
        """lever (m, nq) m: the most that each distance of `clear` changes with a radian of each joint; or (1, nq).

        bend (m, nq) or (1, nq) m: the most that this changes with a radian; left out: the same, as for points whose levers
        are their distances from the joints' axes.
        """
        self.arm, self.bounds, self.lever, self.bend = arm, bounds, lever, lever if bend is None else bend

    def left(self, seen: Observation, way: Floats) -> Floats:
        """(n,) m, at least so far are all watched points from getting out once each joint has made its way (nq, n) rad; NaN
        where it is not known."""
        raise NotImplementedError

    def clear(self, q: Floats) -> Floats:
        """(n, m) m, how far each watched point of joints (n, nq) is from each face; negative: beyond it."""
        raise NotImplementedError

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n = len(command)
        left = self.left(seen, way(self.bounds, seen.q.T, seen.last[:, :-1].T, command[:, :-1].T))
        changed, stop = np.zeros(n, np.int64), np.zeros(n, bool)
        which: Ints = np.flatnonzero(~(left > MARGIN_M))  # NaN, from a sensor, is not far
        if len(which):
            last, last_v, ask = seen.last[which, :-1], seen.last_v[which], command[which, :-1]
            moving = np.flatnonzero(np.logical_or.reduce((ask != last) | (last_v != 0), axis=1))
            if len(moving) < len(which):  # who stands and is asked to stand would be told the same
                which, last, last_v, ask = which[moving], last[moving], last_v[moving], ask[moving]
            leaving = self.leaving(seen.q[which], last, last_v, ask)
            if np.count_nonzero(leaving):
                which, last, last_v = which[leaving], last[leaving], last_v[leaving]
                changed[which] = 1
                command = command.copy()
                slower = braked(self.bounds, last_v)
                command[which, :-1] = last + self.bounds.reachable(slower, last, last_v) * self.bounds.dt
        return Certified(command, changed, left, stop)

    def leaving(self, q: Floats, last: Floats, last_v: Floats, asked: Floats) -> Bools:
        """(k,) whether arms measured at `q` (k, nq), sent to `last` at `last_v`, might get out if they did what they can of
        `asked` and braked then."""
        command, rest = ends(self.bounds, last, last_v, asked)
        longest = np.maximum(np.maximum(np.abs(command - q), np.abs(rest - q)), np.abs(rest - command))
        astray = STRAY * (longest[:, None] * self.lever).sum(axis=2)
        astray = astray + BEND * longest.sum(axis=1, keepdims=True) * (longest[:, None] * self.bend).sum(axis=2)
        k = len(q)
        there = self.clear(np.concatenate((command, rest)))
        then = np.minimum(there[:k], there[k:]) - astray
        out: Bools = ~(then >= MARGIN_M).all(axis=1)
        at = np.flatnonzero(out)
        if len(at):  # from within the margin, or beyond a face, one may only come back, by more than one can stray on the way
            out[at] = ~(then[at] >= np.minimum(self.clear(q[at]), MARGIN_M)).all(axis=1)
        return out


def way(bounds: Bounds, q: Floats, last: Floats, ask: Floats) -> Floats:
    """(nq, n) rad, how far joints measured at `q` (nq, n), sent to `last` and asked for `ask`, can get before they rest."""
    step = ask - last
    off: Floats = np.abs(ask - q)
    np.abs(step, out=step)
    spent = np.maximum.reduce(step / bounds.gain[:, None], axis=0)
    spent *= 0.5 / bounds.dt
    spent += 0.5  # so many times this period's step the arm makes while it brakes
    step *= spent
    off += step
    off *= 1.0 + STRAY
    return off


def ends(bounds: Bounds, last: Floats, last_v: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """(n, nq) rad, where joints at `last`, sent at `last_v`, are a period later if they do what they can of `asked`, and where
    they come to rest if they brake then."""
    speed = np.minimum(np.maximum((asked - last) / bounds.dt, last_v - bounds.gain), last_v + bounds.gain)
    speed = np.minimum(np.maximum(speed, -bounds.velocity), bounds.velocity)
    spent = periods(bounds, speed)
    whole = np.floor(spent)
    seconds = bounds.dt * (1.0 + whole - whole * (whole + 1) / (2 * np.maximum(spent, 1e-9)))
    rest = last + speed * seconds[:, None]
    # where joints brake harder to keep their range
    return last + speed * bounds.dt, np.minimum(np.maximum(rest, bounds.low), bounds.high)


def levers(arm: Arm) -> Floats:
    """(nq,) m, the furthest that the tool gets from the axis of each joint, found on an even spread of poses, and 5 % more."""
    linear = arm.jac(spread(arm))[:, :3]
    furthest: Floats = 1.05 * np.sqrt((linear * linear).sum(axis=1)).max(axis=0)
    return furthest


def reaches(arm: Arm) -> Floats:
    """(3, nq) m, the most that a radian of each joint moves the tool along x, y and z, found in the same way."""
    most: Floats = 1.05 * np.abs(arm.jac(spread(arm))[:, :3]).max(axis=0)
    return most


def spread(arm: Arm) -> Floats:
    """(2000, nq) rad, poses spread evenly over the joints' ranges."""
    share = np.arange(2000)[:, None] * np.sqrt(np.arange(arm.nq) + 1.5) % 1.0  # roots that share no period
    poses: Floats = arm.limits[:, 0] + share * (arm.limits[:, 1] - arm.limits[:, 0])
    return poses
