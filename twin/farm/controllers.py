"""Cells whose controller is gone, without power, or refuses to start: nothing runs there until the last cause has ended.

A cell that comes back tests itself before it gets work, and its mess is reset, for nobody knows where the arm was left.
"""

from __future__ import annotations

from typing import Any

from twin.core.clock import US, Clock
from twin.farm.cells import Cell
from twin.faults.injection import Injection

WORKABLE = ("free", "held", "leased", "setup", "episode", "test", "reset", "stopped")
"""States of a cell that its controller keeps going."""


class Controllers:
    """What keeps each cell from working, and for how long it did."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.causes: dict[str, list[tuple[Injection, str]]] = {}
        """Cell → the faults that hold it down, each with the word for it."""
        self.since: dict[tuple[str, str], int] = {}
        """(cell, fault) → since when it has been exposed."""

    def down(self, farm: Any, name: str, fault: Injection, why: str, at_once: bool = True) -> None:
        """A cause begins; `at_once`: whatever runs there dies, else it is finished and nothing new begins."""
        cell: Cell = farm.cells[name]
        self.causes.setdefault(name, []).append((fault, why))
        if cell.state == "down" or (cell.state in WORKABLE and (at_once or cell.state in ("free", "held"))):
            self.since[name, fault.name] = self.clock.now_us
            if cell.state != "down":
                self._halt(farm, cell, why)

    def _halt(self, farm: Any, cell: Cell, why: str) -> None:
        """Everything in the cell stands."""
        if cell.state == "episode":
            farm.episodes.end(cell, "crash")
        elif cell.state == "test":
            farm.episodes.halt_test(cell)
        elif cell.undoing:
            farm.episodes.break_off(cell)
        farm.recovery.cancel(cell, "reset", "rung", "rest")
        farm.stopping.over(cell)
        cell.suspect = cell.suspect or "restarted"
        self._dark(farm, cell, why)

    def _dark(self, farm: Any, cell: Cell, why: str) -> None:
        farm.work.withdraw(cell, why)
        cell.state = "down"

    def stands(self, farm: Any, cell: Cell) -> bool:
        """A cell would go on: False where nothing keeps it down."""
        causes = self.causes.get(cell.name)
        if not causes:
            return False
        for fault, _ in causes:
            self.since.setdefault((cell.name, fault.name), self.clock.now_us)
        if cell.state != "down":
            self._dark(farm, cell, causes[0][1])
        return True

    def up(self, farm: Any, name: str, fault: Injection) -> None:
        """A cause ends; with the last one the cell starts again."""
        cell: Cell = farm.cells[name]
        self._measure(cell, fault)
        self.since.pop((name, fault.name), None)
        left = [(other, why) for other, why in self.causes.get(name, ()) if other is not fault]
        self.causes[name] = left
        if not left and cell.state == "down":
            farm.go_on(cell)

    def _measure(self, cell: Cell, fault: Injection) -> None:
        """How long it was exposed, and how long the cell indeed stood."""
        since = self.since.get((cell.name, fault.name))
        if since is not None:
            spent = self.clock.now_us - since
            fault.measured(spent / US if cell.state == "down" else 0.0, spent)
            self.since[cell.name, fault.name] = self.clock.now_us

    def settle(self, farm: Any) -> None:
        """Bring what is still down up to date."""
        for name, causes in self.causes.items():
            for fault, _ in causes:
                self._measure(farm.cells[name], fault)
