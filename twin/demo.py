"""`make demo`: two farms are run at once, set beside real measurements, and a page is written to look at.

The quickstart farm (twelve arms, ten minutes, a shift's worth of trouble) and the cell of a public recording (one UR3). Where
the recording itself is there, the page compares with it; elsewhere with its published figures.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from twin.core.errors import TwinError

SCENARIOS = ("quickstart", "ur3_cobotops")
PUBLISHED = "ur3_cobotops"
RECORDING = Path("ur3_cobotops") / "dataset_02052023.csv"


def main() -> int:
    """Run both, write both reports, end with the path of the page to open. Exit status: the worse of the two runs."""
    out = Path("runs")
    console = Console(stderr=True)
    console.print("Two farms, one on each core. Killed in between, the same command goes on where it was.", soft_wrap=True)
    try:
        found = _run_all(out, console)
        pages = [_report(Path(folder)) for folder, _, _ in found]
    except TwinError as error:
        print(f"twin: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        print("twin: interrupted; make demo again goes on from the last snapshot", file=sys.stderr)
        return 130
    for (folder, verdict, _), page in zip(found, pages, strict=True):
        print(f"{Path(folder).name}: {verdict}, report {page}")
    twin = Path(sys.executable).with_name("twin")
    command = os.path.relpath(twin)
    print(f"next: {command} replay {found[0][0]} proves it; {command} faults lists what can go wrong")
    print("open this file in a browser:")
    print(pages[0].resolve())
    return max(status for _, _, status in found)


def _run_all(out: Path, console: Console) -> list[tuple[str, str, int]]:
    """Each scenario in a process of its own; their progress comes over a queue."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(len(SCENARIOS), mp_context=context) as pool:
        queue = manager.Queue()
        futures = {name: pool.submit(run_one, name, str(out), queue) for name in SCENARIOS}
        _watch(futures, queue, console)
        return [future.result() for future in futures.values()]


def _watch(futures: dict[str, Future[Any]], queue: Any, console: Console) -> None:
    done = TextColumn("{task.completed:.0f} of {task.total:.0f} s simulated")
    columns = (TextColumn("{task.description:14}"), BarColumn(), done, TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks = {name: bar.add_task(name, total=1.0) for name in futures}
        while wait(futures.values(), timeout=0.2).not_done:
            while not queue.empty():
                name, done, total = queue.get()
                bar.update(tasks[name], completed=done, total=total)


def run_one(name: str, out: str, queue: Any) -> tuple[str, str, int]:
    """Run one shipped scenario; returns its folder, verdict and exit status."""
    from twin.run import run
    from twin.scenario.load import load

    def progress(done: float, total: float) -> None:
        queue.put((name, done, total))

    result = run(load(name), Path(out), threads=1, progress=progress, wall=time.perf_counter)
    return str(result.folder), result.verdict, result.status


def _report(folder: Path) -> Path:
    """The report of a run: the recorded cell beside the recording, or beside its published figures."""
    from twin.judge.report import render
    from twin.log.importer import import_log
    from twin.log.tables import open_run

    log = open_run(folder)
    recording = Path(os.environ.get("TWIN_REAL_DATA", "../shared/real")) / RECORDING
    real, published = [], []
    if recording.is_file():
        real = [import_log(recording, PUBLISHED, folder.parent / "ur3_cobotops-real.parquet")]
    else:
        published = [PUBLISHED]
    out = folder.parent / f"{log.meta['scenario']}.html"
    return render(log, real, out, published=published)


if __name__ == "__main__":
    sys.exit(main())
