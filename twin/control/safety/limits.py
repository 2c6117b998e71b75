"""Joint limits: commands stay within position, velocity and acceleration limits of every joint.

Promise: between ticks the command of a joint moves no faster than its velocity limit and changes its speed by no more than its
acceleration limit times the period, and a joint always can stop before its position limit. Assumes that the drive follows its
command; whether it did is judged on ground truth.
"""

from __future__ import annotations

import numpy as np

from twin.core.records import Certified, Floats, Observation


class JointLimits:
    """Filter over joint targets. All rows are checked at once; only violators are changed."""

    name = "joint_limits"

    def __init__(self, limits: Floats, velocity: Floats, acceleration: Floats, period_s: float, margin_rad: float) -> None:
        """limits (nq, 2) rad; velocity (nq,) rad/s; acceleration (nq,) rad/s²; the control period; distance kept to limits."""
        self.low, self.high = limits[:, 0] + margin_rad, limits[:, 1] - margin_rad
        self.velocity, self.acceleration, self.dt = velocity, acceleration, period_s
        self._dv = acceleration * period_s * (1 + 1e-9)
        self._v = velocity * (1 + 1e-9)
        # a joint nearer to its limit than this may be unable to stop within one check: look closer
        self._near = velocity * period_s + velocity**2 / (2 * acceleration)

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1); the gripper column passes."""
        n = len(command)
        q, last = command[:, :-1], seen.last[:, :-1]
        v = (q - last) / self.dt
        bad = (
            (np.abs(v) > self._v)
            | (np.abs(v - seen.last_v) > self._dv)
            | (q < self.low + self._near)
            | (q > self.high - self._near)
        )
        changed = np.zeros(n, np.int64)
        rows = np.flatnonzero(bad.any(axis=1))
        if len(rows):
            solved = self._solve(last[rows], seen.last_v[rows], q[rows])
            moved = np.abs(solved - q[rows]).max(axis=1) > 1e-9
            changed[rows[moved]] = 1
            command = command.copy()
            command[rows[moved], :-1] = solved[moved]
        return Certified(command, changed, np.ones(n), np.zeros(n, bool))

    def _solve(self, last: Floats, last_v: Floats, q: Floats) -> Floats:
        dv = self.acceleration * self.dt
        wanted = (q - last) / self.dt
        feasible = (np.abs(wanted) <= self._v) & (np.abs(wanted - last_v) <= self._dv)
        # what cannot be reached at once is approached so that it can be stopped at
        towards = np.sign(wanted) * np.minimum(np.abs(wanted), self._stoppable(np.abs(q - last)))
        v = np.where(feasible, wanted, towards)
        v = np.clip(v, last_v - dv, last_v + dv)
        v = np.minimum(v, self._stoppable(self.high - last))
        v = np.maximum(v, -self._stoppable(last - self.low))
        return last + np.clip(v, -self.velocity, self.velocity) * self.dt

    def _stoppable(self, distance: Floats) -> Floats:
        """Greatest speed from which a joint stops within `distance`, losing acceleration x period a tick:
        v·dt + v²/(2a) = distance, solved for v; a joint already beyond moves back at most at that speed's mirror."""
        a, dt = self.acceleration, self.dt
        d = np.maximum(distance, 0.0)
        speed: Floats = -a * dt + np.sqrt((a * dt) ** 2 + 2 * a * d)
        return speed
