"""Networks that are late or lose what they are given."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from twin.core.quantity import NonNegative, quantiles
from twin.core.records import Floats, Ints
from twin.faults.group import Memory, Moment
from twin.faults.messages import NEVER, LinkFault


class LinkLatency(LinkFault):
    """Extra delay on a cell's link, each way."""

    EFFECT: ClassVar[str] = "mean added delay of messages"
    UNIT: ClassVar[str] = "ms"
    FOLD = "mean"
    MEASURE: ClassVar[str] = "late"

    component: Literal["link"]
    mode: Literal["latency"]
    added_ms: NonNegative
    """Drawn for every message."""

    def carry(self, now: Moment, sent_us: Ints, arrives_us: Ints, memory: Memory) -> Ints:
        """Later by a draw."""
        added: Ints = np.rint(1000.0 * quantiles(self.added_ms, now.uniform()[:, 0])).astype(np.int64)
        return arrives_us + added

    def expected(self, arrives_us: Ints) -> Floats:
        """Every message is late."""
        return (arrives_us < NEVER).astype(np.float64)


class LinkLoss(LinkFault):
    """Messages on a cell's link are lost."""

    EFFECT: ClassVar[str] = "messages lost"
    UNIT: ClassVar[str] = "messages"
    MEASURE: ClassVar[str] = "lost"

    component: Literal["link"]
    mode: Literal["loss"]
    loss: float = Field(gt=0, le=1)
    """Probability that a message is lost."""

    def carry(self, now: Moment, sent_us: Ints, arrives_us: Ints, memory: Memory) -> Ints:
        """Some never arrive."""
        return np.where(now.uniform()[:, 0] < self.loss, NEVER, arrives_us)

    def expected(self, arrives_us: Ints) -> Floats:
        """That many of those that would arrive."""
        return np.where(arrives_us < NEVER, self.loss, 0.0)
