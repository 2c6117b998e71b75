"""Points of an arm and the faces that they must stay clear of: spheres from boxes, links from the table, the tool in a box.

Most rows are far from everything and are told so from the last distances that were worked out, less what the arm moved since.
Only for the others is there kinematics, and only for pairs of a point and a face that could meet.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from twin.control.safety.braking import BEND, MARGIN_M, STRAY, levers, reaches, spread
from twin.control.safety.itself import Itself
from twin.core.compiled import compiled
from twin.core.records import Bools, Floats, Ints, Rows
from twin.world.spheres import Spheres


class Near(NamedTuple):
    """m pairs of a watched point and the plane of a face, or of two points of the arm, the plane going along with the other.

    row (m,) which arm; point (m,); other (m,), the point that the plane goes along with, -1: it stays; normal (3, m) and off
    (m,) m of the plane; gap (m,) m, how far the point is from it now; slope (nq, m) m/rad, how that changes with each joint;
    lever (nq, m), the most that it changes; bend (nq, m) m, the furthest of the point from each axis, as seen by the other.
    """

    row: Ints
    point: Ints
    other: Ints
    normal: Floats
    off: Floats
    gap: Floats
    slope: Floats
    lever: Floats
    bend: Floats

    def part(self, at: Ints) -> Near:
        """Some of them, by number."""
        row, point, other, *rest = self
        return Near(row[at], point[at], other[at], *(each[..., at] for each in rest))


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

    def __init__(
        self, body: Spheres, boxes: Floats, table: bool, rows: int, box: Floats | None = None, itself: bool = False
    ) -> None:
        """boxes (k, 2, 3) m: corners of what is kept out of; table: whether links stay above z = 0; box (2, 3) m: where the
        tool stays; None: anywhere; itself: whether the arm stays clear of itself."""
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
        self._boxes, self._table = boxes, ~body.hand & table
        """(boxes, 2, 3) m, and (S,) which spheres are to stay above the table."""
        if box is not None:
            self._sides = np.column_stack((np.concatenate((np.eye(3), -np.eye(3))), np.concatenate((box[0], -box[1]))))
            """(6, 4), normals and offsets of the box's faces."""
        self.itself = Itself(body, rows) if itself else None
        self._known, self._where = np.full((len(self._runs), rows), -np.inf), np.zeros((arm.nq, rows))

    def left(self, rows: Rows, q: Floats, tool: Floats, turn: Floats) -> Left:
        """How far everything is from its face once each joint at `q` (nq, n) rad, the tool reported at (3, n) m, has turned by
        `turn` (nq, n)."""
        far: Floats = np.full(len(rows), np.inf)
        _far(self._known, self._where, self._longest, rows, q, turn, far)
        if self.itself is not None:
            self.itself.left(rows, q, turn, far)
        if self.box is None:
            return Left(far, far, None)
        room: Floats = np.empty((6, len(rows)))
        least = far.copy()
        _rooms(self.box, self._along, tool, turn, room, least)
        return Left(least, far, room)

    def near(self, rows: Rows, q: Floats, frames: Floats, turn: Floats, left: Left) -> Near:
        """The pairs that arms at `q` (nq, k), which have these frames, may come together by turning so far.

        left: what `left` said of them, which is brought up to date.
        """
        found: list[tuple[Ints, Ints, Floats]] = []
        pairs: list[Near] = []
        poor = np.flatnonzero(~(left.far > MARGIN_M))
        if len(poor):
            place = self.body.place(frames[..., poor])
            known, left.far[poor], by_box, by_table = self._looked(place, turn[:, poor])
            self._known[:, rows[poor]] = np.minimum.reduceat(known, self._runs)
            self._where[:, rows[poor]] = q[:, poor]
            if np.count_nonzero(by_box):
                sphere, box, row = np.nonzero(by_box)
                found.append((poor[row], sphere, self._planes(place[sphere, :, row], box)))
            if np.count_nonzero(by_table):
                link, row = np.nonzero(by_table)
                found.append((poor[row], link, np.tile([0.0, 0.0, 1.0, 0.0], (len(row), 1))))
            if self.itself is not None:
                pair, row, apart_s = self.itself.near(rows[poor], q[:, poor], place, turn[:, poor])
                left.far[poor] = np.minimum(left.far[poor], apart_s)
                if len(row):
                    pairs.append(self._both(frames, poor[row], pair))
        if left.room is not None:
            np.minimum(left.far, left.room.min(axis=0), out=left.all)
            if np.count_nonzero(close := ~(left.room > MARGIN_M)):
                face, row = np.nonzero(close)
                found.append((row, np.full(len(row), len(self._radius) - 1), self._sides[face]))
        if found or not pairs:
            found = found or [(poor[:0], poor[:0], np.zeros((0, 4)))]
            row, point, plane = found[0] if len(found) == 1 else (np.concatenate(part) for part in zip(*found, strict=True))
            pairs.append(self._pairs(frames, row, point, plane.T))
        return pairs[0] if len(pairs) == 1 else Near(*(np.concatenate(part, axis=-1) for part in zip(*pairs, strict=True)))

    def gaps(self, q: Floats) -> Floats:
        """(n,) m, the least distance of any sphere from a box or the table at joints (n, nq); negative: within it."""
        return self._looked(self.body.place(self.arm.frames(q)), np.zeros(q.T.shape))[1]

    def leaving(self, q: Floats, command: Floats, rest: Floats, near: Near) -> Bools:
        """(k,) whether arms at `q` (nq, k), sent to `command` (nq, k) and then to `rest`, might get out by one of the pairs.

        The corners of the triangle are worked out from slopes and what they may bend; where that does not do, anew.
        """
        row = near.row
        one, two = command - q, rest - q
        longest = np.maximum(np.maximum(np.abs(one), np.abs(two)), np.abs(two - one))
        share = longest[:, row]
        astray = STRAY * (near.lever * share).sum(axis=0)
        bent = longest.sum(axis=0)[row] * (near.bend * share).sum(axis=0)
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

    def _looked(self, place: Floats, turn: Floats) -> tuple[Floats, Floats, Bools, Bools]:
        """Of spheres centred at (S, 3, k) m, once joints have turned by (nq, k): (S, k) m, how far each is from what is nearest
        now; (k,) m, the least that is left then; whether boxes (S, boxes, k), and the table (S, k), may be met."""
        count, _, k = place.shape
        out = np.empty((count, k)), np.empty(k), np.zeros((count, len(self._boxes), k), bool), np.zeros((count, k), bool)
        _look(place, self.body.radius, self._boxes, self._table, self._lever, turn, *out)
        return out

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
        slope = self._slope(frames, row, place, normal)
        slope *= np.arange(self.arm.nq)[:, None] <= self._link[point]
        bend = self._bend[:, point]
        lever = bend.copy()
        tool = point == len(self._radius) - 1
        if np.count_nonzero(tool):
            lever[:, tool] = self._along[:, np.abs(normal[:, tool]).argmax(axis=0)]
        gap = (normal * place).sum(axis=0) - off - self._radius[point]
        return Near(row, point, np.full(len(row), -1), normal, off, gap, slope, lever, bend)

    def _both(self, frames: Floats, row: Ints, pair: Ints) -> Near:
        """Pairs of two points of the arm in full."""
        assert self.itself is not None
        point, other, joint = self.itself.outer[pair], self.itself.inner[pair], np.arange(self.arm.nq)[:, None]
        place, there = self._place(frames, row, point), self._place(frames, row, other)
        way = place - there
        long = np.maximum(np.sqrt((way * way).sum(axis=0)), 1e-9)
        normal, off = way / long, self._radius[other]
        slope = self._slope(frames, row, place, normal)
        slope *= (joint > self._link[other]) & (joint <= self._link[point])  # joints before both turn them as one
        lever = self.itself.turned[:, pair]
        bend = np.where(joint <= self._link[other], long, lever)
        return Near(row, point, other, normal, off, long - off - self._radius[point], slope, lever, bend)

    def _slope(self, frames: Floats, row: Ints, place: Floats, normal: Floats) -> Floats:
        """(nq, m) m/rad, how points at `place` (3, m) move along normals (3, m) with each joint, if it carries them."""
        axis, arm = frames[:-1, :, 2][..., row], place - frames[:-1, :, 3][..., row]
        slope: Floats = normal[0] * (axis[:, 1] * arm[:, 2] - axis[:, 2] * arm[:, 1])
        slope += normal[1] * (axis[:, 2] * arm[:, 0] - axis[:, 0] * arm[:, 2])
        slope += normal[2] * (axis[:, 0] * arm[:, 1] - axis[:, 1] * arm[:, 0])
        return slope

    def _place(self, frames: Floats, row: Ints, point: Ints) -> Floats:
        """(3, m) m, where points are."""
        carried, centre = frames[self._link[point] + 1, :, :, row], self._centre[point]
        place: Floats = carried[:, :, 3] + carried[:, :, 0] * centre[:, :1]
        place += carried[:, :, 1] * centre[:, 1:2]
        place += carried[:, :, 2] * centre[:, 2:]
        return place.T

    def _gap(self, frames: Floats, row: Ints, near: Near) -> Floats:
        """(m,) m, distances of pairs from their planes at other frames."""
        place, two = self._place(frames, row, near.point), np.flatnonzero(near.other >= 0)
        if len(two):
            place[:, two] -= self._place(frames, row[two], near.other[two])
        gap: Floats = (near.normal * place).sum(axis=0) - near.off - self._radius[near.point]
        return gap


