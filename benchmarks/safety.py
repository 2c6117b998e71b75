"""What the safety claims rest on: what broke a promise under attack, and the share of a tick that the whole chain takes.

python -m benchmarks.safety                        a table
python -m benchmarks.safety --ticks 1000000        robot-ticks a policy (default 100000)
python -m benchmarks.safety --only cost            the chain's share of a tick alone; `counts`: all else
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import violations
from benchmarks.adversaries import POLICIES
from benchmarks.attacks import CHAIN, farm_of
from benchmarks.violations import BARE_TICKS, HUNT_TICKS
from twin.control.safety.promises import UNITS
from twin.core.records import Floats


def cost(rows: int = 256, ticks: int = 390) -> dict[str, float]:
    """The share of a tick that the chain takes with none, 5 % and all of the rows active, at 50 Hz: every built-in filter, for
    an arm whose jerk is limited and that is to stay clear of itself.

    Measured within a run, over all phases of an episode: before the chain certifies what is carried out, copies of it are given
    the same rows, none, 5 % and all of them pressed against the table. Only the copies' time counts. `cbf` comes before the two
    filters that would brake before it had anything to solve.
    """
    order = ("joint_limits", "cbf")
    filters = [f | ({"hold_ms": 1000} if f["kind"] == "stale" else {}) for f in CHAIN]
    filters.sort(key=lambda f: order.index(f["kind"]) if f["kind"] in order else len(order))
    with tempfile.TemporaryDirectory() as temp:
        farm = farm_of(rows, "scripted", filters, Path(temp), "panda_smooth")
        lane, chain = farm.lanes[0], farm.lanes[0].safety
        solved, inner = 1 + chain.names.index("cbf"), chain.certify
        shadows = {active: copy.deepcopy(chain) for active in (0, rows // 20, rows)}
        spent: dict[int, list[float]] = {active: [] for active in shadows}
        rest: list[float] = []
        away = [0.0]

        def certify(seen: Any, command: Floats) -> Any:
            entered = time.perf_counter()
            for active, shadow in shadows.items():
                pressed = _pressed(lane, seen, command, min(active, len(command)))
                began = time.perf_counter()
                out = shadow.certify(*pressed)
                spent[active].append(time.perf_counter() - began)
                assert np.all(out.changed[:active] >= solved), "a row that is pressed against the table was let through"
            sent = inner(seen, command)
            away[0] = time.perf_counter() - entered
            return sent

        chain.certify = certify  # type: ignore[method-assign]
        while len(rest) < ticks:
            began, ticked = time.perf_counter(), lane.ticks
            farm.step(10**12)
            if lane.ticks > ticked:
                rest.append(time.perf_counter() - began - away[0])
        names = ("chain_cost_idle", "chain_cost_5pct", "chain_cost_all")
        other, *means = (statistics.fmean(sorted(took)[: int(0.98 * len(took))]) for took in (rest, *spent.values()))
        return {name: took / (other + took) for name, took in zip(names, means, strict=True)}


def _pressed(lane: Any, seen: Any, command: Floats, active: int) -> tuple[Any, Floats]:
    """The same tick with so many arms close above the table that are asked to go down."""
    low, _ = lane.arm.reach(np.array([[0.4, 0.0, 0.0105]]), np.diag((1.0, -1.0, -1.0)), lane.arm.home[None], rounds=60)
    seen, command = seen.part(slice(None)), command.copy()
    for name in ("q", "dq", "tool", "last", "last_v", "tool_v"):
        setattr(seen, name, getattr(seen, name).copy())
    seen.q[:active], seen.dq[:active], seen.last_v[:active], seen.tool_v[:active] = low, 0.0, 0.0, 0.0
    seen.tool[:active], seen.last[:active, :-1] = lane.arm.fk(low)[0], low
    down = -np.sign(lane.arm.jac(low)[0, 2])
    command[:active, :-1] = low + 0.9 * lane.stops.bounds.gain * lane.period_s * down
    return seen, command


def measure(robot_ticks: int = 100_000, bare_ticks: int = BARE_TICKS, hunted_ticks: int = HUNT_TICKS) -> dict[str, Any]:
    """The `safety` of `twin bench --json`."""
    return cost() | violations.measure(robot_ticks, bare_ticks, hunted_ticks)


def _print_cost(found: dict[str, float]) -> None:
    for what, key, bound in (("5 % of 256 rows", "chain_cost_5pct", 10), ("all rows", "chain_cost_all", 35)):
        print(f"the whole chain, {what + ' active':22} {100 * found[key]:6.1f} % of a tick   (< {bound} %)")


def _print_counts(found: dict[str, Any]) -> None:
    print(f"ticks with a broken promise, {found['robot_ticks_a_policy']:,} robot-ticks of each of {', '.join(POLICIES)}:")
    print(f"  {'':14} {'whole chain':>12} {'it alone':>12} {'without it':>12}   least margin, and as hunted by a search")
    for name, count in found["violations_with"].items():
        both = f"{found['violations_alone'].get(name, '-'):>12} {found['violations_without'][name]:12}"
        hunted = found["worst_margin_hunted"].get(name)
        least = f"{found['worst_margin'][name]:10.4f} {'' if hunted is None else f'{hunted:10.4f}'} {UNITS[name]}"
        print(f"  {name:14} {count:12} {both} {least}")


def main(argv: list[str] | None = None) -> int:
    """Print the figures with their bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=("cost", "counts"), help="half of it")
    parser.add_argument("--ticks", type=int, default=100_000, help="robot-ticks a policy (default 100000)")
    given = parser.parse_args(argv)
    found = cost() if given.only != "counts" else {}
    counts = violations.measure(given.ticks, BARE_TICKS, HUNT_TICKS) if given.only != "cost" else {}
    if given.json:
        print(json.dumps(found | counts))
        return 0
    if found:
        _print_cost(found)
    if counts:
        _print_counts(counts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
