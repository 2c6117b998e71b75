"""What users write: policies that hold still, or are slow, and a filter that lets half of each step through."""

import numpy as np

from twin.control.policy import PolicySpec, Wanted
from twin.control.scripted import HORIZON, REPLAN
from twin.core.records import Certified, Chunk


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


class Slow:
    """The built-in policy at a third of its speed, seen through its own eyes."""

    def __init__(self, setup):
        self.nu = setup.arm.nq + 1

    def spec(self):
        seen = {"q": Wanted((self.nu - 1,), 50.0), "grip": Wanted((), 50.0)}
        return PolicySpec(seen, self.nu, HORIZON, REPLAN, "slow")

    def memory(self, n):
        return {"at": np.zeros((n, self.nu)), "calls": np.zeros(n, np.int64)}

    def begin(self, memory, seen, streams):
        assert np.isnan(seen.objects).all()  # not declared, and so not shown
        memory["at"][:], memory["calls"][:] = np.column_stack((seen.q, seen.grip)), 0

    def act(self, seen, memory):
        memory["calls"] += 1
        chunk = np.repeat(memory["at"][:, None, :], HORIZON, axis=1)
        chunk[:, :, 0] += 0.01 * np.arange(HORIZON)
        return Chunk(chunk, np.zeros(len(chunk), bool))


class Half:
    """Half of every step."""

    def certify(self, seen, command):
        half = 0.5 * (command + seen.last)
        n = len(command)
        return Certified(half, np.ones(n, np.int64), np.ones(n), np.zeros(n, bool))


class Stuck:
    """Swings the arm; in every other attempt for ever, else it is done after some swings."""

    def __init__(self, setup, ticks=5, swings=12):
        self.nu, self.ticks, self.swings, self.dt = setup.arm.nq + 1, ticks, swings, setup.period_s

    def spec(self):
        seen = {"q": Wanted((self.nu - 1,), 50.0), "grip": Wanted((), 50.0)}
        return PolicySpec(seen, self.nu, self.ticks, self.ticks, "stuck")

    def memory(self, n):
        return {"attempts": np.zeros(n, np.int64), "calls": np.zeros(n, np.int64), "from": np.zeros((n, self.nu))}

    def begin(self, memory, seen, streams):
        memory["attempts"] += 1
        memory["calls"][:] = 0
        memory["from"][:] = np.concatenate((seen.q, seen.grip[:, None]), axis=1)

    def act(self, seen, memory):
        t = self.dt * (self.ticks * memory["calls"][:, None, None] + np.arange(1, self.ticks + 1)[:, None])
        actions = memory["from"][:, None] + 0.1 * (1 - np.cos(2.0 * t)) * (np.arange(self.nu) < self.nu - 1)
        memory["calls"] += 1
        return Chunk(actions, (memory["attempts"] % 2 == 0) & (memory["calls"] >= self.swings))
