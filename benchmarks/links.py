"""What a link model makes of a measured trace of round trips: quantiles of the simulated link beside those of the trace.

The trace is played through the same link bank that carries a farm's messages, and so are laws fitted to it. A law is fitted by
maximum likelihood to the whole trace, and still misses the tail: that is what empirical mode is for.

    python -m benchmarks.links                   robot on Wi-Fi, moving (trace 036 of the real data)
    python -m benchmarks.links --trace my.csv    another trace, one round trip in ms a line
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from twin.control.links import DOWN, UP, LinkBank
from twin.control.spec import LinkSpec
from twin.core.chance import Chance
from twin.core.network import Trace
from twin.core.quantity import Exponential, Lognormal, Weibull
from twin.core.records import Floats
from twin.scenario.traces import read_trace

QUANTILES = (50.0, 99.0, 99.9)
REAL = Path(os.environ.get("TWIN_REAL_DATA", "../shared/real")) / "robot_rtt" / "tyrell_roundtrip036.csv"


def round_trips(model: Any, cells: int, exchanges: int, episodes: int, seed: int = 1) -> Floats:
    """Round trips in ms that a link gives to `cells`, `exchanges` in each of `episodes`."""
    bank = LinkBank([LinkSpec(latency_ms=model)] * cells, [f"c{i}" for i in range(cells)], Chance(seed))
    rows, now, found = np.arange(cells, dtype=np.int32), np.zeros(cells, np.int64), []
    for episode in range(1, episodes + 1):
        for row in rows:
            bank.begin(int(row), episode)
        found += [bank.send(rows, bank.send(rows, now, UP), DOWN) for _ in range(exchanges)]
    return np.concatenate(found) / 1000.0


def models(trace: Floats) -> Mapping[str, tuple[Any, str]]:
    """Link models by name, and what they are: a law is of the round trip, so that each way gets half of one."""
    log = np.log(trace)
    shape, _, scale = stats.weibull_min.fit(trace, floc=0)
    values = tuple(trace.tolist())
    whole = {"kind": "trace", "path": "", "round_trip": True, "values_ms": values}
    return {
        "trace, replayed": (Trace.model_validate(whole), "empirical"),
        "trace, shuffled": (Trace.model_validate(whole | {"order": "shuffled"}), "empirical"),
        "lognormal": (Lognormal(kind="lognormal", median=float(np.exp(log.mean())), sigma=float(log.std())), "law"),
        "weibull": (Weibull(kind="weibull", shape=float(shape), scale=float(scale)), "law"),
        "exponential": (Exponential(kind="exponential", mean=float(trace.mean())), "law"),
    }


def measure(trace: Floats, cells: int = 200, exchanges: int = 250, episodes: int = 20) -> dict[str, Any]:
    """Quantiles of the trace, and of every model with its relative error."""
    truth = np.percentile(trace, QUANTILES)
    table = {}
    for name, (model, kind) in models(trace).items():
        trips = round_trips(model, cells, exchanges, episodes)
        if kind == "law":  # one way of the bank is one draw of the law, which is of the whole round trip
            bank = LinkBank([LinkSpec(latency_ms=model)] * cells, [f"c{i}" for i in range(cells)], Chance(2))
            rows, now = np.arange(cells, dtype=np.int32), np.zeros(cells, np.int64)
            for row in rows:
                bank.begin(int(row), 1)
            trips = np.concatenate([bank.send(rows, now, UP) for _ in range(exchanges * episodes)]) / 1000.0
        found = np.percentile(trips, QUANTILES)
        table[name] = {"ms": found.tolist(), "error": (found / truth - 1.0).tolist(), "kind": kind}
    return {"n": len(trace), "quantiles": list(QUANTILES), "trace_ms": truth.tolist(), "models": table}


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", type=Path, default=REAL, help="round trips in ms, one a line")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args(argv)
    if not given.trace.is_file():
        print(f"{given.trace}: no such file (set TWIN_REAL_DATA to the folder of real measurements)", file=sys.stderr)
        return 2
    values, problem = read_trace(given.trace, str(given.trace))
    if problem is not None:
        print(problem, file=sys.stderr)
        return 2
    figures = measure(np.array(values))
    if given.json:
        print(json.dumps(figures))
        return 0
    print(f"{given.trace.name}: {figures['n']:,} round trips; ms, and how far from the trace\n")
    print(f"{'':18}{'p50':>18}{'p99':>18}{'p99.9':>18}")
    print(f"{'trace':18}" + "".join(f"{value:>10.2f}{'':8}" for value in figures["trace_ms"]))
    for name, row in figures["models"].items():
        cells = (f"{ms:>10.2f}{100 * error:>+7.1f}%" for ms, error in zip(row["ms"], row["error"], strict=True))
        print(f"{name:18}" + "".join(cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
