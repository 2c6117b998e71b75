"""Links at control rate: one delay and one loss draw a message, drawn in blocks keyed by cell and episode.

A block holds the fate of the next `BLOCK` messages of a row, so that no generator lives on between messages: the arrays and
a counter are all of the state, and one cell's messages never move another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from twin.control.spec import LinkSpec
from twin.core.chance import Chance
from twin.core.quantity import draws
from twin.core.records import Ints, Rows
from twin.faults.messages import NEVER

BLOCK = 64


class Faults(Protocol):
    """What a fault can do to messages: the link port of a lane."""

    @property
    def groups(self) -> Sequence[Any]:
        """Empty where no fault is in force."""
        ...

    def carry(self, rows: Rows, sent_us: Ints, arrives_us: Ints) -> Ints:
        """Arrivals (n,) of one message on each of `rows`."""
        ...


class LinkBank:
    """The links of a lane's n rows. `send` gives each message its time of arrival in µs: `NEVER` or later, where it is lost."""

    def __init__(
        self, specs: Sequence[LinkSpec | None], names: Sequence[str], chance: Chance, faults: Faults | None = None
    ) -> None:
        """specs: a row's link, or None where policy and robot share a computer; names of the cells."""
        self.faults = faults
        n = len(specs)
        self.specs, self.names, self.chance = tuple(specs), tuple(names), chance
        self._fate_us: Ints = np.zeros((n, BLOCK), np.int64)
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

    def _fill(self, row: int) -> None:
        stream = self.chance.stream(self.names[row], f"link/{self._block[row]}", int(self._episode[row]))
        spec = self.specs[row]
        uniform = stream.random(BLOCK)
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
        arrives: Ints = at_us + self._fate_us[rows, k]
        if self.faults is not None and self.faults.groups:
            return self.faults.carry(rows, at_us, arrives)
        return arrives
