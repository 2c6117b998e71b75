"""Links at control rate: one delay and one loss draw a message, drawn in blocks keyed by cell and episode.

A block holds the fate of the next `BLOCK` messages of a row, so that no generator lives on between messages: the arrays and
a counter are all of the state, and one cell's messages never move another's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.control.spec import LinkSpec
from twin.core.chance import Chance, Stream
from twin.core.quantity import draw
from twin.core.records import Floats, Ints, Rows

BLOCK = 64
NEVER = np.iinfo(np.int64).max
"""µs at which a lost message arrives."""


class LinkBank:
    """The links of a lane's n rows. `send` gives each message its time of arrival in µs, or `NEVER`."""

    def __init__(self, specs: Sequence[LinkSpec | None], names: Sequence[str], chance: Chance) -> None:
        n = len(specs)
        self.specs, self.names, self.chance = tuple(specs), tuple(names), chance
        self.ideal = np.array([s is None for s in specs])
        self.loss = np.array([0.0 if s is None else s.loss for s in specs])
        self.added_us = np.zeros(n, np.int64)
        """Extra delay each way, set by faults."""
        self.added_loss = np.zeros(n)
        """Extra loss probability, set by faults."""
        self._delay_us: Ints = np.zeros((n, BLOCK), np.int64)
        self._uniform = np.zeros((n, BLOCK))
        self._next = np.zeros(n, np.int64)
        self._block = np.zeros(n, np.int64)
        self._episode = np.zeros(n, np.int64)
        self.sent = np.zeros(n, np.int64)
        """Messages sent while a fault was on the link (its exposure)."""
        self.lost_by_fault = np.zeros(n, np.int64)
        self.delayed_by_fault_us = np.zeros(n, np.int64)

    def begin(self, row: int, episode: int) -> None:
        """A new episode on `row`: its messages have draws of their own."""
        self._episode[row], self._block[row], self._next[row] = episode, 0, 0
        self._fill(row)

    def _fill(self, row: int) -> None:
        purpose = f"link/{self._block[row]}"
        stream = self.chance.stream(self.names[row], purpose, int(self._episode[row]))
        spec = self.specs[row]
        self._uniform[row] = stream.random(BLOCK)
        if spec is not None:
            self._delay_us[row] = np.rint(1000.0 * draw_block(spec.latency_ms, stream)).astype(np.int64)

    def send(self, rows: Rows, at_us: Ints) -> Ints:
        """(n,) arrival times in µs of one message each on `rows` sent at `at_us` (n,)."""
        k = self._next[rows]
        if (k == BLOCK).any():
            for row in rows[k == BLOCK]:
                self._block[row] += 1
                self._next[row] = 0
                self._fill(int(row))
            k = self._next[rows]
        self._next[rows] = k + 1
        arrival = at_us + self._delay_us[rows, k] + self.added_us[rows]
        uniform, loss = self._uniform[rows, k], self.loss[rows]
        lost = uniform < loss
        faulty = (self.added_us[rows] > 0) | (self.added_loss[rows] > 0)
        if faulty.any():
            extra = ~lost & (uniform < loss + (1 - loss) * self.added_loss[rows])
            hit = rows[faulty]
            self.sent[hit] += 1
            self.lost_by_fault[rows] += extra
            self.delayed_by_fault_us[hit] += self.added_us[hit]
            lost = lost | extra
        return np.where(lost, NEVER, arrival)


def draw_block(quantity: object, stream: Stream) -> Floats:
    """(BLOCK,) draws of a quantity."""
    return np.array([draw(quantity, stream) for _ in range(BLOCK)])
