"""How networks delay and lose messages: the models that fleet files, faults and calibration share.

latency_ms: 20
latency_ms: {kind: lognormal, median: 4.9, sigma: 0.5}
latency_ms: {kind: trace, path: rtt.csv, round_trip: true}
latency_ms:
  kind: regimes
  regimes: [{latency_ms: 5, messages: 900}, {latency_ms: {kind: lognormal, median: 200, sigma: 1}, messages: 10}]
loss: 0.01
loss: {kind: gilbert_elliott, good_to_bad: 0.002, bad_to_good: 0.25}

Drawing is a function of uniform numbers and, where a model remembers, of a state: a number a link that whoever draws keeps.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from twin.core.quantity import NonNegative, quantiles
from twin.core.records import Bools, Floats, Ints
from twin.core.spec import Spec

LONGEST_MS = 3_600_000.0
"""A delay beyond an hour is no delay of a message."""


class Trace(Spec):
    """Measured delays, one a line of a file, in ms: played from a place drawn for each link, or drawn from at random."""

    kind: Literal["trace"]
    path: str
    """Beside the file that names it."""
    column: str | None = None
    """Its column, where the file has a header; left out: one number a line."""
    order: Literal["replayed", "shuffled"] = "replayed"
    """Replayed, bad moments stay together as they were measured."""
    round_trip: bool = False
    """Whether they are round trips: request and answer then take half of one each."""
    values_ms: tuple[float, ...] = ()
    """What stands in the file; filled in when it is read."""

    @cached_property
    def values(self) -> Floats:
        """(n,) ms of a message: of a round trip half."""
        return np.array(self.values_ms) * (0.5 if self.round_trip else 1.0)


class Regime(Spec):
    """One state of a network, in which it stays for `messages` on average; or the chances of what the next message meets."""

    latency_ms: NonNegative
    messages: float | None = Field(default=None, ge=1, le=1e12)
    next: tuple[Annotated[float, Field(ge=0, le=1)], ...] | None = None
    """Chances of every regime for the next message; left out: any other with equal probability."""

    @model_validator(mode="after")
    def _one(self) -> Regime:
        if (self.messages is None) == (self.next is None):
            raise ValueError("needs exactly one of messages, next")
        return self


class Regimes(Spec):
    """A network that changes between states: a Markov chain, one step a message."""

    kind: Literal["regimes"]
    regimes: tuple[Regime, ...] = Field(min_length=1, max_length=32)
    round_trip: bool = False
    """Whether latencies are those of round trips: request and answer then take half of one each, in one state."""

    @model_validator(mode="after")
    def _square(self) -> Regimes:
        for i, regime in enumerate(self.regimes, start=1):
            if regime.next is not None and len(regime.next) != len(self.regimes):
                raise ValueError(f"regime {i}: next has {len(regime.next)} chances for {len(self.regimes)} regimes")
            if regime.next is not None and abs(sum(regime.next) - 1) > 1e-3:
                raise ValueError(f"regime {i}: chances in next must add up to 1, not to {sum(regime.next):g}")
        return self

    @cached_property
    def moves(self) -> Floats:
        """(n, n) chances of the next message's regime, by that of this one."""
        n = len(self.regimes)
        rows = []
        for i, regime in enumerate(self.regimes):
            leaves = 0.0 if regime.messages is None else 1.0 / regime.messages
            others = leaves / (n - 1) if n > 1 else 0.0
            rows.append(regime.next or [others if k != i else 1.0 - others * (n - 1) for k in range(n)])
        moves: Floats = np.array(rows) / np.sum(rows, axis=1, keepdims=True)
        return moves

    @cached_property
    def reach(self) -> Floats:
        """(n, n) `moves` added up along each row."""
        reach: Floats = np.cumsum(self.moves, axis=1)
        return reach

    @cached_property
    def shares(self) -> Floats:
        """(n,) long-run share of messages in each regime."""
        n = len(self.regimes)
        system = np.vstack([self.moves.T - np.eye(n), np.ones(n)])
        shares: Floats = np.clip(np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)[0], 0, 1)
        return shares


