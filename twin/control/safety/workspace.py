"""Workspace box: the tool point stays inside a box in the robot's base frame.

Promise: a command passes only if the arm, braking from it at once, keeps its tool in the box until it is at rest; else the arm
brakes now. Assumes measured joints that are right, drives that follow as far as `braking.py` allows for, and `joint_limits`
before it in the chain.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.braking import BEND, MARGIN_M, STRAY, ends, levers, reaches, way
from twin.control.safety.limits import Bounds, braked
from twin.core.records import Bools, Certified, Floats, Ints, Observation
from twin.world.kinematics import Arm


class WorkspaceBox:
    """Filter over joint targets with the tool's position. Joints stand down and rows across, as in `joint_limits`."""

    name = "workspace_box"

    def __init__(self, arm: Arm, bounds: Bounds, low: Floats, high: Floats) -> None:
        """low, high (3,) m; bounds: what the joints can do."""
        self.arm, self.bounds, self.low, self.high = arm, bounds, low, high
        self._along, self._lever = reaches(arm)[:, :, None], levers(arm)[:, None]
        self._middle, self._half = 0.5 * (low + high)[:, None], 0.5 * (high - low)[:, None]

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n = len(command)
        left = self._left(seen, command)
        changed, stop = np.zeros(n, np.int64), np.zeros(n, bool)
        which: Ints = np.flatnonzero(~(left > MARGIN_M))  # NaN, from a sensor, is not far
        if len(which):
            last, last_v, ask = seen.last[which, :-1], seen.last_v[which], command[which, :-1]
            moving = np.logical_or.reduce((ask != last) | (last_v != 0), axis=1)
            if np.count_nonzero(moving) < len(which):  # who stands and is asked to stand would be told the same
                which, last, last_v, ask = which[moving], last[moving], last_v[moving], ask[moving]
            leaving = self._leaving(seen.q[which], seen.tool[which], ends(self.bounds, *_across(last, last_v, ask)))
            if np.count_nonzero(leaving):
                which, last, last_v = which[leaving], last[leaving], last_v[leaving]
                changed[which] = 1
                command = command.copy()
                if np.count_nonzero(last_v):
                    last = last + self.bounds.reachable(braked(self.bounds, last_v), last, last_v) * self.bounds.dt
                command[which, :-1] = last
        return Certified(command, changed, left, stop)

    def _left(self, seen: Observation, command: Floats) -> Floats:
        """(n,) m, at least so far is the tool from getting out before the arm is at rest; NaN where it is not known.

        From the tool that the controller reports: no kinematics here.
        """
        room = self._room(seen.tool.T)
        turn = way(self.bounds, *_across(seen.q, seen.last[:, :-1], command[:, :-1]))
        room -= np.add.reduce(turn * self._along, axis=1)
        least: Floats = np.minimum.reduce(room, axis=0)
        return least

    def _leaving(self, q: Floats, tool: Floats, corners: Floats) -> Bools:
        """(k,) whether arms measured at `q` (k, nq), with tools at `tool` (k, 3), might get out on the way to `corners`, their
        command and where that comes to rest (2, nq, k)."""
        k, (command, rest) = len(q), corners
        longest = np.maximum.reduce(np.abs(corners - q.T), axis=0)
        np.maximum(longest, np.abs(rest - command), out=longest)
        astray = np.add.reduce(longest * self._along, axis=1)
        astray *= STRAY
        bent = np.add.reduce(longest * self._lever, axis=0)
        bent *= np.add.reduce(longest, axis=0)
        bent *= BEND
        astray += bent
        room = self._room(self.arm.point(np.concatenate(corners, axis=1).T).T)
        then = np.minimum(room[:, :k], room[:, k:])
        then -= astray
        out: Bools = ~np.logical_and.reduce(then >= MARGIN_M, axis=0)
        at = np.flatnonzero(out)
        if len(at):  # from within the margin, or beyond a face, one may only come back, by more than one can stray on the way
            now = self._room(tool[at].T)
            out[at] = ~np.logical_and.reduce(then[:, at] >= np.minimum(now, MARGIN_M), axis=0)
        return out

    def _room(self, tool: Floats) -> Floats:
        """(3, n) m, along each axis, from tools (3, n) to the nearer of two faces; negative: beyond it."""
        room: Floats = np.abs(tool - self._middle)
        return np.subtract(self._half, room, out=room)


def _across(*parts: Floats) -> list[Floats]:
    """Arrays (n, nq) as contiguous (nq, n)."""
    return [np.ascontiguousarray(part.T) for part in parts]
