"""The link port: what becomes of messages on a cell's link.

A fault makes one time of arrival of another (`NEVER` or later: lost); the port compares the two. Of several faults on one link
the earlier in the plan acts first.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from twin.core.records import Floats, Ints, Rows
from twin.faults.group import Body, Group, Memory, Moment
from twin.faults.spec import Fault

NEVER = 1 << 62
"""µs at which a lost message arrives, or later."""


class LinkFault(Fault):
    """A fault that changes when messages arrive, or whether."""

    PORT: ClassVar[str] = "link"
    MEASURE: ClassVar[str]

    def carry(self, now: Moment, sent_us: Ints, arrives_us: Ints, memory: Memory) -> Ints:
        """(k,) arrivals of one message a row, in µs. `memory` is edited in place."""
        raise NotImplementedError

    def expected(self, arrives_us: Ints) -> Floats:
        """(k,) how much effect is to be expected on messages that would arrive then."""
        raise NotImplementedError


class LinkPort:
    """The faults of one lane's links."""

    def __init__(self, body: Body, n: int) -> None:
        self.body = body
        self.groups: list[Group] = []
        self._at: Ints = np.full(n, -1, np.int64)

    def carry(self, rows: Rows, sent_us: Ints, arrives_us: Ints) -> Ints:
        """Arrivals (n,) of one message on each of `rows`, after all faults."""
        self._at[rows] = np.arange(len(rows))
        for group in self.groups:
            at = self._at[group.rows]
            which = np.flatnonzero(at >= 0)
            if len(which):
                arrives_us = arrives_us.copy()
                arrives_us[at[which]] = self._one(group, which, sent_us[at[which]], arrives_us[at[which]])
        self._at[rows] = -1
        return arrives_us

    def _one(self, group: Group, which: Any, sent_us: Ints, before: Ints) -> Ints:
        spec: LinkFault = group.spec
        fresh = which[group.fresh[which]]
        if len(fresh):
            group.start(fresh, {"messages": np.zeros(len(fresh), np.int64)})
        memory, none = group.take(which), np.zeros(len(which), np.int64)
        now = group.moment(0, self.body, which, none, memory["messages"])
        memory["messages"] = memory["messages"] + 1
        after = spec.carry(now, sent_us, before, memory)
        group.keep(which, memory)
        there = before < NEVER
        lost = there & (after >= NEVER)
        late_ms = np.where(there & ~lost, after - before, 0) / 1000.0
        effect = lost.astype(np.float64) if spec.MEASURE == "lost" else late_ms
        weight = 1.0 if spec.MEASURE == "lost" else there & ~lost
        group.report(which, effect, 0, weight, spec.expected(before))
        return after

    def measure(self, place: Ints) -> None:
        """A tick during which links were in use."""
        for group in self.groups:
            which = np.flatnonzero(place[group.rows] >= 0)
            group.report(which, np.zeros(len(which)), self.body.period_us, 0.0, 0.0)
