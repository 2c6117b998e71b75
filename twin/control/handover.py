"""Hand-over: a robot that changes hands while it moves goes on smoothly, whatever its new holder asks for.

What is asked of a row that was handed over is approached within the joints' limits of speed and acceleration, as `joint_limits`
does it, from where and how fast the arm was sent last; so it stays until the row's next episode, since a hand may jump at any
time, and a policy that gets its robot back finds it where it did not leave it. No filter of the chain is needed for that.
"""

from __future__ import annotations

import numpy as np

from twin.control.inbox import Inbox
from twin.control.safety.limits import Bounds, JointLimits
from twin.core.chance import Stream
from twin.core.records import Floats, Observation, Rows


class HandOver:
    """The rows of a lane that were handed over. `any` is False while there are none: then nothing here needs to be asked."""

    def __init__(self, bounds: Bounds, n: int) -> None:
        self.limits = JointLimits(bounds, n)
        self.passing = np.zeros(n, bool)
        self.any = False
        self.back: dict[int, Stream] = {}
        """Rows that a policy gets back at the next tick, and where its draws come from."""

    def begin(self, row: int) -> None:
        """A row changes hands."""
        self.passing[row] = self.any = True
        self.limits.begin(row)

    def end(self, row: int) -> None:
        """A row begins anew."""
        self.passing[row] = False
        self.back.pop(row, None)
        self.any = bool(self.passing.any())

    def renew(self, rows: Rows, seen: Observation, inbox: Inbox) -> None:
        """Policies that get rows back begin them anew, on what is seen there."""
        for i in np.flatnonzero(np.isin(rows, list(self.back))).tolist():
            row = int(rows[i])
            inbox.renew(row, seen.part(slice(i, i + 1)), self.back.pop(row))

    def smooth(self, seen: Observation, asked: Floats) -> Floats:
        """asked (n, nq + 1) as it can be followed."""
        at = np.flatnonzero(self.passing[seen.rows])
        if len(at):
            asked = asked.copy()
            asked[at] = self.limits.certify(seen.part(at), asked[at]).command
        return asked
