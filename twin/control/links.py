"""Links at control rate: one delay and one loss draw a message, drawn in blocks keyed by cell and episode.

A block holds the fate of the next `BLOCK` messages of a row, so that no generator lives on between messages: the arrays and
a counter are all of the state, and one cell's messages never move another's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.control.spec import LinkSpec
from twin.core.chance import Chance
from twin.core.quantity import draws
from twin.core.records import Ints, Rows

BLOCK = 64
NEVER = 1 << 62
"""µs at which a lost message arrives, or later."""


class LinkBank:
    """The links of a lane's n rows. `send` gives each message its time of arrival in µs: `NEVER` or later, where it is lost."""

    def __init__(self, specs: Sequence[LinkSpec | None], names: Sequence[str], chance: Chance) -> None:
        """specs: a row's link, or None where policy and robot share a computer; names of the cells."""
        n = len(specs)
        self.specs, self.names, self.chance = tuple(specs), tuple(names), chance
        self.loss = np.array([0.0 if s is None else s.loss for s in specs])
        self.added_us: Ints = np.zeros(n, np.int64)
        """Extra delay each way; set it by `disturb`."""
        self.added_loss = np.zeros(n)
        """Extra loss probability; set it by `disturb`."""
        self.lost_by_fault: Ints = np.zeros(n, np.int64)
        """Messages that only the extra loss kept from arriving."""
        self.delayed_by_fault_us: Ints = np.zeros(n, np.int64)
        """The extra delay of all messages."""
        self._disturbed = False
        self._fate_us: Ints = np.zeros((n, BLOCK), np.int64)
        self._uniform = np.zeros((n, BLOCK))
        self._next: Ints = np.zeros(n, np.int64)
        self._block: Ints = np.zeros(n, np.int64)
        self._episode: Ints = np.zeros(n, np.int64)
        self._before: Ints = np.zeros(n, np.int64)

    def begin(self, row: int, episode: int) -> None:
        """A new episode on `row`: its messages have draws of their own."""
        self._before[row] = self.sent(row)
        self._episode[row], self._block[row], self._next[row] = episode, 0, 0
        self._fill(row)

    def sent(self, row: int) -> int:
        """Messages sent on `row` since the run began."""
        return int(self._before[row] + self._block[row] * BLOCK + self._next[row])

    def disturb(self, row: int, added_us: int, added_loss: float) -> None:
        """From now on messages on `row` take `added_us` longer, and `added_loss` of those that would arrive are lost."""
        self.added_us[row], self.added_loss[row] = added_us, added_loss
        self._disturbed = bool(self.added_us.any() or self.added_loss.any())

    def _fill(self, row: int) -> None:
        stream = self.chance.stream(self.names[row], f"link/{self._block[row]}", int(self._episode[row]))
        spec = self.specs[row]
        self._uniform[row] = uniform = stream.random(BLOCK)
        if spec is not None:
            delay_us = np.rint(1000.0 * draws(spec.latency_ms, stream, BLOCK)).astype(np.int64)
            self._fate_us[row] = np.where(uniform < spec.loss, NEVER, delay_us)

    def send(self, rows: Rows, at_us: Ints) -> Ints:
        """(n,) arrival times in µs of one message each on `rows` sent at `at_us` (n,)."""
        k = self._next[rows]
        if k.max(initial=0) == BLOCK:
            for row in rows[k == BLOCK]:
                self._block[row] += 1
                self._next[row] = 0
                self._fill(int(row))
            k = self._next[rows]
        self._next[rows] = k + 1
        fate: Ints = self._fate_us[rows, k]
        if self._disturbed:
            fate = self._disturb(rows, k, fate)
        return at_us + fate

    def _disturb(self, rows: Rows, k: Ints, fate: Ints) -> Ints:
        """What faults make of the fate (n,) of each row's k-th message. One draw decides both losses: a fault only adds."""
        added, loss = self.added_us[rows], self.loss[rows]
        lost = (fate < NEVER) & (self._uniform[rows, k] < loss + (1 - loss) * self.added_loss[rows])
        self.lost_by_fault[rows] += lost
        self.delayed_by_fault_us[rows] += added
        return np.where(lost, NEVER, fate + added)
