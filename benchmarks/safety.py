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

from benchmarks.adversaries import POLICIES
from twin.build import build
from twin.control.safety.watch import Watch
from twin.core.clock import US
from twin.core.records import Floats
from twin.farm.farm import Farm
from twin.scenario.load import load
from twin.world.spheres import spheres

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
    "tracking": ("torque", "contact"),
    "torque": ("contact", "tracking"),
    "joint_limits": ("workspace_box", "keep_out", "cbf", "contact", "tracking", "torque", "separation"),
}
"""Filters that keep part of another's promise: taken out together with it, so that it is missed."""
MOVES_RADPS = 0.05


def farm_of(n: int, policy: str, filters: list[dict[str, Any]], folder: Path, robot: str = "panda") -> Farm:
    """n cells that do nothing but what the adversary wants; stops are soon over."""
    arm = {"model": robot, "gripper": "hand", "stop_recover_s": 0.3, "stops_per_episode": 100000, "stops": {"restart_s": 0.1}}
    made = {
        "scenario": f"bench-{policy}",
        "fleet": {
            "fleet": "bench",
            "grippers": {"hand": {"stroke_mm": 80}},
            "robots": {"arm": arm},
            "people": {"staff": {}},
            "cells": [{"name": "c", "count": n, "robots": [{"robot": "arm"}]}],
        },
        "jobs": [{"kind": "poisson", "per_hour": 0.001, "at_start": n, "episodes": 1000}],
        "policy": {"use": f"benchmarks.adversaries:{POLICIES[policy].__name__}"}
        if policy in POLICIES
        else {"kind": "scripted"},
        "filters": filters,
        "duration_s": 100000,
        "episode_timeout_s": 60,
    }
    path = folder / f"{policy}-{robot}-{len(filters)}.yaml"
    path.write_text(json.dumps(made))
    farm = build(load(path), "bench", 2)
    farm.begin()
    return farm


def _policy(name: str) -> dict[str, Any]:
    return {"use": f"benchmarks.adversaries:{POLICIES[name].__name__}"} if name in POLICIES else {"kind": "scripted"}


class Judge:
    """Counts ticks on which the truth of a running row broke what a filter promises, and keeps the worst margins."""

    def __init__(self, farm: Farm) -> None:
        self.farm, self.lane = farm, farm.lanes[0]
        lane, world = self.lane, self.lane.world
        cell: Any = world.cell  # type: ignore[attr-defined]
        boxes = np.array([(v["low_m"], v["high_m"]) for v in VOLUMES])
        self.volumes = Watch(spheres(cell), boxes, True, 0)
        self.broken = dict.fromkeys((str(f["kind"]) for f in CHAIN), 0)
        self.margin = dict.fromkeys(("workspace_box", "keep_out", "joint_limits"), np.inf)
        self.robot_ticks = 0
        n = lane.world.n
        self.loud, self.late, self.fresh = np.zeros(n, int), np.zeros(n, int), np.zeros(n, int)
        self._inner, lane.tick = lane.tick, self.tick  # type: ignore[method-assign]

    def tick(self, now_us: int, log: Any) -> Any:
        """A tick of the lane, judged."""
        lane, rows = self.lane, self.lane.rows
        if self.robot_ticks // len(rows) % 400 == 0:
            self._people(now_us)
        truth = lane.world.truth(rows)
        running = lane.stops.running(rows) & ~lane.voided[rows]
        before, speed = lane.sent[rows].copy(), lane.sent_v[rows].copy()
        out = self._inner(now_us, log)
        self.fresh[rows] = np.where(running, self.fresh[rows] + 1, 0)
        self._judge(rows, truth, before, speed, running & (self.fresh[rows] > 1), now_us)
        self.robot_ticks += int(running.sum())
        return out

    def _people(self, now_us: int) -> None:
        lane = self.lane
        for row in range(0, lane.world.n, 4):
            away = np.array([2.5, 1.5 * np.sin(row), 0.3])
            lane.persons.enter(row, now_us, away, 0.15 * away, 1.6)
            lane.persons.leave(row, now_us + 4 * US)

    def _judge(self, rows: Any, truth: Any, before: Floats, speed: Floats, running: Any, now_us: int) -> None:
        lane = self.lane
        bounds, arm, sent, dt = lane.stops.bounds, lane.arm, lane.sent[rows][:, :-1], lane.period_s
        inside = np.minimum(truth.tool - lane.box[0], lane.box[1] - truth.tool).min(axis=1)
        clear = self.volumes.gaps(truth.q)
        room = np.minimum(truth.q - arm.limits[:, 0], arm.limits[:, 1] - truth.q).min(axis=1)
        v = (sent - before[:, :-1]) / dt
        eager = (np.abs(v) > bounds.velocity * 1.001).any(axis=1) | (np.abs(truth.dq) > lane.v_max).any(axis=1)
        asked = np.abs(arm.stiffness * (sent - truth.q) - arm.damping * truth.dq)
        old = (now_us - lane.inbox.born_us[rows]) / US > 0.15 + dt
        self.loud[rows] = np.where(truth.force > 150, self.loud[rows] + 1, 0)
        off = np.abs(truth.q - before[:, :-1]).max(axis=1) > 0.25
        self.late[rows] = np.where(off & running, self.late[rows] + 1, 0)
        faster = (np.abs(v) > np.abs(speed) + 1e-6).any(axis=1)
        near = lane.persons.too_near(rows, now_us, truth.tool, self._tool_v(truth))
        self._count("joint_limits", running & ((room < -1e-3) | eager))
        self._count("workspace_box", running & (inside < 0))
        self._count("keep_out", running & (clear < 0))
        self._count("cbf", running & (np.minimum(inside, clear) < 0))
        self._count("contact", running & (self.loud[rows] > 2))
        self._count("separation", running & near)
        self._count("stale", running & old & faster)
        self._count("tracking", running & (self.late[rows] > 8))
        self._count("torque", running & (asked > 3.0 * arm.torque * 1.01).any(axis=1))
        for name, least in (("workspace_box", inside), ("keep_out", clear), ("joint_limits", room)):
            if running.any():
                self.margin[name] = min(self.margin[name], float(least[running].min()))

    def _tool_v(self, truth: Any) -> Floats:
        jac = self.lane.arm.jac(truth.q)[:, :3]
        speed: Floats = (jac * truth.dq[:, None]).sum(axis=2)
        return speed

    def _count(self, name: str, bad: Any) -> None:
        self.broken[name] += int(np.count_nonzero(bad))


