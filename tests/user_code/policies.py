"""A user's policy that commands nothing: it holds still and says it is done."""

import numpy as np

from twin.control.policy import PolicySpec, Wanted
from twin.core.records import Chunk


class Idle:
    def __init__(self, setup, ticks=10):
        self.nu, self.ticks = setup.arm.nq + 1, ticks

    def spec(self):
        seen = {"q": Wanted((self.nu - 1,), 50.0), "grip": Wanted((), 50.0)}
        return PolicySpec(seen, self.nu, self.ticks, self.ticks, "idle")

    def memory(self, n):
        return {"calls": np.zeros(n, np.int64)}

    def begin(self, memory, seen, streams):
        memory["calls"][:] = 0

    def act(self, seen, memory):
        memory["calls"] += 1
        hold = np.concatenate((seen.q, seen.grip[:, None]), axis=1)
        return Chunk(np.repeat(hold[:, None, :], self.ticks, axis=1), memory["calls"] >= 1)
