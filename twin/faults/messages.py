"""The link port: what becomes of messages on a cell's link.

A fault makes one time of arrival of another (`NEVER` or later: lost), and may put copies on the line; the port compares what
would have arrived with what does. Of several faults on one link the earlier in the plan acts first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from twin.core.chance import Keys, uniforms
from twin.core.records import Floats, Ints, Rows
from twin.faults.group import Body, Group, Memory
from twin.faults.spec import Bench, Fault

NEVER = 1 << 62
"""µs at which a lost message arrives, or later."""


@dataclass(frozen=True)
class Message:
    """One message on each of k links. way: 0 a request, 1 an answer; exchange (k,) which one of its link; times (k,) in µs."""

    way: int
    exchange: Ints
    sent_us: Ints
    arrives_us: Ints
    since_us: Ints
    """Onset of the fault."""
    keys: Keys

    @property
    def there(self) -> Floats:
        """(k,) 1 where it would arrive, else 0."""
        return np.where(self.arrives_us < NEVER, 1.0, 0.0)

    def uniform(self, width: int = 1) -> Floats:
        """(k, width) draws in (0, 1), of this message alone."""
        return uniforms(self.keys[:, None], (2 * self.exchange + self.way)[:, None] * width + np.arange(width))

    def once(self) -> Floats:
        """(k,) draws in (0, 1) that last from onset to clear."""
        return uniforms(~self.keys, 0)

    def of_exchange(self) -> Floats:
        """(k,) draws in (0, 1) that request and answer share."""
        return uniforms(~self.keys, 1 + self.exchange)


class LinkFault(Fault):
    """A fault that changes when messages arrive, or whether, or how often. `MEASURE`: late, lost, copies or overtaken."""

    PORT: ClassVar[str] = "link"
    MEASURE: ClassVar[str]

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """A cell without a link has none to disturb."""
        mend = "`links: {wifi: {latency_ms: 20}}` in the fleet, `link: wifi` at the cell"
        return None if cell.link else ("target", f"it has no link to disturb ({mend})")

    def start(self, message: Message) -> Memory:
        """What it remembers from the first message."""
        return {}

    def carry(self, message: Message, memory: Memory) -> Ints:
        """(k,) arrivals in µs. `memory` is edited in place."""
        return message.arrives_us

    def copies(self, message: Message) -> Ints:
        """(k,) arrivals in µs of copies (NEVER: none)."""
        return np.full(len(message.exchange), NEVER)

    def chance(self, message: Message, memory: Memory) -> Floats:
        """(k,) how likely each of these messages shows an effect; 1 of what is no matter of chance."""
        return message.there


class LinkPort:
    """The faults of one lane's links."""

    def __init__(self, body: Body, n: int) -> None:
        self.body = body
        self.groups: list[Group] = []
        self.copies: list[tuple[int, int, int, int]] = []
        """Copies on the line that nobody has taken yet: arrival in µs, row, way, exchange."""
        self._at: Ints = np.full(n, -1, np.int64)

    def carry(self, rows: Rows, way: int, exchange: Ints, sent_us: Ints, arrives_us: Ints) -> Ints:
        """Arrivals (n,) of one message on each of `rows`, after all faults."""
        self._at[rows] = np.arange(len(rows))
        for group in self.groups:
            at = self._at[group.rows]
            which = np.flatnonzero(at >= 0)
            if len(which):
                at, arrives_us = at[which], arrives_us.copy()
                message = Message(way, exchange[at], sent_us[at], arrives_us[at], group.since_us[which], group.keys[which])
                arrives_us[at] = self._one(group, which, message)
        self._at[rows] = -1
        return arrives_us

    def _one(self, group: Group, which: Any, message: Message) -> Ints:
        spec: LinkFault = group.spec
        fresh = group.fresh[which]
        if fresh.any():
            begun = spec.start(message) | {"latest_us": np.zeros((len(which), 4), np.int64)}
            group.start(which[fresh], {key: value[fresh] for key, value in begun.items()})
        memory = group.take(which)
        chance = spec.chance(message, memory)
        after, copies = spec.carry(message, memory), spec.copies(message)
        effect, weight = self._measured(spec, message, after, copies, memory)
        group.keep(which, memory)
        self.copies += [
            (int(copies[i]), int(group.rows[which[i]]), message.way, int(message.exchange[i]))
            for i in np.flatnonzero(copies < NEVER)
        ]
        group.report(which, effect, 0, weight, chance)
        return after

    def _measured(self, spec: LinkFault, message: Message, after: Ints, copies: Ints, memory: Memory) -> tuple[Any, Any]:
        """(k,) effect, and its weight."""
        there = message.arrives_us < NEVER
        match spec.MEASURE:
            case "lost":
                return (there & (after >= NEVER)).astype(np.float64), 1.0
            case "copies":
                return (copies < NEVER).astype(np.float64), 1.0
            case "overtaken":
                return self._overtaken(message, after, memory), 1.0
        both = there & (after < NEVER)
        return np.where(both, after - message.arrives_us, 0) / 1000.0, both

    def _overtaken(self, message: Message, after: Ints, memory: Memory) -> Floats:
        """(k,) whether this message arrives before one that was sent earlier, which it would not have without the fault."""
        latest, ways = memory["latest_us"], (message.way, 2 + message.way)
        before, behind = latest[:, ways[0]], latest[:, ways[1]]
        passes = (after < behind) & ~(message.arrives_us < before) & (after < NEVER)
        for way, arrives in zip(ways, (message.arrives_us, after), strict=True):
            latest[:, way] = np.where(arrives < NEVER, np.maximum(latest[:, way], arrives), latest[:, way])
        counted: Floats = passes.astype(np.float64)
        return counted

    def measure(self, place: Ints) -> None:
        """A tick during which links were in use."""
        for group in self.groups:
            which = np.flatnonzero(place[group.rows] >= 0)
            group.report(which, np.zeros(len(which)), self.body.period_us, 0.0, 0.0)
