"""Points of an arm and the faces that they must stay clear of: spheres from boxes, links from the table, the tool in a box.

Most rows are far from everything and are told so from the last distances that were worked out, less what the arm moved since.
Only for the others is there kinematics, and only for pairs of a point and a face that could meet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from twin.control.safety.braking import BEND, MARGIN_M, STRAY, levers, reaches, spread
from twin.core.records import Bools, Floats, Ints, Rows
from twin.world.spheres import Spheres


class Near(NamedTuple):
    """m pairs of a watched point and the plane of a face.

    row (m,) which arm; point (m,); normal (3, m) and off (m,) m of the plane; gap (m,) m, how far the point is from
    it now; slope (nq, m) m/rad, how that changes with each joint; lever (nq, m), the most that it changes.
    """

    row: Ints
    point: Ints
    normal: Floats
    off: Floats
    gap: Floats
    slope: Floats
    lever: Floats

    def part(self, at: Ints) -> Near:
        """Some of them, by number."""
        row, point, *rest = self
        return Near(row[at], point[at], *(each[..., at] for each in rest))


class Left(NamedTuple):
    """At least so far (n,) m everything is, spheres are, and (6, n) the tool is from each face of its box; NaN: not known."""

    all: Floats
    far: Floats
    room: Floats | None

    def part(self, at: Ints) -> Left:
        """Of some rows."""
        return Left(self.all[at], self.far[at], None if self.room is None else self.room[:, at])


class Watch:
    """What is watched on a lane's rows, with the least distance of each link where its row was last looked at."""

    def __init__(self, body: Spheres, boxes: Floats, table: bool, rows: int, box: Floats | None = None) -> None:
        """boxes (k, 2, 3) m: corners of what is kept out of; table: whether links stay above z = 0; box (2, 3) m: where the
        tool stays; None: anywhere."""
        arm, count = body.arm, len(body.link)
        self.body, self.arm, self.box = body, arm, box
        self._link, self._radius = np.append(body.link, arm.nq - 1), np.append(body.radius, 0.0)
        self._centre = np.concatenate((body.centre, np.zeros((1, 3))))
        self._bend = np.concatenate((body.levers(spread(arm)), levers(arm)[None])).T
        """(nq, points) m, the furthest that each point gets from the axis of each joint."""
        self._lever, self._along = self._bend[:, :count], reaches(arm).T
        self._runs: Ints = np.flatnonzero(np.diff(2 * body.link + body.hand, prepend=-1))
        """Where the spheres of each link, and those of the hand, begin."""
        self._longest = np.maximum.reduceat(self._lever, self._runs, axis=1)
        self._low, self._high = boxes[:, 0].T[:, :, None], boxes[:, 1].T[:, :, None]
        self._boxes, self._table = boxes, np.flatnonzero(~body.hand) if table else np.zeros(0, np.int64)
        if box is not None:
            self._sides = np.column_stack((np.concatenate((np.eye(3), -np.eye(3))), np.concatenate((box[0], -box[1]))))
            """(6, 4), normals and offsets of the box's faces."""
        self._known, self._where = np.full((len(self._runs), rows), -np.inf), np.zeros((arm.nq, rows))

    def left(self, rows: Rows, q: Floats, tool: Floats, turn: Floats) -> Left:
        """How far everything is from its face once each joint at `q` (nq, n) rad, the tool reported at (3, n) m, has turned by
        `turn` (nq, n)."""
        at = slice(None) if len(rows) == self._known.shape[1] else rows
        room = _moved(self._longest, np.abs(q - self._where[:, at]) + turn)
        far: Floats = np.subtract(self._known[:, at], room, out=room).min(axis=0, initial=np.inf)
        if self.box is None:
            return Left(far, far, None)
        moved = (turn[:, None] * self._along[:, :, None]).sum(axis=0)
        room = np.concatenate((tool - self.box[0][:, None] - moved, self.box[1][:, None] - tool - moved))
        return Left(np.minimum(far, room.min(axis=0)), far, room)

    def near(self, rows: Rows, q: Floats, frames: Floats, turn: Floats, left: Left) -> Near:
        """The pairs that arms at `q` (nq, k), which have these frames, may come together by turning so far.

        left: what `left` said of them, which is brought up to date.
        """
        found: list[tuple[Ints, Ints, Floats]] = []
        poor = np.flatnonzero(~(left.far > MARGIN_M))
        if len(poor):
            place = self.body.place(frames[..., poor])
            apart, above = self._apart(place), self._above(place)
            known = apart.min(axis=1, initial=np.inf)
            known[self._table] = np.minimum(known[self._table], above)
            self._known[:, rows[poor]] = np.minimum.reduceat(known, self._runs)
            self._where[:, rows[poor]] = q[:, poor]
            moved = _moved(self._lever, turn[:, poor])
            left.far[poor] = (known - moved).min(axis=0, initial=np.inf)
            moved += MARGIN_M
            if np.count_nonzero(close := ~(apart > moved[:, None])):
                sphere, box, row = np.nonzero(close)
                found.append((poor[row], sphere, self._planes(place[sphere, :, row], box)))
            if np.count_nonzero(close := ~(above > moved[self._table])):
                link, row = np.nonzero(close)
                found.append((poor[row], self._table[link], np.tile([0.0, 0.0, 1.0, 0.0], (len(row), 1))))
        if left.room is not None:
            np.minimum(left.far, left.room.min(axis=0), out=left.all)
            if np.count_nonzero(close := ~(left.room > MARGIN_M)):
                face, row = np.nonzero(close)
                found.append((row, np.full(len(row), len(self._radius) - 1), self._sides[face]))
        if not found:
            return self._pairs(frames, poor[:0], poor[:0], np.zeros((4, 0)))
        row, point, plane = found[0] if len(found) == 1 else (np.concatenate(part) for part in zip(*found, strict=True))
        return self._pairs(frames, row, point, plane.T)

    def gaps(self, q: Floats) -> Floats:
        """(n,) m, the least distance of any sphere from a box or the table at joints (n, nq); negative: within it."""
        place = self.body.place(self.arm.frames(q))
        both = self._above(place).min(axis=0, initial=np.inf), self._apart(place).min(axis=(0, 1), initial=np.inf)
        least: Floats = np.minimum(*both)
        return least

    def leaving(self, q: Floats, command: Floats, rest: Floats, near: Near) -> Bools:
        """(k,) whether arms at `q` (nq, k), sent to `command` (nq, k) and then to `rest`, might get out by one of the pairs.

        The corners of the triangle are worked out from slopes and what they may bend; where that does not do, anew.
        """
        row = near.row
        one, two = command - q, rest - q
        longest = np.maximum(np.maximum(np.abs(one), np.abs(two)), np.abs(two - one))
        share = longest[:, row]
        astray = STRAY * (near.lever * share).sum(axis=0)
        bent = longest.sum(axis=0)[row] * (self._bend[:, near.point] * share).sum(axis=0)
        ends = near.gap + np.minimum((near.slope * one[:, row]).sum(axis=0), (near.slope * two[:, row]).sum(axis=0))
        bad = ~(ends - astray - 0.5 * bent >= np.minimum(near.gap, MARGIN_M))  # within the margin one may only come back
        at: Ints = np.flatnonzero(bad)
        if len(at):
            which, place = np.unique(row[at], return_inverse=True)
            frames = self.arm.frames(np.concatenate((command[:, which], rest[:, which]), axis=1).T)
            some = near.part(at)
            ends = np.minimum(self._gap(frames, place, some), self._gap(frames, place + len(which), some))
            bad[at] = ~(ends - astray[at] - BEND * bent[at] >= np.minimum(some.gap, MARGIN_M))
        out = np.zeros(q.shape[1], bool)
        out[row[bad]] = True
        return out

    def _apart(self, place: Floats) -> Floats:
        """(S, boxes, k) m, spheres centred at (S, 3, k) from boxes; negative: how deep within."""
        x, y, z = (
            np.maximum(low - at[:, None], at[:, None] - high)
            for low, high, at in zip(self._low, self._high, place.transpose(1, 0, 2), strict=True)
        )
        deep = np.maximum(np.maximum(x, y), z)
        np.minimum(deep, 0.0, out=deep)
        for side in (x, y, z):
            np.square(np.maximum(side, 0.0, out=side), out=side)
        x += y
        x += z
        apart: Floats = np.sqrt(x, out=x)
        apart += deep
        apart -= self.body.radius[:, None, None]
        return apart

    def _above(self, place: Floats) -> Floats:
        """(links, k) m, links above the table."""
        above: Floats = place[self._table, 2] - self.body.radius[self._table, None]
        return above

    def _planes(self, point: Floats, box: Ints) -> Floats:
        """(m, 4): normals and offsets of the planes between points (m, 3) and boxes by number."""
        low, high = self._boxes[box, 0], self._boxes[box, 1]
        nearest = np.minimum(np.maximum(point, low), high)
        way = point - nearest
        length = np.sqrt((way * way).sum(axis=1, keepdims=True))
        depth = np.concatenate((point - low, high - point), axis=1)  # within a box: out by the nearest face
        inner = np.concatenate((-np.eye(3), np.eye(3)))[depth.argmin(axis=1)]
        within = length <= 1e-9
        normal = np.where(within, inner, way / np.where(within, 1.0, length))
        touch = np.where(within, np.where(inner > 0, high, low), nearest)
        return np.column_stack((normal, (normal * touch).sum(axis=1)))

    def _pairs(self, frames: Floats, row: Ints, point: Ints, plane: Floats) -> Near:
        """Pairs in full, from frames (nq + 1, 3, 4, k)."""
        normal, off = plane[:3], plane[3]
        place = self._place(frames, row, point)
        axis, arm = frames[:-1, :, 2][..., row], place - frames[:-1, :, 3][..., row]
        slope = normal[0] * (axis[:, 1] * arm[:, 2] - axis[:, 2] * arm[:, 1])
        slope += normal[1] * (axis[:, 2] * arm[:, 0] - axis[:, 0] * arm[:, 2])
        slope += normal[2] * (axis[:, 0] * arm[:, 1] - axis[:, 1] * arm[:, 0])
        slope *= np.arange(self.arm.nq)[:, None] <= self._link[point]
        lever = self._bend[:, point].copy()
        tool = point == len(self._radius) - 1
        if np.count_nonzero(tool):
            lever[:, tool] = self._along[:, np.abs(normal[:, tool]).argmax(axis=0)]
        gap = (normal * place).sum(axis=0) - off - self._radius[point]
        return Near(row, point, normal, off, gap, slope, lever)

    def _place(self, frames: Floats, row: Ints, point: Ints) -> Floats:
        """(3, m) m, where points are."""
        carried, centre = frames[self._link[point] + 1, :, :, row], self._centre[point]
        place: Floats = carried[:, :, 3] + carried[:, :, 0] * centre[:, :1]
        place += carried[:, :, 1] * centre[:, 1:2]
        place += carried[:, :, 2] * centre[:, 2:]
        return place.T

    def _gap(self, frames: Floats, row: Ints, near: Near) -> Floats:
        """(m,) m, distances of pairs from their planes at other frames."""
        gap: Floats = (near.normal * self._place(frames, row, near.point)).sum(axis=0) - near.off - self._radius[near.point]
        return gap


def _moved(lever: Floats, turn: Floats) -> Floats:
    """(S, n) m, the most that points with levers (nq, S) move while joints turn by (nq, n) rad."""
    moved: Floats = lever[0][:, None] * turn[0]
    for each, by in zip(lever[1:], turn[1:], strict=True):
        first = int(np.argmax(each > 0))  # points before this joint do not move with it
        moved[first:] += each[first:, None] * by
    return moved
