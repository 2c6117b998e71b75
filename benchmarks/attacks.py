"""Adversaries let loose on arms behind the whole chain of filters, and behind less of it: every promise is judged on ground
truth at every tick, outside the filters. `benchmarks.violations` counts what is broken."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from benchmarks.adversaries import ALL
from twin.build import build
from twin.control.safety.build import DEFAULTS, promises
from twin.control.safety.promises import Promises
from twin.control.spec import FilterSpec
from twin.core.chance import Chance
from twin.core.clock import US
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
_ANY: TypeAdapter[Any] = TypeAdapter(FilterSpec)
JUDGED: dict[str, Any] = {str(f["kind"]): _ANY.validate_python(f) for f in CHAIN} | {
    kind: DEFAULTS[kind] for kind in ("jerk", "itself")
}
"""What is promised, by name; the last two are further promises of `joint_limits` and of `cbf`."""
KEPT_BY = {"jerk": "joint_limits", "itself": "cbf"}
BRAKING = ("workspace_box", "keep_out", "cbf", "contact", "separation", "torque")
TWINS = {
    "workspace_box": ("cbf",),
    "keep_out": ("cbf",),
    "cbf": ("workspace_box", "keep_out"),
    "itself": ("workspace_box", "keep_out"),
    "tracking": ("torque", "contact", "workspace_box", "keep_out", "cbf"),
    "torque": ("contact", "tracking", "workspace_box", "keep_out", "cbf"),
    "contact": ("tracking", "torque", "workspace_box", "keep_out", "cbf"),
    "joint_limits": (*BRAKING, "tracking"),
    "jerk": (*BRAKING, "stale"),
}
"""Filters that keep part of another's promise, or make it void: taken out together with it, so that it is missed."""
ROBOTS: dict[str, tuple[str, dict[str, float]]] = {
    "panda": ("panda", {}),
    "ur3": ("ur3", {}),
    "panda_smooth": ("panda", {"jerk_radps3": 200.0}),
}
"""Arms, with limits beside those of the data sheet. 200 rad/s³: from none to the greatest acceleration in about 0.1 s."""
HUNTED = ("workspace_box", "keep_out", "separation", "itself")
"""Promises that a search tries to break."""


def farm_of(n: int, policy: str, filters: list[dict[str, Any]], folder: Path, robot: str = "panda", seed: int = 0) -> Farm:
    """n cells that do nothing but what the adversary wants; stops are soon over."""
    model, limits = ROBOTS[robot]
    arm: dict[str, Any] = {"model": model, "gripper": "hand", "stop_recover_s": 0.3, "stops_per_episode": 100000}
    arm |= {"stops": {"restart_s": 0.1}, "limits": limits}
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
        there = [JUDGED[str(f["kind"])] for f in filters]
        self.judge = promises(JUDGED, cell, self.lane.stops.bounds, self.lane.persons, n, there)
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
    """The chain without the filter that keeps a promise, and without what would keep it in its place."""
    return [f for f in alone(name) if f["kind"] != KEPT_BY.get(name, name)]


def alone(name: str) -> list[dict[str, Any]]:
    """The chain with the filter that keeps a promise, and without what would keep it in its place."""
    return [f for f in CHAIN if f["kind"] not in TWINS.get(name, ())]