class GilbertElliott(Spec):
    """Losses in bursts: a good and a bad state, with probabilities to change a message (Gilbert 1960, Elliott 1963)."""

    kind: Literal["gilbert_elliott"]
    good_to_bad: float = Field(gt=0, le=1)
    bad_to_good: float = Field(gt=0, le=1)
    loss_good: float = Field(default=0.0, ge=0, lt=1)
    loss_bad: float = Field(default=1.0, gt=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> GilbertElliott:
        if self.loss_good >= self.loss_bad:
            raise ValueError(f"loss_good {self.loss_good:g} must be below loss_bad {self.loss_bad:g}")
        return self

    @property
    def share_bad(self) -> float:
        """Long-run share of messages sent in the bad state."""
        return self.good_to_bad / (self.good_to_bad + self.bad_to_good)

    @property
    def mean(self) -> float:
        """Long-run share of messages lost."""
        return self.loss_good + self.share_bad * (self.loss_bad - self.loss_good)


def _form(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return str(kind) if kind in ("trace", "regimes") else "a quantity"


Latency = Annotated[
    Annotated[NonNegative, Tag("a quantity")] | Annotated[Trace, Tag("trace")] | Annotated[Regimes, Tag("regimes")],
    Discriminator(_form),
]
"""Delay of a message."""


def _loss_form(value: Any) -> str:
    return "gilbert_elliott" if isinstance(value, (dict, GilbertElliott)) else "a number"


Loss = Annotated[
    Annotated[float, Field(ge=0, lt=1), Tag("a number")] | Annotated[GilbertElliott, Tag("gilbert_elliott")],
    Discriminator(_loss_form),
]
"""Probability that a message is lost."""


def first_state(model: Any, u: Floats) -> Ints:
    """(k,) state of a latency or loss model at its first message, drawn from its long-run shares by `u` (k,)."""
    match model:
        case Trace():
            return (u * len(model.values_ms)).astype(np.int64)
        case Regimes():
            reached = np.searchsorted(np.cumsum(model.shares), u, side="right")
            return np.minimum(reached, len(model.regimes) - 1).astype(np.int64)
        case GilbertElliott():
            return (u < model.share_bad).astype(np.int64)
    return np.zeros(len(u), np.int64)


def delay_ms(model: Any, u: Floats, state: Ints) -> Floats:
    """(k,) delays of messages sent in `state` (k,), from draws `u` (k,) in (0, 1)."""
    match model:
        case Trace():
            n = len(model.values)
            return model.values[state % n if model.order == "replayed" else (u * n).astype(np.int64)]
        case Regimes():
            found = np.zeros(len(u))
            for i, regime in enumerate(model.regimes):
                found = np.where(state == i, quantiles(regime.latency_ms, u), found)
            return 0.5 * found if model.round_trip else found
    return quantiles(model, u)


def lost(model: Any, u: Floats, state: Ints) -> Bools:
    """(k,) whether messages sent in `state` (k,) are lost, from draws `u` (k,) in (0, 1)."""
    if isinstance(model, GilbertElliott):
        return u < np.where(state == 1, model.loss_bad, model.loss_good)
    gone: Bools = u < model
    return gone


def next_state(model: Any, u: Floats, state: Ints) -> Ints:
    """(k,) state of a latency or loss model after one message, from draws `u` (k,) in (0, 1)."""
    match model:
        case Trace():
            return (state + 1) % len(model.values_ms)
        case Regimes():
            after: Ints = (u[:, None] >= model.reach[state]).sum(axis=1)
            return np.minimum(after, len(model.regimes) - 1)
        case GilbertElliott():
            return np.where(u < np.where(state == 1, model.bad_to_good, model.good_to_bad), 1 - state, state)
    return state


def along(model: Any, u: Floats, state: int) -> tuple[Ints, int]:
    """States (m,) in which m messages in a row are sent, the first in `state`, from draws `u` (m,); the state after them."""
    m = len(u)
    if isinstance(model, Trace):
        n = len(model.values_ms)
        return (state + np.arange(m)) % n, (state + m) % n
    states: Ints = np.full(m, state, np.int64)
    if isinstance(model, (Regimes, GilbertElliott)):
        for i in range(m):
            states[i] = state
            state = int(next_state(model, u[i : i + 1], states[i : i + 1])[0])
    return states, state
