"""What a farm still waits for, in words: after the storm and the calm, this must be short."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from twin.core.clock import US, Clock
from twin.farm.cells import Cell
from twin.farm.jobs import Job
from twin.farm.people import Page


def pending(
    clock: Clock, cells: Mapping[str, Cell], jobs: Mapping[str, Job], pages: Mapping[int, Page], causes: Mapping[str, str]
) -> list[str]:
    """Jobs that are not closed, cells that are not free, calls that are not done: a line each, with who or what ends it.

    causes: by cell, the fault that holds it where nobody and no time does.
    """
    times = {order: when for when, _, order, *_ in clock.entries()}
    waiting = [
        f"job {job.name}: {job.state}, {job.left} to do{_hopeless(job, cells.values())}"
        for job in jobs.values()
        if not job.closed
    ]
    busy = [f"cell {c.name}: {c.state}{_waits_for(c, pages, times, causes)}" for c in cells.values() if c.state != "free"]
    called = [f"page {p.number} to {p.pool} for {p.cell.name}: {p.state}" for p in pages.values()]
    return waiting + busy + called


def _hopeless(job: Job, cells: Collection[Cell]) -> str:
    able = job.state != "queued" or any(c.state != "out" and job.fits(c) for c in cells)
    return "" if able else "; no cell in service can do it"


def _waits_for(cell: Cell, pages: Mapping[int, Page], times: Mapping[int, int], causes: Mapping[str, str]) -> str:
    """Who or what ends the state of a cell, and until when at the latest; `times`: µs of the clock's entries."""
    head = f" {cell.episode} of {cell.job}" if cell.state == "episode" else ""
    if head and cell.stop is None:
        return head
    page = None if cell.page is None else pages[cell.page]
    orders = [*cell.timers.values()] + ([] if page is None else [page.deadline])
    until = [times[order] for order in orders if order is not None and order in times]
    who = f", page {cell.page}" if page else ", nobody called" if cell.state in ("stuck", "broken") else ""
    if not who and not until and cell.name in causes and cell.state != "out":
        return f"{head}, held by {causes[cell.name]}"
    return head + who + (f", until {min(until) / US:g} s" if until else "")
