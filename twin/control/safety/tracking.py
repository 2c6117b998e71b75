"""Tracking monitor: a robot that does not do what it is told is stopped.

Promise: a joint that is measured further than `error_rad` from its command for `for_ms` gives a protective stop. This is how a
stuck encoder or a weak drive shows on a real controller.
"""

from __future__ import annotations

import numpy as np

from twin.core.records import Certified, Floats, Observation


class Tracking:
    """Monitor with a counter of late ticks for each of the lane's rows."""

    name = "tracking"

    def __init__(self, error_rad: float, for_ticks: int, rows: int) -> None:
        self.error, self.limit = error_rad, max(1, for_ticks)
        self.late = np.zeros(rows, np.int64)

    def begin(self, row: int) -> None:
        """Forget the past of a row."""
        self.late[row] = 0

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1) passes unchanged; `stop` is True where the monitor trips."""
        error = np.abs(seen.q - seen.last[:, :-1]).max(axis=1)
        late = np.where(error > self.error, self.late[seen.rows] + 1, 0)
        self.late[seen.rows] = late
        return Certified(command, np.zeros(len(command), np.int64), self.error - error, late >= self.limit)
