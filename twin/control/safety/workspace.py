"""Workspace box: the tool point stays inside a box in the robot's base frame.

Promise: a tool that starts inside brakes before it leaves. Assumes that the tool brakes at `brake_mps2` or better and that the
measured joints are right. A row far from every face costs three comparisons; only rows that could leave are solved, with the
forward kinematics of the command itself.
"""

from __future__ import annotations

import numpy as np

from twin.core.records import Certified, Floats, Observation
from twin.world.kinematics import Arm


class WorkspaceBox:
    """Filter over joint targets with the tool's position and speed."""

    name = "workspace_box"

    def __init__(
        self, arm: Arm, low: Floats, high: Floats, period_s: float, brake_mps2: float = 2.0, lag_s: float = 0.1
    ) -> None:
        """low, high (3,) m; the tool is taken to travel `lag_s` at its speed before it brakes."""
        self.arm, self.low, self.high, self.dt = arm, low, high, period_s
        self.brake, self.lag = brake_mps2, lag_s

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n = len(command)
        speed = np.abs(seen.tool_v)
        stop = speed * self.lag + speed * speed / (2 * self.brake)
        gap = np.minimum(seen.tool - self.low, self.high - seen.tool)
        changed = np.zeros(n, np.int64)
        near = np.flatnonzero((gap < stop + 0.01).any(axis=1))
        if len(near):
            there, _ = self.arm.fk(command[near, :-1])
            away = np.maximum(self.low - there, there - self.high) + 0.5 * stop[near]
            here = np.maximum(self.low - seen.tool[near], seen.tool[near] - self.high)
            leaving = ((away > -0.005) & (away > here)).any(axis=1)
            rows = near[leaving]
            if len(rows):
                changed[rows] = 1
                command = command.copy()
                command[rows, :-1] = seen.last[rows, :-1] + self._braked(seen.last_v[rows]) * self.dt
        return Certified(command, changed, gap.min(axis=1), np.zeros(n, bool))

    def _braked(self, speed: Floats) -> Floats:
        """Joint speeds one tick later when all joints brake together at half of the least joint acceleration."""
        slower = 0.5 * self.arm.acceleration.min() * self.dt
        fastest = np.abs(speed).max(axis=1, keepdims=True)
        scale = np.maximum(0.0, 1.0 - slower / np.maximum(fastest, 1e-12))
        braked: Floats = speed * scale
        return braked
