"""Lost messages: how many, and whether they come in bursts (Gilbert 1960)."""

from __future__ import annotations

import numpy as np

from twin.calibrate.given import Given
from twin.calibrate.logs import Log
from twin.calibrate.network.spec import NetworkSpec
from twin.calibrate.result import Estimate, Finding
from twin.judge.stats import proportion


def fit_loss(spec: NetworkSpec, given: Given, log: Log) -> tuple[list[Estimate], list[Finding]]:
    """The share of lost messages with its interval; without a single loss an upper bound."""
    if spec.lost is None:
        return [], []
    lost = log.signal(spec.lost) > 0
    n, k = len(lost), int(lost.sum())
    burst = _burst(lost)
    told = proportion(k=k, n=n, confidence=given.confidence, dispersion=burst)
    assert told.value is not None
    share = Estimate(("links", spec.link, "loss"), told.value, told.low, told.high, n, "1", log.source, "Wilson, for bursts")
    if k == 0:
        return [share], [
            Finding("note", f"no message of {n} was lost: the loss is below {told.high:.2g}, and not known to be 0")
        ]
    if burst > 1.5:
        after = float(lost[1:][lost[:-1]].mean())
        words = f"losses come in bursts: {k / n:.2%} of all messages, but {after:.0%} of those after a lost one"
        return [share], [Finding("warning", f"{words}; the link draws them one by one unless its regimes say otherwise")]
    return [share], []


def _burst(lost: np.ndarray) -> float:
    """By how much the variance of the count exceeds that of independent losses (Markov chain of lost and not)."""
    if not lost.any() or lost.all():
        return 1.0
    centred = lost - lost.mean()
    follow = float((centred[1:] * centred[:-1]).mean() / max(centred.var(), 1e-12))
    return max(1.0, (1 + follow) / max(1 - follow, 1e-3))
