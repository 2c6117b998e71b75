"""Cells whose controller is gone, without power, or refuses to start: nothing runs there until the last cause has ended.

A cell that comes back tests itself before it gets work, and its mess is reset, for nobody knows where the arm was left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from twin.core.clock import Clock
from twin.farm.cells import Cell
from twin.faults.injection import Injection

if TYPE_CHECKING:
    from twin.farm.episodes import Episodes

WORKABLE = ("free", "held", "leased", "setup", "episode", "test", "reset", "stopped")
"""States of a cell that its controller keeps going."""


class Controllers:
    """What keeps each cell from working. A cell that starts again is entered on the clock as `cell.ready`."""

    def __init__(self, clock: Clock, cells: Mapping[str, Cell], episodes: Episodes) -> None:
        self.clock, self.cells, self.episodes = clock, cells, episodes
        self.causes: dict[str, list[Injection]] = {}
        """Cell → the faults that hold it down."""

    def down(self, cell: Cell, fault: Injection) -> None:
        """A cause begins."""
        spec = fault.spec
        self.causes.setdefault(cell.name, []).append(fault)
        if spec.AT_ONCE:
            cell.suspect = cell.suspect or "restarted"
        if cell.state in WORKABLE and (spec.AT_ONCE or cell.state in ("free", "held")):
            self._halt(cell, spec.WHY)
        if spec.DARK and cell.state == "down":
            self.episodes.darken(cell)

    def dark(self, cell: Cell) -> bool:
        """Whether a cell stands without power."""
        return cell.state == "down" and any(cause.spec.DARK for cause in self.causes.get(cell.name, ()))

    def holds(self, cell: Cell, fault: Injection) -> bool:
        """Whether a cell stands because of a fault."""
        return cell.state == "down" and fault in self.causes.get(cell.name, ())

    def _halt(self, cell: Cell, why: str) -> None:
        """Everything in the cell stands."""
        if cell.state == "episode":
            self.episodes.end(cell, "crash")
        elif cell.state == "test":
            self.episodes.halt_test(cell)
        elif cell.undoing:
            self.episodes.break_off(cell)
        self.episodes.recovery.cancel(cell, "reset", "rung", "rest")
        self.episodes.stopping.over(cell)
        self._dark(cell, why)

    def _dark(self, cell: Cell, why: str) -> None:
        self.episodes.work.withdraw(cell, why)
        cell.state = "down"

    def stands(self, cell: Cell) -> bool:
        """A cell would go on: False where nothing keeps it down."""
        causes = self.causes.get(cell.name)
        if causes and cell.state != "down":
            self._dark(cell, causes[0].spec.WHY)
            if self.dark(cell):
                self.episodes.darken(cell)
        return bool(causes)

    def up(self, cell: Cell, fault: Injection) -> None:
        """A cause ends; with the last one the cell starts again."""
        left = [other for other in self.causes.get(cell.name, ()) if other is not fault]
        self.causes[cell.name] = left
        if fault.spec.DARK and not any(cause.spec.DARK for cause in left):
            self.episodes.light(cell)
        if not left and cell.state == "down":
            cell.timers["reset"] = self.clock.after(0.0, "cell.ready", cell.name)
