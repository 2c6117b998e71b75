"""People who walk into cells: where they are (ground truth), and where a scanner says they are, which is where they were."""

from __future__ import annotations

import numpy as np

from twin.core.clock import US
from twin.core.records import Bools, Floats, Ints, Rows

NEVER_LEFT = 1 << 62
MOVES_MPS = 0.05
"""A tool slower than this stands."""


class Persons:
    """At most one person in each of n cells, who walks straight from a door to a place and stands there until leaving."""

    def __init__(self, n: int, scanner_s: float = 0.1, clearance_m: float = 0.3) -> None:
        """scanner_s: how old what the scanner says is; clearance_m: nearer than this nothing may move."""
        self.scanner_us, self.clearance_m = round(scanner_s * US), clearance_m
        self.door, self.way, self.walk_s = np.zeros((n, 3)), np.zeros((n, 3)), np.ones(n)
        self.from_us: Ints = np.full(n, NEVER_LEFT)
        self.until_us: Ints = np.full(n, NEVER_LEFT)
        self.any = False

    def enter(self, row: int, now_us: int, door: Floats, place: Floats, mps: float) -> None:
        """Somebody walks from `door` to `place` (3,) m, robot's base frame, and stays."""
        self.door[row], self.way[row] = door, place - door
        self.walk_s[row] = max(float(np.linalg.norm(place - door)) / mps, 1e-9)
        self.from_us[row], self.until_us[row] = now_us, NEVER_LEFT
        self.any = True

    def leave(self, row: int, now_us: int) -> None:
        """The person is gone."""
        self.until_us[row] = now_us

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

    def too_near(self, rows: Rows, now_us: int, tool: Floats, tool_v: Floats) -> Bools:
        """(n,) whether a tool moves nearer to a person than the clearance, on ground truth."""
        gap = self.where(rows, now_us) - tool
        near: Bools = ((gap * gap).sum(axis=1) < self.clearance_m**2) & ((tool_v * tool_v).sum(axis=1) > MOVES_MPS**2)
        return near
