"""What the safety claims rest on: adversaries against the whole chain and against the chain with one filter taken out.

Every promise is judged on ground truth at every tick, outside the filters. Cost: the chain's share of a tick of 256 robots.

    python -m benchmarks.safety                        a table
    python -m benchmarks.safety --ticks 1000000        robot-ticks a policy (default 100000)
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from benchmarks.adversaries import ALL, POLICIES
from twin.build import build
from twin.control.safety.build import promises
from twin.control.safety.promises import UNITS, Promises
from twin.control.spec import FilterSpec
from twin.core.chance import Chance
from twin.core.clock import US
from twin.core.records import Floats
from twin.farm.farm import Farm
from twin.scenario.load import load

VOLUMES = [{"low_m": [0.15, 0.38, 0.0], "high_m": [0.8, 0.5, 0.9]}, {"low_m": [-0.6, -0.5, 0.3], "high_m": [-0.25, 0.5, 1.2]}]
CHAIN: list[dict[str, Any]] = [
    {"kind": "joint_limits"},
    {"kind": "workspace_box"},
    {"kind": "keep_out", "volumes": VOLUMES},
    {"kind": "cbf", "volumes": VOLUMES},
    {"kind": "contact"},
    {"kind": "separation"},
    {"kind": "stale", "hold_ms": 150},
    {"kind": "tracking", "error_rad": 0.25, "for_ms": 100},
    {"kind": "torque", "for_ms": 200},
]
TWINS = {
    "workspace_box": ("cbf",),
    "keep_out": ("cbf",),
    "cbf": ("workspace_box", "keep_out"),
    "tracking": ("torque", "contact", "workspace_box", "keep_out", "cbf"),
    "torque": ("contact", "tracking", "workspace_box", "keep_out", "cbf"),
    "contact": ("tracking", "torque", "workspace_box", "keep_out", "cbf"),
    "joint_limits": ("workspace_box", "keep_out", "cbf", "contact", "tracking", "torque", "separation"),
}
"""Filters that keep part of another's promise: taken out together with it, so that it is missed."""
ROBOTS = ("panda", "ur3")
HUNTED = ("workspace_box", "keep_out", "separation")
"""Promises that a search tries to break."""
ANY_FILTER: TypeAdapter[Any] = TypeAdapter(FilterSpec)


def farm_of(
    n: int,
    policy: str,
    filters: list[dict[str, Any]],
    folder: Path,
    robot: str = "panda",
    seed: int = 0,
    limits: dict[str, float] | None = None,
) -> Farm:
    """n cells that do nothing but what the adversary wants; stops are soon over. limits: beside the data sheet's."""
    arm: dict[str, Any] = {"model": robot, "gripper": "hand", "stop_recover_s": 0.3, "stops_per_episode": 100000}
    arm |= {"stops": {"restart_s": 0.1}, "limits": limits or {}}
    made = {
        "scenario": f"bench-{policy}",
        "seed": seed,
        "fleet": {
            "fleet": "bench",
            "grippers": {"hand": {"stroke_mm": 80}},
            "robots": {"arm": arm},
            "people": {"staff": {}},
            "cells": [{"name": "c", "count": n, "robots": [{"robot": "arm"}]}],
        },
        "jobs": [{"kind": "poisson", "per_hour": 0.001, "at_start": n, "episodes": 1000}],
        "policy": {"kind": "scripted"} if policy == "scripted" else {"use": f"benchmarks.adversaries:{ALL[policy].__name__}"},
        "filters": filters,
        "duration_s": 100000,
        "episode_timeout_s": 60,
    }
    path = folder / f"{policy}-{robot}-{len(filters)}.yaml"
    path.write_text(json.dumps(made))
    farm = build(load(path), "bench", 2)
    farm.begin()
    return farm


