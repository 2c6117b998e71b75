"""Tracking monitor: a robot that does not do what it is told is stopped.

Promise: a joint that is measured further than `error_rad` from its command for `for_s` gives a protective stop. This is how a
stuck encoder or a weak drive shows on a real controller.
"""

from __future__ import annotations

import math

import numpy as np

from twin.core.compiled import compiled
from twin.core.records import Bools, Certified, Floats, Ints, Observation, Rows


class Tracking:
    """Monitor with the number of late ticks in a row for each of the lane's rows."""

    name = "tracking"

    def __init__(self, error_rad: float, for_s: float, period_s: float, rows: int) -> None:
        """From the first late tick to the one that trips lies at least `for_s`; at 0 the first trips."""
        self.error = error_rad
        self.limit = 1 + math.ceil(for_s / period_s - 1e-9)
        self.late: Ints = np.zeros(rows, np.int64)

    def begin(self, row: int) -> None:
        """Forget the past of a row."""
        self.late[row] = 0

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1) passes unchanged; `stop` is True where the monitor trips."""
        n = len(command)
        margin, stop = np.empty(n), np.empty(n, bool)
        _follow(self.error, self.limit, seen.q, seen.last, seen.rows, self.late, margin, stop)
        return Certified(command, np.zeros(n, np.int64), margin, stop)


@compiled
def _follow(error: float, limit: int, q: Floats, last: Floats, rows: Rows, late: Ints, margin: Floats, stop: Bools) -> None:
    """Count late ticks of the lane's `rows` into `late`; a joint that is not a number is late."""
    for i in range(len(q)):
        worst = 0.0
        for j in range(q.shape[1]):
            off = abs(q[i, j] - last[i, j])
            if off > worst or math.isnan(off):
                worst = off
        late[rows[i]] = 0 if worst <= error else late[rows[i]] + 1
        margin[i], stop[i] = 1.0 - worst / error, late[rows[i]] >= limit
