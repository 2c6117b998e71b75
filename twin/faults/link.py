"""Networks that are late, lossy, out of order, narrow, or gone. All of these act on one cell's link, each way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from twin.core.network import LONGEST_MS, GilbertElliott, Latency, Regimes, Trace, delay_ms, first_state, lost, next_state
from twin.core.quantity import NonNegative, quantile, quantiles
from twin.core.records import Bools, Floats, Ints
from twin.faults.group import Memory
from twin.faults.messages import NEVER, LinkFault, Message
from twin.faults.outage import outage
from twin.faults.spec import Bench, Fault

HANDSHAKE_MS = 20.0
"""How long a link takes to carry messages again once it is back."""


def _us(ms: Any) -> Ints:
    us: Ints = np.rint(1000.0 * np.asarray(ms)).astype(np.int64)
    return us


class _Late(LinkFault):
    """A link that delays."""

    EFFECT: ClassVar[str] = "mean added delay of messages"
    UNIT: ClassVar[str] = "ms"
    FOLD = "mean"
    MEASURE: ClassVar[str] = "late"

    component: Literal["link"]


class LinkLatency(_Late):
    """Messages take longer: always as long, jittering after a law, or as a real trace did."""

    mode: Literal["latency", "delayed", "jitter"]
    added_ms: Latency
    """Drawn for every message."""

    @field_validator("added_ms")
    @classmethod
    def _arrives(cls, added: Any) -> Any:
        if not isinstance(added, (Trace, Regimes)) and quantile(added, 0.5) > LONGEST_MS:
            raise ValueError(f"adds {quantile(added, 0.5):g} ms; expected at most an hour, {LONGEST_MS:g} ms")
        return added

    def start(self, message: Message) -> Memory:
        """Where in its trace, or in which regime, the network is."""
        return {"state": first_state(self.added_ms, message.once())}

    def carry(self, message: Message, memory: Memory) -> Ints:
        """Later by a draw. Of a measured round trip request and answer take half each."""
        u, state = message.uniform(2), memory["state"]
        shared = isinstance(self.added_ms, Trace) and self.added_ms.round_trip
        added = delay_ms(self.added_ms, message.of_exchange() if shared else u[:, 0], state)
        if not shared or message.way == 1:
            memory["state"] = next_state(self.added_ms, u[:, 1], state)
        return message.arrives_us + _us(added)

    def chance(self, message: Message, memory: Memory) -> Floats:
        """Every message is late, unless by nothing."""
        always = isinstance(self.added_ms, (Trace, Regimes)) or bool(quantiles(self.added_ms, np.array([0.5]))[0] > 0)
        return message.there * float(always)


class LinkBandwidth(_Late):
    """The link carries so much and no more: messages take as long as they are big, and wait for those before them."""

    mode: Literal["bandwidth"]
    kbps: float = Field(gt=0, le=1e9)
    """Kilobits a second, each way."""
    request_kB: float = Field(default=30.0, gt=0, le=1e6)
    """Size of a request with its observation: a compressed picture."""
    answer_kB: float = Field(default=1.0, gt=0, le=1e6)
    """Size of an answer with its chunk."""

    def start(self, message: Message) -> Memory:
        """Both ways are free."""
        return {"free_us": np.zeros((len(message.exchange), 2), np.int64)}

    def carry(self, message: Message, memory: Memory) -> Ints:
        """After its turn, and its length."""
        takes = _us(8.0 * (self.answer_kB if message.way else self.request_kB) / self.kbps * 1000.0)
        begins = np.maximum(message.sent_us, memory["free_us"][:, message.way])
        memory["free_us"][:, message.way] = begins + takes
        arrives: Ints = message.arrives_us + (begins - message.sent_us) + takes
        return arrives


class LinkReconnect(_Late):
    """The link goes down, keeps what it is given, and delivers all of it at once when it is back."""

    EFFECT: ClassVar[str] = "mean delay of messages that it kept"

    mode: Literal["reconnect"]
    down_s: float = Field(gt=0, le=1e6)
    """For how long, from the onset on."""

    def carry(self, message: Message, memory: Memory) -> Ints:
        """When the link is back, if it was sent while it was down."""
        return np.where(self._down(message), np.maximum(message.arrives_us, self._back_us(message)), message.arrives_us)

    def chance(self, message: Message, memory: Memory) -> Floats:
        """What is sent while it is down is late, if nothing else makes it later still."""
        return message.there * self._down(message) * (message.arrives_us < self._back_us(message))

    def cuts_s(self) -> float:
        """Until it is back and has shaken hands."""
        return self.down_s + HANDSHAKE_MS / 1000

    def drawn(self) -> Fault:
        """Nothing is answered for as long."""
        lasts = self.down_s if self.duration_s is None else min(self.down_s, quantile(self.duration_s, 0.5))
        return outage(self, duration_s=lasts, until=None, cold_s=HANDSHAKE_MS / 1000)

    def _down(self, message: Message) -> Bools:
        return message.sent_us < message.since_us + round(1e6 * self.down_s)

    def _back_us(self, message: Message) -> Ints:
        return message.since_us + round(1e6 * self.down_s) + round(1000 * HANDSHAKE_MS)


class _Lossy(LinkFault):
    """A link that loses messages."""

    EFFECT: ClassVar[str] = "messages lost"
    UNIT: ClassVar[str] = "messages"
    MEASURE: ClassVar[str] = "lost"

    component: Literal["link"]


class LinkLoss(_Lossy):
    """Messages are lost, each by itself (Bernoulli)."""

    SIZES: ClassVar[Mapping[str, float]] = {"loss": 0.0}

    mode: Literal["loss"]
    loss: float = Field(gt=0, le=1)
    """Probability that a message is lost."""

    def carry(self, message: Message, memory: Memory) -> Ints:
        """Some never arrive."""
        return np.where(message.uniform()[:, 0] < self.loss, NEVER, message.arrives_us)

    def chance(self, message: Message, memory: Memory) -> Floats:
        """That many of those that would arrive."""
        return self.loss * message.there


class LinkBurstLoss(_Lossy):
    """Messages are lost in bursts (Gilbert-Elliott)."""

    SIZES: ClassVar[Mapping[str, float]] = {"loss_bad": 0.0}

    mode: Literal["burst_loss"]
    good_to_bad: float = Field(gt=0, le=1)
    """Probability that a burst begins at a message."""
    bad_to_good: float = Field(gt=0, le=1)
    """Probability that it ends at one."""
    loss_good: float = Field(default=0.0, ge=0, lt=1)
    """Loss between bursts."""
    loss_bad: float = Field(default=1.0, gt=0, le=1)
    """Loss in a burst."""

    def start(self, message: Message) -> Memory:
        """In a burst or between two, as often as in the long run."""
        return {"state": first_state(self._model(), message.once())}

    def carry(self, message: Message, memory: Memory) -> Ints:
        """In a burst they never arrive."""
        u, model, state = message.uniform(2), self._model(), memory["state"]
        memory["state"] = next_state(model, u[:, 1], state)
        return np.where(lost(model, u[:, 0], state), NEVER, message.arrives_us)

    def chance(self, message: Message, memory: Memory) -> Floats:
        """The loss of the state that it is in."""
        return np.where(memory["state"] == 1, self.loss_bad, self.loss_good) * message.there

    def _model(self) -> GilbertElliott:
        given = {name: getattr(self, name) for name in ("good_to_bad", "bad_to_good", "loss_good", "loss_bad")}
        return GilbertElliott(kind="gilbert_elliott", **given)


class LinkPartition(_Lossy):
    """Nothing gets through: neither way, or only one."""

    mode: Literal["partition", "off"]
    way: Literal["both", "requests", "answers"] = "both"
    """Which messages are lost; one way alone makes it asymmetric."""

    def carry(self, message: Message, memory: Memory) -> Ints:
        """None of its way arrives."""
        return np.full(len(message.exchange), NEVER) if self._shut(message) else message.arrives_us

    def chance(self, message: Message, memory: Memory) -> Floats:
        """Every one of its way."""
        return message.there * self._shut(message)

    def cuts_s(self) -> float:
        """To its end: whoever acts from afar needs both ways."""
        return math.inf

    def drawn(self) -> Fault:
        """Whichever way is shut, nothing is answered."""
        return outage(self)

    def _shut(self, message: Message) -> bool:
        return self.way in ("both", ("requests", "answers")[message.way])


class LinkDuplicate(LinkFault):
    """Messages arrive twice."""

    SIZES: ClassVar[Mapping[str, float]] = {"share": 0.0}
    EFFECT: ClassVar[str] = "copies put on the line"
    UNIT: ClassVar[str] = "messages"
    MEASURE: ClassVar[str] = "copies"

    component: Literal["link"]
    mode: Literal["duplicate"]
    share: float = Field(gt=0, le=1)
    """Probability that a message is sent twice."""
    apart_ms: NonNegative = 5.0
    """How much later the second one comes."""

    def copies(self, message: Message) -> Ints:
        """Later by a draw."""
        u = message.uniform(2)
        again = message.arrives_us + _us(quantiles(self.apart_ms, u[:, 1]))
        return np.where((u[:, 0] < self.share) & (message.arrives_us < NEVER), again, NEVER)

    def chance(self, message: Message, memory: Memory) -> Floats:
        """That share of what arrives."""
        return self.share * message.there


class LinkReorder(LinkFault):
    """Some messages are held up for so long that later ones overtake them."""

    SIZES: ClassVar[Mapping[str, float]] = {"share": 0.0}
    EFFECT: ClassVar[str] = "messages overtaken"
    UNIT: ClassVar[str] = "messages"
    MEASURE: ClassVar[str] = "overtaken"

    component: Literal["link"]
    mode: Literal["reorder"]
    share: float = Field(gt=0, le=1)
    """Probability that a message is held up."""
    held_ms: float = Field(gt=0, le=1e6)
    """For how long: longer than a cell waits for an answer before it asks again."""

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """A cell sends the next request when it has its answer, or waits no longer."""
        if cell.link and cell.timeout_ms is not None and self.held_ms <= cell.timeout_ms:
            waits = f"a cell waits {cell.timeout_ms:g} ms for an answer before it sends another request"
            return "held_ms", f"what is held up for {self.held_ms:g} ms is not overtaken: {waits}"
        return super().cannot(cell)

    def carry(self, message: Message, memory: Memory) -> Ints:
        """Some much later."""
        held = message.uniform()[:, 0] < self.share
        return message.arrives_us + np.where(held, _us(self.held_ms), 0)

    def chance(self, message: Message, memory: Memory) -> Floats:
        """At most that share, and not where the one that follows is held up too."""
        return self.share * (1.0 - self.share) * message.there


MODES = (
    LinkLatency, LinkLoss, LinkBurstLoss, LinkDuplicate, LinkReorder, LinkBandwidth, LinkPartition, LinkReconnect,
)  # fmt: skip
