"""Teleoperation in figures: rescue time and success against the round trip, and waiting time against robots per operator.

Rescues are driven: in each an operator from afar brings the object of a stuck cell to where an episode can begin again, over a
link of that round trip, with real physics. What they take is then the work of one operator who is called by more and more
robots; beside it stands what queueing theory says of that (machine repair by one person: Palm 1947; Cox and Smith 1961).

    python -m benchmarks.teleop                      two tables; 24 rescues a round trip
    python -m benchmarks.teleop --picture            also draws docs/teleop.svg
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.curves import Panel, draw
from twin.build import build
from twin.core.clock import US
from twin.judge.stats import proportion
from twin.scenario.load import load

ROUND_TRIPS_MS = (0, 50, 100, 200, 300, 400, 600, 800, 1200)
CREWS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
CALLS_PER_H = 20.0
"""How often a robot that works calls for help."""
ARM = {"model": "panda", "gripper": "hand"}
DRIVE = {"error_mm": 3.0, "speed_radps": 0.8}


class Rescues(NamedTuple):
    """Rescues over a round trip: how many, how many worked, their median and 90 % time in s, and all times."""

    rtt_ms: float
    tried: int
    worked: int
    median_s: float
    p90_s: float
    times_s: tuple[float, ...]


class Crew(NamedTuple):
    """One operator for some robots: mean wait in s for an answer, what theory says, share of the operator's and of the robots'
    time at work."""

    robots: int
    wait_s: float
    theory_s: float
    busy: float
    working: float


def told(made: dict[str, Any], folder: Path, until_s: float) -> list[Any]:
    """The events of a scenario, run in memory: [v?, t_us, kind, cell, payload] of each."""
    path = folder / "scenario.yaml"
    path.write_text(json.dumps(made))
    farm = build(load(path), "bench", 2)
    farm.begin()
    while farm.step(round(until_s * US)):
        pass
    lines = (json.loads(text) for text in farm.book.new)
    return [(line[1] / US, line[3], line[5], line[-1]) for line in lines]


def rescues(rtt_ms: float, n: int, folder: Path) -> Rescues:
    """n cells whose episode ran out of time, each with an operator of its own."""
    made = {
        "scenario": "rescues",
        "fleet": {
            "fleet": "bench",
            "grippers": {"hand": {"stroke_mm": 80}},
            "robots": {"arm": ARM},
            "links": {"far": {"latency_ms": rtt_ms / 2}},
            "people": {"far": {"count": n, "skills": ["reset"], "response_s": 0}},
            "resets": [{"kind": "person", "pool": "far", "remote": True, "deadline_s": 600, "drive": DRIVE}],
            "cells": [{"name": "c", "count": n, "robots": [{"robot": "arm"}], "link": "far"}],
        },
        "jobs": [{"kind": "poisson", "per_hour": 0.001, "at_start": n, "episodes": 1}],
        "policy": {"kind": "scripted"},
        "filters": [{"kind": "joint_limits"}, {"kind": "workspace_box"}, {"kind": "stale", "hold_ms": 3000, "stop_ms": 6000}],
        "duration_s": 1000,
        "episode_timeout_s": 1,
    }  # fmt: skip
    taken: dict[str, float] = {}
    times: list[float] = []
    worked = 0
    for t, kind, cell, _ in told(made, folder, 190):
        if kind == "authority.taken":
            taken.setdefault(cell, t)
        elif kind in ("authority.returned", "authority.lost") and taken.get(cell, -1.0) >= 0:
            times.append(t - taken[cell])
            taken[cell] = -1.0  # a cell's first rescue counts
        elif kind == "reset.done" and taken.get(cell) == -1.0:
            worked, taken[cell] = worked + 1, -2.0
    order = sorted(times)
    return Rescues(
        rtt_ms, len(order), min(worked, len(order)), statistics.median(order), order[int(0.9 * (len(order) - 1))], tuple(order)
    )


def crew(robots: int, work_s: float, hours: float, folder: Path) -> Crew:
    """One operator, whose help takes an exponential time of this mean; robots call after exponential times."""
    made = {
        "scenario": "crew",
        "tier": "outcome",
        "fleet": {
            "fleet": "bench",
            "robots": {"arm": ARM},
            "grippers": {"hand": {"stroke_mm": 80}},
            "people": {
                "far": {"count": 1, "skills": ["reset"], "response_s": 0, "work_s": {"kind": "exponential", "mean": work_s}}
            },
            "resets": [{"kind": "person", "pool": "far", "remote": True, "deadline_s": 1e6}],
            "cells": [{"name": "c", "count": robots, "robots": [{"robot": "arm"}]}],
            "outcomes": {
                "entries": [
                    {
                        "results": [
                            {"share": 1, "success": False, "duration_s": {"kind": "exponential", "mean": 3600 / CALLS_PER_H}}
                        ]
                    }
                ]
            },
        },
        "policy": {"kind": "known", "name": "any"},
        "jobs": [{"kind": "poisson", "per_hour": 0.001, "at_start": robots, "episodes": 100000}],
        "duration_s": 3600 * hours,
        "episode_timeout_s": 1e6,
        "log": {"events": "all"},
    }
    sent: dict[str, float] = {}
    waits: list[float] = []
    begun: dict[str, float] = {}
    busy = working = 0.0
    for t, kind, cell, _ in told(made, folder, 3600 * hours):
        if kind == "page.sent":
            sent[cell] = t
        elif kind == "page.answered":
            waits.append(t - sent.pop(cell))
            begun["far"] = t
        elif kind == "page.done":
            busy += t - begun.pop("far")
        elif kind == "episode.start":
            begun[cell] = t
        elif kind == "episode.end":
            working += t - begun.pop(cell)
    total = 3600 * hours
    return Crew(
        robots, statistics.fmean(waits), palm(robots, 3600 / CALLS_PER_H, work_s), busy / total, working / total / robots
    )


def palm(robots: int, between_s: float, work_s: float) -> float:
    """Mean wait in s for one person who serves machines that call after exponential times and take exponential times."""
    ratio, weights = work_s / between_s, [1.0]
    for waiting in range(robots):
        weights.append(weights[-1] * (robots - waiting) * ratio)
    total = sum(weights)
    rate = (1 - weights[0] / total) / work_s
    inside = sum(k * w for k, w in enumerate(weights)) / total
    return inside / rate - work_s


def measure(n: int = 24, hours: float = 60.0) -> tuple[list[Rescues], dict[float, list[Crew]]]:
    """Both curves; the second for the work that rescues take at a short and at a long round trip."""
    with tempfile.TemporaryDirectory() as temp:
        found = [rescues(rtt, n, Path(temp)) for rtt in ROUND_TRIPS_MS]
        works = {r.rtt_ms: statistics.fmean(r.times_s) for r in found if r.rtt_ms in (50, 800)}
        crews = {rtt: [crew(robots, work, hours, Path(temp)) for robots in CREWS] for rtt, work in works.items()}
    return found, crews


def picture(found: Sequence[Rescues], crews: dict[float, list[Crew]]) -> str:
    """Both curves as an SVG file."""
    one = Panel("round trip, ms", "rescue, s", "Rescue time against the round trip (median; dashes: 90 %)")
    one.curve([(r.rtt_ms, r.median_s) for r in found], "median")
    one.curve([(r.rtt_ms, r.p90_s) for r in found], "90 %", dashed=True)
    two = Panel(
        "robots for one operator", "mean wait, s", f"Waiting time, {CALLS_PER_H:g} calls per robot-hour (rings: theory)"
    )
    for k, (rtt, all_) in enumerate(crews.items()):
        two.curve([(c.robots, c.wait_s) for c in all_], f"{rtt:g} ms", colour=k)
        two.dots([(c.robots, c.theory_s) for c in all_], colour=k)
    return draw([one, two])


def main(argv: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rescues", type=int, default=24, help="rescues a round trip (default 24)")
    parser.add_argument("--picture", action="store_true", help="draw docs/teleop.svg")
    given = parser.parse_args(argv)
    found, crews = measure(given.rescues)
    if given.picture:
        Path(__file__).parents[1].joinpath("docs", "teleop.svg").write_text(picture(found, crews))
    if given.json:
        print(
            json.dumps(
                {"rescues": [r._asdict() for r in found], "crews": {k: [c._asdict() for c in v] for k, v in crews.items()}}
            )
        )
        return 0
    print("| round trip, ms | rescues | worked, 95 % | median, s | 90 %, s |\n| --- | --- | --- | --- | --- |")
    for r in found:
        share, low, high = (100 * (x or 0.0) for x in proportion(k=r.worked, n=r.tried)[:3])
        worked = f"{share:.0f} % ({low:.0f} to {high:.0f})"
        print(f"| {r.rtt_ms:g} | {r.tried} | {worked} | {r.median_s:.1f} | {r.p90_s:.1f} |")
    for rtt, all_ in crews.items():
        print(f"\nround trip {rtt:g} ms:\n\n| robots | wait, s | theory, s | operator at work | robots at work |")
        print("| --- | --- | --- | --- | --- |")
        for c in all_:
            print(f"| {c.robots} | {c.wait_s:.1f} | {c.theory_s:.1f} | {100 * c.busy:.0f} % | {100 * c.working:.0f} % |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
