"""Lost messages: how many, and whether they come in bursts (Gilbert 1960).

A trace of round trips loses the request or the answer, and a fleet's link loses each for itself. With a chance q for each, a
round trip is lost with 1 - (1 - q)²; the channel in bursts takes two steps a round trip.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats as sps

from twin.calibrate.given import Given
from twin.calibrate.laws import estimate
from twin.calibrate.logs import Log
from twin.calibrate.network.spec import NetworkSpec
from twin.calibrate.result import Estimate, Finding
from twin.calibrate.stats.belief import Belief, share
from twin.core.records import Bools

LASTING = 0.01
"""Chance with which independent losses would follow each other as often, below which they come in bursts."""


def fit_loss(spec: NetworkSpec, given: Given, log: Log) -> tuple[list[Estimate], list[Finding]]:
    """The share of lost messages; in bursts, the chances of beginning and ending one. Without a single loss an upper bound."""
    kept = np.isnan(log.signal(spec.signal, whole=False))
    if spec.lost is None and not kept.any():
        return [], []
    lost = kept if spec.lost is None else kept | (log.signal(spec.lost) > 0)
    n, k = len(lost), int(lost.sum())
    begins, ends = _changes(lost, log)
    at = ("links", spec.link, "loss")
    way = ", each way of the round trip" if spec.round_trip else ""

    def told(key: tuple[str, ...], known: Belief) -> Estimate:
        how = f"share with Jeffreys' prior{way}"
        return estimate((*at, *key), known, given.confidence, unit="1", source=log.source, method=how)

    if k and ends.n and float(sps.binom.sf(ends.n - round(ends.value * ends.n) - 1, ends.n, k / n)) < LASTING:
        words = f"losses come in bursts: {k / n:.2%} of all messages, {1 - ends.value:.0%} of those after a lost one"
        good, bad = (begins, ends) if not spec.round_trip else (_each_way(begins), _ends_each_way(begins, ends))
        kind = Estimate((*at, "kind"), "gilbert_elliott", source=log.source)
        return [kind, told(("good_to_bad",), good), told(("bad_to_good",), bad)], [Finding("note", words)]
    known = told((), _each_way(share(k, n)) if spec.round_trip else share(k, n))
    if k == 0:
        text = f"no message of {n} was lost: the loss is below {known.high:.2g}{way}, and not known to be 0"
        return [known], [Finding("note", text)]
    return [known], []


def _changes(lost: Bools, log: Log) -> tuple[Belief, Belief]:
    """The chance that a message is lost after one that was not, and that it is not after one that was; none across a gap."""
    before, now = lost[:-1], lost[1:]
    near = log.segment[1:] == log.segment[:-1]
    good, bad = near & ~before, near & before
    return _share(int((good & now).sum()), int(good.sum())), _share(int((bad & ~now).sum()), int(bad.sum()))


def _share(k: int, n: int) -> Belief:
    return share(k, n) if n else Belief(0.5, lambda p: p, 0)


def _each_way(known: Belief) -> Belief:
    """Of a chance per round trip that of each of its messages."""
    return replace(known, value=_half(known.value), quantile=lambda p: _half(known.quantile(p)))


def _half(chance: float) -> float:
    return float(1 - np.sqrt(1 - min(chance, 1.0)))


def _ends_each_way(begins: Belief, ends: Belief) -> Belief:
    """How bursts end message by message: so many round trips are lost as were, and bursts begin as often as they did."""

    def each(end: float) -> float:
        step, lost = _half(begins.value), begins.value / (begins.value + end)
        good = min((1 - lost) / (1 - step), 1 - 1e-9)  # share of messages outside of bursts
        return float(min(step * good / (1 - good), 1.0))

    return replace(ends, value=each(ends.value), quantile=lambda p: each(ends.quantile(p)))
