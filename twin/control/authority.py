"""Authority: who may move a cell's robot. One lease a cell, held by policy, operator, reset program or technician.

A lease has a number. What comes under an older number is stale and moves nothing; a lease of somebody afar ends when nothing
was heard of its holder for `silence_s`, and then nobody moves the robot until somebody takes it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.core.clock import US
from twin.core.records import Bools, Ints, Rows

NOBODY, POLICY, OPERATOR, RESET, TECHNICIAN = range(5)
HOLDERS = ("nobody", "policy", "operator", "reset", "technician")
NEVER = 1 << 62


class Authority:
    """The leases of a lane's n rows."""

    def __init__(self, n: int) -> None:
        self.holder = np.full(n, POLICY, np.int8)
        self.lease: Ints = np.zeros(n, np.int64)
        self.name = [""] * n
        self.silence_us: Ints = np.full(n, NEVER)
        self.heard_us: Ints = np.zeros(n, np.int64)
        self.any = False
        """Whether anybody but policies holds a row."""

    def take(self, row: int, holder: int, name: str, now_us: int, silence_s: float | None = None) -> int | None:
        """A new lease for `holder`; None where somebody else holds the row who has to give it back first.

        The policy and nobody are always taken over from; a technician, who stands at the robot, from anybody.
        """
        there = int(self.holder[row])
        if there not in (NOBODY, POLICY) and (there, self.name[row]) != (holder, name) and holder != TECHNICIAN:
            return None
        return self._give(row, holder, name, now_us, silence_s)

    def give_back(self, row: int, lease: int, now_us: int) -> bool:
        """The holder is done; the policy has the row again. False for a lease that is over."""
        if lease != self.lease[row]:
            return False
        self._give(row, POLICY, "", now_us, None)
        return True

    def reset(self, row: int, now_us: int) -> None:
        """A new episode: the policy's, whoever held the row."""
        self._give(row, POLICY, "", now_us, None)

    def _give(self, row: int, holder: int, name: str, now_us: int, silence_s: float | None) -> int:
        self.holder[row], self.name[row], self.heard_us[row] = holder, name, now_us
        self.lease[row] += 1
        self.silence_us[row] = NEVER if silence_s is None else round(silence_s * US)
        self.any = bool((self.holder != POLICY).any())
        return int(self.lease[row])

    def accepts(self, row: int, lease: int, now_us: int) -> bool:
        """Whether a command under this lease may move the row: then it counts as heard."""
        if lease != self.lease[row]:
            return False
        self.heard_us[row] = now_us
        return True

    def by_hand(self, at: Any) -> Bools:
        """(n,) rows that no program moves, neither the policy nor a reset's."""
        hand: Bools = (self.holder[at] != POLICY) & (self.holder[at] != RESET)
        return hand

    def silent(self, rows: Rows, now_us: int) -> list[int]:
        """Rows whose holder was not heard for too long: from now on nobody holds them."""
        gone = rows[now_us - self.heard_us[rows] > self.silence_us[rows]]
        for row in gone.tolist():
            self._give(row, NOBODY, "", now_us, None)
        return [int(row) for row in gone]
