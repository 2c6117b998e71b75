"""Make the table of docs/safety.md: the largest delay at which each built-in filter keeps its promise, by `twin envelope`.

Each filter stands in the chain of `benchmarks.attacks` without what else would keep its promise (`joint_limits`: in all of it),
for each of its promises (`jerk`: of `joint_limits`, with a limit of jerk; `itself`: of `cbf`), against the policy that goes for
limits; for `contact` one leans on the object, for `separation` somebody walks in, seen by a scanner only.

    python -m docs.make_delays --write                from start to table, which goes into docs/safety.md
    python -m docs.make_delays --only torque          one filter, to run several beside each other
    python -m docs.make_delays --seeds 32             surer, and longer

Filters are kept in runs/delays and taken from there, so that what was interrupted goes on; those of other code are made anew.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.attacks import CHAIN, alone
from benchmarks.violations import PAGE, ROOT, code, put
from twin.cli import main as twin
from twin.judge.checks.episodes import exact

SECONDS, SEEDS = 6, 16
CHECKS = {
    "joint_limits": "limits_violation",
    "workspace_box": "workspace_violation",
    "keep_out": "keep_out_violation",
    "cbf": "keep_out_violation",
    "contact": "contact_violation",
    "separation": "separation_violation",
    "stale": "stale_violation",
    "tracking": "tracking_violation",
    "torque": "torque_violation",
    "jerk": "jerk_violation",
    "itself": "self_violation",
}
DELAYS = {
    "sensor.delay_ms": ("0..200", 11, "sensors late by"),
    "drive.delay_ms": ("0..200", 11, "drives late by"),
    "link.rtt_ms": ("0..2000", 3, "round trip of the link"),
}
"""Range, points and heading; delays of sensors and drives are whole control periods of 20 ms."""


def scenario(name: str, folder: Path) -> Path:
    """One arm behind a filter, with a policy that wants its promise broken."""
    policy = "Pressing" if name == "contact" else "LimitSeeking"
    arm: dict[str, Any] = {
        "model": "ur3",
        "gripper": "hand",
        "stop_recover_s": 0.3,
        "stops_per_episode": 100000,
        "stops": {"restart_s": 0.1},
    }
    arm["limits"] = {"jerk_radps3": 200.0} if name == "jerk" else {}
    walk = {"component": "safety", "mode": "human_enters", "seen_by": "scanner", "onset": {"at_s": 1.0}, "duration_s": 5.0,
            "door_m": [2.5, 0.5], "place_m": [0.4, 0.1]}  # fmt: skip
    made: dict[str, Any] = {
        "scenario": f"delays-{name}",
        "fleet": {
            "fleet": "delays",
            "grippers": {"hand": {"stroke_mm": 80}},
            "links": {"wifi": {"latency_ms": 0}},
            "robots": {"arm": arm},
            "people": {"staff": {}},
            "cells": [{"name": "c", "robots": [{"robot": "arm"}], "link": "wifi"}],
        },
        "jobs": [{"kind": "list", "jobs": [{"job": "attack"}]}],
        "policy": {"use": f"benchmarks.adversaries:{policy}"},
        "filters": CHAIN if name == "joint_limits" else alone(name),
        "faults": [walk] if name == "separation" else [],
        "checks": [{"never": CHECKS[name]}],
        "duration_s": SECONDS,
        "episode_timeout_s": 600,
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(made))
    return path


def largest(name: str, quantity: str, folder: Path, workers: int, seeds: int) -> dict[str, Any]:
    """What `twin envelope` says of a filter and a delay."""
    span, points, _ = DELAYS[quantity]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        twin(["envelope", str(scenario(name, folder)), f"--vary={quantity}={span}", f"--check={CHECKS[name]}", "--json",
              f"--points={points}", f"--seeds={seeds}", "--tolerance=0.1", f"--out={folder}",
              f"--workers={workers}"])  # fmt: skip
    told: dict[str, Any] = json.loads(said.getvalue())
    return {"found": told["found"]} | {key: told["frontier"][0][key] for key in ("holds", "fails")}


def cell(told: dict[str, Any]) -> str:
    """What the table says: the largest delay at which nothing was broken, and the first at which something was."""
    if told["holds"] is None:
        return {"fails": "none"}.get(told["found"], told["found"])
    if told["fails"] is None:
        return f"≥ {told['holds']:g} ms"
    return f"{told['holds']:g} ms ({told['fails']:g})"


def made(name: str, folder: Path, workers: int, seeds: int) -> dict[str, Any]:
    """A filter's row from its file, or made and kept there."""
    path = folder / f"{name}-{seeds}-{code()}.json"
    if not path.is_file():
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as temp:
            told = {quantity: largest(name, quantity, Path(temp), workers, seeds) for quantity in DELAYS}
        path.write_text(json.dumps(told))
        row = {quantity: cell(one) for quantity, one in told.items()}
        print(f"{name}: {time.perf_counter() - began:.0f} s, {row}", file=sys.stderr, flush=True)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def table(rows: dict[str, dict[str, Any]], seeds: int) -> str:
    """The table in Markdown."""
    sure = exact(k=seeds, n=seeds, confidence=0.95).low or 0.0
    lines = [
        f"{seeds} seeds of {SECONDS} s at each delay; where all hold, at least {100 * sure:.0f} % of such runs do, at 95 %.",
        "",
        "| filter | " + " | ".join(heading for *_, heading in DELAYS.values()) + " |",
        "| --- |" + " --- |" * len(DELAYS),
    ]
    lines += [f"| `{name}` | " + " | ".join(cell(told[quantity]) for quantity in DELAYS) + " |" for name, told in rows.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or put it into the page."""
    names = list(CHECKS)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into docs/safety.md")
    parser.add_argument("--only", choices=names, help="one filter, and no table")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"at each delay (default {SEEDS})")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    folder = ROOT / "runs" / "delays"
    folder.mkdir(parents=True, exist_ok=True)
    rows = {name: made(name, folder, given.workers, given.seeds) for name in ([given.only] if given.only else names)}
    if given.only:
        return
    text = table(rows, given.seeds)
    print(text)
    if given.write:
        put(PAGE, "delays", text)


if __name__ == "__main__":
    main()
