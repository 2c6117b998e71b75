"""Keep-out volumes: spheres along the links, elbow and hand included, stay out of boxes, and the links above the table.

Promise: a command passes only if the arm, braking from it at once, keeps every sphere clear until it is at rest; else the arm
brakes now. Neighbours and fixtures are boxes in the robot's base frame. The hand may come down to the table: how far is for
`workspace_box` to say. Assumptions as in `workspace_box`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twin.control.safety.braking import MARGIN_M, ends, way
from twin.control.safety.limits import SAME_RAD, Bounds, braked
from twin.control.safety.watch import Near, Watch
from twin.core.records import Bools, Certified, Floats, Ints, Observation, Rows
from twin.world.spheres import Spheres


class Some(NamedTuple):
    """Arms of k of a lane's `rows`: joints (k, nq), tool (k, 3) m, joints that were sent last, and at what speed."""

    rows: Rows
    q: Floats
    tool: Floats
    last: Floats
    last_v: Floats

    def part(self, at: Ints) -> Some:
        """Some of these."""
        return Some(self.rows[at], self.q[at], self.tool[at], self.last[at], self.last_v[at])


class KeepOut:
    """Filter over joint targets with spheres."""

    name = "keep_out"

    def __init__(
        self,
        body: Spheres,
        bounds: Bounds,
        boxes: Floats,
        table: bool,
        rows: int,
        box: Floats | None = None,
        itself: bool = False,
    ) -> None:
        """boxes (k, 2, 3) m: low and high corners; table: whether links must stay above z = 0; rows of the lane; box (2, 3) m:
        where the tool must stay; None: anywhere; itself: whether the arm must stay clear of itself."""
        self.bounds, self.watch = bounds, Watch(body, boxes, table, rows, box, itself)

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n = len(command)
        changed, stop = np.zeros(n, np.int64), np.zeros(n, bool)
        last, ask = seen.last[:, :-1].T, command[:, :-1].T
        stopping = way(self.bounds, seen.q.T, last, ask)
        turn = self._turn(stopping, last, ask)
        left = self.watch.left(seen.rows, seen.q.T, seen.tool.T, turn)
        which: Ints = np.flatnonzero(~(left.all > MARGIN_M))  # NaN, from a sensor, is not far
        if len(which):
            some = Some(seen.rows[which], seen.q[which], seen.tool[which], seen.last[which, :-1], seen.last_v[which])
            asked, frames, there = command[which, :-1], self.watch.arm.frames(some.q), left.part(which)
            near = self.watch.near(some.rows, some.q.T, frames, turn[:, which], there)
            left.all[which] = there.all
            if len(near.row):
                sent = self._sent(some, asked, near, frames, stopping[:, which])
                other = np.abs(sent - asked).max(axis=1) > SAME_RAD
                if np.count_nonzero(other):
                    command = command.copy()
                    command[which[other], :-1], changed[which[other]] = sent[other], 1
        return Certified(command, changed, left.all, stop)

    def _turn(self, stopping: Floats, last: Floats, ask: Floats) -> Floats:
        """(nq, n) rad, by how much joints that get so far before they rest may turn before it is looked at more closely."""
        return stopping

    def _sent(self, some: Some, asked: Floats, near: Near, frames: Floats, stopping: Floats) -> Floats:
        """(k, nq) what arms near something are sent: what is asked, or, where they might get out, they brake."""
        close = near.part(np.flatnonzero(~(near.gap - (near.lever * stopping[:, near.row]).sum(axis=0) > MARGIN_M)))
        if not len(close.row):
            return asked
        command, rest = ends(self.bounds, some.last.T, some.last_v.T, asked.T)
        return self._braked(some, asked, self.watch.leaving(some.q.T, command, rest, close))

    def _braked(self, some: Some, asked: Floats, held: Bools) -> Floats:
        """(k, nq) `asked`, but arms that are `held` (k,) brake."""
        if np.count_nonzero(held):
            last, last_v = some.last[held], some.last_v[held]
            slower = self.bounds.reachable(braked(self.bounds, last_v), last, last_v)
            asked = asked.copy()
            asked[held] = last + slower * self.bounds.dt
        return asked
