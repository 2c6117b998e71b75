"""What goes wrong with people: who is away, slow, goes astray, errs, leaves, or comes second. `People` asks at each call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twin.core.chance import Chance
from twin.core.clock import US, Clock
from twin.faults.injection import Injection
from twin.faults.people import Absent, Slow


class Lapses:
    """Faults of people in force. A fault's target is a pool or one person of it."""

    def __init__(self, clock: Clock, chance: Chance) -> None:
        self.clock, self.chance = clock, chance
        self.faults: list[Injection] = []

    def of(self, person: str, kind: type[Any]) -> Iterator[Injection]:
        """Faults of a kind that are about a person."""
        pool = person.rpartition("/")[0]
        return (f for f in self.faults if isinstance(f.spec, kind) and f.cell in (person, pool))

    def away(self, person: str) -> bool:
        """Whether a person is not there."""
        return any(True for _ in self.of(person, Absent))

    def slowed(self, person: str, seconds: float) -> float:
        """How long something takes a person that would take others `seconds`."""
        took = seconds
        for fault in self.of(person, Slow):
            longer = took * fault.spec.factor
            fault.measured(longer - took, round(took * US))
            took = longer
        return took

    def absences(self, pool: str) -> Iterator[Injection]:
        """Faults that keep people of a pool away."""
        return (f for f in self.faults if isinstance(f.spec, Absent) and f.cell.partition("/")[0] == pool)

    def number(self, fault: Injection) -> int:
        """A fault's place in the list, which it keeps."""
        return self.faults.index(fault)

    def leave(self, fault: Injection) -> None:
        """It is over; its place stays, so that what is under way can still name it."""
        self.faults = [Injection("", fault.spec, "", -1, -1) if other is fault else other for other in self.faults]

    def strikes(self, kind: type[Any], page: Any) -> Injection | None:
        """The fault of a kind that strikes at a call, if any does; it is measured where it comes about."""
        for fault in self.of(page.person or "", kind):
            luck = self.chance.uniform(page.cell.name, f"fault/{fault.name}", page.cell.calls)
            if luck < fault.spec.probability:
                return fault
        return None
