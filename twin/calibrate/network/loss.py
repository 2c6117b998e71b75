"""Lost messages: how many, and whether they come in bursts (Gilbert 1960)."""

from __future__ import annotations

import numpy as np
from scipy import stats as sps

from twin.calibrate.given import Given
from twin.calibrate.logs import Log
from twin.calibrate.network.spec import NetworkSpec
from twin.calibrate.result import Estimate, Finding, Path
from twin.judge.stats import proportion

LASTING = 0.01
"""Chance with which independent losses would follow each other as often, below which they come in bursts."""


def fit_loss(spec: NetworkSpec, given: Given, log: Log) -> tuple[list[Estimate], list[Finding]]:
    """The share of lost messages; in bursts, the chances of beginning and ending one. Without a single loss an upper bound."""
    kept = np.isnan(log.signal(spec.signal, whole=False))
    if spec.lost is None and not kept.any():
        return [], []
    lost = kept if spec.lost is None else kept | (log.signal(spec.lost) > 0)
    n, k = len(lost), int(lost.sum())
    at = ("links", spec.link, "loss")
    before = lost[:-1]
    again, follow = int((lost[1:] & before).sum()), int(before.sum())
    if k and follow and float(sps.binom.sf(again - 1, follow, k / n)) < LASTING:
        begins = _share((*at, "good_to_bad"), int((lost[1:] & ~before).sum()), int((~before).sum()), given, log)
        ends = _share((*at, "bad_to_good"), follow - again, follow, given, log)
        words = f"losses come in bursts: {k / n:.2%} of all messages, {again / follow:.0%} of those after a lost one"
        return [Estimate((*at, "kind"), "gilbert_elliott"), begins, ends], [Finding("note", words)]
    told = _share(at, k, n, given, log)
    if k == 0:
        return [told], [
            Finding("note", f"no message of {n} was lost: the loss is below {told.high:.2g}, and not known to be 0")
        ]
    return [told], []


def _share(path: Path, k: int, n: int, given: Given, log: Log) -> Estimate:
    told = proportion(k=k, n=n, confidence=given.confidence)
    assert told.value is not None
    return Estimate(path, told.value, told.low, told.high, n, "1", log.source, "share with Wilson's interval")
