"""What the filters do to a policy that does nothing wrong: ticks that they alter, and what they cost in success.

The scripted policy, with an aim that is right and with one that misses by its usual error, with the whole chain and without any
filter, with real physics.

    python -m benchmarks.nominal                     four arms, 96 episodes each
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.safety import CHAIN
from twin.build import build
from twin.core.clock import US
from twin.judge.stats import proportion
from twin.scenario.load import load

ARMS = ("panda", "ur3", "iiwa7", "wx250s")
WIDE = {"panda": 80, "ur3": 80, "iiwa7": 85, "wx250s": 80}
ALTERED, LOST = 0.01, 0.02
"""Bounds: share of ticks that are altered, and success that is lost."""


class Nominal(NamedTuple):
    """Episodes of an arm: share of ticks altered, successes with and without filters, and stops that filters demanded."""

    arm: str
    error_mm: float
    episodes: int
    altered: float
    with_filters: int
    without: int
    stops: int


def played(arm: str, error_mm: float, filters: list[dict[str, Any]], n: int, folder: Path) -> tuple[int, int, int, int]:
    """Episodes that ended, successes, ticks altered of all ticks in ppm, stops; one episode a cell."""
    made = {
        "scenario": "nominal",
        "fleet": {
            "fleet": "bench",
            "grippers": {"hand": {"stroke_mm": WIDE[arm]}},
            "robots": {"arm": {"model": arm, "gripper": "hand", "stop_recover_s": 2}},
            "people": {"staff": {}},
            "cells": [{"name": "c", "count": n, "robots": [{"robot": "arm"}]}],
        },
        "jobs": [{"kind": "poisson", "per_hour": 0.001, "at_start": n, "episodes": 1}],
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
    return len(rows), sum(bool(row["truth"]) for row in rows), round(1e6 * filtered / farm.lanes[0].row_ticks), stops


def measure(n: int = 96) -> list[Nominal]:
    """All arms, with an aim that is right and with the usual error."""
    other: dict[str, dict[str, Any]] = {"stale": {"hold_ms": 1000}, "keep_out": {"volumes": []}, "cbf": {"volumes": []}}
    guards = [f | other.get(str(f["kind"]), {}) for f in CHAIN]
    found = []
    with tempfile.TemporaryDirectory() as temp:
        for arm in ARMS:
            for error in (0.0, 4.0):
                many, good, ppm, stops = played(arm, error, guards, n, Path(temp))
                without = played(arm, error, [], n, Path(temp))[1]
                found.append(Nominal(arm, error, many, 1e-6 * ppm, good, without, stops))
    return found


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--episodes", type=int, default=96, help="episodes of an arm (default 96)")
    given = parser.parse_args(argv)
    found = measure(given.episodes)
    if given.json:
        print(json.dumps([f._asdict() for f in found]))
        return 0
    bounds = f"ticks altered (≤ {100 * ALTERED:g} %) | success, 95 % (≤ {100 * LOST:g} points lost)"
    print(f"| arm | error of the aim, mm | episodes | {bounds} | without filters | stops |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for f in found:
        share, low, high = (100 * (x or 0.0) for x in proportion(k=f.with_filters, n=f.episodes)[:3])
        bare = 100 * f.without / f.episodes
        success = f"{share:.0f} % ({low:.0f} to {high:.0f})"
        print(f"| {f.arm} | {f.error_mm:g} | {f.episodes} | {100 * f.altered:.2f} % | {success} | {bare:.0f} % | {f.stops} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
