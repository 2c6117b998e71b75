"""Workspace box: the tool point stays inside a box in the robot's base frame.

Promise: a command passes only if the arm, braking from it at once, keeps its tool in the box until it is at rest; else the arm
brakes now. Assumes measured joints that are right, drives that follow as far as `braking.py` allows for, and `joint_limits`
before it in the chain.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.braking import Braking, levers, reaches
from twin.control.safety.limits import Bounds
from twin.core.records import Floats, Observation
from twin.world.kinematics import Arm


class WorkspaceBox(Braking):
    """Filter over joint targets with the tool's position."""

    name = "workspace_box"

    def __init__(self, arm: Arm, bounds: Bounds, low: Floats, high: Floats) -> None:
        """low, high (3,) m; bounds: what the joints can do."""
        along = reaches(arm)
        super().__init__(arm, bounds, np.concatenate((along, along)), levers(arm)[None])
        self._along = along[:, :, None]
        self.low, self.high = low, high
        self._middle, self._half = 0.5 * (low + high)[:, None], 0.5 * (high - low)[:, None]

    def left(self, seen: Observation, way: Floats) -> Floats:
        """From the tool that the controller reports: no kinematics here."""
        room = np.abs(seen.tool.T - self._middle)
        np.subtract(self._half, room, out=room)
        room -= np.add.reduce(way * self._along, axis=1)
        least: Floats = np.minimum.reduce(room, axis=0)
        return least

    def clear(self, q: Floats) -> Floats:
        """(n, 6): six faces."""
        tool = self.arm.point(q)
        return np.concatenate((tool - self.low, self.high - tool), axis=1)
