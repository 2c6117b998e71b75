"""What the speed claims rest on: the whole farm beside the bare engine, in one run.

The farm runs a segment of simulated time and leaves a tape: every row that was reset and its start state, every step's rows
and controls. The bare engine then plays the tape on `mujoco.batch.Batch`, without policy, filter, links, log or hash, and must
end in the same bits. The two take turns every fifth of a simulated second, so that a noisy machine slows both; a segment's
ratio is of the sums over its turns, the figure the median over segments.

    python -m benchmarks.farm            a table
    python -m benchmarks.farm --json     the figures for machines
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mujoco.batch import Batch

from benchmarks import armed, clock, envs, outcome, safety
from benchmarks.tape import Tape
from twin.build import build
from twin.core.clock import US
from twin.farm.farm import Farm
from twin.log.journal import Journal
from twin.run import commit
from twin.scenario.load import load

SEGMENT_S = 5.0
"""Simulated seconds of a segment: one snapshot each."""
TURNS = 25
"""So often farm and bare engine take turns in a segment: machines of many tenants change their pace within seconds."""

SCENARIO = """\
scenario: bench-{n}
fleet:
  fleet: bench
  grippers: {{hand: {{stroke_mm: 80}}}}
  robots: {{arm: {{model: panda, gripper: hand}}}}
  links: {{wifi: {{latency_ms: {{kind: lognormal, median: 15, sigma: 0.5}}, loss: 0.001}}}}
  compute: {{server: {{inference_ms: 60, batch: 512}}}}
  resets: [{{kind: automatic, attempts: 9, seconds: 1, success: 1}}]
  people: {{staff: {{}}}}
  cells: [{{name: c, count: {n}, robots: [{{robot: arm}}], link: wifi, compute: server}}]
jobs: [{{kind: poisson, per_hour: 0.001, at_start: {jobs}, episodes: 100000}}]
duration_s: 86400
"""


def farm_of(n: int, jobs: int, threads: int, folder: Path) -> Farm:
    """A farm of n Pandas of which `jobs` work without end, 12 simulated seconds old."""
    path = folder / f"bench-{n}.yaml"
    path.write_text(SCENARIO.format(n=n, jobs=jobs))
    farm = build(load(path), f"bench-{n}", threads)
    farm.begin()
    advance(farm, 12.0)
    return farm


def advance(farm: Farm, until_s: float) -> None:
    """Run a farm up to a simulated time."""
    while farm.step(round(until_s * US)):
        pass
    farm.clock.now_us = round(until_s * US)


def efficiency(n: int, threads: int, segments: int) -> dict[str, Any]:
    """Farm against bare engine at n robots: ratios a segment, robot-seconds per second, whether final states are equal."""
    with tempfile.TemporaryDirectory() as temp, Journal(Path(temp) / "run") as journal:
        farm = farm_of(n, n, threads, Path(temp))
        world: Any = farm.lanes[0].world
        batch = Batch(world.cell.model, n, threads)
        batch.state[:] = world._batch.state
        batch.warning[:] = world._batch.warning
        ctrl, tape = batch.bind("ctrl"), Tape(world)
        ratios, speeds, shares = [], [], []
        for k in range(segments):
            before, farms, bare = farm.episodes.robot_us, 0.0, 0.0
            for turn in range(TURNS):
                began = time.perf_counter()
                advance(farm, 12.0 + SEGMENT_S * (k + (turn + 1) / TURNS))
                farms += time.perf_counter() - began
                bare += tape.play(batch, ctrl)
            began = time.perf_counter()
            commit(farm, journal, farm.clock.now_us)
            kept = time.perf_counter() - began
            ratios.append(bare / (farms + kept))
            speeds.append((farm.episodes.robot_us - before) / US / (farms + kept))
            shares.append(kept / (farms + kept))
        equal = bool(np.array_equal(batch.state, world._batch.state))
    return {"ratios": ratios, "robot_s_per_s": statistics.median(speeds), "journal": statistics.median(shares), "equal": equal}


def paired(farms: tuple[Farm, Farm], segments: int, seconds: float) -> float:
    """Median over segments of the second farm's wall time over the first's for the same simulated time."""
    ratios = []
    for k in range(segments):
        took = []
        for farm in farms:
            began = time.perf_counter()
            advance(farm, 12.0 + seconds * (k + 1))
            took.append(time.perf_counter() - began)
        ratios.append(took[1] / took[0])
    return statistics.median(ratios)


def active_16_of_256(segments: int) -> float:
    """256 cells of which 16 work, over a farm of 16."""
    with tempfile.TemporaryDirectory() as temp:
        return paired((farm_of(16, 16, 2, Path(temp)), farm_of(256, 16, 2, Path(temp))), segments, SEGMENT_S)


def scaling_512_over_256(segments: int) -> float:
    """512 robots over 256."""
    with tempfile.TemporaryDirectory() as temp:
        return paired((farm_of(256, 256, 2, Path(temp)), farm_of(512, 512, 2, Path(temp))), segments, SEGMENT_S / 5)


def memory_mb(n: int) -> float:
    """Peak resident memory, in MB, of a process that builds a farm of n and runs one simulated second."""
    code = f"""
