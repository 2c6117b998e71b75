"""Tasks: where an episode starts, what counts as success, when a robot can tidy up by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.core.chance import Stream
from twin.core.records import Bools, Floats, Truth
from twin.world.base import Start
from twin.world.cell import CellModel

YAW_RAD = np.deg2rad(15.0)
"""The object starts turned by at most this much: fingers that never turn still close on it."""
REST_M = 0.005
"""How far (m) the height of an object that lies flat may be from where it belongs."""


class PickPlace:
    """Take the object from the start area and leave it in the tray.

    `goal` (3,) m: where the object's centre lies in the middle of the tray, robot's base frame.
    """

    name = "pick_place"

    def __init__(self, cell: CellModel) -> None:
        self.cell = cell
        centre = cell.tray.centre
        self.goal: Floats = np.array([centre[0], centre[1], cell.tray.low[2] + 0.5 * cell.object_m])

    def start(self, streams: Sequence[Stream]) -> Start:
        """One start state a stream: arm at home, gripper open, object anywhere in the start area, turned by up to 15°.

        A row takes three uniform draws from its own stream and nothing else.
        """
        cell, n = self.cell, len(streams)
        draw = np.array([stream.random(3) for stream in streams]).reshape(n, 3)
        low, high = cell.start.low[:2], cell.start.high[:2]
        place: Floats = np.empty((n, 3))
        place[:, :2] = low + draw[:, :2] * (high - low)
        place[:, 2] = 0.5 * cell.object_m
        return Start(
            q=np.tile(cell.arm.home, (n, 1)),
            grip=np.full(n, cell.stroke_m),
            object=place,
            yaw=(2.0 * draw[:, 2] - 1.0) * YAW_RAD,
        )

    def success(self, truth: Truth) -> Bools:
        """(n,) True where the object lies flat in the tray and nobody holds it."""
        inside = self.cell.tray.above(truth.object)
        low: Bools = np.abs(truth.object[:, 2] - self.goal[2]) < REST_M
        return inside & low & ~truth.held

    def in_reach(self, truth: Truth) -> Bools:
        """(n,) True where the object is still where the robot can pick it up, so that an automatic reset can work."""
        return self.cell.reach.holds(truth.object)
