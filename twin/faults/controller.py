"""The process port of a lane: control periods that a cell's controller misses, and the release that it runs.

Of a period that is missed no command leaves the controller, and the drives keep the one that they have.
"""

from __future__ import annotations

import numpy as np

from twin.core.chance import uniforms
from twin.core.records import Bools, Floats, Rows
from twin.faults.injection import Injection
from twin.faults.process import LateFault


class ProcessPort:
    """Faults of the controllers of a lane's rows."""

    def __init__(self) -> None:
        self.faults: list[Injection] = []
        """Those that make controllers late."""
        self.rolled: list[Injection] = []
        """Releases that are rolled out, the latest last."""

    def enter(self, fault: Injection) -> None:
        """It begins."""
        (self.faults if isinstance(fault.spec, LateFault) else self.rolled).append(fault)

    def leave(self, fault: Injection) -> None:
        """It ends."""
        (self.faults if isinstance(fault.spec, LateFault) else self.rolled).remove(fault)

    def misses(self, tick: int, rows: Rows) -> Bools:
        """(n,) rows whose controller misses this period."""
        missed = np.zeros(len(rows), bool)
        for fault in self.faults:
            luck = uniforms(np.array([fault.key], np.uint64)[:, None], np.array([[tick]]))
            missed |= (rows == fault.row) & (float(luck[0, 0]) < fault.spec.missed())
        return missed

    def keep(self, missed: Bools, rows: Rows, command: Floats, last: Floats, period_us: int) -> Floats:
        """The command that reaches the drives: of rows that missed their period `last`. What did not leave is measured."""
        out = np.where(missed[:, None], last, command)
        kept = missed & (out == last).all(axis=1)
        for fault in self.faults:
            here = rows == fault.row
            if np.count_nonzero(here):
                fault.measured(float(np.count_nonzero(here & kept)), period_us, chance=fault.spec.missed())
        return out
