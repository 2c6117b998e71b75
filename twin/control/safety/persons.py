"""People who walk into cells: where they are (ground truth), and where a scanner says they are, which is where they were.

A person is an upright line: what counts is how far, over the ground, the arm is from it, whatever its height.
"""

from __future__ import annotations

import numpy as np

from twin.core.clock import US
from twin.core.records import Bools, Floats, Ints, Rows
from twin.faults.injection import Injection
from twin.world.spheres import Spheres

NEVER_LEFT = 1 << 62
MOVES_MPS = 0.05
"""A point of an arm slower than this stands."""


class Persons:
    """At most one person in each of n cells, who walks straight from a door to a place and stands there until leaving."""

    def __init__(self, n: int, body: Spheres, scanner_s: float = 0.1, clearance_m: float = 0.3) -> None:
        """body: of the arm; scanner_s: how old what the scanner says is; clearance_m: nearer than this nothing may move."""
        self.body = body
        self.scanner_us, self.clearance_m = round(scanner_s * US), clearance_m
        self.door, self.way, self.walk_s = np.zeros((n, 3)), np.zeros((n, 3)), np.ones(n)
        self.from_us: Ints = np.full(n, NEVER_LEFT)
        self.until_us: Ints = np.full(n, NEVER_LEFT)
        self.any = False
        self.faults: dict[int, Injection] = {}
        """The fault of the plan that sent somebody into a row, where the row's work beside them is its effect."""

    def enter(self, row: int, now_us: int, door: Floats, place: Floats, mps: float) -> None:
        """Somebody walks from `door` to `place` (3,) m, robot's base frame, and stays."""
        self.door[row], self.way[row] = door, place - door
        self.walk_s[row] = max(float(np.linalg.norm(place - door)) / mps, 1e-9)
        self.from_us[row], self.until_us[row] = now_us, NEVER_LEFT
        self.any = True

    def leave(self, row: int, now_us: int) -> None:
        """The person is gone."""
        self.until_us[row] = now_us
        self.faults.pop(row, None)

    def measure(self, rows: Rows, now_us: int, period_us: int) -> None:
        """These rows are at work for a period: faults whose people are there are told."""
        for row in rows[~np.isnan(self.where(rows, now_us)[:, 0])].tolist() if self.faults else ():
            if row in self.faults:
                self.faults[row].measured(period_us / US)

    def where(self, rows: Rows, at_us: int) -> Floats:
        """(n, 3) m where people are at a time; NaN: nobody."""
        spent = np.clip((at_us - self.from_us[rows]) / US / self.walk_s[rows], 0.0, 1.0)
        place = self.door[rows] + spent[:, None] * self.way[rows]
        there = (self.from_us[rows] <= at_us) & (at_us < self.until_us[rows])
        found: Floats = np.where(there[:, None], place, np.nan)
        return found

    def seen(self, rows: Rows, now_us: int) -> tuple[Floats, Floats]:
        """What the scanner says, and how old it is in s."""
        return self.where(rows, now_us - self.scanner_us), np.full(len(rows), self.scanner_us / US)

    def too_near(self, rows: Rows, now_us: int, q: Floats, dq: Floats) -> Bools:
        """(n,) whether anything of an arm moves nearer to a person than the clearance, on ground truth."""
        near: Bools = self.apart(rows, now_us, q, dq) < self.clearance_m
        return near

    def apart(self, rows: Rows, now_us: int, q: Floats, dq: Floats) -> Floats:
        """(n,) m from a person to the nearest point that moves of an arm at joints (n, nq), (n, nq) rad/s; infinite: none."""
        out, people = np.full(len(rows), np.inf), self.where(rows, now_us)
        there = np.flatnonzero(~np.isnan(people[:, 0]))
        if len(there):
            place, jac = self.body.solve(q[there])
            speed = np.sqrt(((jac * dq[there][:, None, None]).sum(axis=3) ** 2).sum(axis=2))
            gap = over_ground(place, people[there]) - self.body.radius
            out[there] = np.where(speed > MOVES_MPS, gap, np.inf).min(axis=1)
        return out


def over_ground(place: Floats, people: Floats) -> Floats:
    """(n, S) m from people (n, 3) to places (n, S, 3), whatever their height."""
    gap = place[..., :2] - people[:, None, :2]
    apart: Floats = np.sqrt((gap * gap).sum(axis=2))
    return apart
