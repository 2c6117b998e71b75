"""Small statistics with intervals: proportions, rates, quantiles, differences. Arguments that could be swapped go by name.

Every interval holds 95 % unless asked otherwise and takes its observations as independent. Episodes of one run share its
faults, so an interval over episodes is a lower bound on what another seed would show; reports say so.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats as sps

from twin.core.chance import Stream
from twin.core.records import Floats

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate and the interval it lies in; None where there is nothing to estimate from. `n` observations."""

    value: float | None
    low: float | None
    high: float | None
    n: int


NOTHING = Interval(None, None, None, 0)


def proportion(*, k: int, n: int, confidence: float = CONFIDENCE, dispersion: float = 1.0) -> Interval:
    """A share `k` of `n` with Wilson's score interval (Wilson 1927); never outside [0, 1].

    Observations that hang together are worth `n / dispersion` independent ones.
    """
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no share")
    if n == 0:
        return NOTHING
    z = float(sps.norm.ppf(0.5 + confidence / 2))
    p, z2, m = k / n, z * z, n / dispersion
    centre = (p + z2 / (2 * m)) / (1 + z2 / m)
    half = z / (1 + z2 / m) * float(np.sqrt(p * (1 - p) / m + z2 / (4 * m * m)))
    return Interval(p, 0.0 if k == 0 else max(0.0, centre - half), 1.0 if k == n else min(1.0, centre + half), n)


def rate(*, count: int, exposure: float, confidence: float = CONFIDENCE, dispersion: float = 1.0) -> Interval:
    """Events per unit of `exposure` with the exact Poisson interval (Garwood 1936).

    Events that come in bursts are worth `count / dispersion` independent ones (quasi-Poisson).
    """
    if count < 0 or exposure < 0:
        raise ValueError(f"{count} events in {exposure} is no rate")
    if exposure == 0:
        return NOTHING
    tail = (1 - confidence) / 2
    worth, time = count / dispersion, exposure / dispersion
    low = float(sps.chi2.ppf(tail, 2 * worth)) / 2 if count else 0.0
    high = float(sps.chi2.ppf(1 - tail, 2 * worth + 2)) / 2
    return Interval(count / exposure, low / time, high / time, count)


def quantile(values: Sequence[float] | Floats, q: float, *, confidence: float = CONFIDENCE) -> Interval:
    """The `q` quantile with the distribution-free interval between two order statistics.

    A bound is None where so few values cannot hold the confidence (fewer than 6 for a median at 95 %).
    """
    x = np.sort(_finite(values))
    n = int(x.size)
    if n == 0:
        return NOTHING
    tail = (1 - confidence) / 2
    low, high = int(sps.binom.ppf(tail, n, q)), int(sps.binom.ppf(1 - tail, n, q)) + 1
    return Interval(
        float(np.quantile(x, q)),
        float(x[low - 1]) if low >= 1 else None,
        float(x[high - 1]) if high <= n else None,
        n,
    )


def median(values: Sequence[float] | Floats, *, confidence: float = CONFIDENCE) -> Interval:
    """The median with its order-statistic interval."""
    return quantile(values, 0.5, confidence=confidence)


def ratio(top: Floats, bottom: Floats, *, stream: Stream, confidence: float = CONFIDENCE, draws: int = 2000) -> Interval:
    """`sum(top) / sum(bottom)` over units (cells) with a percentile bootstrap over the units: top, bottom (n,)."""
    t, b = np.asarray(top, float), np.asarray(bottom, float)
    if t.size == 0 or b.sum() <= 0:
        return NOTHING
    value = float(t.sum() / b.sum())
    if t.size < 2:
        return Interval(value, None, None, int(t.size))
    weights = stream.multinomial(t.size, np.full(t.size, 1 / t.size), size=draws).astype(float)
    below = weights @ b
    again = (weights @ t)[below > 0] / below[below > 0]
    tail = (1 - confidence) / 2
    return Interval(value, float(np.quantile(again, tail)), float(np.quantile(again, 1 - tail)), int(t.size))


def paired(values: Floats, *, confidence: float = CONFIDENCE) -> tuple[Interval, float | None]:
    """The mean of differences (n,) within pairs, its Student interval, and the p-value of none; no interval from one pair."""
    x = _finite(values)
    if x.size == 0:
        return NOTHING, None
    value, n = float(x.mean()), int(x.size)
    if n < 2:
        return Interval(value, None, None, n), None
    se = float(x.std(ddof=1)) / np.sqrt(n)
    half = float(sps.t.ppf(0.5 + confidence / 2, n - 1)) * se
    p = float(2 * sps.t.sf(abs(value) / se, n - 1)) if se > 0 else float(value == 0)
    return Interval(value, value - half, value + half, n), p


