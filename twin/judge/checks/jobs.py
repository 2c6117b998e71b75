"""The check that jobs are neither lost nor run twice, from the log alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from twin.judge.checks.result import SHOWN, CheckResult
from twin.judge.columns import US, cells, duration_us, payload, rows
from twin.judge.spec import JobsOnce
from twin.log.tables import RunLog


@dataclass
class _Job:
    """One job as the events tell it."""

    name: str
    asked: int
    task: str
    on: str
    seq: int
    state: str = "queued"
    since_us: int = 0
    cell: str | None = None
    running: int | None = None


@dataclass
class _Books:
    """What is known while the events are walked."""

    jobs: dict[str, _Job] = field(default_factory=dict)
    free: dict[str, int] = field(default_factory=dict)
    """Cell → since when it stands offered."""
    held: dict[str, str] = field(default_factory=dict)
    """Cell → the job that it was given and has not finished or given back."""
    wrong: list[tuple[str, int]] = field(default_factory=list)
    """What is wrong, and the event that shows it."""


def jobs(spec: JobsOnce, log: RunLog) -> CheckResult:
    """Whether every job was given to one cell at a time, ran as many goals as were asked, and none waits beside a free cell."""
    bound = f"none; none waits beside a free cell for longer than {spec.waiting_s:g} s"
    books = _Books()
    names = ("t_us", "seq", "kind", "cell", "job", "episode", "payload")
    for row, t, seq, kind, cell, job, episode, text in rows(log.events, names, table="events"):
        _step(books, t, int(seq), str(kind), cell, job, episode, lambda text=text, row=row: payload(text, row))
    if not books.jobs:
        return CheckResult("jobs", None, None, bound, "no job ever arrived: nothing to judge")
    _miscounted(books, log)
    _lost(books, spec, log)
    wrong = books.wrong
    told = "; ".join(f"{what} (event {seq})" for what, seq in wrong[:3])
    detail = f"{len(books.jobs)} jobs, none lost, none run twice" if not wrong else f"{len(wrong)} of {len(books.jobs)}: {told}"
    return CheckResult("jobs", not wrong, float(len(wrong)), bound, detail, tuple(f"event {seq}" for _, seq in wrong[:SHOWN]))


def _step(books: _Books, t: int, seq: int, kind: str, cell: Any, name: Any, episode: Any, said: Any) -> None:
    """One event."""
    if kind == "authority.offered":
        books.free[cell] = t
        if cell in books.held:
            books.wrong.append((f"job {books.held.pop(cell)} was left undone by {cell}, which asks for another", seq))
    elif kind in ("authority.granted", "authority.withdrawn", "authority.released"):
        books.free.pop(cell, None)
    if kind == "job.arrived":
        told = said()
        if name in books.jobs:
            books.wrong.append((f"job {name} arrived twice", seq))
        books.jobs[name] = _Job(name, int(told["episodes"]), str(told["task"]), str(told.get("on") or "*"), seq, since_us=t)
        return
    job = books.jobs.get(name)
    if job is not None:
        _turn(books, job, t, seq, kind, cell, episode)


def _turn(books: _Books, job: _Job, t: int, seq: int, kind: str, cell: Any, episode: Any) -> None:
    """Something that happened to a job."""
    name = job.name
    match kind:
        case "job.assigned":
            if job.state != "queued":
                books.wrong.append((f"job {name} was given to {cell} while it was {job.state}", seq))
            job.state, job.cell = "assigned", cell
            books.held[cell] = name
        case "job.returned":
            books.held.pop(job.cell or "", None)
            job.state, job.cell, job.since_us = "queued", None, t
        case "job.done" | "job.failed" | "job.cancelled":
            books.held.pop(job.cell or "", None)
            job.state = kind.removeprefix("job.")
        case "episode.start":
            if job.running is not None or job.cell != cell:
                books.wrong.append((f"job {name} ran on {cell} while it was {job.cell}'s", seq))
            job.running = episode
        case "episode.end" if job.running == episode:
            job.running = None


def _miscounted(books: _Books, log: RunLog) -> None:
    """Goals of jobs that are done: each was pursued once (tries again are no goals of their own)."""
    goals: dict[str, int] = {}
    names = ("job", "attempt_of", "end_reason")
    for _, name, of, reason in rows(log.episodes, names, table="episodes"):
        if of is None and reason not in (None, "void"):
            goals[name] = goals.get(name, 0) + 1
    for job in books.jobs.values():
        if job.state == "done" and goals.get(job.name, 0) != job.asked:
            books.wrong.append((f"job {job.name} asked for {job.asked} episodes and ran {goals.get(job.name, 0)}", job.seq))


def _lost(books: _Books, spec: JobsOnce, log: RunLog) -> None:
    """Jobs that wait at the end although a cell that could do them has stood free all the while."""
    able = {str(c["name"]): tuple(c.get("tasks") or ()) for c in cells(log)}
    end, limit = duration_us(log), round(spec.waiting_s * US)
    for job in books.jobs.values():
        fit = (since for name, since in books.free.items() if job.task in able.get(name, ()) and fnmatchcase(name, job.on))
        if job.state == "queued" and any(end - max(since, job.since_us) > limit for since in fit):
            books.wrong.append((f"job {job.name} waits beside a free cell", job.seq))
