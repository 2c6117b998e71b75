"""Keep-out volumes: spheres along the links, elbow and hand included, stay out of boxes, and the links above the table.

Promise: a command passes only if the arm, braking from it at once, keeps every sphere clear until it is at rest; else the arm
brakes now. Neighbours and fixtures are boxes in the robot's base frame. The hand may come down to the table: how far is for
`workspace_box` to say. Assumptions as in `workspace_box`.

Kinematics is done only for rows that may be near: what was clear stays clear by what it was less what the arm moved since.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.braking import MARGIN_M, Braking, spread
from twin.control.safety.limits import Bounds
from twin.core.records import Floats, Ints, Observation, Rows
from twin.world.spheres import Spheres


class KeepOut(Braking):
    """Filter over joint targets with spheres."""

    name = "keep_out"

    def __init__(self, body: Spheres, bounds: Bounds, boxes: Floats, table: bool, rows: int) -> None:
        """boxes (k, 2, 3) m: low and high corners; table: whether links must stay above z = 0; rows of the lane."""
        each = body.levers(spread(body.arm))
        self.body, self.low, self.high, self.table = body, boxes[:, 0], boxes[:, 1], table
        self._links: Ints = np.flatnonzero(~body.hand) if table else np.zeros(0, np.int64)
        owner = np.concatenate((np.repeat(np.arange(len(each)), len(boxes)), self._links))
        super().__init__(body.arm, bounds, each[owner])
        self._known, self._where = np.full((rows, len(owner)), -np.inf), np.zeros((rows, body.arm.nq))

    def left(self, seen: Observation, way: Floats) -> Floats:
        """From the last distances that were worked out, less what the arm moved since; anew where that leaves little."""
        rows = seen.rows
        far = self._left(rows, np.abs(seen.q - self._where[rows]) + way.T)
        poor = ~(far > MARGIN_M)
        if np.count_nonzero(poor):
            q, which = seen.q[poor], rows[poor]
            self._known[which], self._where[which] = self.clear(q, self.faces(q)), q
            far[poor] = self._left(which, way.T[poor])
        return far

    def _left(self, rows: Rows, turn: Floats) -> Floats:
        least: Floats = (self._known[rows] - (turn[:, None] * self.lever).sum(axis=2)).min(axis=1, initial=np.inf)
        return least

    def faces(self, q: Floats) -> Floats:
        """(n, S, k, 4): of each sphere and box the plane between them, normal and offset, at joints (n, nq)."""
        place = self.body.at(q)[:, :, None]
        nearest = np.minimum(np.maximum(place, self.low), self.high)
        way = place - nearest
        length = np.sqrt((way * way).sum(axis=3, keepdims=True))
        out = np.maximum(self.low - place, place - self.high)  # within a box: out by the nearest face
        face = out.argmax(axis=3)[..., None]
        inner = np.zeros_like(out)
        mid = place - 0.5 * (self.low + self.high)
        np.put_along_axis(inner, face, np.where(np.take_along_axis(mid, face, 3) < 0, -1.0, 1.0), 3)
        normal = np.where(length > 1e-9, way / np.maximum(length, 1e-9), inner)
        surface = np.where(normal > 0, self.high, self.low)
        touch = np.where(length > 1e-9, nearest, surface)
        return np.concatenate((normal, (normal * touch).sum(axis=3, keepdims=True)), axis=3)

    def clear(self, q: Floats, faces: Floats | None) -> Floats:
        """(n, S·k and links): distances of spheres to the planes, and of links to the table."""
        assert faces is not None
        place = self.body.at(q)
        gap = (faces[..., :3] * place[:, :, None]).sum(axis=3) - faces[..., 3] - self.body.radius[:, None]
        parts = [gap.reshape(len(q), -1)]
        parts.append(place[:, self._links, 2] - self.body.radius[self._links])
        return np.concatenate(parts, axis=1)
