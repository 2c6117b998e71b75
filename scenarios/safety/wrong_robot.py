"""A policy that was made for another robot: home and reach of a UR3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.control.policy import Memory, PolicySpec, Wanted
from twin.core.records import Chunk, Observation


class WrongRobot:
    """A policy that was made for another robot: home and reach of a UR3."""

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
        ur3 = np.array([-0.38, -1.65, 1.69, -1.60, -1.57, -1.95])
        pose = np.resize(ur3, self.nq) + 0.3 * np.sin(memory["count"][:, None] * 0.1 + np.arange(self.nq))
        actions = np.repeat(np.concatenate((pose, np.full((len(pose), 1), 0.04)), axis=1)[:, None], 10, axis=1)
        return Chunk(actions, np.zeros(len(seen.q), bool))