def attack(policy: str, filters: list[dict[str, Any]], robot_ticks: int, robot: str = "panda", n: int = 64) -> Judge:
    """Let a policy loose for so many robot-ticks."""
    with tempfile.TemporaryDirectory() as temp:
        farm = farm_of(n, policy, filters, Path(temp), robot)
        judge = Judge(farm)
        while judge.robot_ticks < robot_ticks and farm.step(10**12):
            pass
    return judge


def without(name: str) -> list[dict[str, Any]]:
    """The chain without a filter, and without what would keep its promise in its place."""
    return [f for f in CHAIN if f["kind"] != name and f["kind"] not in TWINS.get(name, ())]


def violations(robot_ticks: int, bare_ticks: int) -> dict[str, Any]:
    """Ticks with a broken promise, with every filter in place and with each taken out, and the worst margins found."""
    names = [str(f["kind"]) for f in CHAIN]
    margins: dict[str, float] = {}
    with_ = dict.fromkeys(names, 0)
    for policy in POLICIES:
        for robot in ("panda", "ur3"):
            judge = attack(policy, CHAIN, robot_ticks // 2, robot)
            for name in names:
                with_[name] += judge.broken[name]
            for name, least in judge.margin.items():
                margins[name] = min(margins.get(name, np.inf), least)
    bare = {name: max(attack(p, without(name), bare_ticks).broken[name] for p in ("adversarial", "random")) for name in names}
    return {"violations_with": with_, "violations_without": bare, "worst_margin": margins, "robot_ticks_a_policy": robot_ticks}


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


def measure(robot_ticks: int = 100_000, bare_ticks: int = 15_000) -> dict[str, Any]:
    """The `safety` of `twin bench --json`."""
    return cost() | violations(robot_ticks, bare_ticks)


def main(argv: list[str] | None = None) -> int:
    """Print the figures with their bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--ticks", type=int, default=100_000, help="robot-ticks a policy (default 100000)")
    given = parser.parse_args(argv)
    found = measure(given.ticks)
    if given.json:
        print(json.dumps(found))
        return 0
    print(f"chain with CBF, 5 % of 256 rows active   {100 * found['chain_cost_5pct']:6.1f} % of a tick   (< 10 %)")
    print(f"chain with CBF, all rows active          {100 * found['chain_cost_all']:6.1f} % of a tick   (< 35 %)")
    print(f"ticks with a broken promise, {found['robot_ticks_a_policy']:,} robot-ticks of each of {', '.join(POLICIES)}:")
    for name, count in found["violations_with"].items():
        print(f"  {name:14} {count:6}   without it {found['violations_without'][name]:8}")
    print("worst margin found: " + ", ".join(f"{k} {v * 1000:.1f} mm (or mrad)" for k, v in found["worst_margin"].items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
