"""What is known of one number: its quantiles, from a closed form or from weighted draws.

Priors are those whose quantiles are exact or nearly exact confidence bounds as well (Jeffreys for counts and shares, right-Haar
for location and scale), so that an interval of 90 % covers 90 % of true values whatever these are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats as sps

from twin.core.records import Floats

CONFIDENCE = 0.9
"""Of every interval of a calibration."""


@dataclass(frozen=True)
class Belief:
    """A point estimate, and `quantile(p)` of what else it may be; from `n` observations. `bounded`: only from one side."""

    value: float
    quantile: Callable[[float], float]
    n: int
    bounded: str | None = None
    """`above` where nothing is known but that it is at most `high`, `below` where it is at least `low`."""

    @property
    def low(self) -> float:
        """Lower end of the interval."""
        return self.quantile((1 - CONFIDENCE) / 2)

    @property
    def high(self) -> float:
        """Upper end of the interval."""
        return self.quantile((1 + CONFIDENCE) / 2)

    def rank(self, truth: float, bins: int = 10) -> int:
        """In which of `bins` equally likely parts of this belief the truth lies: over many recoveries each comes as often."""
        return sum(truth > self.quantile(k / bins) for k in range(1, bins))


def rate(count: int, exposure: float) -> Belief:
    """Events per unit of exposure (Jeffreys' prior). Without any event: an exact upper bound, the rule of three at 95 %."""
    if exposure <= 0:
        raise ValueError("a rate needs exposure")
    if count == 0:
        return Belief(0.0, lambda p: -float(np.log1p(-p)) / exposure if p > 0.5 else 0.0, 0, "above")
    return Belief(count / exposure, lambda p: float(sps.gamma.ppf(p, count + 0.5)) / exposure, count)


def share(k: int, n: int) -> Belief:
    """A share `k` of `n` (Jeffreys' prior). All or none: an exact one-sided bound."""
    if not 0 <= k <= n or n == 0:
        raise ValueError(f"{k} of {n} is no share")
    if k == 0:
        return Belief(0.0, lambda p: 1 - float((1 - p) ** (1 / n)) if p > 0.5 else 0.0, n, "above")
    if k == n:
        return Belief(1.0, lambda p: float(p ** (1 / n)) if p < 0.5 else 1.0, n, "below")
    return Belief(k / n, lambda p: float(sps.beta.ppf(p, k + 0.5, n - k + 0.5)), n)


def drawn(draws: Floats, n: int, value: float | None = None, weights: Floats | None = None) -> Belief:
    """A belief from draws (m,), with weights (m,) where they are not alike; `value` is the point, else the median."""
    order = np.argsort(draws)
    x, w = draws[order], np.ones(draws.size) if weights is None else weights[order]
    at = (np.cumsum(w) - 0.5 * w) / w.sum()

    def quantile(p: float) -> float:
        return float(np.interp(p, at, x))

    return Belief(quantile(0.5) if value is None else value, quantile, n)
