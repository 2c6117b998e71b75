"""Drives that are given back: whether what they are told from then on goes on from where the arm stands, or jumps."""

from __future__ import annotations

import numpy as np

from twin.control.safety.limits import Bounds
from twin.core.records import Floats, Rows

WATCH_US = 1_000_000
"""How long after it was given back a drive is watched."""
SLACK = 1.05
"""Accelerations up to this much of the limit are no jump: positions and speeds are measured."""


class Jumps:
    """Commands of a lane's n rows after one of their drives was given back. `until_us`: nothing is watched from then on."""

    def __init__(self, bounds: Bounds, n: int) -> None:
        self.bounds, self.until_us = bounds, 0
        nq = len(bounds.low)
        self.of_us = np.zeros(n, np.int64)
        self.last, self.last_v = np.zeros((n, nq)), np.zeros((n, nq))

    def watch(self, now_us: int, row: int, q: Floats, dq: Floats) -> None:
        """A drive of `row` is given back while the arm is at `q` (nq,) rad and moves at `dq` (nq,) rad/s."""
        self.last[row], self.last_v[row] = q, dq
        self.of_us[row] = self.until_us = now_us + WATCH_US

    def forget(self, row: int) -> None:
        """An episode of `row` begins or ends."""
        self.of_us[row] = 0

    def found(self, now_us: int, rows: Rows, command: Floats) -> Rows:
        """Rows whose command (n, nq) rad demands more acceleration than the limit; each is told once."""
        watched = self.of_us[rows] > now_us
        at, told = rows[watched], command[watched]
        v = (told - self.last[at]) / self.bounds.dt
        jumps = (np.abs(v - self.last_v[at]) > SLACK * self.bounds.gain).any(axis=1)
        self.last[at], self.last_v[at] = told, v
        self.of_us[at[jumps]] = 0
        return at[jumps]
