"""How fast weeks and months pass in the outcome tier: whole runs, from the scenario file to tables and verdict.

Twenty cells, about 60 episodes a robot-hour, a scheduler in Python, two operators and a technician, breakages, a network and a
policy server that fail. Two runs (two seeds) share two cores, as `twin suite` would run them; the figure is their robot-hours
over the wall time of both.

    python -m benchmarks.outcome                 robot-hours per hour, a week with its report
    python -m benchmarks.outcome --hours 168 720 2160 8760
                                                 wall time and memory of a week, a month, a quarter and a year with their
                                                 reports, one after the other (half an hour, most of it the year)
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

CELLS = 20
SCENARIO = """\
scenario: bench-outcome
fleet:
  fleet: bench-outcome
  people:
    operators: {count: 2, skills: [reset], response_s: {kind: lognormal, median: 60, sigma: 0.5},
                work_s: {kind: exponential, mean: 90}}
    technician: {skills: [repair], response_s: 900, work_s: 600}
  robots:
    arm:
      model: panda
      reliability: {fails_h: {kind: weibull, shape: 1.2, scale: 200}, repair_h: {kind: lognormal, median: 1, sigma: 0.5}}
  resets:
    - {kind: automatic, attempts: 3, seconds: 8, success: 0.9}
    - {kind: person, pool: operators, deadline_s: 3600}
  outcomes:
    entries:
      - results:
          - {share: 0.72, success: true, duration_s: {kind: lognormal, median: 40, sigma: 0.3}}
          - {share: 0.25, success: false, end_reason: timeout, duration_s: 55, symptoms: [grip_loss]}
          - {share: 0.03, success: false, duration_s: 55, in_reach: false}
  links: {wifi: {latency_ms: 8}}
  compute: {server: {inference_ms: 30}}
  groups: {hall: ["c0*"]}
  cells: [{name: c, count: 20, robots: [{robot: arm}], link: wifi, compute: server}]
faults:
  - {component: link, mode: partition, onset: {rate_per_h: 0.01}, duration_s: {kind: lognormal, median: 120, sigma: 1}}
  - {component: facility, mode: network_lost, target: hall, onset: {rate_per_h: 0.002}, duration_s: 1800}
  - {component: compute, mode: server_crash, target: server, onset: {rate_per_h: 0.005}, duration_s: 60, cold_start_s: 120}
jobs: [{kind: poisson, per_hour: 23, at_start: 40, episodes: 50}]
tier: outcome
policy: {kind: known, name: bench}
duration_s: 86400
episode_timeout_s: 120
checks: [success_rate: {min: 0.6}]
"""


def _run(given: tuple[str, int, float, bool]) -> dict[str, Any]:
    """One run in a process of its own: episodes, wall seconds, peak memory in MB."""
    folder, seed, hours, report = given
    from twin.judge.report import render
    from twin.log.tables import open_run
    from twin.run import run
    from twin.scenario.load import load

    scenario = load(Path(folder) / "bench-outcome.yaml", seed=seed, duration_s=3600 * hours)
    began = time.perf_counter()
    result = run(scenario, Path(folder) / "runs")
    took = time.perf_counter() - began
    run_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if report:
        render([open_run(result.folder)], [], Path(folder) / "report.html")
    rows = pq.read_metadata(result.folder / "episodes.parquet").num_rows
    whole = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    acted = sum(r["status"] == "acted" for r in pq.read_table(result.folder / "faults.parquet").to_pylist())
    told = {"episodes": rows, "run_s": took, "whole_s": whole, "run_mb": run_mb, "peak_mb": peak_mb}
    return told | {"faults_acted": acted, "verdict": result.verdict}


def _apart(given: list[tuple[int, float, bool]]) -> tuple[list[dict[str, Any]], float]:
    """Runs (seed, hours, with report), each in a process of its own, all at once; and the wall time of all."""
    with tempfile.TemporaryDirectory() as temp:
        (Path(temp) / "bench-outcome.yaml").write_text(SCENARIO)
        with multiprocessing.get_context("spawn").Pool(len(given)) as pool:
            pool.map(_warm, range(len(given)))
            began = time.perf_counter()
            done = pool.map(_run, [(temp, *item) for item in given], chunksize=1)
            return done, time.perf_counter() - began


def _warm(_: int) -> None:
    """Import everything, as a worker of a suite has by its second run."""
    import twin.judge.report
    import twin.run  # noqa: F401


def measure(hours: float = 48.0) -> dict[str, Any]:
    """Robot-hours per hour on two cores, and episodes per robot-hour that stand behind it."""
    done, wall = _apart([(1, hours, False), (2, hours, False)])
    robot_h = 2 * CELLS * hours
    return {
        "outcome_robot_h_per_h": robot_h / (wall / 3600),
        "outcome_episodes_per_robot_h": sum(d["episodes"] for d in done) / robot_h,
        "outcome_us_per_episode": 1e6 * 2 * wall / sum(d["episodes"] for d in done),
    }


def long(hours: float) -> dict[str, Any]:
    """One run of so many hours, with its report."""
    return _apart([(1, hours, True)])[0][0]


def _side_by_side(hours: list[float], as_json: bool) -> int:
    """Long runs in a table, each as it ends."""
    if not as_json:
        print(
            f"{'hours':>8}{'episodes':>12}{'run, s':>9}{'with report, s':>16}{'run, MB':>9}{'peak, MB':>10}   < 1,500 MB",
            flush=True,
        )
    found = []
    for each in hours:
        found.append({"hours": each} | (one := long(each)))
        if not as_json:
            print(
                f"{each:>8,.0f}{one['episodes']:>12,}{one['run_s']:>9,.0f}{one['whole_s']:>16,.0f}{one['run_mb']:>9,.0f}"
                f"{one['peak_mb']:>10,.0f}   {one['faults_acted']} faults acted, {one['verdict']}",
                flush=True,
            )
    if as_json:
        print(json.dumps(found))
    return 0


def main() -> int:
    """Print the figures beside what is asked of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--hours", type=float, nargs="+", help="runs of twenty cells for so long, with their reports")
    given = parser.parse_args()
    if given.hours:
        return _side_by_side(given.hours, given.json)
    figures, week = measure(), long(168)
    if given.json:
        print(json.dumps(figures | {"week": week}))
        return 0
    print(f"robot-hours per hour, 2 cores  {figures['outcome_robot_h_per_h']:>12,.0f}   ≥ 1,000,000")
    print(f"episodes per robot-hour        {figures['outcome_episodes_per_robot_h']:>12,.1f}   about 60")
    print(f"a week with its report, s      {week['whole_s']:>12,.1f}   ≤ 60")
    print(f"its memory, MB                 {week['peak_mb']:>12,.0f}")
    print(f"faults that acted in it        {week['faults_acted']:>12,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
