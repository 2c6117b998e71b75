"""How fast weeks and months pass in the outcome tier: whole runs, from the scenario file to tables and verdict.

Twenty cells, about 60 episodes a robot-hour, a scheduler in Python, two operators and a technician, breakages. Two runs (two
seeds) share two cores, as `twin suite` would run them; the figure is their robot-hours over the wall time of both.

    python -m benchmarks.outcome                 robot-hours per hour, a week with its report
    python -m benchmarks.outcome --year          memory and wall time of a year (half an hour)
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
  cells: [{name: c, count: 20, robots: [{robot: arm}]}]
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
    if report:
        render([open_run(result.folder)], [], Path(folder) / "report.html")
    rows = pq.read_metadata(result.folder / "episodes.parquet").num_rows
    whole = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"episodes": rows, "run_s": took, "whole_s": whole, "peak_mb": peak_mb, "verdict": result.verdict}


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
    """One run of so many hours, with its report where it is no longer than a month."""
    return _apart([(1, hours, hours <= 720)])[0][0]


def main() -> int:
    """Print the figures beside what is asked of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--year", action="store_true", help="a year of twenty cells")
    given = parser.parse_args()
    if given.year:
        year = long(8760)
        print(json.dumps(year) if given.json else f"a year: {year['run_s']:,.0f} s, {year['peak_mb']:,.0f} MB (< 1,500)")
        return 0
    figures, week = measure(), long(168)
    if given.json:
        print(json.dumps(figures | {"week": week}))
        return 0
    print(f"robot-hours per hour, 2 cores  {figures['outcome_robot_h_per_h']:>12,.0f}   ≥ 1,000,000")
    print(f"episodes per robot-hour        {figures['outcome_episodes_per_robot_h']:>12,.1f}   about 60")
    print(f"a week with its report, s      {week['whole_s']:>12,.1f}   ≤ 60")
    print(f"its memory, MB                 {week['peak_mb']:>12,.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
