"""What goes wrong with people: who is away, slow, goes astray, errs, leaves, or comes second. `People` asks at each call."""

from __future__ import annotations

from typing import Any

from twin.core.chance import Chance
from twin.core.clock import US, Clock
from twin.faults.injection import InForce, Injection
from twin.faults.people import Absent, PeopleFault, Slow


class Lapses:
    """Faults of people in force. A fault's target is a pool or one person of it."""

    def __init__(self, clock: Clock, chance: Chance, in_force: InForce) -> None:
        self.clock, self.chance, self.in_force = clock, chance, in_force

    def of(self, person: str, kind: type[PeopleFault]) -> list[Injection]:
        """Faults of a kind that are about a person."""
        return [*self.in_force.of(person, kind), *self.in_force.of(person.rpartition("/")[0], kind)]

    def away(self, person: str) -> bool:
        """Whether a person is not there."""
        return bool(self.of(person, Absent))

    def sent(self, person: str) -> None:
        """A person answers a call: somebody who should have been away is one whose absence does nothing."""
        for fault in self.of(person, Absent):
            fault.measured(0.0, 1)

    def takes(self, person: str, seconds: float) -> float:
        """How long something takes a person that would take others `seconds`."""
        for fault in self.of(person, Slow):
            longer = self._slowed(fault, seconds)
            fault.measured(longer - seconds, round(longer * US))
            seconds = longer
        return seconds

    def _slowed(self, fault: Injection, seconds: float) -> float:
        slowed: float = seconds * fault.spec.factor
        return slowed

    def absences(self, pool: str, people: int) -> list[Injection]:
        """Faults that keep people of a pool away."""
        named = [pool, *(f"{pool}/{i + 1}" for i in range(people))]
        return [fault for name in named for fault in self.in_force.of(name, Absent)]

    def strikes(self, kind: type[Any], page: Any) -> Injection | None:
        """The fault of a kind that strikes at a call, if any does. What comes of it is measured by who called."""
        for fault in self.of(page.person or "", kind):
            fault.measured(0.0, 1, chance=fault.spec.probability)
            if self._strikes(fault, page):
                return fault
        return None

    def _strikes(self, fault: Injection, page: Any) -> bool:
        luck = self.chance.uniform(page.cell.name, f"fault/{fault.name}", page.cell.calls)
        struck: bool = luck < fault.spec.probability
        return struck
