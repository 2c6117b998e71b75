"""Policies that have no business with the arm that they drive, and one that gets stuck."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from twin.control.policy import Memory, PolicySpec, Wanted
from twin.control.scripted import Scripted
from twin.control.spec import ScriptedPolicy
from twin.core.records import Chunk, Floats, Observation
from twin.world.cell import build_cell
from twin.world.spec import GripperSpec, WorkcellSpec

HORIZON = 5


class Stray:
    """Base: chunks of joint targets that depend on a seed drawn for the episode, and on how many came before."""

    def __init__(self, setup: Any) -> None:
        self.nq, self.hz = setup.arm.nq, 1.0 / setup.period_s

    def spec(self) -> PolicySpec:
        """Joints are seen, and told."""
        return PolicySpec({"q": Wanted((self.nq,), self.hz)}, self.nq + 1, HORIZON, HORIZON, "1")

    def memory(self, n: int) -> Memory:
        """A seed and a count for each row."""
        return {"seed": np.zeros(n), "count": np.zeros(n)}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Any]) -> None:
        """A seed a row."""
        memory["seed"][:] = [stream.random() for stream in streams]
        memory["count"][:] = 0.0

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """What comes next."""
        memory["count"] += 1.0
        return Chunk(self.wish(memory["seed"][:, None, None], memory["count"][:, None, None]), np.zeros(len(seen.q), bool))

    def wish(self, seed: Floats, count: Floats) -> Floats:
        """(n, HORIZON, nq + 1) for seeds and counts (n, 1, 1)."""
        raise NotImplementedError


class Garbage(Stray):
    """Numbers that are none, and numbers without sense."""

    def wish(self, seed: Floats, count: Floats) -> Floats:
        """Jumps of many radians, here and there NaN or a billion."""
        steps = np.arange(1, HORIZON * (self.nq + 1) + 1).reshape(HORIZON, -1)
        u = (97.0 * seed + count * np.sqrt(steps + 1.0)) % 1.0
        actions: Floats = 20.0 * (u - 0.5)
        actions[u > 0.97], actions[u < 0.02] = np.nan, 1e12
        return actions


class WrongRobot(Stray):
    """Trained on a UR3: works around that arm's home, in as many joints as there are."""

    HOME = (-0.38, -1.65, 1.69, -1.60, -1.57, -1.95)

    def wish(self, seed: Floats, count: Floats) -> Floats:
        """Slow swings, fingers half open."""
        swing = 0.6 * np.sin(6.0 * seed + 0.3 * count + np.arange(self.nq))
        pose = np.repeat(np.resize(self.HOME, self.nq) + swing, HORIZON, axis=1)
        return np.concatenate((pose, np.full((*pose.shape[:2], 1), 0.04)), axis=2)


class Stalls(Scripted):
    """The scripted policy, which in every other attempt, from the first on, stops half way and asks for the same for ever."""

    def __init__(self, setup: Any, model: str, after_s: float = 1.0) -> None:
        cell = build_cell(SimpleNamespace(model=model), GripperSpec(stroke_mm=1000 * setup.stroke_m), WorkcellSpec())
        super().__init__(cell, ScriptedPolicy(perception_error_mm=0.5), setup.period_s)
        self.after_s = after_s

    def memory(self, n: int) -> Memory:
        """Attempts begun, and what is left until it stalls, s; infinite: it will not."""
        return super().memory(n) | {"attempts": np.zeros(n), "left": np.full(n, np.inf)}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Any]) -> None:
        """Another attempt."""
        super().begin(memory, seen, streams)
        memory["attempts"] += 1
        memory["left"][:] = np.where(memory["attempts"] % 2 == 1, self.after_s, np.inf)

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """Its plan, until it stalls."""
        stalled, last = memory["left"] <= 0, memory["last"].copy()
        memory["left"] -= self.spec().horizon * self.period_s
        out = super().act(seen, memory)
        out.actions[stalled], out.done[stalled] = last[stalled, None], False
        memory["last"][stalled] = last[stalled]
        return out
