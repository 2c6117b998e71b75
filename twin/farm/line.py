"""What every built-in scheduler keeps: the jobs that wait, in line, and the cells that may be asked for.

The books follow events alone: what was asked for but refused is still there to be asked for again. A cell with an open fault
that the farm knows of is passed over until the fault is cleared; a cell that broke, rests or is disconnected is not offered.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from twin.core.records import Action, Event, FleetInfo

Place = tuple[Any, ...]
"""Where a job stands in line: compared from the left, its arrival last."""


class Asked:
    """A job as a scheduler knows it: when it came, what it asks for, which cell has it."""

    __slots__ = ("arrived_us", "asks", "cell", "name", "place", "seq")

    def __init__(self, name: str, arrived_us: int, seq: int, asks: Mapping[str, Any]) -> None:
        self.name, self.arrived_us, self.seq, self.asks = name, arrived_us, seq, dict(asks)
        self.cell: str | None = None
        self.place: Place = ()

    @property
    def kind(self) -> tuple[str, str]:
        """Task and pattern of cells: jobs alike in both fit the same cells."""
        return self.asks["task"], self.asks.get("on") or "*"


class Line:
    """Jobs in the order of `place`, first those that a free cell can do. Subclasses say what it is, or match otherwise."""

    HEARS = (
        "job.arrived", "job.returned", "job.assigned", "job.done", "job.failed", "job.cancelled",
        "authority.offered", "authority.granted", "authority.withdrawn", "authority.released", "fault.onset", "fault.cleared",
    )  # fmt: skip

    def __init__(self, fleet: FleetInfo) -> None:
        self.can = {c.name: frozenset(c.tasks) for c in fleet.cells}
        self.order = {c.name: i for i, c in enumerate(fleet.cells)}
        self.jobs: dict[str, Asked] = {}
        self.line: list[tuple[Place, str]] = []
        """Jobs that wait."""
        self.free: dict[str, int] = {}
        """Cells that are offered, and their leases."""
        self.open: dict[str, dict[str, None]] = {}
        """Cell → faults that are known and not cleared."""

    def place(self, job: Asked) -> Place:
        """Where a job stands in line, its arrival apart."""
        raise NotImplementedError

    def handle(self, now_us: int, events: Sequence[Event]) -> Sequence[Action]:
        """Keep the books of jobs and free cells, then match them."""
        for event in events:
            self.note(event)
        return self.match(now_us) if self.line and self.free else []

    def wake_at(self) -> int | None:
        """Nothing to wait for: every change is an event."""
        return None

    def note(self, event: Event) -> None:
        """Take one event into the books."""
        job, cell = event.job, event.cell
        match event.kind:
            case "job.arrived" if job:
                self.jobs[job] = asked = Asked(job, event.t_us, event.seq, event.payload)
                self._enter(asked)
            case "job.returned" if job:
                self.jobs[job].asks.update(event.payload)
                self.jobs[job].cell = None
                self._enter(self.jobs[job])
            case "job.assigned" if job:
                self._leave(job)
                self.jobs[job].cell = cell
            case "job.done" | "job.failed" | "job.cancelled" if job:
                self._leave(job)
                self.jobs.pop(job, None)
            case "authority.offered" if cell:
                self.free[cell] = event.payload["lease"]
            case "authority.granted" | "authority.withdrawn" if cell:
                self.free.pop(cell, None)
            case "fault.onset" if cell:
                self.open.setdefault(cell, {})[event.payload["fault"]] = None
            case "fault.cleared" if cell:
                self.open.get(cell, {}).pop(event.payload["fault"], None)

    def _enter(self, job: Asked) -> None:
        job.place = (*self.place(job), job.seq)
        insort(self.line, (job.place, job.name))

    def _leave(self, name: str) -> None:
        job = self.jobs.get(name)
        if job is not None:
            at = bisect_left(self.line, (job.place, name))
            if at < len(self.line) and self.line[at][1] == name:
                del self.line[at]

    def cells(self) -> list[str]:
        """Free cells without a known fault, in the order of the fleet."""
        return sorted((c for c in self.free if not self.open.get(c)), key=self.order.__getitem__)

    def fits(self, job: Asked, cell: str) -> bool:
        """Whether a cell can do a job."""
        task, pattern = job.kind
        return task in self.can[cell] and fnmatchcase(cell, pattern)

    def assign(self, job: Asked, cell: str) -> Action:
        """Give a free cell to a job."""
        lease = self.free[cell]
        return Action("assign", f"{job.name}@{cell}#{lease}", cell=cell, job=job.name, lease=lease)

    def match(self, now_us: int) -> list[Action]:
        """Who gets which cell now."""
        return self.in_order(self.jobs[name] for _, name in self.line)

    def in_order(self, jobs: Iterable[Asked]) -> list[Action]:
        """The first free cell that can do it for each job, in this order of jobs."""
        actions: list[Action] = []
        free, hopeless = self.cells(), dict[tuple[str, str], None]()
        for job in jobs:
            if not free:
                break
            if job.kind in hopeless:
                continue
            cell = next((c for c in free if self.fits(job, c)), None)
            if cell is None:
                hopeless[job.kind] = None
                continue
            free.remove(cell)
            actions.append(self.assign(job, cell))
        return actions