class Attack:
    """A farm of one lane under attack: every promise of the whole chain is judged, whichever filters are there."""

    def __init__(
        self, policy: str, filters: list[dict[str, Any]], folder: Path, robot: str = "panda", n: int = 64, seed: int = 0
    ) -> None:
        self.farm = farm_of(n, policy, filters, folder, robot, seed)
        self.lane = self.farm.lanes[0]
        cell: Any = self.lane.world.cell  # type: ignore[attr-defined]
        given = {str(f["kind"]): ANY_FILTER.validate_python(f) for f in CHAIN}
        there = [given[str(f["kind"])] for f in filters]
        self.judge = promises(given, cell, self.lane.stops.bounds, self.lane.persons, n, there)
        self.lane.promises, self.due_us = self.judge, 0

    def run(self, robot_ticks: int) -> Promises:
        """Go on until so many robot-ticks were judged; people come and go."""
        while self.judge.judged < robot_ticks and self.farm.step(10**12):
            if self.farm.clock.now_us >= self.due_us:
                self._people(self.farm.clock.now_us)
                self.due_us = self.farm.clock.now_us + 8 * US
        return self.judge

    def _people(self, now_us: int) -> None:
        """In every fourth cell somebody walks up to the arm and away again."""
        for row in range(0, self.lane.world.n, 4):
            door = np.array([2.5, 1.5 * np.sin(row), 0.0])
            self.lane.persons.enter(row, now_us, door, 0.15 * door, 1.6)
            self.lane.persons.leave(row, now_us + 4 * US)


def attack(
    policy: str, filters: list[dict[str, Any]], robot_ticks: int, robot: str = "panda", n: int = 64, seed: int = 0
) -> Promises:
    """Let a policy loose for so many robot-ticks; the judge of what came of it."""
    with tempfile.TemporaryDirectory() as temp:
        return Attack(policy, filters, Path(temp), robot, n, seed).run(robot_ticks)