import tempfile
from pathlib import Path
from benchmarks.farm import SCENARIO, advance
from twin.build import build
from twin.scenario.load import load
with tempfile.TemporaryDirectory() as temp:
    path = Path(temp) / "b.yaml"
    path.write_text(SCENARIO.format(n={n}, jobs={n}))
    farm = build(load(path), "b", 1)
    farm.begin()
    advance(farm, 1.0)
status = Path("/proc/self/status").read_text()  # ru_maxrss would count the parent before exec
print(int(status.split("VmHWM:")[1].split()[0]) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(segments: int = 7) -> dict[str, Any]:
    """All figures, medians of paired repeats."""
    at_64, at_256 = efficiency(64, 2, segments), efficiency(256, 2, max(3, segments - 2))
    single = efficiency(64, 1, 3)
    return {
        "efficiency": {"64": statistics.median(at_64["ratios"]), "256": statistics.median(at_256["ratios"])},
        "efficiency_low_high": {"64": _range(at_64["ratios"]), "256": _range(at_256["ratios"])},
        "bare_state_equal": at_64["equal"] and at_256["equal"] and single["equal"],
        "robot_s_per_s": {
            "64_2_threads": at_64["robot_s_per_s"],
            "256_2_threads": at_256["robot_s_per_s"],
            "64_1_thread": single["robot_s_per_s"],
        },
        "active_16_of_256": active_16_of_256(segments),
        "scaling_512_over_256": scaling_512_over_256(3),
        "mb_per_robot": (memory_mb(512) - memory_mb(256)) / 256,
        "journal_cost": max(at_64["journal"], at_256["journal"]),
        **armed.measure(SCENARIO.format(n=256, jobs=256)),
        **clock.measure(),
        "safety": safety.measure(*((100_000, 2_000, 20_000) if segments > 3 else (10_000, 2_000, 5_000))),
        **outcome.measure(),
        **envs.measure(segments),
    }


def _range(values: list[float]) -> list[float]:
    return [min(values), max(values)]


BOUNDS: dict[str, tuple[str, Callable[[dict[str, Any]], Any], Callable[[Any], bool]]] = {
    "efficiency at 64 robots": ("≥ 0.80", lambda f: f["efficiency"]["64"], lambda v: v >= 0.80),
    "efficiency at 256 robots": ("≥ 0.90", lambda f: f["efficiency"]["256"], lambda v: v >= 0.90),
    "bare end state equal": ("yes", lambda f: f["bare_state_equal"], bool),
    "16 of 256 active, over 16": ("≤ 1.3", lambda f: f["active_16_of_256"], lambda v: v <= 1.3),
    "512 over 256 robots": ("≤ 2.2", lambda f: f["scaling_512_over_256"], lambda v: v <= 2.2),
    "MB a further robot": ("< 1", lambda f: f["mb_per_robot"], lambda v: v < 1),
    "1,024 armed faults": ("≤ 1.01", lambda f: f["armed_faults_cost"], lambda v: v <= 1.01),
    "journal and snapshots": ("≤ 0.03", lambda f: f["journal_cost"], lambda v: v <= 0.03),
    "events a second": ("≥ 200,000", lambda f: f["events_per_s"], lambda v: v >= 200_000),
    "safety chain, 5 % of rows active": ("< 0.10", lambda f: f["safety"]["chain_cost_5pct"], lambda v: v < 0.10),
    "safety chain, all rows active": ("< 0.35", lambda f: f["safety"]["chain_cost_all"], lambda v: v < 0.35),
    "promises broken behind the chain": ("0", lambda f: sum(f["safety"]["violations_with"].values()), lambda v: v == 0),
    "least broken without a filter": ("> 0", lambda f: min(f["safety"]["violations_without"].values()), lambda v: v > 0),
    "vector environment at 256": ("≥ 0.85", lambda f: f["vector_env"], lambda v: v >= 0.85),
    "outcome robot-hours an hour": ("≥ 1,000,000", lambda f: f["outcome_robot_h_per_h"], lambda v: v >= 1e6),
}


def main(argv: list[str] | None = None) -> int:
    """Print the figures with their bounds; the exit status does not judge them, a noisy machine is no failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--segments", type=int, default=7, help="paired repeats of each figure (default 7)")
    parser.add_argument("--quick", action="store_true", help="three repeats: figures to look at, not to publish")
    given = parser.parse_args(argv)
    figures = measure(min(given.segments, 3) if given.quick else given.segments)
    if given.json:
        print(json.dumps(figures))
        return 0
    for name, (bound, read, holds) in BOUNDS.items():
        value = read(figures)
        shown = (
            f"{value:,.3f}"
            if isinstance(value, float) and value < 1000
            else f"{value:,.0f}"
            if isinstance(value, float)
            else str(value)
        )
        print(f"{name:34} {shown:>12}   {bound:10} {'holds' if holds(value) else 'MISSED'}")
    for name, value in figures["robot_s_per_s"].items():
        print(f"robot-seconds/s, {name:14} {value:>9,.0f}")
    print(f"SimPy events a second        {figures['simpy_events_per_s']:>12,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
