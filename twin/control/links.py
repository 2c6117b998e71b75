"""Links at control rate: a delay and a loss for every message, drawn in blocks keyed by cell and episode.

A block holds the fate of the next `BLOCK` exchanges of a row, request and answer, so that no generator lives on between
messages: arrays and counters are all of the state, and one cell's messages never move another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from twin.control.spec import LinkSpec
from twin.core.chance import Chance, Stream
from twin.core.network import Regimes, Trace, along, delay_ms, first_state, lost
from twin.core.records import Ints, Rows
from twin.faults.messages import NEVER

BLOCK = 64
UP, DOWN = 0, 1
"""Directions: a request to the policy server, an answer to the cell."""


class Faults(Protocol):
    """What a fault can do to messages: the link port of a lane."""

    @property
    def groups(self) -> Sequence[Any]:
        """Empty where no fault is in force."""
        ...

    copies: list[tuple[int, int, int, int]]
    """Copies on the line that nobody has taken yet."""

    def carry(self, rows: Rows, way: int, exchange: Ints, sent_us: Ints, arrives_us: Ints) -> Ints:
        """Arrivals (n,) of one message on each of `rows`: which way it goes, of which exchange (n,) it is."""
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
        self._fate_us: Ints = np.zeros((n, 2, BLOCK), np.int64)
        self._next: Ints = np.zeros(n, np.int64)
        self._block: Ints = np.zeros(n, np.int64)
        self._episode: Ints = np.zeros(n, np.int64)
        self._before: Ints = np.zeros(n, np.int64)
        self._state: Ints = np.full((n, 2), -1, np.int64)
        """Where latency and loss of a row stand, of models that remember; an episode goes on where the last one ended."""

    def begin(self, row: int, episode: int) -> None:
        """A new episode on `row`: its messages have draws of their own."""
        self._before[row] = self.exchanges(row)
        self._rewind(row)
        self._episode[row], self._block[row], self._next[row] = episode, 0, 0
        self._fill(row)

    def _rewind(self, row: int) -> None:
        """What of a trace was laid out and not sent is sent by the next episode."""
        spec = self.specs[row]
        model = None if spec is None else spec.latency_ms
        if isinstance(model, Trace) and self._state[row, 0] >= 0:
            unused = (BLOCK - int(self._next[row])) * (1 if model.round_trip else 2)
            self._state[row, 0] = (self._state[row, 0] - unused) % len(model.values_ms)

    def exchanges(self, row: int) -> int:
        """Requests sent on `row` since the run began."""
        return int(self._before[row] + self._block[row] * BLOCK + self._next[row])

    def _fill(self, row: int) -> None:
        spec = self.specs[row]
        if spec is None:
            return
        stream = self.chance.stream(self.names[row], f"link/{self._block[row]}", int(self._episode[row]))
        late_us = np.rint(1000.0 * self._delays(row, spec.latency_ms, stream)).astype(np.int64)
        u = stream.random((2 * BLOCK, 2))
        if self._state[row, 1] < 0:
            self._state[row, 1] = first_state(spec.loss, stream.random(1))[0]
        states, self._state[row, 1] = along(spec.loss, u[:, 1], int(self._state[row, 1]))
        self._fate_us[row] = np.where(lost(spec.loss, u[:, 0], states), NEVER, late_us).reshape(BLOCK, 2).T

    def _delays(self, row: int, model: Any, stream: Stream) -> Any:
        """(2 BLOCK,) ms of requests and answers by turns; of a measured round trip each takes half."""
        shared = isinstance(model, Trace | Regimes) and model.round_trip
        u = stream.random((BLOCK if shared else 2 * BLOCK, 2))
        if self._state[row, 0] < 0:
            self._state[row, 0] = first_state(model, stream.random(1))[0]
        states, self._state[row, 0] = along(model, u[:, 1], int(self._state[row, 0]))
        found = delay_ms(model, u[:, 0], states)
        return np.repeat(found, 2) if shared else found

    def copies(self) -> list[tuple[int, int, int, int]]:
        """Copies that faults put on the line since last asked: arrival in µs, row, way, exchange."""
        if self.faults is None or not self.faults.copies:
            return []
        taken, self.faults.copies = self.faults.copies, []
        return taken

    def send(self, rows: Rows, at_us: Ints, way: int = UP) -> Ints:
        """(n,) arrival times in µs of one message each on `rows` sent at `at_us` (n,). A request begins an exchange."""
        k = self._next[rows]
        if way == UP:
            if k.max(initial=0) == BLOCK:
                for row in rows[k == BLOCK]:
                    self._block[row] += 1
                    self._next[row] = 0
                    self._fill(int(row))
                k = self._next[rows]
            self._next[rows] = k + 1
        else:
            k = k - 1
        arrives: Ints = at_us + self._fate_us[rows, way, k]
        if self.faults is not None and self.faults.groups:
            exchange = self._before[rows] + self._block[rows] * BLOCK + k
            return self.faults.carry(rows, way, exchange, at_us, arrives)
        return arrives
