"""Tracking monitor: a robot that does not do what it is told is stopped.

Promise: a joint that is measured further than `error_rad` from its command for `for_s` gives a protective stop. This is how a
stuck encoder or a weak drive shows on a real controller.
"""

from __future__ import annotations

import math

import numpy as np

from twin.core.records import Certified, Floats, Ints, Observation


class Tracking:
    """Monitor with the number of late ticks in a row for each of the lane's rows."""

    name = "tracking"

    def __init__(self, error_rad: float, for_s: float, period_s: float, rows: int) -> None:
        """From the first late tick to the one that trips lies at least `for_s`; at 0 the first trips."""
        self.error = error_rad
        self.limit = 1 + math.ceil(for_s / period_s - 1e-9)
        self.late: Ints = np.zeros(rows, np.int64)
        self._counting = False

    def begin(self, row: int) -> None:
        """Forget the past of a row."""
        self.late[row] = 0

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1) passes unchanged; `stop` is True where the monitor trips."""
        n = len(command)
        error = np.subtract(seen.q.T, seen.last[:, :-1].T, order="C")
        worst = np.maximum.reduce(np.abs(error, out=error), axis=0)
        well = worst <= self.error  # NaN is not well
        if not self._counting and np.count_nonzero(well) == n:
            return Certified(command, np.zeros(n, np.int64), 1.0 - worst / self.error, np.zeros(n, bool))
        late = np.where(well, 0, self.late[seen.rows] + 1)
        self.late[seen.rows] = late
        self._counting = bool(self.late.any())
        return Certified(command, np.zeros(n, np.int64), 1.0 - worst / self.error, late >= self.limit)
