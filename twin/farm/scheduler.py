"""Built-in strategies: who gets which cell, and who is called. Users bring their own with `use:`."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from twin.core.records import Action, Event, FleetInfo


class Fifo:
    """First come, first served: the oldest waiting job that a free cell can do goes to the first such cell.

    The books follow events alone: what was asked for but refused is still there to be asked for again.
    """

    HEARS = (
        "job.arrived", "job.returned", "job.assigned", "job.done", "job.failed", "job.cancelled",
        "authority.offered", "authority.granted", "authority.withdrawn",
    )  # fmt: skip

    def __init__(self, fleet: FleetInfo) -> None:
        self.can = {c.name: frozenset(c.tasks) for c in fleet.cells}
        self.order = {c.name: i for i, c in enumerate(fleet.cells)}
        self.queue: dict[str, Any] = {}
        self.arrived: dict[str, int] = {}
        self.free: dict[str, int] = {}

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """Keep the books of jobs and free cells, then match them."""
        for event in events:
            match event.kind:
                case "job.arrived" if event.job:
                    self.arrived[event.job] = event.seq
                    self.queue[event.job] = event.payload
                case "job.returned" if event.job:
                    self.queue[event.job] = event.payload
                    self.queue = dict(sorted(self.queue.items(), key=lambda item: self.arrived[item[0]]))
                case "job.assigned" if event.job:
                    self.queue.pop(event.job, None)
                case "job.done" | "job.failed" | "job.cancelled" if event.job:
                    self.queue.pop(event.job, None)
                    self.arrived.pop(event.job, None)
                case "authority.offered" if event.cell:
                    self.free[event.cell] = event.payload["lease"]
                case "authority.granted" | "authority.withdrawn" if event.cell:
                    self.free.pop(event.cell, None)
        return self._match() if self.queue and self.free else []

    def wake_at(self) -> int | None:
        """Nothing to wait for: every change is an event."""
        return None

    def _match(self) -> list[Action]:
        actions = []
        free = sorted(self.free, key=self.order.__getitem__)
        hopeless: dict[tuple[str, str], None] = {}
        for job, asks in self.queue.items():
            kind = (asks["task"], asks.get("on") or "*")
            if kind in hopeless:
                continue
            cell = next((c for c in free if kind[0] in self.can[c] and fnmatchcase(c, kind[1])), None)
            if cell is None:
                hopeless[kind] = None
                continue
            free.remove(cell)
            lease = self.free[cell]
            actions.append(Action("assign", f"{job}@{cell}#{lease}", cell=cell, job=job, lease=lease))
            if not free:
                break
        return actions


class FirstFree:
    """Calls the pool that the ladder names as soon as a cell is stuck or broken."""

    HEARS = ("reset.stuck", "repair.start")

    def __init__(self, fleet: FleetInfo) -> None:
        self.pools = dict(fleet.pools)

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """One page for every cry for help."""
        return [
            Action("page", f"page-{e.seq}", cell=e.cell, pool=e.payload["pool"], deadline_s=e.payload["deadline_s"])
            for e in events
            if e.kind in ("reset.stuck", "repair.start")
        ]

    def wake_at(self) -> int | None:
        """Nothing to wait for."""
        return None
