"""Control barrier function: the least change of a command that keeps joint limits, workspace and obstacles at once.

Joint speeds x minimise ‖x − asked‖² under the joints' limits and, for every watched point with distance h to its face and slope
∇h (Ames et al. 2017),  ∇h·x ≥ −γ·(h − margin).  One quadratic programme a row, only for rows that would break a constraint.

Promise: that of `workspace_box` and `keep_out` together, since what the programme answers has to pass their criterion too.
Where it has no solution, or its solution does not pass, the declared fallback is taken in the same tick: the arm brakes.
What a row cannot come to in this period is left out of its programme. Distances of the arm to itself are among the watched
unless it is told otherwise; they are then promised as those to volumes are.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.braking import MARGIN_M, STRAY, ends
from twin.control.safety.keepout import KeepOut, Some
from twin.control.safety.limits import Bounds, periods
from twin.control.safety.qp import nearest
from twin.control.safety.watch import Near
from twin.core.records import Floats
from twin.world.spheres import Spheres


class Barrier(KeepOut):
    """Filter over joint targets: the tool in a box, spheres out of volumes."""

    name = "cbf"

    def __init__(
        self,
        body: Spheres,
        bounds: Bounds,
        box: Floats,
        volumes: Floats,
        table: bool,
        gamma: float,
        rows: int,
        itself: bool = True,
    ) -> None:
        """box (2, 3) m for the tool; volumes (k, 2, 3) m; gamma 1/s, how fast a distance may be used up; itself: whether
        distances of the arm to itself are among them."""
        super().__init__(body, bounds, volumes, table, rows, box, itself)
        self.gamma = gamma

    def _turn(self, stopping: Floats, last: Floats, ask: Floats) -> Floats:
        """Also what it may not use up so fast."""
        return np.maximum(stopping, np.abs(ask - last) * (1.0 / (self.bounds.dt * self.gamma)))

    def _sent(self, some: Some, asked: Floats, near: Near, frames: Floats, stopping: Floats) -> Floats:
        """What the programme answers, where something would be used up too fast."""
        step = (asked - some.last).T[:, near.row]
        short = ~((near.slope * step).sum(axis=0) >= self.bounds.dt * self._least(some, near))
        if not np.count_nonzero(short):
            return super()._sent(some, asked, near, frames, stopping)
        breaks = np.zeros(len(asked), bool)
        breaks[near.row[short]] = True
        fine = near.part(np.flatnonzero(~breaks[near.row]))
        sent = super()._sent(some, asked.copy(), fine, frames, stopping)
        at = np.flatnonzero(breaks)
        sent[at] = self._solved(some.part(at), asked[at], frames[..., at])
        return sent

    def _least(self, some: Some, near: Near) -> Floats:
        """(m,) m/s, what the speed of each pair must at least come to. A drive is behind its command."""
        behind = (near.slope * (some.last - some.q).T[:, near.row]).sum(axis=0)
        least: Floats = -self.gamma * (near.gap + np.minimum(behind, 0.0) - MARGIN_M)
        return least

    def _solved(self, some: Some, asked: Floats, frames: Floats) -> Floats:
        """(k, nq) what the programme answers; where it has no answer, or one that does not pass, the arm brakes."""
        bounds, last, k = self.bounds, some.last, len(asked)
        most = self._most(some)
        near = self.watch.near(some.rows, some.q.T, frames, most, self.watch.left(some.rows, some.q.T, some.tool.T, most))
        near = near.part(np.argsort(near.row, kind="stable"))
        far = np.repeat([-np.inf, np.inf], k)[:, None] * np.ones(last.shape[1])
        low, high = bounds.reachable(far, np.tile(last, (2, 1)), np.tile(some.last_v, (2, 1))).reshape(2, k, -1)
        wish = np.minimum(np.maximum((asked - last) / bounds.dt, low), high)
        x, solved = nearest(wish, low, high, near.slope.T, self._least(some, near), near.row)
        sent = last + x * bounds.dt
        command, rest = ends(bounds, last.T, some.last_v.T, sent.T)
        return self._braked(some, sent, ~solved | self.watch.leaving(some.q.T, command, rest, near))

    def _most(self, some: Some) -> Floats:
        """(nq, k) rad, how far joints may turn whatever the programme answers."""
        bounds = self.bounds
        speed = np.abs(some.last_v) + bounds.gain
        spent = 0.5 * periods(bounds, speed)[:, None] + 0.5
        off = np.abs(some.last + some.last_v * bounds.dt - some.q) + bounds.gain * bounds.dt
        most: Floats = (1.0 + STRAY) * (off + speed * (bounds.dt * spent))
        return most.T
