"""From a breakage back to work: call, technician, spare part, repair, self-test. Nothing here waits for ever.

broken ──call──▶ technician comes ──part in stock──▶ repair ──▶ self-test ──passed──▶ reset ladder ──▶ work
  ▲                     └─ none: ordered, called again once it is there         └─ failed: broken again
"""

from __future__ import annotations

from twin.core.chance import Chance
from twin.core.clock import Clock
from twin.core.quantity import draw
from twin.farm.book import Book
from twin.farm.cells import ROBOT, Cell
from twin.farm.people import Page
from twin.farm.recovery import Recovery
from twin.farm.spec import FleetSpec, WearSpec

REPAIR_DEADLINE_S = 4 * 3600.0
"""How long a call for a repair may wait before it is made again."""
REPAIR_CALLS = 3
"""So often a repair is called for before the cell counts as out of service."""
REPAIR_TRIES = 3
"""A robot that fails its self-test after so many repairs in a row is given up."""


class Repair:
    """Repairs of one farm. The result of a self-test comes to `tested`."""

    def __init__(self, fleet: FleetSpec, clock: Clock, book: Book, chance: Chance, recovery: Recovery) -> None:
        self.clock, self.book, self.chance, self.recovery = clock, book, chance, recovery
        self.parts, self.spec = fleet.parts, fleet.self_test
        self.stock = {name: part.stock for name, part in fleet.parts.items()}
        self.orders = dict.fromkeys(fleet.parts, 0)
        """Parts ordered so far: what deliveries are keyed by."""
        self.waiting: dict[str, list[str]] = {name: [] for name in fleet.parts}
        """Part → cells that wait for one, in the order in which they asked."""
        self.in_hand: dict[str, str] = {}
        """Cell → the part that was delivered for it."""
        self.tries: dict[str, int] = {}
        """Cell → repairs since it last passed a self-test."""

    def broken(self, cell: Cell, cause: int | None, call: int = 1) -> None:
        """The robot does not move any more: somebody must repair it."""
        cell.state, cell.everyday = "broken", False
        self.recovery.cancel(cell, "reset", "rung")
        specs = self.recovery.specs
        pools = [name for name in specs if self.recovery.can_come(name, cell, "repair")]
        staffed = [name for name in pools if specs[name].count]
        pool = (staffed + pools + [""])[0]
        cell.cry = self.book.emit("repair.start", cell, cause=cause, pool=pool, deadline_s=REPAIR_DEADLINE_S, call=call)
        cell.timers["rung"] = self.clock.after(REPAIR_DEADLINE_S, "rung.deadline", cell.name, call)

    def deadline(self, cell: Cell, call: int) -> None:
        """Nobody has begun: call again, or give the cell up."""
        if call < REPAIR_CALLS:
            self.broken(cell, cell.cry, call + 1)
        else:
            self.recovery.abandon(cell)

    def arrived(self, page: Page) -> bool:
        """A technician stands at the cell. False where a part is missing and the visit was for nothing."""
        cell = page.cell
        wear = self._wear(cell)
        if wear.part is not None and not self._take(cell, wear.part):
            return False
        hours = draw(wear.repair_h, self.chance.stream(cell.robot, "repair", cell.repairs))
        self.recovery.people.work(page, 3600.0 * hours)
        return True

    def _wear(self, cell: Cell) -> WearSpec:
        whole = cell.robot_spec.reliability
        return whole if cell.component == ROBOT else whole.components[cell.component]

    def _take(self, cell: Cell, part: str) -> bool:
        """Take a part from the store, or the one that was delivered for this cell; another is ordered for one taken."""
        if self.in_hand.pop(cell.name, None) == part:
            return True
        there = self.stock[part] > 0
        self.orders[part] += 1
        hours = draw(self.parts[part].delivery_h, self.chance.stream(f"part/{part}", "delivery", self.orders[part]))
        self.clock.after(3600.0 * hours, "part.delivered", part)
        if there:
            self.stock[part] -= 1
        else:
            self.waiting[part].append(cell.name)
        state = "taken" if there else "missing"
        self.book.emit("repair.part", cell, cause=cell.cry, part=part, state=state, stock=self.stock[part])
        return there

    def delivered(self, part: str) -> str | None:
        """A part came: into the store, or for the cell that has waited longest. Its name, where one has."""
        cell = self.waiting[part].pop(0) if self.waiting[part] else None
        if cell is None:
            self.stock[part] += 1
            self.book.emit("repair.part", part=part, state="delivered", stock=self.stock[part])
        else:
            self.in_hand[cell] = part
        return cell

    def came(self, cell: Cell, part: str) -> None:
        """The part that a broken robot waits for is there: call again."""
        cause = self.book.emit("repair.part", cell, cause=cell.cry, part=part, state="delivered", stock=self.stock[part])
        if cell.state == "broken":
            self.broken(cell, cause)
        else:
            self.stock[self.in_hand.pop(cell.name)] += 1

    def done(self, cell: Cell) -> None:
        """The technician is done: the robot proves itself before it gets work."""
        cell.repairs, cell.in_reach = cell.repairs + 1, True
        self.tries[cell.name] = self.tries.get(cell.name, 0) + 1
        self.book.emit("repair.done", cell, cause=cell.cry)
        cell.suspect = "repaired"

    def tested(self, cell: Cell, wrong: list[str], cause: int) -> bool:
        """A self-test ended; `wrong` names what did not move as told. True where the robot passed."""
        cell.suspect, cell.failures = None, 0
        if not wrong:
            self.tries.pop(cell.name, None)
            cell.tested_us = cell.operated_us
            return True
        if self.tries.get(cell.name, 0) >= REPAIR_TRIES:
            self.recovery.abandon(cell)
        else:
            self.broken(cell, cause)
        return False

    def doubt(self, cell: Cell, good: bool | None) -> None:
        """An episode ended: too many failures in a row, or too long without a test, make a robot suspect."""
        cell.failures = 0 if good else cell.failures + (good is False)
        many, every_h = self.spec.after_failures, self.spec.every_h
        if many is not None and cell.failures >= many:
            cell.suspect = "failures"
        elif every_h is not None and cell.operated_us - cell.tested_us >= 3.6e9 * every_h:
            cell.suspect = "due"
