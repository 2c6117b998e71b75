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


class LeastLoadedSpec(Spec):
    """Of all pools that can do it and come to the site, the one with the fewest open calls for its people."""

    kind: Literal["least_loaded"]


BuiltIn = Annotated[FirstFreeSpec, Tag("first_free")] | Annotated[LeastLoadedSpec, Tag("least_loaded")]


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


class LeastLoaded:
    """Calls the pool that has least to do; of equals the one that the ladder names."""

    HEARS = ("reset.stuck", "repair.start", "page.sent", "page.done", "page.expired")

    def __init__(self, fleet: FleetInfo, spec: LeastLoadedSpec) -> None:
        self.fleet = fleet
        self.open = dict.fromkeys(fleet.pools, 0)
        """Calls that are not done, by pool."""

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """One page for every cry for help; several of one instant are spread."""
        actions: list[Action] = []
        asked = dict.fromkeys(self.open, 0)
        for e in events:
            if e.kind == "page.sent":
                self.open[e.payload["pool"]] += 1
            elif e.kind in ("page.done", "page.expired"):
                self.open[e.payload["pool"]] -= 1
        for e in events:
            if e.kind in ("reset.stuck", "repair.start"):
                pool = self._choose(e, asked)
                asked[pool] = asked.get(pool, 0) + 1
                actions.append(Action("page", f"page-{e.seq}", cell=e.cell, pool=pool, deadline_s=e.payload["deadline_s"]))
        return actions

    def _choose(self, event: Event, asked: Mapping[str, int]) -> str:
        """The pool for a cry."""
        named, skill = event.payload["pool"], "repair" if event.kind == "repair.start" else "reset"
        able = [
            pool
            for pool, count in self.fleet.pools.items()
            if count and skill in self.fleet.skills.get(pool, ()) and self.fleet.homes.get(pool) in (None, event.site)
        ]

        def load(pool: str) -> tuple[float, bool, str]:
            return (self.open[pool] + asked[pool]) / self.fleet.pools[pool], pool != named, pool

        return min(able, key=load, default=named)

    def wake_at(self) -> int | None:
        """Nothing to wait for."""
        return None


DISPATCHERS: Mapping[type[Spec], Any] = {FirstFreeSpec: FirstFree, LeastLoadedSpec: LeastLoaded}
