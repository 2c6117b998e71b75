"""How near an arm is to itself: spheres of links at least `APART` joints apart, such as a hand and an upper arm.

Neighbours, and links with one between them, touch by design or are kept apart by the ends of a joint; they are not looked at,
and neither are pairs whose spheres, which are larger than what they cover, touch while the arm is at home.
"""

from __future__ import annotations

import math

import numpy as np

from twin.control.safety.braking import MARGIN_M, spread
from twin.core.compiled import compiled
from twin.core.records import Bools, Floats, Ints, Rows
from twin.world.spheres import Spheres

APART = 3


class Itself:
    """The pairs of an arm's spheres on a lane's rows, with the least distance of each row where it was last looked at."""

    def __init__(self, body: Spheres, rows: int) -> None:
        place = body.at(body.arm.home[None])[0]
        home = np.linalg.norm(place[:, None] - place, axis=2) - body.radius[:, None] - body.radius
        outer, inner = np.nonzero((body.link[:, None] - body.link >= APART) & (home > 2 * MARGIN_M))
        self.body, self.outer, self.inner = body, outer, inner
        self.lever: Floats = body.levers(spread(body.arm))
        """(S, nq) m, the furthest that each sphere gets from the axis of each joint."""
        between = np.arange(body.arm.nq) > body.link[inner, None]
        self.turned: Floats = (self.lever[outer] * between).T.copy()
        """(nq, pairs) m, the most that a radian of each joint changes each distance."""
        links, self.group = np.unique(np.stack((body.link[outer], body.link[inner])), axis=1, return_inverse=True)
        self._most: Floats = np.zeros((links.shape[1], body.arm.nq))
        np.maximum.at(self._most, self.group, self.turned.T)
        self._known, self._where = np.full((rows, links.shape[1]), -np.inf), np.zeros((rows, body.arm.nq))

    def left(self, rows: Rows, q: Floats, turn: Floats, far: Floats) -> None:
        """Into far (n,) m, if it is less: so far apart at least are all pairs of some rows once joints at `q` (nq, n) have
        turned by `turn` (nq, n)."""
        _left(self._known, self._where, self._most, rows, q, turn, far)

    def near(self, rows: Rows, q: Floats, place: Floats, turn: Floats) -> tuple[Ints, Ints, Floats]:
        """Pairs, and rows of k, that turning so far may bring together, at `q` (nq, k), spheres at `place` (S, 3, k); and
        (k,) m, at least so far apart are all of a row then."""
        close, known, far = self._looked(place, turn)
        self._known[rows], self._where[rows] = known, q.T
        pair, row = np.nonzero(close)
        return pair, row, far

    def _looked(self, place: Floats, turn: Floats) -> tuple[Bools, Floats, Floats]:
        n = place.shape[2]
        out = np.zeros((len(self.outer), n), bool), np.empty((n, len(self._most))), np.empty(n)
        _look(place, self.body.radius, self.outer, self.inner, self.group, self.turned, turn, *out)
        return out

    def gaps(self, q: Floats) -> Floats:
        """(n,) m, the least distance of any pair at joints (n, nq)."""
        return self._looked(self.body.place(self.body.arm.frames(q)), np.zeros(q.T.shape))[2]


@compiled
def _left(known: Floats, where: Floats, most: Floats, rows: Rows, q: Floats, turn: Floats, far: Floats) -> None:
    nq = len(q)
    moved = np.empty(nq)
    for i in range(len(rows)):
        for j in range(nq):
            moved[j] = abs(q[j, i] - where[rows[i], j]) + turn[j, i]
        for g in range(len(most)):
            room = known[rows[i], g]
            for j in range(nq):
                room -= most[g, j] * moved[j]
            if not room >= far[i]:
                far[i] = room


@compiled
def _look(
    place: Floats, radius: Floats, outer: Ints, inner: Ints, group: Ints, turned: Floats, turn: Floats,
    close: Bools, known: Floats, far: Floats,
) -> None:  # fmt: skip
    known[:], far[:] = np.inf, np.inf
    for i in range(place.shape[2]):
        for p in range(len(outer)):
            a, b = outer[p], inner[p]
            x, y, z = place[a, 0, i] - place[b, 0, i], place[a, 1, i] - place[b, 1, i], place[a, 2, i] - place[b, 2, i]
            gap = math.sqrt(x * x + y * y + z * z) - radius[a] - radius[b]
            moved = 0.0
            for j in range(len(turn)):
                moved += turned[j, p] * turn[j, i]
            known[i, group[p]] = min(known[i, group[p]], gap)
            far[i] = min(far[i], gap - moved)
            close[p, i] = not gap - moved > MARGIN_M
