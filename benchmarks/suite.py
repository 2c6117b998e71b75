"""What workers bring: 200 one-minute kinematic scenarios on one worker and on two, side by side in one run.

    python -m benchmarks.suite            a table
    python -m benchmarks.suite --json     the figures for machines
    python -m benchmarks.suite --units 40 --repeats 3

Both sides start their workers anew and end with the same combined hash. The figure is the speed-up over its ideal, which is
the number of workers; what two busy processes really get from this machine stands beside it (two threads of one core,
neighbours), and so does the speed-up by processor time, which neighbours disturb least.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from twin.suite.plan import Unit, plan
from twin.suite.pool import Workers

SCENARIO = """\
scenario: bench
duration_s: 60
fleet:
  fleet: bench
  grippers: {hand: {stroke_mm: 80}}
  robots: {arm: {model: panda, gripper: hand, control_ms: 20}}
  resets: [{kind: automatic, attempts: 9, seconds: 1, success: 1}]
  people: {staff: {}}
  cells: [{name: c, count: 2, robots: [{robot: arm}]}]
jobs: [{kind: poisson, per_hour: 60, at_start: 2, episodes: 100}]
faults: [{component: gripper, mode: slips, onset: {per_episode: 0.1}}]
checks: [{at_least: {what: episodes, min: 4}}]
"""


def units(count: int, folder: Path) -> list[Unit]:
    """A scenario with as many seeds."""
    path = folder / "bench.yaml"
    path.write_text(SCENARIO)
    return plan([path], seeds=count, engine="kinematic")


class Took(NamedTuple):
    """Wall and processor time of a suite from nothing, start of its workers included, and its combined hash."""

    wall_s: float
    cpu_s: float
    hash: str


def suite(todo: list[Unit], workers: int) -> Took:
    """Run a suite."""
    with tempfile.TemporaryDirectory() as out:
        began, spent = time.perf_counter(), cpu_s()
        with Workers(workers) as pool:
            found = pool.run(todo, Path(out))
        took = Took(time.perf_counter() - began, cpu_s() - spent, found.hash)
    if found.verdict != "pass":
        raise RuntimeError(f"the suite did not pass: {found.counts}, {found.bad()[0].reasons}")
    return took


def cpu_s() -> float:
    """Processor time of this process and its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in used)


def spin(loops: int) -> float:
    """Seconds of a fixed piece of pure computing."""
    began, total = time.perf_counter(), 0
    for i in range(loops):
        total += i * i
    return time.perf_counter() - began


def machine(workers: int, loops: int = 6_000_000) -> float:
    """How many times as much this machine does with so many busy processes as with one, at this moment."""
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        pool.map(spin, [1000] * workers, chunksize=1)
        alone = statistics.median(pool.map(spin, [loops], chunksize=1)[0] for _ in range(3))
        together = statistics.median(max(pool.map(spin, [loops] * workers, chunksize=1)) for _ in range(3))
    return workers * alone / together


def measure(count: int = 200, workers: int = 2, repeats: int = 1) -> dict[str, Any]:
    """Serial and parallel wall times, speed-up, its share of the ideal; medians of paired repeats."""
    with tempfile.TemporaryDirectory() as folder:
        todo = units(count, Path(folder))
        suite(todo[:2], 1)  # the files of libraries are in memory after this
        pairs = [(suite(todo, 1), suite(todo, workers), machine(workers)) for _ in range(repeats)]
    speed_up = statistics.median(one.wall_s / many.wall_s for one, many, _ in pairs)
    able = statistics.median(able for *_, able in pairs)
    return {
        "units": count,
        "workers": workers,
        "cores": os.cpu_count(),
        "serial_s": statistics.median(one.wall_s for one, *_ in pairs),
        "parallel_s": statistics.median(many.wall_s for _, many, _ in pairs),
        "serial_cpu_s": statistics.median(one.cpu_s for one, *_ in pairs),
        "parallel_cpu_s": statistics.median(many.cpu_s for _, many, _ in pairs),
        "of_ideal_by_cpu": statistics.median(one.cpu_s / many.cpu_s for one, many, _ in pairs),
        "speed_up": speed_up,
        "of_ideal": speed_up / workers,
        "machine_can": able,
        "of_what_the_machine_can": speed_up / able,
        "hashes_equal": len({side.hash for pair in pairs for side in pair[:2]}) == 1,
    }


def main(argv: list[str] | None = None) -> int:
    """Print the figures; a noisy machine is no failure, a hash that depends on the workers is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--units", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    given = parser.parse_args(argv)
    found = measure(given.units, given.workers, given.repeats)
    if given.json:
        print(json.dumps(found))
        return 0 if found["hashes_equal"] else 1
    print(f"{found['units']:4} one-minute kinematic scenarios       {'wall':>9}  {'units/s':>8}  {'CPU':>9}")
    for name, side in (("1 worker", "serial"), (f"{found['workers']} workers", "parallel")):
        took = found[f"{side}_s"]
        print(f"  {name:36} {took:7.1f} s  {found['units'] / took:8.2f}  {found[f'{side}_cpu_s']:7.1f} s")
    print(f"speed-up, share of ideal (≥ 0.90)     {found['speed_up']:9.2f}  {found['of_ideal']:8.2f}")
    print(f"  the machine does with two at once   {found['machine_can']:9.2f}  {found['of_what_the_machine_can']:8.2f} of that")
    print(f"  by processor time, were both free              {found['of_ideal_by_cpu']:8.2f}")
    print(f"combined hash the same                {'yes' if found['hashes_equal'] else 'NO':>9}")
    return 0 if found["hashes_equal"] else 1


if __name__ == "__main__":
    sys.exit(main())
