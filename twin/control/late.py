"""Control periods that a cell's controller misses: no command leaves it, and the drives keep the one that they have."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.core.chance import uniforms
from twin.core.records import Bools, Floats, Rows


class Late:
    """The controllers of a lane's rows that miss periods, each by a fault and a share of its periods."""

    def __init__(self) -> None:
        self.faults: list[tuple[Any, float]] = []

    def pause(self, fault: Any, share: float) -> None:
        """From now on the controller of the fault's row misses this share of its periods."""
        self.faults.append((fault, share))

    def resume(self, fault: Any) -> None:
        """It misses none for that reason any more."""
        self.faults = [(other, share) for other, share in self.faults if other is not fault]

    def misses(self, tick: int, rows: Rows) -> Bools:
        """(n,) rows whose controller misses this period."""
        missed = np.zeros(len(rows), bool)
        for fault, share in self.faults:
            luck = uniforms(np.array([fault.key], np.uint64)[:, None], np.array([[tick]]))
            missed |= (rows == fault.row) & (float(luck[0, 0]) < share)
        return missed

    def keep(self, missed: Bools, rows: Rows, command: Floats, last: Floats, period_us: int) -> Floats:
        """The command that reaches the drives; rows that missed their period keep `last`, and that is measured."""
        out = np.where(missed[:, None], last, command)
        kept = missed & (out == last).all(axis=1)
        for fault, _ in self.faults:
            here = rows == fault.row
            if np.count_nonzero(here & missed):
                fault.measured(float(np.count_nonzero(here & kept)), period_us)
        return out
