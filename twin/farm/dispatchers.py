"""Built-in dispatchers: who is called when a cell needs somebody. Users bring their own with `use:`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Tag

from twin.core.records import Action, Event, FleetInfo
from twin.core.spec import Spec


class FirstFreeSpec(Spec):
    """Pages are answered in the order in which they were sent, by whoever is free first."""

    kind: Literal["first_free"] = "first_free"


BuiltIn = Annotated[FirstFreeSpec, Tag("first_free")]


class FirstFree:
    """Calls the pool that the ladder names as soon as a cell is stuck or broken."""

    HEARS = ("reset.stuck", "repair.start")

    def __init__(self, fleet: FleetInfo, spec: FirstFreeSpec) -> None:
        self.pools = dict(fleet.pools)

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """One page for every cry for help."""
        return [
            Action("page", f"page-{e.seq}", cell=e.cell, pool=e.payload["pool"], deadline_s=e.payload["deadline_s"])
            for e in events
            if e.kind in self.HEARS
        ]

    def wake_at(self) -> int | None:
        """Nothing to wait for."""
        return None


DISPATCHERS: Mapping[type[Spec], Any] = {FirstFreeSpec: FirstFree}
