"""Work: jobs meet cells. Strategies are told what happened, their actions are checked and carried out.

Leases make an action stale rather than wrong: an offer carries a number, an assignment must name it, and a cell that meanwhile
broke or rests refuses with a reason that the strategy is told.
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from twin.core.clock import Clock
from twin.core.records import Action
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.host import Host
from twin.farm.jobs import Job
from twin.farm.recovery import Recovery
from twin.farm.spec import JobSpec

ROUNDS = 1000
"""Strategies that answer each other longer than this at one instant are in a loop."""


class Work:
    """Jobs, leases and strategies of one farm. `start(cell)` begins the next episode of a leased cell."""

    def __init__(
        self,
        clock: Clock,
        book: Book,
        cells: dict[str, Cell],
        recovery: Recovery,
        hosts: list[Host],
        start: Callable[[Cell], None],
    ) -> None:
        self.clock, self.book, self.cells, self.recovery = clock, book, cells, recovery
        self.hosts, self.start = hosts, start
        self.jobs: dict[str, Job] = {}
        self.carried: dict[str, None] = {}
        """Ids of actions carried out at this instant or before: an id acts once."""
        self.wakes: dict[str, int] = {}

    def arrive(self, name: str, spec: JobSpec) -> None:
        """A job entered the queue."""
        job = Job(name, spec, spec.episodes)
        self.jobs[name] = job
        self.book.emit("job.arrived", job=name, **job.payload())

    def offer(self, cell: Cell) -> None:
        """A cell in order without a lease may be asked for."""
        cell.state, cell.job = "free", None
        cell.lease += 1
        cell.wait_from_us = self.clock.now_us
        self.book.emit("authority.offered", cell, lease=cell.lease)

    def withdraw(self, cell: Cell, reason: str) -> None:
        """A cell cannot be leased for now; its job goes back to the queue."""
        self.book.emit("authority.withdrawn", cell, reason=reason)
        self.give_back(cell, reason)

    def give_back(self, cell: Cell, reason: str) -> None:
        """The cell's job, if it has one left, returns to the queue."""
        job = self.jobs.get(cell.job) if cell.job else None
        if job is not None and job.state == "assigned":
            job.state, job.cell = "queued", None
            self.book.emit("job.returned", cell, job=job.name, reason=reason, **job.payload())
        self.release(cell)

    def release(self, cell: Cell) -> None:
        """End the cell's lease, if there is one."""
        if cell.job is not None:
            self.book.emit("authority.released", cell, job=cell.job, lease=cell.lease)
            cell.job = None

    def tell(self) -> None:
        """Tell strategies all that became known, until nobody has anything to say."""
        for _ in range(ROUNDS):
            if not self.book.told:
                return
            events, self.book.told = tuple(self.book.told), []
            for host in self.hosts:
                self._ask(host, events)
        raise RuntimeError(f"strategies answered each other {ROUNDS} times at {self.book.now_s():.6f} s: they are in a loop")

    def wake(self, role: str) -> None:
        """A strategy asked to be called now."""
        self.wakes.pop(role, None)
        for host in self.hosts:
            if host.role == role:
                self._ask(host, ())

    def _ask(self, host: Host, events: tuple) -> None:  # type: ignore[type-arg]
        for action in host.handle(self.clock.now_us, events):
            self._carry_out(host.role, action)
        wake = host.wake_at()
        if wake is not None and wake > self.clock.now_us and self.wakes.get(host.role, wake + 1) > wake:
            self.wakes[host.role] = wake
            self.clock.at(wake, "strategy.wake", host.role)

    def _carry_out(self, role: str, action: Action) -> None:
        key = f"{role}:{action.id}"
        if key in self.carried:
            return
        self.carried[key] = None
        cell = self.cells.get(action.cell or "")
        why = self._refusal(action, cell)
        if why is not None:
            self.book.emit("authority.refused", cell, job=action.job, action=action.kind, id=action.id, reason=why)

    def _refusal(self, action: Action, cell: Cell | None) -> str | None:
        """Carry an action out, or say why not."""
        match action.kind:
            case "assign":
                return self._assign(action, cell)
            case "page":
                return "no such cell" if cell is None else self.recovery.page(cell, action.pool or "", action.deadline_s, None)
            case "cancel":
                return self._cancel(action)
            case "release":
                if cell is None or cell.state != "leased":
                    return "no such lease"
                self.give_back(cell, "released")
                self.offer(cell)
                return None
        return f"{action.kind} is not something this farm can do yet"

    def _assign(self, action: Action, cell: Cell | None) -> str | None:
        job = self.jobs.get(action.job or "")
        if cell is None:
            return "no such cell"
        if job is None or job.state != "queued":
            return "no such job in the queue" if job is None else f"job is {job.state}"
        if cell.state != "free":
            return f"cell is {cell.state}"
        if action.lease != cell.lease:
            return f"lease {action.lease} is stale, the cell's is {cell.lease}"
        if job.spec.task not in cell.spec.tasks or not fnmatchcase(cell.name, job.spec.on or "*"):
            return "cell cannot do this job"
        job.state, job.cell = "assigned", cell.name
        cell.job, cell.state = job.name, "leased"
        self.book.emit("job.assigned", cell, job=job.name)
        self.book.emit("authority.granted", cell, job=job.name, lease=cell.lease)
        self.start(cell)
        return None

    def _cancel(self, action: Action) -> str | None:
        job = self.jobs.get(action.job or "")
        if job is None or job.state != "queued":
            return "only a job in the queue can be cancelled"
        job.state = "cancelled"
        self.book.emit("job.cancelled", job=job.name)
        return None

    def count_attempt(self, job: Job, episode: int, good: bool, void: bool) -> int | None:
        """Count an ended attempt; returns the episode whose goal it tried again (None: a first attempt).

        A voided attempt is tried again, three times a job at most; then the job has failed.
        """
        of = job.first
        if void:
            job.voids += 1
            if job.voids > 3:
                job.state = "failed"
                self.book.emit("job.failed", job=job.name, reason="physics failed")
            return of
        job.first, job.tries = job.first if job.first is not None else episode, job.tries + 1
        if good or job.tries > job.spec.retries:
            job.left, job.tries, job.first = job.left - 1, 0, None
            if job.left == 0:
                job.state = "done"
                self.book.emit("job.done", job=job.name)
        return of
