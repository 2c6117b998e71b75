"""Workers: a process each, spawned, with one unit at a time. One that dies or hangs costs its own unit and no other."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from pebble import ProcessExpired, ProcessPool

from twin.suite.plan import Unit
from twin.suite.results import Results, Row, finished, row
from twin.suite.worker import begin, work

MAX_TASKS = 200
"""Units after which a worker makes place for a fresh one, so that memory that user code leaks is given back."""

TIMEOUT_S = 3600.0
BREAKS = 3
"""Pools that may break down (all workers killed while they idle) before the units that are left are given up."""

Seen = Callable[[Row], None]


def run_units(
    units: Sequence[Unit], out: Path, *, workers: int = 2, timeout_s: float = TIMEOUT_S, seen: Seen | None = None
) -> Results:
    """Run what is not finished, `workers` at a time with one thread each, longest first; `seen` is told each row as it comes.

    Interrupted (KeyboardInterrupt), workers are ended, and what they had journalled is kept.
    """
    rows, missing = [], []
    for unit in units:
        there = finished(unit, out)
        if there is None:
            missing.append(unit)
        else:
            rows.append(there)
            if seen is not None:
                seen(there)
    for found in _run(sorted(missing, key=cost, reverse=True), out, workers, timeout_s):
        rows.append(found)
        if seen is not None:
            seen(found)
    return Results.of(rows)


def cost(unit: Unit) -> float:
    """About how long a unit takes, in robot-seconds: for its place in the queue and the time left."""
    return unit.scenario.spec.duration_s * (1 + len(unit.scenario.cells))


def _run(units: Sequence[Unit], out: Path, workers: int, timeout_s: float) -> Iterator[Row]:
    left = list(units)
    for attempt in range(BREAKS):
        if not left:
            return
        broken: list[Unit] = []
        for unit, future in _one_pool(left, out, workers, timeout_s):
            error = future.exception()
            if isinstance(error, BrokenProcessPool) and attempt + 1 < BREAKS:
                broken.append(unit)
            else:
                yield _row(unit, future, error, timeout_s)
        left = broken


def _one_pool(units: Sequence[Unit], out: Path, workers: int, timeout_s: float) -> Iterator[tuple[Unit, Future[Any]]]:
    """Units as they end, in a pool of their own."""
    pool = ProcessPool(
        max_workers=min(workers, len(units)),
        max_tasks=MAX_TASKS,
        initializer=begin,
        initargs=(os.getpid(),),
        context=multiprocessing.get_context("spawn"),
    )
    try:
        futures: dict[Future[Any], Unit] = {
            pool.schedule(work, args=(unit, str(out)), timeout=timeout_s): unit for unit in units
        }
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from ((futures[future], future) for future in futures if future in done)
        pool.close()  # type: ignore[no-untyped-call]
    except BaseException:
        pool.stop()  # type: ignore[no-untyped-call]
        raise
    finally:
        pool.join()


def _row(unit: Unit, future: Future[Any], error: BaseException | None, timeout_s: float) -> Row:
    if error is None:
        found = future.result()
        return row(unit, None if found["folder"] is None else Path(found["folder"]), found)
    return row(unit, None, {"verdict": "lost", "reasons": (_why(error, timeout_s),)})


def _why(error: BaseException, timeout_s: float) -> str:
    again = "; the same command goes on from its last snapshot"
    if isinstance(error, ProcessExpired):
        return f"its worker died (exit code {error.exitcode}){again}"
    if isinstance(error, TimeoutError):
        return f"it took more than {timeout_s:g} s and was ended; give it longer with --timeout-s{again}"
    return f"its worker could not run it: {type(error).__name__}: {error}"
