"""Torque: a drive is never asked, at the moment a command takes effect, for more than a torque; so that a command cannot run
away from an arm that is held up.

Promise: |stiffness · (command − q) − damping · dq| ≤ torque for every joint, with what was measured; an arm at which that had
to be seen to for `for_s` is held up by something, and a stop is demanded. Assumes the stiffness and damping of position drives.
The last filter of a chain: what it lets through is nearer to the arm than what was asked, and slower to leave it.
"""

from __future__ import annotations

import math

import numpy as np

from twin.core.records import Certified, Floats, Ints, Observation
from twin.world.kinematics import Arm


class Torque:
    """Filter with the number of ticks in a row for which each of the lane's rows was held back."""

    name = "torque"

    def __init__(self, arm: Arm, torque: Floats, for_s: float, period_s: float, rows: int) -> None:
        """torque (nq,) Nm."""
        self._window, self._lag = (torque / arm.stiffness)[:, None], (arm.damping / arm.stiffness)[:, None]
        self.limit = 1 + math.ceil(for_s / period_s - 1e-9)
        self.held: Ints = np.zeros(rows, np.int64)

    def begin(self, row: int) -> None:
        """Forget the past of a row."""
        self.held[row] = 0

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        middle = seen.q.T + self._lag * seen.dq.T
        off = command[:, :-1].T - middle
        size = np.maximum.reduce(np.abs(off) / self._window, axis=0)
        over = size > 1.0
        held = np.where(over, self.held[seen.rows] + 1, 0)
        self.held[seen.rows] = held
        changed = over.astype(np.int64)
        if np.count_nonzero(over):
            command = command.copy()
            command[over, :-1] = (middle + np.minimum(np.maximum(off, -self._window), self._window)).T[over]
        return Certified(command, changed, 1.0 - size, held >= self.limit)
