"""What the filters do to a policy that does nothing wrong: ticks that they alter, and what they cost in success.

The scripted policy at every task on every arm, with an aim that is right and with one that misses by its usual error, with real
physics; each episode twice, with the same draws: behind the whole chain, and without any filter.

    python -m benchmarks.nominal --write                     ten tasks on four arms, 24 episodes each; into docs/safety.md
    python -m benchmarks.nominal --arms ur3 --tasks push     some of them

What has been measured is kept in runs/nominal, until code changes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.attacks import CHAIN
from benchmarks.violations import PAGE, ROOT, code, put
from twin.build import build
from twin.core.clock import US
from twin.scenario.load import load
from twin.world.spec import TASKS

ARMS = ("panda", "ur3", "iiwa7", "wx250s")
WIDE = {"panda": 80, "ur3": 80, "iiwa7": 85, "wx250s": 80}
ERRORS_MM = (0.0, 4.0)
ALTERED, LOST = 0.01, 0.02
"""Bounds: share of ticks that are altered, and success that is lost."""


class Nominal(NamedTuple):
    """Episodes of a task on an arm: share of ticks altered, successes with and without filters, stops that filters demanded."""

    arm: str
    task: str
    error_mm: float
    episodes: int
    altered: float
    with_filters: int
    without: int
    stops: int


def played(
    arm: str, task: str, error_mm: float, filters: list[dict[str, Any]], n: int, folder: Path
) -> tuple[int, int, float, int]:
    """Episodes that ended, successes, share of ticks altered, stops; one episode a cell."""
    needs = TASKS[task]
    made = {
        "scenario": "nominal",
        "fleet": {
            "fleet": "bench",
            "workcells": {"place": {"kind": needs.workcell} | ({"objects": 2} if needs.objects > 1 else {})},
            "grippers": {"hand": {"stroke_mm": WIDE[arm]}},
            "robots": {"arm": {"model": arm, "gripper": "hand", "stop_recover_s": 2}},
            "people": {"staff": {}},
            "cells": [{"name": "c", "count": n, "robots": [{"robot": "arm"}], "workcell": "place", "tasks": [task]}],
        },
        "jobs": [{"kind": "poisson", "per_hour": 0.001, "at_start": n, "episodes": 1, "task": task}],
        "policy": {"kind": "scripted", "perception_error_mm": error_mm},
        "filters": filters,
        "duration_s": 60,
        "episode_timeout_s": 30,
    }
    path = folder / "nominal.yaml"
    path.write_text(json.dumps(made))
    farm = build(load(path), "bench", 2)
    farm.begin()
    while farm.step(60 * US):
        pass
    rows = [row for row in farm.book.episodes if isinstance(row, dict)]
    filtered = sum(row["filtered_ticks"] for row in rows)
    stops = sum('"stop.protective"' in text for text in farm.book.new)
    return len(rows), sum(bool(row["truth"]) for row in rows), filtered / farm.lanes[0].row_ticks, stops


def guards() -> list[dict[str, Any]]:
    """The whole chain as a farm would have it: nothing in the way, and time for a chunk to be played."""
    other: dict[str, dict[str, Any]] = {"stale": {"hold_ms": 1000}, "keep_out": {"volumes": []}, "cbf": {"volumes": []}}
    return [f | other.get(str(f["kind"]), {}) for f in CHAIN]


def measure(
    n: int = 24, arms: Sequence[str] = ARMS, tasks: Sequence[str] = tuple(TASKS), errors: Sequence[float] = ERRORS_MM
) -> Iterator[Nominal]:
    """Tasks on arms, with an aim that is right and with the usual error."""
    with tempfile.TemporaryDirectory() as temp:
        for arm, task, error in itertools.product(arms, tasks, errors):
            many, good, altered, stops = played(arm, task, error, guards(), n, Path(temp))
            without = played(arm, task, error, [], n, Path(temp))[1]
            yield Nominal(arm, task, error, many, altered, good, without, stops)


def kept(n: int, arm: str, task: str, error: float) -> Nominal:
    """A task on an arm from its file, or measured and kept there."""
    path = ROOT / "runs" / "nominal" / f"{arm}-{task}-{error:g}-{n}-{code()}.json"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        (found,) = measure(n, [arm], [task], [error])
        path.write_text(json.dumps(found))
        print(f"{arm}, {task}, {error:g} mm: {100 * found.altered:.2f} %", file=sys.stderr, flush=True)
    return Nominal(*json.loads(path.read_text()))


def pooled(found: Sequence[Nominal], error: float) -> str:
    """One sentence over all that was measured with an error of the aim."""
    these = [f for f in found if f.error_mm == error]
    many = sum(f.episodes for f in these)
    good, bare = (100 * sum(getattr(f, key) for f in these) / max(many, 1) for key in ("with_filters", "without"))
    worst = max(these, key=lambda f: f.altered)
    mean = sum(f.altered for f in these) / len(these)
    return (
        f"Aim off by {error:g} mm, {many} episodes: {100 * mean:.2f} % of ticks altered (bound {100 * ALTERED:g}; most: "
        f"{100 * worst.altered:.2f} %, `{worst.task}` on the {worst.arm}), success {good:.1f} % with filters and {bare:.1f} % "
        f"without (bound: {100 * LOST:g} points less), {sum(f.stops for f in these)} stops.\n"
    )


def table(found: Sequence[Nominal], error: float) -> str:
    """In Markdown: tasks down, arms across; share of ticks altered, successes with and without filters."""
    arms = list(dict.fromkeys(f.arm for f in found))
    lines = ["| task | " + " | ".join(arms) + " |", "| --- |" + " --- |" * len(arms)]
    for task in dict.fromkeys(f.task for f in found):
        told = {f.arm: f for f in found if f.task == task and f.error_mm == error}
        cells = (f"{100 * told[a].altered:.2f} %, {told[a].with_filters} and {told[a].without}" for a in arms)
        lines.append(f"| `{task}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--episodes", type=int, default=24, help="episodes of a task on an arm (default 24)")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=ARMS)
    parser.add_argument("--tasks", nargs="+", choices=tuple(TASKS), default=tuple(TASKS))
    parser.add_argument("--write", action="store_true", help="put the table into docs/safety.md")
    given = parser.parse_args(argv)
    found = [kept(given.episodes, *which) for which in itertools.product(given.arms, given.tasks, ERRORS_MM)]
    if given.json:
        print(json.dumps([f._asdict() for f in found]))
        return 0
    text = "\n".join(pooled(found, error) for error in ERRORS_MM)
    usual = ERRORS_MM[-1]
    text += f"\nWith {usual:g} mm: ticks altered, and successes with and without filters, of {given.episodes} each:\n\n"
    text += table(found, usual)
    print(text)
    if given.write:
        put(PAGE, "nominal", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
