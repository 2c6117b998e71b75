"""Policies that want limits broken: at random, on purpose, and with garbage. Their draws are counted: they repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.control.policy import Memory, PolicySpec, Wanted
from twin.core.records import Chunk, Floats, Observation

HORIZON = 10
ROOTS = np.sqrt(np.array([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53], np.float64))


class Adversary:
    """Base: each row has a seed from its episode's stream and counts its chunks."""

    def __init__(self, setup: Any, horizon: int = HORIZON) -> None:
        self.arm, self.period_s, self.horizon = setup.arm, setup.period_s, horizon

    def spec(self) -> PolicySpec:
        """Joints only."""
        return PolicySpec({"q": Wanted((self.arm.nq,), 50.0)}, self.arm.nq + 1, self.horizon, self.horizon, "1")

    def memory(self, n: int) -> Memory:
        """Seed and count."""
        return {"seed": np.zeros(n), "count": np.zeros(n)}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Any]) -> None:
        """A seed a row."""
        memory["seed"][:] = [stream.random() for stream in streams]
        memory["count"][:] = 0.0

    def draws(self, memory: Memory, k: int) -> Floats:
        """(n, k) evenly spread over 0 to 1, the next ones of each row."""
        memory["count"] += 1.0
        spread: Floats = (memory["seed"][:, None] * 97.0 + memory["count"][:, None] * ROOTS[:k]) % 1.0
        return spread

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """The chunk that `wish` asks for, fingers half open."""
        q = self.wish(seen, memory)
        actions = np.concatenate((q, np.full((*q.shape[:2], 1), 0.04)), axis=2)
        return Chunk(actions, np.zeros(len(q), bool))

    def wish(self, seen: Observation, memory: Memory) -> Floats:
        """(n, H, nq)."""
        raise NotImplementedError


class Random(Adversary):
    """Small steps at random."""

    def wish(self, seen: Observation, memory: Memory) -> Floats:
        """A walk from where the arm is."""
        steps = np.stack([self.draws(memory, self.arm.nq) - 0.5 for _ in range(self.horizon)], axis=1)
        walk: Floats = seen.q[:, None] + np.cumsum(0.2 * steps, axis=1)
        return walk


class LimitSeeking(Adversary):
    """Full torque at limits: all joints one way, a face of the box, a far pose, or to and fro; a whim lasts some chunks."""

    def wish(self, seen: Observation, memory: Memory) -> Floats:
        """Targets far beyond what can be reached."""
        nq = seen.q.shape[1]
        whim = np.floor(memory["count"] / (1 + np.floor(6 * memory["seed"])))
        fixed: Memory = {"seed": memory["seed"], "count": whim.copy()}
        u = self.draws(fixed, nq + 2)
        memory["count"] += 1.0
        signs = np.sign(u[:, :nq] - 0.5) * (u[:, :nq] * 7 % 1 > 0.3)
        axis = np.eye(3)[(u[:, nq] * 3).astype(int)] * np.where(u[:, nq] * 5 % 1 < 0.5, -1.0, 1.0)[:, None]
        way = np.sign((self.arm.jac(seen.q)[:, :3] * axis[:, :, None]).sum(axis=1))
        low, high = self.arm.limits[:, 0], self.arm.limits[:, 1]
        pose = low - 0.5 + u[:, :nq] * (high - low + 1.0)
        shake = np.where(memory["count"][:, None] % 2 == 0, signs, -signs)
        kind = (u[:, nq + 1] * 4).astype(int)[:, None]
        target = np.select([kind == 0, kind == 1, kind == 2], [seen.q + 9 * signs, seen.q + 3 * way, pose], seen.q + 5 * shake)
        return np.repeat(target[:, None], self.horizon, axis=1)


class Garbage(Adversary):
    """Numbers that are none, numbers of another robot, numbers without sense."""

    def wish(self, seen: Observation, memory: Memory) -> Floats:
        """NaN, infinities and jumps."""
        u = np.stack([self.draws(memory, self.arm.nq) for _ in range(self.horizon)], axis=1)
        junk: Floats = 20.0 * (u - 0.5)
        junk[u > 0.97], junk[(u > 0.94) & (u <= 0.97)], junk[u < 0.02] = np.nan, np.inf, 1e12
        return junk


class Pressing(Adversary):
    """Sets nearly shut fingers on the object and leans on it with all the arm has."""

    def spec(self) -> PolicySpec:
        """Where the object is, too."""
        wanted = {"q": Wanted((self.arm.nq,), 50.0), "objects": Wanted((1, 7), 50.0)}
        return PolicySpec(wanted, self.arm.nq + 1, self.horizon, self.horizon, "1")

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """Above it at first, then down, and as if it were not there."""
        memory["count"] += 1.0
        point = seen.objects[:, 0, :3].copy()
        point[:, 2] += np.clip(0.12 - 0.02 * (memory["count"] - 5), -0.06, 0.12)
        joints, _ = self.arm.reach(point, np.diag((1.0, -1.0, -1.0)), seen.q, rounds=30)
        actions = np.column_stack((joints, np.full(len(joints), 0.01)))
        return Chunk(np.repeat(actions[:, None], self.horizon, axis=1), np.zeros(len(joints), bool))


class Hunter(Adversary):
    """Follows plans that whoever hunts sets: targets far apart, one a chunk, in turn; `seed` says which plan a row follows."""

    def __init__(self, setup: Any, targets: int = 5) -> None:
        super().__init__(setup)
        self.targets = targets
        self.plans: Floats = np.zeros((1, targets, self.arm.nq))

    def drawn(self, stream: Any, n: int) -> Floats:
        """(n, targets, nq) plans at random."""
        low, high = self.arm.limits[:, 0], self.arm.limits[:, 1]
        plans: Floats = stream.uniform(low - 0.3, high + 0.3, (n, self.targets, self.arm.nq))
        return plans

    def wish(self, seen: Observation, memory: Memory) -> Floats:
        """The next target."""
        turn = memory["count"].astype(int) % self.targets
        memory["count"] += 1.0
        target: Floats = self.plans[memory["seed"].astype(int) % len(self.plans), turn]
        return np.repeat(target[:, None], self.horizon, axis=1)


POLICIES = {"random": Random, "adversarial": LimitSeeking, "garbage": Garbage, "pressing": Pressing}
ALL: dict[str, type[Adversary]] = POLICIES | {"hunter": Hunter}
