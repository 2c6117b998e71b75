"""A robot whose jerk is limited, and an arm that is to stay clear of itself, under attack: ticks on which the truth broke
either promise, with the whole chain and without what keeps it.

    python -m benchmarks.smooth                        a table
    python -m benchmarks.smooth --ticks 100000         robot-ticks a policy and arm (default 20000)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.safety import ANY_FILTER, CHAIN, ROBOTS, farm_of
from twin.control.safety.build import DEFAULTS, promises

JERK = 200.0
"""rad/s³: from no acceleration to a UR3's greatest in a tenth of a second."""
POLICIES = ("random", "adversarial", "garbage")
JUDGED = {"jerk": DEFAULTS["jerk"], "itself": DEFAULTS["itself"]}
WITHOUT: dict[str, list[dict[str, Any]]] = {
    "jerk": [],
    "itself": [f | ({"itself": False, "volumes": [], "table": False} if f["kind"] == "cbf" else {}) for f in CHAIN
               if f["kind"] not in ("workspace_box", "keep_out")],
}  # fmt: skip
"""The chain without what keeps each promise; any filter that brakes at every tick would be excused from jerk."""


def broken(
    policy: str, robot: str, filters: list[dict[str, Any]], robot_ticks: int, n: int = 64
) -> dict[str, tuple[int, float]]:
    """By promise: ticks on which it was broken, of so many robot-ticks, and the least margin that was left."""
    with tempfile.TemporaryDirectory() as temp:
        farm = farm_of(n, policy, filters, Path(temp), robot, limits={"jerk_radps3": JERK})
        lane = farm.lanes[0]
        cell: Any = lane.world.cell  # type: ignore[attr-defined]
        there = [ANY_FILTER.validate_python(f) for f in filters]
        lane.promises = judge = promises(JUDGED, cell, lane.stops.bounds, lane.persons, n, there)
        while judge.judged < robot_ticks and farm.step(10**12):
            pass
        return {kind: (judge.broken[kind], float(judge.least[:, k].min())) for k, kind in enumerate(judge.kinds)}


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ticks", type=int, default=20_000, help="robot-ticks a policy and arm (default 20000)")
    ticks = parser.parse_args(argv).ticks
    print("| policy | arm | jerk: broken | least, of the limit | without | itself: broken | least, mm | without |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for policy in POLICIES:
        for robot in ROBOTS:
            held = broken(policy, robot, CHAIN, ticks)
            bare = {kind: broken(policy, robot, WITHOUT[kind], ticks // 4)[kind][0] for kind in JUDGED}
            (jerks, share), (near, apart) = held["jerk"], held["itself"]
            told = (policy, robot, jerks, f"{share:.3f}", bare["jerk"], near, f"{1000 * apart:.1f}", bare["itself"])
            print("| " + " | ".join(map(str, told)) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