def hunt(kind: str, robot_ticks: int, robot: str = "panda", n: int = 64, generation: int = 50) -> float:
    """The worst margin of a promise that a search finds: plans of targets that came nearest to breaking it are kept and changed
    a little, the others are drawn anew (an evolution strategy with a fixed budget)."""
    with tempfile.TemporaryDirectory() as temp:
        attacked = Attack("hunter", CHAIN, Path(temp), robot, n)
        policy: Any = attacked.lane.inbox.policy
        hunter, judge = policy.policy, attacked.judge
        stream, at, worst = Chance(1).stream(kind, "hunt"), judge.kinds.index(kind), np.inf
        hunter.plans = hunter.drawn(stream, n)
        attacked.run(1)
        attacked.lane.inbox.memory["seed"][:] = np.arange(n)
        while judge.judged < robot_ticks:
            judge.least[:] = np.inf
            attacked.run(judge.judged + generation * n)
            order = np.argsort(judge.least[:, at], kind="stable")
            worst = min(worst, float(judge.least[order[0], at]))
            elite = hunter.plans[order[: n // 4]]
            changed = np.concatenate([elite + 0.2 * stream.standard_normal(elite.shape) for _ in range(2)])
            hunter.plans = np.concatenate((elite, changed, hunter.drawn(stream, n - 3 * (n // 4))))
        return worst


def without(name: str) -> list[dict[str, Any]]:
    """The chain without a filter, and without what would keep its promise in its place."""
    return [f for f in CHAIN if f["kind"] != name and f["kind"] not in TWINS.get(name, ())]


def alone(name: str) -> list[dict[str, Any]]:
    """The chain with a filter, and without what would keep its promise in its place."""
    return [f for f in CHAIN if f["kind"] not in TWINS.get(name, ())]


def violations(robot_ticks: int, bare_ticks: int, hunted_ticks: int) -> dict[str, Any]:
    """Ticks with a broken promise, with every filter in place; by the filter with what else would keep its promise taken out,
    and with the filter taken out as well; the worst margins, seen and hunted."""
    names = [str(f["kind"]) for f in CHAIN]
    with_: dict[str, int] = dict.fromkeys(names, 0)
    margins: dict[str, float] = dict.fromkeys(names, np.inf)
    for policy in POLICIES:
        for robot in ROBOTS:
            judge = attack(policy, CHAIN, robot_ticks // len(ROBOTS), robot, 64 if robot_ticks < 500_000 else 256)
            for k, name in enumerate(judge.kinds):
                with_[name] += judge.broken[name]
                margins[name] = min(margins[name], float(judge.least[:, k].min()))
    return {
        "violations_with": with_,
        "violations_alone": {name: _bare(name, alone(name), bare_ticks) for name in names if name != "joint_limits"},
        "violations_without": {name: _bare(name, without(name), bare_ticks) for name in names},
        "worst_margin": margins,
        "worst_margin_hunted": {name: min(hunt(name, hunted_ticks, robot) for robot in ROBOTS) for name in HUNTED},
        "robot_ticks_a_policy": robot_ticks,
    }


def _bare(name: str, filters: list[dict[str, Any]], robot_ticks: int) -> int:
    """How often the policies that go for limits break one promise; 16 cells, so that a few seconds go by."""
    return sum(attack(p, filters, robot_ticks, robot, 16).broken[name] for p in ("adversarial", "pressing") for robot in ROBOTS)


def cost(rows: int = 256, ticks: int = 390) -> dict[str, float]:
    """The share of a tick that the chain with its CBF takes with none, 5 % and all of the rows active, at 50 Hz.

    Measured within a run, over all phases of an episode: before the chain certifies what is carried out, a copy of it is given
    the same rows, by turns none, 5 % and all of them pressed against the table. Only the copy's time counts.
    """
    with tempfile.TemporaryDirectory() as temp:
        filters = [f | ({"hold_ms": 1000} if f["kind"] == "stale" else {}) for f in CHAIN if f["kind"] not in TWINS["cbf"]]
        farm = farm_of(rows, "scripted", filters, Path(temp))
        lane, chain = farm.lanes[0], farm.lanes[0].safety
        shadow, inner = copy.deepcopy(chain), chain.certify
        spent: dict[int, list[float]] = {0: [], rows // 20: [], rows: []}
        rest: list[float] = []
        turns, away = itertools.cycle(spent), [0.0]

        def certify(seen: Any, command: Floats) -> Any:
            entered, active = time.perf_counter(), min(next(turns), len(command))
            pressed = _pressed(lane, seen, command, active)
            began = time.perf_counter()
            out = shadow.certify(*pressed)
            spent[min(spent, key=lambda n: abs(n - active))].append(time.perf_counter() - began)
            assert np.count_nonzero(out.changed) >= active, (active, np.count_nonzero(out.changed))
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


def measure(robot_ticks: int = 100_000, bare_ticks: int = 5_000, hunted_ticks: int = 20_000) -> dict[str, Any]:
    """The `safety` of `twin bench --json`."""
    return cost() | violations(robot_ticks, bare_ticks, hunted_ticks)


def main(argv: list[str] | None = None) -> int:
    """Print the figures with their bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--no-cost", action="store_true", help="leave the chain's share of a tick out")
    parser.add_argument("--ticks", type=int, default=100_000, help="robot-ticks a policy (default 100000)")
    given = parser.parse_args(argv)
    found = measure(given.ticks) if not given.no_cost else violations(given.ticks, 5_000, 20_000)
    if given.json:
        print(json.dumps(found))
        return 0
    if not given.no_cost:
        print(f"chain with CBF, 5 % of 256 rows active   {100 * found['chain_cost_5pct']:6.1f} % of a tick   (< 10 %)")
        print(f"chain with CBF, all rows active          {100 * found['chain_cost_all']:6.1f} % of a tick   (< 35 %)")
    print(f"ticks with a broken promise, {found['robot_ticks_a_policy']:,} robot-ticks of each of {', '.join(POLICIES)}:")
    print(f"  {'':14} {'whole chain':>12} {'it alone':>12} {'without it':>12}")
    for name, count in found["violations_with"].items():
        by_itself, bare = found["violations_alone"].get(name, "-"), found["violations_without"][name]
        print(f"  {name:14} {count:12} {by_itself:>12} {bare:12}")
    print("least margin that was left, and that a search with a fixed budget found:")
    for name, least in found["worst_margin"].items():
        hunted = found["worst_margin_hunted"].get(name)
        print(f"  {name:14} {least:10.4f} {UNITS[name]}" + ("" if hunted is None else f"   hunted {hunted:10.4f}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
