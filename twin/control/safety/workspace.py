"""Workspace box: the tool point stays inside a box in the robot's base frame.

Promise: a command passes only if the arm, braking from it at once, keeps its tool in the box until it is at rest; else the arm
brakes now. Assumes measured joints that are right, drives that follow as far as `braking.py` allows for, and `joint_limits`
before it in the chain.
"""

from __future__ import annotations

import math

import numpy as np

from twin.control.safety.braking import BEND, MARGIN_M, STRAY, ends_of, levers, reaches, way_of
from twin.control.safety.limits import Bounds, braked
from twin.core.compiled import compiled
from twin.core.records import Bools, Certified, Floats, Observation
from twin.world.kinematics import Arm, point_of


class WorkspaceBox:
    """Filter over joint targets with the tool's position."""

    name = "workspace_box"

    def __init__(self, arm: Arm, bounds: Bounds, low: Floats, high: Floats) -> None:
        """low, high (3,) m; bounds: what the joints can do."""
        self.arm, self.bounds, self.low, self.high = arm, bounds, low, high
        self._faces: Floats = np.stack((low, high))
        self._reach: Floats = np.concatenate((reaches(arm), levers(arm)[None]))

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n, bounds, arm = len(command), self.bounds, self.arm
        left, leaving = np.empty(n), np.zeros(n, bool)
        can = bounds.table, bounds.dt, arm.fixed, arm.zero, self._reach, self._faces
        if not _leaving(*can, seen.q, seen.tool, seen.last, seen.last_v, command, left, leaving):
            return Certified(command, np.zeros(n, np.int64), left, np.zeros(n, bool))
        last, last_v = seen.last[leaving, :-1], seen.last_v[leaving]
        command = command.copy()
        command[leaving, :-1] = last + bounds.reachable(braked(bounds, last_v), last, last_v) * bounds.dt
        return Certified(command, leaving.astype(np.int64), left, np.zeros(n, bool))


@compiled
def _leaving(
    table: Floats,
    dt: float,
    fixed: Floats,
    zero: Floats,
    reach: Floats,
    faces: Floats,
    q: Floats,
    tool: Floats,
    last: Floats,
    last_v: Floats,
    command: Floats,
    left: Floats,
    leaving: Bools,
) -> int:
    """How many arms might get out, and which into `leaving` (n,).

    `left` (n,) m, at least so far is the tool from getting out before the arm is at rest, from the tool that the controller
    reports; NaN where it is not known. Only where that is little are the arm's ways looked at; an arm that stands and is asked
    to stand is told the same anyway.
    """
    n, nq = q.shape
    turn, corners, count = np.empty(nq), np.empty((2, nq)), 0
    for i in range(n):
        sent, asked = last[i, :nq], command[i, :nq]
        way_of(table, dt, q[i], sent, asked, turn)
        left[i] = _clear(tool[i], faces, reach, turn)
        if left[i] > MARGIN_M or _stands(sent, last_v[i], asked):  # NaN, from a sensor, is not far
            continue
        ends_of(table, dt, sent, last_v[i], asked, corners)
        if _beyond(fixed, zero, reach, faces, q[i], tool[i], corners, turn):
            leaving[i] = True
            count += 1
    return count


@compiled
def _stands(sent: Floats, speed: Floats, asked: Floats) -> bool:
    """Whether an arm stands and is asked to."""
    stands = True
    for j in range(len(sent)):
        stands &= asked[j] == sent[j] and speed[j] == 0.0
    return stands


@compiled
def _room(at: float, low: float, high: float) -> float:
    """m, along an axis, to the nearer of two faces; negative: beyond it."""
    return 0.5 * (high - low) - abs(at - 0.5 * (low + high))


@compiled
def _clear(tool: Floats, faces: Floats, reach: Floats, turn: Floats) -> float:
    """m, the room of a tool (3,) along the tightest axis, once joints have turned by `turn` (nq,)."""
    least = np.inf
    for a in range(3):
        room = _room(tool[a], faces[0, a], faces[1, a])
        for j in range(len(turn)):
            room -= turn[j] * reach[a, j]
        if room < least or math.isnan(room):
            least = room
    return least


@compiled
def _beyond(
    fixed: Floats, zero: Floats, reach: Floats, faces: Floats, q: Floats, tool: Floats, corners: Floats, longest: Floats
) -> bool:
    """Whether an arm measured at q (nq,), its tool at (3,), might get out on the way to `corners` (2, nq): its command and then
    where that comes to rest. `longest` (nq,) is written over."""
    bent, turned = 0.0, 0.0
    for j in range(len(q)):
        command, rest = corners[0, j], corners[1, j]
        longest[j] = max(abs(command - q[j]), abs(rest - q[j]), abs(rest - command))
        bent += longest[j] * reach[3, j]
        turned += longest[j]
    bent *= BEND * turned
    one, two = point_of(fixed, zero, corners[0]), point_of(fixed, zero, corners[1])
    for a in range(3):
        low, high = faces[0, a], faces[1, a]
        then = min(_room(one[a], low, high), _room(two[a], low, high)) - bent
        for j in range(len(q)):
            then -= STRAY * longest[j] * reach[a, j]
        # from within the margin, or beyond a face, one may only come back, by more than one can stray on the way
        if not (then >= MARGIN_M or then >= _room(tool[a], low, high)):
            return True
    return False
