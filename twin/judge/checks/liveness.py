"""Rules of `holds` about what must go on: nothing waits for ever, nothing piles up, one dead robot is one dead robot."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fnmatch import fnmatchcase

from twin.judge.checks.lines import Found, Line, lines, stormy
from twin.judge.columns import US, cells, duration_us
from twin.judge.spec import Holds
from twin.log.tables import RunLog

JOBS = ("job.arrived", "job.assigned", "job.returned", "job.done", "job.failed", "job.cancelled")


def stuck(spec: Holds, log: RunLog) -> Found:
    """A cell that is stuck is in order again, worked at, or escalated (another rung, out of service) within so many seconds."""
    waiting: dict[str, Line] = {}
    cases, broken, patience = 0, [], (spec.limit or 1800.0) * US
    for line in lines(log):
        if line.kind in ("reset.stuck", "reset.start", "reset.done", "reset.abandoned", "repair.start"):
            was = waiting.pop(line.cell, None)
            broken += [was.seq] if was is not None and line.t_us - was.t_us > patience else []
        if line.kind == "reset.stuck":
            cases, waiting[line.cell] = cases + 1, line
    broken += [line.seq for line in waiting.values() if duration_us(log) - line.t_us > patience]
    return Found(cases, broken)


def no_retry_storm(spec: Holds, log: RunLog) -> Found:
    """No job comes back to the queue more often than so many times in ten minutes without an episode of it in between."""
    returned: dict[str, deque[int]] = {}
    cases, broken = 0, []
    for line in lines(log, ("job.returned", "episode.end")):
        if line.kind == "episode.end":
            returned.pop(line.job, None)
        else:
            cases += 1
            broken += [line.seq] if stormy(returned.setdefault(line.job, deque()), line.t_us, spec.limit or 10) else []
    return Found(cases, broken)


def queues(spec: Holds, log: RunLog) -> Found:
    """Never wait more than so many jobs."""
    waiting: set[str] = set()
    cases, broken = 0, []
    for line in lines(log, JOBS):
        if line.kind in ("job.arrived", "job.returned"):
            cases += 1
            waiting.add(line.job)
            broken += [line.seq] if len(waiting) > (spec.limit or 1000) else []
        else:
            waiting.discard(line.job)
    return Found(cases, broken)


@dataclass
class _Waiting:
    """A job in the queue: since when, where it can be done, and the event that put it there."""

    since_us: int
    task: str
    on: str
    seq: int


def _wait(line: Line) -> _Waiting:
    """A job that has come into the queue."""
    return _Waiting(line.t_us, str(line.payload.get("task")), str(line.payload.get("on") or "*"), line.seq)


def _able(log: RunLog) -> dict[str, tuple[str, ...]]:
    return {str(cell["name"]): tuple(cell.get("tasks") or ()) for cell in cells(log)}


def nobody_starves(spec: Holds, log: RunLog) -> Found:
    """A job that waits for longer than so many seconds never sees a cell that could do it given to one that came after that."""
    able, began = _able(log), dict[str, int]()
    waiting: dict[str, _Waiting] = {}  # in the order in which they came
    cases, starved, patience = 0, set[int](), (spec.limit or 3600.0) * US
    for line in lines(log, JOBS):
        waiting.pop(line.job, None)
        if line.kind in ("job.arrived", "job.returned"):
            waiting[line.job] = _wait(line)
            began.setdefault(line.job, line.t_us)
        elif line.kind == "job.assigned":
            cases += 1
            for job in waiting.values():
                if began[line.job] - job.since_us <= patience:
                    break
                starved |= {job.seq} if _fits(job, line.cell, able.get(line.cell, ())) else set()
    return Found(cases, sorted(starved))


def rest_goes_on(spec: Holds, log: RunLog) -> Found:
    """While robots are broken or out of service, and jobs wait that others could do, those others never all stand idle for so
    many seconds."""
    able, waiting, dead = _able(log), dict[str, _Waiting](), set[str]()
    cases, broken, patience = 0, [], (spec.limit or 1800.0) * US
    alive_us, death, owed = 0, 0, False
    """When the others gave the last sign of life, or began to owe one; the last death; whether they owe one."""
    for line in lines(log):
        broken += [death] if owed and line.t_us - alive_us > patience else []
        match line.kind:
            case "repair.start" | "reset.abandoned":
                dead.add(line.cell)
                cases, death = cases + (len(able) > len(dead)), line.seq
            case "repair.done":
                dead.discard(line.cell)
            case "job.arrived" | "job.returned":
                waiting[line.job] = _wait(line)
            case "job.assigned" | "job.done" | "job.failed" | "job.cancelled":
                waiting.pop(line.job, None)
        was, others = owed, [cell for cell in able if cell not in dead] if dead and waiting else []
        owed = any(_fits(job, cell, able[cell]) for job in waiting.values() for cell in others)
        if not was or (line.cell in able and line.cell not in dead):
            alive_us = line.t_us
    return Found(cases, broken + [death] * (owed and duration_us(log) - alive_us > patience))


def _fits(job: _Waiting, cell: str, tasks: tuple[str, ...]) -> bool:
    return job.task in tasks and fnmatchcase(cell, job.on)
