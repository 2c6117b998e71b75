"""Staleness: what is old, out of order, replayed or no number never moves a robot.

Promise: a command that rests on an observation older than `hold_s` is not carried out: the arm brakes and holds; older than
`stop_s`, a stop is demanded. So it is where joints are not measured, and where the observation behind a command is older than
the one behind the command before. Assumes one clock for cell and server.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.limits import Bounds, braked
from twin.core.records import Certified, Floats, Ints, Observation


class Stale:
    """Filter that reads seen.age_s (n,): the age of the observation behind the command that is due now."""

    name, wants = "stale", ("age",)

    def __init__(self, bounds: Bounds, hold_s: float, stop_s: float, rows: int) -> None:
        self.bounds, self.hold_s, self.stop_s = bounds, hold_s, stop_s
        self.stamp: Ints = np.full(rows, -1)

    def begin(self, row: int) -> None:
        """Forget what came before."""
        self.stamp[row] = -1

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n, rows = len(command), seen.rows
        back = seen.asked_us < self.stamp[rows]
        self.stamp[rows] = np.maximum(self.stamp[rows], seen.asked_us)
        blind = ~np.isfinite(seen.q).all(axis=1)
        margin = 1.0 - seen.age_s / self.hold_s
        hold = ~(margin >= 0) | blind | back
        stop = ~(seen.age_s <= self.stop_s) | blind
        changed = np.zeros(n, np.int64)
        if np.count_nonzero(hold):
            last, last_v = seen.last[hold, :-1], seen.last_v[hold]
            still = last + self.bounds.reachable(braked(self.bounds, last_v), last, last_v) * self.bounds.dt
            changed[hold] = (still != command[hold, :-1]).any(axis=1)
            command = command.copy()
            command[hold, :-1] = still
        return Certified(command, changed, margin, stop)