@compiled
def _far(known: Floats, where: Floats, longest: Floats, rows: Rows, q: Floats, turn: Floats, far: Floats) -> None:
    """Into far (n,) m, what is left of `known` (links, rows) once joints have moved from `where` (nq, rows) to q and on."""
    for i in range(len(rows)):
        for s in range(len(known)):
            moved = 0.0
            for j in range(len(q)):
                moved += longest[j, s] * (abs(q[j, i] - where[j, rows[i]]) + turn[j, i])
            left = known[s, rows[i]] - moved
            if left < far[i] or math.isnan(left):
                far[i] = left


@compiled
def _rooms(box: Floats, along: Floats, tool: Floats, turn: Floats, room: Floats, least: Floats) -> None:
    """Into room (6, n) m, how far tools are from each face of their box at least, and into least (n,) where that is less."""
    for i in range(len(least)):
        for a in range(3):
            moved = 0.0
            for j in range(len(turn)):
                moved += turn[j, i] * along[j, a]
            room[a, i], room[3 + a, i] = tool[a, i] - box[0, a] - moved, box[1, a] - tool[a, i] - moved
        for face in range(6):
            if room[face, i] < least[i] or math.isnan(room[face, i]):
                least[i] = room[face, i]


@compiled
def _look(
    place: Floats, radius: Floats, boxes: Floats, table: Bools, lever: Floats, turn: Floats,
    known: Floats, far: Floats, by_box: Bools, by_table: Bools,
) -> None:  # fmt: skip
    far[:] = np.inf
    for s in range(len(place)):
        for i in range(len(far)):
            moved, least = 0.0, np.inf
            for j in range(len(turn)):
                moved += lever[j, s] * turn[j, i]
            for b in range(len(boxes)):
                outside, deep = 0.0, -np.inf
                for a in range(3):
                    side = max(boxes[b, 0, a] - place[s, a, i], place[s, a, i] - boxes[b, 1, a])
                    deep = max(deep, side)
                    outside += 0.0 if side < 0.0 else side * side  # what is not known stays so
                gap = math.sqrt(outside) + min(deep, 0.0) - radius[s]
                by_box[s, b, i] = not gap > moved + MARGIN_M
                if gap < least or math.isnan(gap):
                    least = gap
            if table[s]:
                gap = place[s, 2, i] - radius[s]
                by_table[s, i] = not gap > moved + MARGIN_M
                if gap < least or math.isnan(gap):
                    least = gap
            known[s, i] = least
            if least - moved < far[i] or math.isnan(least - moved):
                far[i] = least - moved
