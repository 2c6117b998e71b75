"""Work: jobs meet cells. What strategies answer (`strategies.py`) is checked and carried out.

Leases make an action stale rather than wrong: an offer carries a number, an assignment must name it, and a cell that meanwhile
broke or rests refuses with a reason that the strategy is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twin.core.clock import Clock
from twin.core.records import Action
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.host import Host
from twin.farm.jobs import Job
from twin.farm.recovery import Recovery
from twin.farm.strategies import Strategies
from twin.farm.workload import JobSpec
from twin.faults.injection import InForce

PRACTICE = "practice"
"""Owner of the jobs that robots give themselves."""
REMEMBERED = 10_000
"""Ids of actions that are known to have been carried out: so many back."""


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
        in_force: InForce,
    ) -> None:
        self.clock, self.book, self.cells, self.recovery = clock, book, cells, recovery
        self.start, self.strategies = start, Strategies(hosts, clock, book, cells, in_force, self._carry_out)
        self.jobs: dict[str, Job] = {}
        self.carried: dict[str, None] = {}
        """Ids of actions that were carried out: an id acts once."""
        self.refused: dict[str, None] = {}
        """Ids refused at the last instant at which any was: told once, not over and over."""
        self.refused_us = 0
        self.practices = 0
        recovery.gone = self.gone

    def arrive(self, name: str, spec: JobSpec) -> None:
        """A job entered the queue."""
        job = Job(name, spec, spec.episodes)
        if spec.deadline_s is not None:
            job.deadline = self.clock.after(spec.deadline_s, "job.deadline", name)
        self.jobs[name] = job
        self.book.emit("job.arrived", job=name, **job.payload())

    def too_late(self, name: str) -> None:
        """A job's deadline has come and it is not done. The episode that runs is finished, no other begins."""
        job = self.jobs[name]
        job.deadline = None
        self._close(job, "failed", reason="deadline")

    def _close(self, job: Job, state: str, **payload: Any) -> None:
        """A job is over. It is forgotten as soon as no cell holds it."""
        job.state = state
        if job.deadline is not None:
            self.clock.cancel(job.deadline)
        self.book.emit(f"job.{state}", job=job.name, **payload)
        if job.cell is None:
            del self.jobs[job.name]

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

    def gone(self, cell: Cell) -> None:
        """A cell was given up for good."""
        self.withdraw(cell, "out_of_service")

    def give_back(self, cell: Cell, reason: str) -> None:
        """The cell's job, if it has one left, returns to the queue."""
        job = self.jobs.get(cell.job) if cell.job else None
        if job is not None and job.state == "assigned":
            job.state, job.cell = "queued", None
            self.book.emit("job.returned", cell, job=job.name, reason=reason, **job.payload())
        self.release(cell)

    def release(self, cell: Cell) -> None:
        """End the cell's lease, if there is one."""
        cell.yields = False
        if cell.job is not None:
            self.book.emit("authority.released", cell, job=cell.job, lease=cell.lease)
            job = self.jobs.get(cell.job)
            if job is not None and job.closed:
                del self.jobs[job.name]
            cell.job = None

    def handed(self, cell: Cell) -> None:
        """Another scheduler may serve a cell from now on: one that is free is offered anew."""
        if self.strategies.versions and cell.state == "free":
            self.withdraw(cell, "release")
            self.offer(cell)

    def _carry_out(self, host: Host, action: Action) -> None:
        role = host.role
        key = f"{role}:{action.id}" if not host.life else f"{role}#{host.life}:{action.id}"
        if self.refused_us != self.clock.now_us:
            self.refused, self.refused_us = {}, self.clock.now_us
        if key in self.carried or key in self.refused:
            return
        cell = self.cells.get(action.cell or "")
        why = self._refusal(action, cell, role)
        if why is None:
            self.carried[key] = None
            if len(self.carried) > REMEMBERED:
                del self.carried[next(iter(self.carried))]
            return
        self.refused[key] = None
        wanted: dict[str, Any] = {} if cell is not None or action.cell is None else {"wanted": action.cell}
        self.book.emit(
            "authority.refused", cell, job=action.job, role=role, action=action.kind, id=action.id, reason=why, **wanted
        )

    def _refusal(self, action: Action, cell: Cell | None, role: str) -> str | None:
        """Carry an action out, or say why not."""
        match action.kind:
            case "assign":
                return self._assign(action, cell, role)
            case "page":
                return "no such cell" if cell is None else self.recovery.page(cell, action.pool or "", action.deadline_s)
            case "cancel":
                return self._cancel(action)
            case "practise":
                return "no such cell" if cell is None else self._practise(action, cell, role)
            case "release":
                return "no such cell" if cell is None else self._release(action, cell)
            case "reset":
                return "no such cell" if cell is None else self._reset(action, cell)
            case "hold":
                return "no such cell" if cell is None else self._hold(cell)
        return f"{action.kind} is not something this farm can do yet"

    def _assign(self, action: Action, cell: Cell | None, role: str) -> str | None:
        job = self.jobs.get(action.job or "")
        if cell is None:
            return "no such cell"
        if job is None or job.state != "queued":
            return "no such job in the queue" if job is None else f"job is {job.state}"
        if cell.state != "free":
            return f"cell is {cell.state}"
        if action.lease != cell.lease:
            return f"lease {action.lease} is stale, the cell's is {cell.lease}"
        if not job.fits(cell):
            return "cell cannot do this job"
        if role.startswith("scheduler") and role != self.strategies.scheduler_of(cell):
            return f"the cell's work is given by {self.strategies.scheduler_of(cell)}"
        job.state, job.cell = "assigned", cell.name
        cell.job, cell.state, cell.leased_by, cell.leased_us = job.name, "leased", role, self.clock.now_us
        self.book.emit("job.assigned", cell, job=job.name)
        self.book.emit("authority.granted", cell, job=job.name, lease=cell.lease)
        self.start(cell)
        return None

    def _practise(self, action: Action, cell: Cell, role: str) -> str | None:
        """An episode of a task that nobody asked for: a job of its own, on this cell."""
        if cell.state != "free":
            return f"cell is {cell.state}"
        if action.lease != cell.lease:
            return f"lease {action.lease} is stale, the cell's is {cell.lease}"
        if action.task not in cell.spec.tasks:
            return f"no task {action.task!r} in this cell"
        self.practices += 1
        scene = None if action.goal is None else f"goal-{action.goal}"
        spec = JobSpec(task=action.task, owner=PRACTICE, scene=scene, on=cell.name)
        job = Job(f"{PRACTICE}-{self.practices}", spec, 1, goal=action.goal)
        self.jobs[job.name] = job
        goal: dict[str, Any] = {} if action.goal is None else {"goal": action.goal}
        self.book.emit("job.arrived", job=job.name, **job.payload(), **goal)
        return self._assign(Action("assign", action.id, cell=cell.name, job=job.name, lease=cell.lease), cell, role)

    def _release(self, action: Action, cell: Cell) -> str | None:
        """End a lease between two episodes: its job goes back to the queue. A cell that is held goes back to work."""
        if cell.state == "held":  # it may have to rest first, or its maintenance may be due
            cell.state = "reset"
            cell.timers["reset"] = self.clock.after(0.0, "cell.ready", cell.name)
            return None
        job = self.jobs.get(cell.job or "")
        if job is None or job.state != "assigned":
            return "the cell has no lease to end"
        if action.lease not in (None, cell.lease):
            return f"lease {action.lease} is stale, the cell's is {cell.lease}"
        if job.left > 0:
            cell.yields = True
        return None

    def _reset(self, action: Action, cell: Cell) -> str | None:
        """Have a free cell tidied up, or a stuck one try another rung than the one it waits at."""
        kind = action.reset or "automatic"
        why = self.recovery.refuses(cell, kind)
        if why is None:
            if cell.state == "free":
                self.book.emit("authority.withdrawn", cell, reason="reset")
            self.recovery.climb(cell, kind)
        return why

    def _hold(self, cell: Cell) -> str | None:
        """Keep a free cell from work until it is released."""
        if cell.state != "free":
            return f"cell is {cell.state}"
        cell.state = "held"
        self.withdraw(cell, "held")
        return None

    def _cancel(self, action: Action) -> str | None:
        job = self.jobs.get(action.job or "")
        if job is None or job.state != "queued":
            return "only a job in the queue can be cancelled"
        self._close(job, "cancelled")
        return None

    def count_attempt(self, job: Job, episode: int, good: bool, reason: str) -> int | None:
        """Count an ended attempt; returns the episode whose goal it tried again (None: a first attempt).

        A voided attempt is tried again, three times a job at most; then the job has failed. So is one that ended because the
        robot broke: the goal was not missed, it was not pursued, and another cell takes it up.
        """
        of = job.first
        if reason == "void":
            job.voids += 1
            if job.voids > 3 and not job.closed:
                self._close(job, "failed", reason="physics failed")
            return of
        job.first = episode if job.first is None else job.first
        if reason == "crash" and not good:
            return of
        job.tries += 1
        if good or job.tries > job.spec.retries:
            job.left, job.tries, job.first = job.left - 1, 0, None
            if job.left == 0 and not job.closed:
                self._close(job, "done")
        return of
