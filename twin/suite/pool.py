"""Workers: a process each, spawned, with one unit at a time. One that dies or hangs costs its own unit and no other."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

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


class Workers:
    """`n` worker processes, started when there is work for them and ended with the block; each has one physics thread.

    One set of workers is for one state of the user's code: two states of a module must not meet in a process.
    """

    def __init__(self, n: int = 2, *, timeout_s: float = TIMEOUT_S) -> None:
        self.n, self.timeout_s = n, timeout_s
        self._pool: ProcessPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()

    def run(self, units: Sequence[Unit], out: Path, seen: Seen | None = None) -> Results:
        """Run what is not finished under `out`, longest first; `seen` is told each row as it comes.

        Interrupted (KeyboardInterrupt), workers are ended with the block, and what they had journalled is kept.
        """
        found = {unit: finished(unit, out) for unit in units}
        rows = [there for there in found.values() if there is not None]
        for there in rows:
            if seen is not None:
                seen(there)
        for fresh in self._run(sorted((unit for unit in units if found[unit] is None), key=cost, reverse=True), out):
            rows.append(fresh)
            if seen is not None:
                seen(fresh)
        return Results.of(rows)

    def _run(self, units: Sequence[Unit], out: Path) -> Iterator[Row]:
        left = list(units)
        for attempt in range(BREAKS):
            broken: list[Unit] = []
            for unit, future in self._each(left, out):
                error = future.exception()
                if isinstance(error, BrokenProcessPool) and attempt + 1 < BREAKS:
                    broken.append(unit)
                else:
                    yield self._row(unit, future, error)
            left = broken
            if left:
                self._end()

    def _each(self, units: Sequence[Unit], out: Path) -> Iterator[tuple[Unit, Future[Any]]]:
        """Units as they end."""
        ended: SimpleQueue[Future[Any]] = SimpleQueue()
        futures: dict[Future[Any], Unit] = {}
        for unit in units:
            future: Future[Any] = self._begun().schedule(work, args=(unit, str(out)), timeout=self.timeout_s)
            futures[future] = unit
            future.add_done_callback(ended.put)
        for _ in units:
            future = ended.get()
            yield futures[future], future

    def _begun(self) -> ProcessPool:
        if self._pool is None:
            self._pool = ProcessPool(
                max_workers=self.n,
                max_tasks=MAX_TASKS,
                initializer=begin,
                initargs=(os.getpid(),),
                context=multiprocessing.get_context("spawn"),
            )
        return self._pool

    def _end(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()

    def _row(self, unit: Unit, future: Future[Any], error: BaseException | None) -> Row:
        if error is None:
            found = future.result()
            return row(unit, None if found["folder"] is None else Path(found["folder"]), found)
        return row(unit, None, {"verdict": "lost", "reasons": (_why(error, self.timeout_s),)})


def run_units(
    units: Sequence[Unit], out: Path, *, workers: int = 2, timeout_s: float = TIMEOUT_S, seen: Seen | None = None
) -> Results:
    """Run units with workers of their own; as `Workers.run`."""
    with Workers(max(1, min(workers, len(units))), timeout_s=timeout_s) as pool:
        return pool.run(units, out, seen)


def cost(unit: Unit) -> float:
    """About how long a unit takes, in robot-seconds: for its place in the queue and the time left."""
    return unit.scenario.spec.duration_s * (1 + len(unit.scenario.cells))


def _why(error: BaseException, timeout_s: float) -> str:
    again = "; the same command goes on from its last snapshot"
    if isinstance(error, ProcessExpired):
        return f"its worker died (exit code {error.exitcode}){again}"
    if isinstance(error, TimeoutError):
        return f"it took more than {timeout_s:g} s and was ended; give it longer with --timeout-s{again}"
    return f"its worker could not run it: {type(error).__name__}: {error}"
