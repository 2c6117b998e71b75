"""Control barrier function: the least change of a command that keeps joint limits, workspace and obstacles at once.

Joint speeds x minimise ‖x − asked‖² under the joints' limits and, for every watched point with distance h to its face and slope
∇h (Ames et al. 2017),  ∇h·x ≥ −γ·(h − margin).  One quadratic programme a row, only for rows that would break a constraint.

Promise: that of `workspace_box` and `keep_out` together, since what the programme answers has to pass their criterion too.
Where it has no solution, or its solution does not pass, the declared fallback is taken in the same tick: the arm brakes.
Obstacles that a row is far from are left out of its programme. Distances of the arm to itself are not looked at.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.braking import MARGIN_M, levers
from twin.control.safety.keepout import KeepOut
from twin.control.safety.limits import Bounds, braked
from twin.control.safety.qp import nearest
from twin.core.records import Certified, Floats, Ints, Observation
from twin.world.spheres import Spheres

FACES = 8
"""Of a row's faces so many of the nearest go into its programme."""


class Barrier(KeepOut):
    """Filter over joint targets: the tool in a box, spheres out of volumes."""

    name = "cbf"

    def __init__(
        self, body: Spheres, bounds: Bounds, box: Floats, volumes: Floats, table: bool, gamma: float, rows: int
    ) -> None:
        """box (2, 3) m for the tool; volumes (k, 2, 3) m; gamma 1/s, how fast a distance may be used up."""
        super().__init__(body, bounds, volumes, table, rows)
        self.box, self.gamma = box, gamma
        self.lever = self.bend = np.concatenate((self.lever, np.tile(levers(body.arm), (6, 1))))
        self._known = np.full((rows, len(self.lever)), -np.inf)

    def clear(self, q: Floats, faces: Floats | None) -> Floats:
        """(n, S·k, links, 6): spheres from volumes, links from the table, the tool from the box."""
        tool, _ = self.arm.fk(q)
        return np.concatenate((super().clear(q, faces), tool - self.box[0], self.box[1] - tool), axis=1)

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n, dt = len(command), self.bounds.dt
        fast = np.abs(command[:, :-1] - seen.last[:, :-1]).T * (1.0 / (dt * self.gamma))
        left = self.left(seen, np.maximum(self._way(seen, command), fast))
        changed, stop = np.zeros(n, np.int64), np.zeros(n, bool)
        near = ~(left > MARGIN_M)
        if np.count_nonzero(near):
            which: Ints = np.flatnonzero(near)
            solved = self._solve(seen.q[which], seen.last[which, :-1], seen.last_v[which], command[which, :-1])
            off = np.abs(solved - command[which, :-1]).max(axis=1) > 1e-12
            if np.count_nonzero(off):
                command = command.copy()
                command[which[off], :-1], changed[which[off]] = solved[off], 1
        return Certified(command, changed, left, stop)

    def _solve(self, q: Floats, last: Floats, last_v: Floats, asked: Floats) -> Floats:
        """(k, nq) what joints near something are sent."""
        bounds, dt = self.bounds, self.bounds.dt
        low = bounds.reachable(np.full_like(last, -np.inf), last, last_v)
        high = bounds.reachable(np.full_like(last, np.inf), last, last_v)
        wish = np.minimum(np.maximum((asked - last) / dt, low), high)
        slope, least = self._constraints(q, last)
        breaks = ~((slope * wish[:, None]).sum(axis=2) >= least).all(axis=1)
        x, fine = wish.copy(), ~breaks
        if np.count_nonzero(breaks):
            x[breaks], fine[breaks] = nearest(wish[breaks], low[breaks], high[breaks], slope[breaks], least[breaks])
        sent: Floats = np.where(breaks[:, None], last + x * dt, asked)
        fine &= ~self.leaving(q, last, last_v, sent)
        if not fine.all():
            held = ~fine
            slower = bounds.reachable(braked(bounds, last_v[held]), last[held], last_v[held])
            sent[held] = last[held] + slower * dt
        return sent

    def _constraints(self, q: Floats, last: Floats) -> tuple[Floats, Floats]:
        """Slopes (k, FACES, nq) of the nearest faces at the commanded joints, and what they must at least come to."""
        faces = self.faces(q)
        room = np.minimum(self.clear(q, faces), self.clear(last, faces))
        m = min(FACES, room.shape[1])
        nearby = np.sort(np.argpartition(room, m - 1, axis=1)[:, :m], axis=1)
        row = np.arange(len(q))[:, None]
        point, normal, carried = self._faced(last, faces, row, nearby)
        frames = self.arm.frames(last)
        axis, origin = frames[:-1, :, 2].transpose(2, 0, 1)[:, None], frames[:-1, :, 3].transpose(2, 0, 1)[:, None]
        arm = point[:, :, None] - origin
        n = normal[:, :, None]
        turned = np.stack((
            arm[..., 1] * n[..., 2] - arm[..., 2] * n[..., 1],
            arm[..., 2] * n[..., 0] - arm[..., 0] * n[..., 2],
            arm[..., 0] * n[..., 1] - arm[..., 1] * n[..., 0],
        ), axis=3)  # fmt: skip
        slope = (axis * turned).sum(axis=3) * (np.arange(self.arm.nq) <= carried[:, :, None])
        return slope, -self.gamma * (room[row, nearby] - MARGIN_M)

    def _faced(self, last: Floats, faces: Floats, row: Ints, which: Ints) -> tuple[Floats, Floats, Ints]:
        """Of faces by number (k, m): the watched point, the normal, and the joint that carries the point."""
        body, volumes = self.body, faces.shape[2]
        points = np.concatenate((body.at(last), self.arm.fk(last)[0][:, None]), axis=1)
        tool, up = len(body.link), np.tile([0.0, 0.0, 1.0], (len(self._links), 1))
        owner = np.concatenate((np.repeat(np.arange(tool), volumes), self._links, np.full(6, tool)))
        fixed = np.concatenate((np.zeros((tool * volumes, 3)), up, np.eye(3), -np.eye(3)))
        normal = fixed[which]
        free = which < tool * volumes
        at, k = np.nonzero(free)
        number = which[at, k]
        normal[at, k] = faces[at, number // volumes, number % volumes, :3] if volumes else normal[at, k]
        carried = np.append(body.link, self.arm.nq - 1)[owner[which]]
        return points[row, owner[which]], normal, carried
