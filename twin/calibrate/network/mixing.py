"""Forecasts of several kinds as one: at every quantile those that have done well weigh more, and go on being judged.

Bernstein online aggregation (Wintenberger 2017) of quantile forecasts under the slope of the pinball loss, every quantile for
itself and every forecast at a rate of its own, which follows from what was told: nothing is tuned. A forecast's gain has the
variance that it has where the mixture is right, p (1 - p) times the square of their distance, and not the one that was seen: of
the delay that one message in a thousand exceeds, hundreds of messages without one tell next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.core.compiled import compiled
from twin.core.records import Floats


@dataclass(frozen=True)
class Judged:
    """What K forecasts have earned at P quantiles: their gains less what these cost, variances and largest gains (K, P)."""

    gains: Floats
    variances: Floats
    largest: Floats

    @classmethod
    def new(cls, forecasts: int, quantiles: int) -> Judged:
        """Nothing seen yet: all weigh alike."""
        shape = (forecasts, quantiles)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))


def mix(told: Floats, x: Floats, p: Floats, ahead: int, judged: Judged) -> Floats:
    """(n, P) the mixture of forecasts told (n, K, P) of delays x (n,), each told what was known `ahead` messages before.

    `judged` goes on from where it is.
    """
    out = np.empty((len(x), len(p)))
    _mix(np.ascontiguousarray(told), x, p, ahead, judged.gains, judged.variances, judged.largest, out)
    return np.sort(out, axis=1)


@compiled
def _mix(
    told: Floats, x: Floats, p: Floats, ahead: int, gains: Floats, variances: Floats, largest: Floats, out: Floats
) -> None:
    n, count, levels = told.shape
    worth = np.log(float(count))
    weights, rates = np.empty(count), np.empty(count)
    for j in range(levels):
        for i in range(n):
            if i >= ahead:
                was = i - ahead
                slope = (1.0 if x[was] < out[was, j] else 0.0) - p[j]
                for k in range(count):
                    away = out[was, j] - told[was, k, j]
                    gain, variance = slope * away, p[j] * (1 - p[j]) * away * away
                    variances[k, j] += variance
                    largest[k, j] = max(largest[k, j], abs(gain))
                    if largest[k, j] > 0:
                        rate = min(0.5 / largest[k, j], np.sqrt(worth / variances[k, j]))
                        gains[k, j] += gain - rate * variance
            best, fastest = -np.inf, 0.0
            for k in range(count):
                rates[k] = min(0.5 / largest[k, j], np.sqrt(worth / variances[k, j])) if largest[k, j] > 0 else 0.0
                weights[k] = rates[k] * gains[k, j]
                best, fastest = max(best, weights[k]), max(fastest, rates[k])
            total, sum_ = 0.0, 0.0
            for k in range(count):
                weight = np.exp(weights[k] - best) * (rates[k] / fastest if rates[k] > 0 else 1.0)
                total += weight
                sum_ += weight * told[i, k, j]
            out[i, j] = sum_ / total
