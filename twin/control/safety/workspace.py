"""Workspace box: the tool point stays inside a box in the robot's base frame.

Promise: a command passes only if the arm, braking from it at once, comes to rest with its tool in the box; else the arm brakes
now, which the command before had been found able to do. All joints brake together, so that the arm follows the line in joint
space on which it was already found safe. Assumes that drives follow and measured joints are right. Its place in a chain is
behind `joint_limits`.

Nearly all rows are far from every face or slow, and cost a few comparisons; forward kinematics is for those that are neither.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.limits import Bounds
from twin.core.records import Bools, Certified, Floats, Ints, Observation
from twin.world.kinematics import Arm

MARGIN_M = 0.005
"""The tool is kept this far inside, for what drives and loads add."""
LAG_S = 0.1
"""The measured tool is where it was told to be this long ago, at worst."""
NEAR_M, NEAR_S = 0.03, 0.25
"""A tool further from a face than this, the way that it makes in this time and what its way can bend, needs no closer look."""


class WorkspaceBox:
    """Filter over joint targets with the tool's position and speed."""

    name = "workspace_box"

    def __init__(self, arm: Arm, bounds: Bounds, low: Floats, high: Floats) -> None:
        """low, high (3,) m; bounds: what the joints can do."""
        self.arm, self.bounds, self.low, self.high = arm, bounds, low, high
        self._middle, self._part = 0.5 * (low + high), 2.0 / (high - low)
        self._ahead, self._far = NEAR_S * self._part, 1.0 - NEAR_M * self._part
        self._lever = levers(arm)
        longest_s = bounds.dt + 0.5 * (bounds.velocity / bounds.acceleration).max()
        self._bend = 0.5 * self._lever.max() * longest_s**2 * self._part

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        off = seen.tool - self._middle
        np.abs(off, out=off)
        off *= self._part  # 0 in the middle, 1 at a face
        ahead = np.abs(seen.tool_v)
        ahead *= self._ahead
        ahead += off
        turn = np.add.reduce(np.abs(seen.last_v), axis=1)
        turn *= turn
        ahead += turn[:, None] * self._bend
        n = len(command)
        margin = 1.0 - np.maximum(np.maximum(off[:, 0], off[:, 1]), off[:, 2])
        changed, stop = np.zeros(n, np.int64), np.zeros(n, bool)
        near = ahead > self._far
        if near.any():
            rows: Ints = np.flatnonzero(near.any(axis=1))
            rows = rows[self._leaving(seen, command, rows)]
            if len(rows):
                changed[rows] = 1
                last, last_v = seen.last[rows, :-1], seen.last_v[rows]
                command = command.copy()
                command[rows, :-1] = last + self.bounds.reachable(self._braked(last_v), last, last_v) * self.bounds.dt
        return Certified(command, changed, margin, stop)

    def _leaving(self, seen: Observation, command: Floats, rows: Ints) -> Bools:
        """(n,) which of `rows` might not come to rest inside if they did what they are asked."""
        bounds, last, last_v = self.bounds, seen.last[rows, :-1], seen.last_v[rows]
        speed = np.minimum(np.maximum((command[rows, :-1] - last) / bounds.dt, last_v - bounds.gain), last_v + bounds.gain)
        speed = np.minimum(np.maximum(speed, -bounds.velocity), bounds.velocity)
        way = speed * self._way_s(speed)[:, None]
        turn = np.abs(way)
        travel = (turn * self._lever).sum(axis=1)
        tool, tool_v = seen.tool[rows], np.abs(seen.tool_v[rows]).sum(axis=1)
        gap = np.minimum(tool - self.low, self.high - tool).min(axis=1)
        leaving: Bools = gap - LAG_S * tool_v - travel < MARGIN_M
        if leaving.any():
            # the tool leaves its chord by at most an eighth of its second derivative along the line in joint space
            sag = (0.125 * turn.sum(axis=1) + 0.1) * travel
            leaving[leaving] = self._outside(last[leaving], way[leaving], sag[leaving])
        return leaving

    def _outside(self, last: Floats, way: Floats, sag: Floats) -> Bools:
        """(n,) whether the tool ends a `way` (n, nq) from `last` (n, nq) beyond a face, or further beyond it than it is."""
        ends = self._excess(last + way) + sag[:, None]
        outside: Bools = np.logical_or.reduce(ends > -MARGIN_M, axis=1)
        if outside.any():
            now = np.maximum(self._excess(last[outside]), -MARGIN_M)
            outside[outside] = (ends[outside] > now).any(axis=1)
        return outside

    def _excess(self, q: Floats) -> Floats:
        """(n, 3) m, how far the tool of joints (n, nq) is beyond the faces; negative inside."""
        tool, _ = self.arm.fk(q)
        excess: Floats = np.maximum(self.low - tool, tool - self.high)
        return excess

    def _braked(self, speed: Floats) -> Floats:
        """Joint speeds (n, nq) a period later when all joints brake together as hard as the slowest of them can."""
        periods = self._periods(speed)[:, None]
        braked: Floats = speed * np.maximum(0.0, 1.0 - 1.0 / np.maximum(periods, 1e-9))
        return braked

    def _periods(self, speed: Floats) -> Floats:
        """(n,) control periods until joints at `speed` (n, nq) stand."""
        periods: Floats = (np.abs(speed) / self.bounds.gain).max(axis=1)
        return periods

    def _way_s(self, speed: Floats) -> Floats:
        """(n,) s for which `speed` (n, nq) would have to last to make the way of this period and of braking after it."""
        periods = self._periods(speed)
        whole = np.floor(periods)
        way: Floats = self.bounds.dt * (1.0 + whole - whole * (whole + 1) / (2 * np.maximum(periods, 1e-9)))
        return way


def levers(arm: Arm) -> Floats:
    """(nq,) m, the furthest that the tool gets from the axis of each joint, found on an even spread of poses, and 5 % more."""
    spread = np.arange(2000)[:, None] * np.sqrt(np.arange(arm.nq) + 1.5) % 1.0  # roots that share no period
    linear = arm.jac(arm.limits[:, 0] + spread * (arm.limits[:, 1] - arm.limits[:, 0]))[:, :3]
    furthest: Floats = 1.05 * np.sqrt((linear * linear).sum(axis=1)).max(axis=0)
    return furthest
