"""A policy of 44 numbers: the tool's velocity and the gripper are linear in where tool, handle and goal are, then squashed.

`train.py` finds the numbers in Gymnasium; the farm runs them by `policy: {use: "linear:Linear"}`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from twin.control.agent import Actions, flat
from twin.control.policy import PolicySpec, Wanted
from twin.core.records import Chunk

FEATURES, ACTIONS = 11, 4
SCALE_M = 0.1
"""Distances are counted in these."""
OPEN_M = 0.018
"""This near to its goal (m) the drawer is open. An environment ends there by itself; on the farm the policy has to say so."""


def answer(weights, obs, nq):
    """Actions (n, 4) of weights (n or 1, 4, 11) for observations (n, m): q, dq, grip, tool, object pose, goal."""
    at = 2 * nq
    grip, tool, handle, goal = obs[:, at : at + 1], obs[:, at + 1 : at + 4], obs[:, at + 4 : at + 7], obs[:, -3:]
    parts = ((handle - tool) / SCALE_M, (goal - handle) / SCALE_M, (goal - tool) / SCALE_M, grip / SCALE_M, np.ones_like(grip))
    return np.tanh((weights * np.concatenate(parts, axis=1)[:, None]).sum(axis=2))


class Linear:
    """The trained policy on the farm. weights: the file beside this one."""

    def __init__(self, setup, weights="weights.npy", seconds=8.0):
        self.setup, self.actions = setup, Actions(setup, "tool")
        self.weights = np.load(Path(__file__).with_name(weights))[None]
        self.ticks = round(seconds / setup.period_s)

    def spec(self):
        nq, hz = self.setup.arm.nq, 1 / self.setup.period_s
        shapes = {"q": (nq,), "dq": (nq,), "grip": (), "tool": (3,), "objects": (self.setup.things, 7), "last": (nq + 1,)}
        return PolicySpec({key: Wanted(shape, hz) for key, shape in shapes.items()}, nq + 1, 1, 1, "1")

    def memory(self, n):
        return {"left": np.zeros(n, np.int64)}

    def begin(self, memory, seen, streams):
        memory["left"][:] = self.ticks

    def act(self, seen, memory):
        commands = self.actions.commands(seen.last, answer(self.weights, flat(seen), self.setup.arm.nq))
        memory["left"] -= 1
        short = np.abs(seen.goal - seen.objects[:, 0, :3]).max(axis=1)
        return Chunk(commands[:, None], (short < OPEN_M) | (memory["left"] <= 0))
