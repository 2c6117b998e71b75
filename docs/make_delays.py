"""Make the table of docs/safety.md: the largest delay at which each built-in filter keeps its promise, by `twin envelope`.

Each filter stands in the chain of `benchmarks.safety` without what else would keep its promise (`joint_limits`: in all of it),
against the policy that goes for limits; for `contact` one leans on the object, for `separation` somebody walks in, seen by a
scanner only.

    python -m docs.make_delays [--write]      about a quarter of an hour; --write puts the table into docs/safety.md
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.safety import CHAIN, alone
from twin.cli import main as twin

PAGE = Path(__file__).with_name("safety.md")
BEGIN, END = "<!-- delays -->\n", "<!-- end of delays -->\n"
SECONDS, SEEDS = 6, 4
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
    arm = {"model": "ur3", "gripper": "hand", "stop_recover_s": 0.3, "stops_per_episode": 100000, "stops": {"restart_s": 0.1}}
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


def largest(name: str, quantity: str, folder: Path, workers: int) -> str:
    """What the table says: the largest delay at which nothing was broken, and the first at which something was."""
    span, points, _ = DELAYS[quantity]
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        twin(["envelope", str(scenario(name, folder)), f"--vary={quantity}={span}", f"--check={CHECKS[name]}", "--json",
              f"--points={points}", f"--seeds={SEEDS}", "--tolerance=0.1", f"--out={folder}",
              f"--workers={workers}"])  # fmt: skip
    told = json.loads(said.getvalue())
    edge = told["frontier"][0]
    if told["found"] == "holds":
        return f"≥ {edge['holds']:g} ms"
    if told["found"] == "fails":
        return "none"
    return f"{edge['holds']:g} ms" + ("" if edge["fails"] is None else f" ({edge['fails']:g})")


def table(workers: int) -> str:
    """The table in Markdown."""
    lines = ["| filter | " + " | ".join(heading for *_, heading in DELAYS.values()) + " |", "| --- |" + " --- |" * len(DELAYS)]
    with tempfile.TemporaryDirectory() as temp:
        for name in (str(f["kind"]) for f in CHAIN):
            cells = [largest(name, quantity, Path(temp), workers) for quantity in DELAYS]
            lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table, or put it into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put it into docs/safety.md")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    made = table(given.workers)
    print(made)
    if given.write:
        text = PAGE.read_text(encoding="utf-8")
        before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
        PAGE.write_text(text[:before] + made + text[after:], encoding="utf-8")


if __name__ == "__main__":
    main()
