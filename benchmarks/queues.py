"""Queues of a farm beside what theory and their own bounds say: waits, fair shares, ageing, and that no job is lost.

python -m benchmarks.queues            a table (about two minutes of one core)
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from twin.core.chance import Chance
from twin.core.clock import US
from twin.judge.columns import rows
from twin.judge.waiting import Asked, asked
from twin.log.tables import RunLog, read_run
from twin.run import run
from twin.scenario.load import load

SCHEDULERS = ("fifo", "priority", "fair_share", "earliest_deadline", "batch_by_setup")
RUNS = 6
"""Runs behind every wait: those of one run depend on each other, its mean is one observation. Lines share no seeds."""


def ran(cells: int, duration_s: float, results: list[dict[str, Any]], seed: int = 1, **more: Any) -> RunLog:
    """The log of a farm of the outcome tier; `more`: other keys of the scenario, those of the fleet under `fleet`."""
    fleet = {
        "fleet": "queues", "robots": {"arm": {"model": "panda"}}, "people": {"staff": {}},
        "resets": [{"kind": "automatic", "attempts": 1, "seconds": 0, "success": 1}],
        "outcomes": {"entries": [{"results": results}]},
        "cells": [{"name": "c", "count": cells, "robots": [{"robot": "arm"}], **more.pop("cell", {})}],
    } | more.pop("fleet", {})  # fmt: skip
    made = {"scenario": "queues", "tier": "outcome", "policy": {"kind": "known", "name": "any"}, "seed": seed,
            "duration_s": duration_s, "episode_timeout_s": 1e6, "log": {"events": "all"}, "fleet": fleet}  # fmt: skip
    with tempfile.TemporaryDirectory() as temp:
        path = Path(temp) / "queues.yaml"
        path.write_text(yaml.safe_dump(made | more))
        return read_run(run(load(path), Path(temp) / "runs", threads=1).folder)


def one(success: bool = True, **duration: Any) -> list[dict[str, Any]]:
    """Results of one kind, as long as a law says."""
    return [{"share": 1, "success": success, "duration_s": duration}]


def over_runs(runs: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Mean of the means of some runs and its standard error; the first tenth of each is left out."""
    means = [float(np.mean(waits[len(waits) // 10 :])) for waits in runs]
    return float(np.mean(means)), float(np.std(means, ddof=1) / math.sqrt(len(means)))


def erlang_c(c: int, load_: float, service: float) -> float:
    """Mean wait of M/M/c (Erlang 1917): `load_` offered, in servers."""
    last = load_**c / math.factorial(c) * c / (c - load_)
    return last / (sum(load_**k / math.factorial(k) for k in range(c)) + last) * service / (c - load_)


def repairmen(n: int, c: int, up: float, down: float) -> float:
    """Mean wait of M/M/c//N, a finite source: n machines up for `up`, c people who take `down` each."""
    p = [1.0]
    for k in range(n):
        p.append(p[-1] * (n - k) / up / (min(k + 1, c) / down))
    waiting = sum(max(0, k - c) * x for k, x in enumerate(p))
    return waiting / sum((n - k) / up * x for k, x in enumerate(p))


def jobs_wait(c: int, busy: float) -> tuple[float, float, float]:
    """Jobs on c cells that are busy for a share of the time: mean wait s, its standard error, Erlang C."""
    seconds, runs, first = 60 * 12_000 / (c * busy), [], 1000 * c + round(100 * busy)
    for seed in range(first, first + RUNS):
        log = ran(c, seconds, one(kind="exponential", mean=60.0), seed, jobs=[{"kind": "poisson", "per_hour": 60.0 * c * busy}])
        runs.append([(j.begun_us - j.arrived_us) / US for j in asked(log) if j.begun_us is not None])
    return (*over_runs(runs), erlang_c(c, c * busy, 60.0))


def cells_wait(n: int, c: int) -> tuple[float, float, float]:
    """n cells that get stuck after 600 s on average, c operators who take 200 s: mean wait, its error, the formula."""
    ops = {"count": c, "skills": ["reset"], "response_s": 0, "work_s": {"kind": "exponential", "mean": 200.0}}
    stuck = [one(False, kind="exponential", mean=600.0)[0] | {"in_reach": False}]
    queue = [{"kind": "list", "jobs": [{"episodes": 10**6} for _ in range(n)]}]
    fleet = {"people": {"ops": ops}, "resets": [{"kind": "person", "pool": "ops", "deadline_s": 1e8}]}
    runs = [_calls(ran(n, 3e6 / n, stuck, seed, jobs=queue, fleet=fleet)) for seed in range(100 * n, 100 * n + RUNS)]
    return (*over_runs(runs), repairmen(n, c, 600.0, 200.0))


def _calls(log: RunLog) -> list[float]:
    """How long each call waited, s."""
    sent: dict[Any, int] = {}
    waits = []
    for _, t, kind, cell in rows(log.events, ("t_us", "kind", "cell"), table="events", kinds=("page.sent", "page.answered")):
        if kind == "page.sent":
            sent[cell] = t
        else:
            waits.append((t - sent.pop(cell)) / US)
    return waits


def unfair(weights: Sequence[int], cells: int) -> float:
    """The largest relative miss of an owner's share over a shift of 8 h with more work than can be done."""
    owners = {f"o{i}": float(w) for i, w in enumerate(weights)}
    queue = [{"owner": who, "episodes": 40} for _ in range(60 * cells) for who in owners]
    log = ran(cells, 8 * 3600.0, one(kind="lognormal", median=40.0, sigma=0.3), jobs=[{"kind": "list", "jobs": queue}],
              scheduler={"kind": "fair_share", "weights": owners, "quantum_min": 5})  # fmt: skip
    had = {who: sum(j.robot_us for j in asked(log) if j.owner == who) for who in owners}
    return max(abs(had[who] / sum(had.values()) / (w / sum(weights)) - 1) for who, w in owners.items())


def passed_late(seed: int, level_s: float = 600.0) -> float:
    """By how much the latest job that passed another one came too late to, s: `level_s` for each priority more, and at most the
    job that ran, are allowed; negative: nobody came too late."""
    stream = Chance(seed).stream("benchmark", "ageing")
    queue = [{"priority": int(p), "at_s": float(t), "episodes": 10} for p, t in zip(
        stream.integers(0, 6, 60), np.round(stream.uniform(0, 30_000, 60)), strict=True)]  # fmt: skip
    log = ran(1, 60_000.0, one(kind="lognormal", median=50.0, sigma=0.1), jobs=[{"kind": "list", "jobs": queue}],
              scheduler={"kind": "priority", "level_min": level_s / 60})  # fmt: skip
    turn = sorted((j for j in asked(log) if j.begun_us is not None), key=lambda j: j.begun_us or 0)
    job_s = max(job.robot_us for job in turn) / US
    late = [
        (early.arrived_us - other.arrived_us) / US - level_s * max(0, early.priority - other.priority) - job_s
        for i, early in enumerate(turn) for other in turn[i + 1 :]
    ]  # fmt: skip
    return max(late)


def unbalanced(kind: str, seeds: int) -> tuple[int, int]:
    """Jobs of random fleets that break under load, and how many of them are not in exactly one place at the end."""
    offered = lost = 0
    for seed in range(seeds):
        stream = Chance(seed).stream("benchmark", "fleets")
        n = int(stream.integers(1, 9))
        queue = [{"task": str(stream.choice(["pick", "push"])), "episodes": int(stream.integers(1, 20)),
                  "retries": int(stream.integers(0, 3)), "owner": str(stream.choice(["x", "y", "z"])),
                  "priority": int(stream.integers(0, 4)), "at_s": float(stream.integers(0, 20_000)),
                  "deadline_s": float(stream.integers(100, 20_000))} for _ in range(int(stream.integers(1, 120)))]  # fmt: skip
        law = {"fails_h": {"kind": "exponential", "mean": float(stream.choice([0.1, 1.0, 20.0]))}, "repair_h": 0.1}
        fleet = {"robots": {"arm": {"model": "panda", "reliability": law}}}
        results = [one(kind="lognormal", median=40.0, sigma=0.5)[0] | {"share": 0.6},
                   one(False, kind="exponential", mean=50.0)[0] | {"share": 0.4}]  # fmt: skip
        log = ran(n, 25_000.0, results, seed=seed, jobs=[{"kind": "list", "jobs": queue}], scheduler={"kind": kind},
                  cell={"tasks": ["pick", "push"], "setup_s": 5}, fleet=fleet, checks=[{"jobs": {}}])  # fmt: skip
        told = asked(log)
        offered += len(told)
        lost += int(log.meta["checks"][0]["value"] or 0) + abs(len(told) - sum(_closed(job) + _open(job) for job in told))
    return offered, lost


def _closed(job: Asked) -> bool:
    return job.state in ("done", "failed", "cancelled")


def _open(job: Asked) -> bool:
    return job.state == "open"


def main() -> int:
    """Print every figure beside what it is held against."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(f"{'mean wait, s':>44}{'± standard error':>20}{'formula':>10}{'away, errors':>14}")
    for c, busy in ((1, 0.5), (1, 0.8), (2, 0.8), (3, 0.8), (5, 0.9), (8, 0.9)):
        _line(f"M/M/{c}, jobs on cells, {busy:.0%} busy", *jobs_wait(c, busy))
    for n, c in ((4, 1), (8, 2), (20, 4)):
        _line(f"M/M/{c}//{n}, cells for operators", *cells_wait(n, c))
    print("\nfair share over a saturated shift of 8 h: largest relative miss of a weight   ≤ 5 %")
    for weights, cells in (((1, 1), 2), ((1, 3), 2), ((1, 2, 5), 4), ((1, 2, 3, 4), 8)):
        print(f"{'weights ' + ':'.join(map(str, weights)) + f', {cells} cells':>36}{unfair(weights, cells):>8.1%}")
    late = [passed_late(seed) for seed in range(8)]
    print(f"\nageing: the nearest that a job came to being passed too late, 8 queues of 60: {max(late):,.0f} s   ≤ 0")
    print("\nrandom fleets that break, 20 a scheduler: jobs offered, and of them lost, run twice or in two places   0")
    for kind in SCHEDULERS:
        print(f"{kind:>20}{'{:,} {:>6}'.format(*unbalanced(kind, 20)):>16}")
    return 0


def _line(name: str, mean: float, error: float, formula: float) -> None:
    print(f"{name:>36}{mean:>8.2f}{error:>20.2f}{formula:>10.2f}{(mean - formula) / error:>14.1f}")


if __name__ == "__main__":
    sys.exit(main())