def difference(*, sim: Interval, real: Interval) -> Interval:
    """Share in simulation minus share in reality, with Newcombe's hybrid score interval (Newcombe 1998, method 10)."""
    if sim.value is None or real.value is None or None in (sim.low, sim.high, real.low, real.high):
        return NOTHING
    d = sim.value - real.value
    assert sim.low is not None and sim.high is not None and real.low is not None and real.high is not None
    low = d - float(np.hypot(sim.value - sim.low, real.high - real.value))
    high = d + float(np.hypot(sim.high - sim.value, real.value - real.low))
    return Interval(d, max(-1.0, low), min(1.0, high), min(sim.n, real.n))


class Distance(NamedTuple):
    """How far two samples lie apart: the largest gap between their distribution functions and its p-value."""

    gap: float
    p: float


def kolmogorov_smirnov(*, sim: Sequence[float] | Floats, real: Sequence[float] | Floats) -> Distance | None:
    """Two-sample Kolmogorov–Smirnov test; None where a sample is empty."""
    a, b = _finite(sim), _finite(real)
    if a.size == 0 or b.size == 0:
        return None
    with warnings.catch_warnings():  # where the exact value cannot be had, the asymptotic one is taken
        warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful")
        result = sps.ks_2samp(a, b, method="exact" if a.size * b.size <= 250_000 else "asymp")
    return Distance(float(result.statistic), float(result.pvalue))


def overlap(a: Interval, b: Interval) -> bool | None:
    """Whether two intervals share a value; None where one has no bounds."""
    if a.low is None or a.high is None or b.low is None or b.high is None:
        return None
    return a.low <= b.high and b.low <= a.high


class Dispersion(NamedTuple):
    """Variance between blocks of consecutive observations over what independence would give: 1 is even, more is bursts."""

    value: float
    p: float
    blocks: int


def dispersion(values: Floats, exposure: Floats | None = None, *, blocks: int = 20) -> Dispersion | None:
    """How much observations hang together: values (n,) in their order, 0 or 1; or counts with their `exposure` (n,).

    Pearson's chi-square over its degrees of freedom, over at most `blocks` runs of consecutive observations of which each
    expects 5 events (and, for 0 or 1, 5 non-events); None where that leaves fewer than 5 blocks.
    """
    x, shares = np.asarray(values, float), exposure is None
    e = np.ones_like(x) if exposure is None else np.asarray(exposure, float)
    scarce = min(x.sum(), x.size - x.sum()) if shares else x.sum()
    count = min(blocks, int(scarce // 5))
    if count < 5 or e.sum() <= 0:
        return None
    starts = np.linspace(0, x.size, count, endpoint=False).astype(int)
    got, time = np.add.reduceat(x, starts), np.add.reduceat(e, starts)
    if (time <= 0).any():
        return None
    level = x.sum() / e.sum()
    square = float((((got - level * time) ** 2) / (level * time * ((1 - level) if shares else 1.0))).sum())
    return Dispersion(square / (count - 1), float(sps.chi2.sf(square, count - 1)), count)


def benjamini_hochberg(p: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted for their number (Benjamini and Hochberg 1995), in their order; None stays None and counts for nothing.

    Of what is claimed at an adjusted p of at most α, a share of at most α is claimed wrongly, in expectation.
    """
    known = [(value, i) for i, value in enumerate(p) if value is not None]
    out: list[float | None] = [None] * len(p)
    least = 1.0
    for rank, (value, i) in reversed(list(enumerate(sorted(known), start=1))):
        least = min(least, value * (len(known) / rank))
        out[i] = least
    return out


def wasserstein(*, sim: Sequence[float] | Floats, real: Sequence[float] | Floats) -> float | None:
    """Mean distance between two samples, in their unit: the area between their distribution functions; None: one is empty."""
    a, b = _finite(sim), _finite(real)
    return float(sps.wasserstein_distance(a, b)) if a.size and b.size else None


def _finite(values: Sequence[float] | Floats) -> Floats:
    """Values as an array; NaN is refused because an order statistic of NaN is whatever the sort made of it."""
    x = np.asarray(values, dtype=float).ravel()
    if not np.isfinite(x).all():
        raise ValueError("values must be finite: drop nulls and count them before asking for statistics")
    return x
