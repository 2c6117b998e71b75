"""`twin suite` and `twin gate`: many runs, one verdict."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.commands import say
from twin.core.errors import InputError
from twin.world.engines import ENGINES

if TYPE_CHECKING:
    from twin.suite.plan import Unit
    from twin.suite.pool import Workers
    from twin.suite.results import Results, Row

EVERY_S = 2.0
"""How often a line of progress is written where nobody sees a bar."""


def _define_suite(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "paths", nargs="*", metavar="PATH", help="scenario files, folders of them, or names of scenarios that ship"
    )
    command.add_argument(
        "--seeds", type=say.positive, metavar="K", help="run each scenario with K seeds, from its own on (default: 1)"
    )
    define_workers(command)
    command.add_argument("--out", type=Path, default=Path("runs/suite"), metavar="DIR", help="default: runs/suite")
    command.add_argument("--junit", type=Path, metavar="F.xml", help="write the results as JUnit XML")
    command.add_argument("--summary", type=Path, metavar="F.md", help="write a summary in Markdown, for a CI job's page")
    command.add_argument(
        "--resume", action="store_true", help="go on with the suite last begun in DIR; PATH, --seeds, --engine are as then"
    )


def define_workers(command: argparse.ArgumentParser, *, both: bool = True) -> None:
    """Options of whatever runs units; both: also on two engines."""
    command.add_argument("--workers", type=say.positive, default=2, metavar="N", help="units at a time (default: 2)")
    engines, more = ((*ENGINES, "both"), "; both: all must hold on two engines") if both else (ENGINES, "")
    command.add_argument("--engine", choices=engines, help=f"the physics (default: mujoco){more}")
    command.add_argument(
        "--timeout-s", type=float, default=3600.0, metavar="X", help="wall time after which a unit is ended (default: 3600)"
    )


def _suite(arguments: argparse.Namespace) -> int:
    from twin.suite import results as table
    from twin.suite.plan import plan

    out: Path = arguments.out
    asked: Mapping[str, Any] = {
        "paths": arguments.paths,
        "seeds": arguments.seeds or 1,
        "engine": arguments.engine or "mujoco",
    }
    if arguments.resume:
        if arguments.paths or arguments.seeds or arguments.engine:
            raise InputError("--resume takes what was asked last time: leave PATH, --seeds and --engine away, or leave it away")
        asked = table.asked_last(out)
    elif not arguments.paths:
        raise InputError("name scenario files, folders of them, or scenarios that ship (twin suite scenarios/); or --resume")
    units = plan(asked["paths"], seeds=asked["seeds"], engine=asked["engine"])
    table.begin(out, asked)
    with workers_of(arguments, len(units)) as workers, progress(units, quiet=arguments.json) as seen:
        found = workers.run(units, out, seen)
    table.write(found, out)
    _hand_out(found, arguments)
    if arguments.json:
        say.print_json({**found.as_dict(), "out": out})
        return found.status
    _tell(found, out)
    return found.status


def workers_of(arguments: argparse.Namespace, most: int | None = None) -> Workers:
    """Workers as the arguments say, no more than there are units."""
    from twin.suite.pool import Workers

    if arguments.timeout_s <= 0:
        raise InputError(f"--timeout-s must be above 0, is {arguments.timeout_s:g}")
    return Workers(min(arguments.workers, most or arguments.workers), timeout_s=arguments.timeout_s)


@contextmanager
def progress(units: Sequence[Unit], *, quiet: bool) -> Iterator[Callable[[Row], None]]:
    """A bar where a terminal is, now and then a line elsewhere; what does not pass is always told."""
    from twin.suite.pool import cost
    from twin.suite.results import share

    costs = {unit.name: cost(unit) for unit in units}
    total, done, counts = max(sum(costs.values()), 1.0), 0.0, dict[str, int]()
    fresh, began, told = 0.0, time.monotonic(), -EVERY_S
    with say.bar("suite", hidden=quiet, unit="robot-seconds") as bar:

        def seen(row: Row) -> None:
            nonlocal done, fresh, told
            weight = costs[f"{row.scenario}-{row.seed}"]
            done, fresh = done + weight, fresh + weight * (not row.stored)
            counts[row.verdict] = counts.get(row.verdict, 0) + 1
            elapsed = time.monotonic() - began
            if bar is not None:
                bar(done, total)
            elif not quiet and (row.verdict != "pass" or elapsed - told >= EVERY_S or done >= total):
                told = elapsed
                left = f", {_span((total - done) * elapsed / fresh)} left" if fresh and done < total else ""
                n = sum(counts.values())
                print(
                    f"[{n}/{len(units)}] {row.scenario}, seed {row.seed}: {row.verdict} ({share(counts)}{left})",
                    file=sys.stderr,
                )

        yield seen


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _hand_out(found: Results, arguments: argparse.Namespace) -> None:
    """The files for CI, and annotations where GitHub reads what is printed."""
    from twin.suite.junit import write_junit
    from twin.suite.summary import github_errors, on_github, write_markdown

    if arguments.junit:
        write_junit(found, arguments.junit)
    if arguments.summary:
        write_markdown(found, arguments.summary)
    if on_github():
        for line in github_errors(found.bad()):
            print(line, file=sys.stderr if arguments.json else sys.stdout)


def _tell(found: Results, out: Path) -> None:
    from twin.suite.junit import details
    from twin.suite.results import FILE, share

    for row in found.bad()[:20]:
        print(f"{row.scenario}, seed {row.seed}: {row.verdict.upper()}")
        for line in details(row):
            print(f"  {line}")
    if (more := len(found.bad()) - 20) > 0:
        print(f"… and {more} more that did not pass")
    stored = sum(row.stored for row in found.rows)
    before = f", {stored} of them from before" if stored else ""
    print(f"{found.verdict}: {share(found.counts)} of {len(found.rows)} units{before}")
    print(f"hash {found.hash}")
    print(f"all results are in {out / FILE}")
    shown = next((row for row in [*found.bad(), *found.rows] if row.folder), None)
    if shown is not None:
        say.then(f"twin report {shown.folder}", f"twin replay {shown.folder}")
    elif found.rows:
        say.then(found.rows[0].reproduce)


COMMANDS: Mapping[str, say.Command] = {
    "suite": say.Command(
        "run every scenario of folders with many seeds, in parallel, and judge them together",
        "twin suite scenarios/ --seeds 5 --workers 2 --junit suite.xml --summary suite.md",
        _suite,
        _define_suite,
    ),
}
