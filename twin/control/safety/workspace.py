"""Workspace box: the tool point stays inside a box in the robot's base frame.

Promise: a command passes only if the arm, braking from it at once, comes to rest with its tool in the box; else the arm brakes
now, which the command before had been found able to do. All joints brake together, so that the arm follows the line in joint
space on which it was already found safe. Assumes that drives follow and measured joints are right. Its place in a chain is
behind `joint_limits`.

A bound on what the tool can do until it stands tells nearly all rows safe at the price of some sums; forward kinematics is for
the others.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.limits import Bounds, braked, periods
from twin.core.records import Bools, Certified, Floats, Ints, Observation
from twin.world.kinematics import Arm

MARGIN_M = 0.005
"""The tool is kept this far inside, for what drives and loads add."""
LAG_S, STRAY_M = 0.1, 0.1
"""The measured tool is where it was told to be this long ago, at worst, but for so far: a tool that stands against something
is looked at closely, for it is where it is sent that counts."""


class WorkspaceBox:
    """Filter over joint targets with the tool's position and speed."""

    name = "workspace_box"

    def __init__(self, arm: Arm, bounds: Bounds, low: Floats, high: Floats) -> None:
        """low, high (3,) m; bounds: what the joints can do."""
        self.arm, self.bounds, self.low, self.high = arm, bounds, low, high
        self._middle, self._inner = 0.5 * (low + high)[:, None], 0.5 * (high - low)[:, None] - MARGIN_M
        self._per_m = -2.0 / (high - low).min()
        self._lever = levers(arm)
        root, most = np.sqrt(self._lever), np.sqrt(self._lever.max())
        self._weights = np.stack((np.sqrt(0.5) * root, most * root, most * root))[:, :, None]
        self._lag = np.sqrt(2.0) * most * LAG_S / bounds.dt
        self._brake = (0.5 / (bounds.gain * bounds.dt))[:, None]

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n, beyond = len(command), self._reach(seen, command)
        changed, stop = np.zeros(n, np.int64), np.zeros(n, bool)
        far = beyond <= 0  # NaN, from a sensor, is not far
        if np.count_nonzero(far) < n:
            which: Ints = np.flatnonzero(~far)
            last, last_v = seen.last[which, :-1], seen.last_v[which]
            leaving = self._leaving(last, last_v, command[which, :-1])
            if np.count_nonzero(leaving):
                which, last, last_v = which[leaving], last[leaving], last_v[leaving]
                changed[which] = 1
                command = command.copy()
                command[which, :-1] = last + self.bounds.reachable(braked(self.bounds, last_v), last, last_v) * self.bounds.dt
        return Certified(command, changed, beyond * self._per_m, stop)

    def _reach(self, seen: Observation, command: Floats) -> Floats:
        """(n,) m, how far beyond a face the tool can get at most until it stands; negative: how far inside it stays.

        The sum of what the tool makes of its speed while the joints brake, what the change of the joints' speed adds, what
        the way can bend (half its second derivative along the line in joint space, which is at most (Σ √lever·|dq|)²) and
        how far the joints are from where they were sent.
        """
        last = seen.last[:, :-1].T
        moves: Floats = np.empty((3, len(last), len(command)))
        step, kick, stray = moves
        np.subtract(command[:, :-1].T, last, out=step)
        np.multiply(seen.last_v.T, -self.bounds.dt, out=kick)
        kick += step
        np.subtract(seen.q.T, last, out=stray)
        np.abs(moves, out=moves)
        periods: Floats = np.maximum.reduce(step * self._brake, axis=0)
        periods += 1.0  # for so many periods this step would have to last to make the way of braking too
        moves *= self._weights
        bend, more, off = np.add.reduce(moves, axis=1)
        off -= bend * self._lag
        off -= STRAY_M
        bend *= periods
        bend *= bend
        more *= periods
        bend += more
        bend += np.maximum(off, 0.0, out=off)
        periods *= self.bounds.dt
        periods += LAG_S
        beyond = np.abs(seen.tool_v.T, order="C")
        beyond *= periods
        beyond += np.abs(seen.tool.T - self._middle)
        beyond -= self._inner
        bend += np.maximum.reduce(beyond, axis=0)
        reach: Floats = bend
        return reach

    def _leaving(self, last: Floats, last_v: Floats, asked: Floats) -> Bools:
        """(n,) whether joints (n, nq) at `last` that do what they can of `asked` might come to rest with the tool outside."""
        bounds = self.bounds
        speed = np.minimum(np.maximum((asked - last) / bounds.dt, last_v - bounds.gain), last_v + bounds.gain)
        speed = np.minimum(np.maximum(speed, -bounds.velocity), bounds.velocity)
        return self._outside(last, speed * self._way_s(speed)[:, None])

    def _outside(self, last: Floats, way: Floats) -> Bools:
        """(n,) whether the tool on a `way` (n, nq) from `last` (n, nq) gets beyond a face, or further beyond it than it is."""
        turn = np.abs(way)
        # the tool leaves its chord by at most an eighth of its second derivative along the line in joint space
        sag = 0.125 * turn.sum(axis=1) * (turn * self._lever).sum(axis=1)
        ends = self._excess(last + way) + sag[:, None]
        outside: Bools = np.logical_or.reduce(ends > -MARGIN_M, axis=1)
        if np.count_nonzero(outside):
            now = np.maximum(self._excess(last[outside]), -MARGIN_M)
            outside[outside] = (ends[outside] > now).any(axis=1)
        return outside

    def _excess(self, q: Floats) -> Floats:
        """(n, 3) m, how far the tool of joints (n, nq) is beyond the faces; negative inside."""
        tool, _ = self.arm.fk(q)
        excess: Floats = np.maximum(self.low - tool, tool - self.high)
        return excess

    def _way_s(self, speed: Floats) -> Floats:
        """(n,) s for which `speed` (n, nq) would have to last to make the way of this period and of braking after it."""
        spent = periods(self.bounds, speed)
        whole = np.floor(spent)
        way: Floats = self.bounds.dt * (1.0 + whole - whole * (whole + 1) / (2 * np.maximum(spent, 1e-9)))
        return way


def levers(arm: Arm) -> Floats:
    """(nq,) m, the furthest that the tool gets from the axis of each joint, found on an even spread of poses, and 5 % more."""
    spread = np.arange(2000)[:, None] * np.sqrt(np.arange(arm.nq) + 1.5) % 1.0  # roots that share no period
    linear = arm.jac(arm.limits[:, 0] + spread * (arm.limits[:, 1] - arm.limits[:, 0]))[:, :3]
    furthest: Floats = 1.05 * np.sqrt((linear * linear).sum(axis=1)).max(axis=0)
    return furthest
