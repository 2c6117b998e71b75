"""A policy that commands garbage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.control.policy import Memory, PolicySpec, Wanted
from twin.core.records import Chunk, Observation


class Garbage:
    """A policy that commands garbage."""

    def __init__(self, setup: Any) -> None:
        self.nq = setup.arm.nq

    def spec(self) -> PolicySpec:
        """Joints."""
        return PolicySpec({"q": Wanted((self.nq,), 50.0)}, self.nq + 1, 10, 10, "1")

    def memory(self, n: int) -> Memory:
        """Where each row is in its whims."""
        return {"seed": np.zeros(n), "count": np.zeros(n)}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Any]) -> None:
        """A seed a row."""
        memory["seed"][:] = [stream.random() for stream in streams]

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """Ten ticks of it."""
        memory["count"] += 1.0
        steps = np.arange(1, 10 * (self.nq + 1) + 1).reshape(10, -1)
        u = (memory["seed"][:, None, None] * 97 + memory["count"][:, None, None] * np.sqrt(steps + 1.0)) % 1.0
        actions = 20.0 * (u - 0.5)
        actions[u > 0.97], actions[u < 0.02] = np.nan, 1e12
        return Chunk(actions, np.zeros(len(seen.q), bool))
