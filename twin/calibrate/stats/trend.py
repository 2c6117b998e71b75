"""Is it a Poisson process at all? Tests of trend and of clusters, for moments in time and for cycles that had something or not.

laplace          moments pile up late or early (Cox and Lewis 1966), systems pooled
mil_hdbk_189     the same against a power law (MIL-HDBK-189; Crow 1974)
lewis_robinson   Laplace's divided by the variation of the gaps, so that clusters alone are no trend (Lewis and Robinson 1974)
of_cycles        a straight line in the share of cycles, with the variance that its serial dependence gives (Newey-West)
poisson          what is left after the trend is taken out, against an exponential law of gaps
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as sps

from twin.core.chance import Stream
from twin.core.records import Floats


@dataclass(frozen=True)
class Test:
    """A test: its statistic, two-sided p, and of how many events. `statistic` above zero: more towards the end."""

    __test__ = False  # for pytest: this is no test case

    name: str
    statistic: float
    p: float
    n: int


@dataclass(frozen=True)
class Watched:
    """One system: moments (n,) at which something happened, from 0 to `until`, in its operating time."""

    at: Floats
    until: float


def laplace(systems: Sequence[Watched]) -> Test | None:
    """None where nothing happened."""
    n, total, mean, var = 0, 0.0, 0.0, 0.0
    for s in systems:
        n, total = n + s.at.size, total + float(s.at.sum())
        mean, var = mean + s.at.size * s.until / 2, var + s.at.size * s.until**2 / 12
    if n == 0 or var == 0:
        return None
    z = (total - mean) / np.sqrt(var)
    return Test("Laplace", float(z), _two_sided(z), n)


def mil_hdbk_189(systems: Sequence[Watched]) -> Test | None:
    """Twice the sum of log(until / at) has a chi-square law with two degrees a moment under a steady rate."""
    logs = np.concatenate([np.log(s.until / np.maximum(s.at, 1e-12 * s.until)) for s in systems] or [np.zeros(0)])
    if not logs.size:
        return None
    twice = 2 * float(logs.sum())
    tail = float(sps.chi2.cdf(twice, 2 * logs.size))
    return Test("MIL-HDBK-189", float(sps.norm.isf(np.clip(tail, 1e-300, 1 - 1e-16))), 2 * min(tail, 1 - tail), int(logs.size))


def lewis_robinson(systems: Sequence[Watched]) -> Test | None:
    """Laplace's statistic over the variation of the gaps; None with fewer than 5 gaps."""
    plain, varies = laplace(systems), variation(systems)
    if plain is None or varies is None:
        return None
    z = plain.statistic / max(varies, 1e-9)
    return Test("Lewis-Robinson", z, _two_sided(z), plain.n)


def variation(systems: Sequence[Watched], shape: float = 1.0) -> float | None:
    """Standard deviation of the gaps over what it is where moments come at random; None with fewer than 5 gaps.

    shape: of a power law whose trend is taken out. Each gap counts in mean gaps of its own system, so that systems which differ
    are no clusters. Of n moments at random the share of the time between two neighbours is Beta(1, n), whose variance is
    n / (n + 2) times the square of its mean.
    """
    gaps, chance = [], []
    for s in systems:
        if (n := s.at.size) > 1 and s.until > 0:
            gaps.append(np.diff((s.at / s.until) ** shape) * (n + 1))
            chance.append(np.full(n - 1, n / (n + 2)))
    if sum(g.size for g in gaps) < 5 or (of := np.concatenate(gaps)).mean() <= 0:
        return None
    return float(of.std(ddof=1) / of.mean() / np.sqrt(np.concatenate(chance).mean()))


def of_cycles(had: Floats) -> Test | None:
    """had (n,) 0 or 1 (or counts), cycles in their order. None where all are alike or fewer than 8."""
    n = had.size
    if n < 8 or np.ptp(had) == 0:
        return None
    x = (np.arange(n) - (n - 1) / 2) / n
    slope = float(x @ had) / float(x @ x)
    around = (had - had.mean() - slope * x) * x
    z = float(x @ had) / np.sqrt(max(_long_run(around), float(np.var(had) * (x @ x)) * 0.5))
    return Test("straight line over cycles", z, _two_sided(z), int((had > 0).sum()))


def _long_run(u: Floats) -> float:
    """Variance of the sum of a dependent series: Bartlett's window as wide as its length allows (Newey and West 1994)."""
    lags = int(4 * (u.size / 100) ** (2 / 9))
    total = float(u @ u)
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(u[lag:] @ u[:-lag])
    return total


def halves(had: Floats, each: int) -> Test | None:
    """The first `each` cycles against the last, exactly (Fisher): statistic the difference in shares."""
    each = min(each, had.size // 2)
    if each < 1:
        return None
    a, b = int((had[:each] > 0).sum()), int((had[-each:] > 0).sum())
    p = float(sps.fisher_exact([[a, each - a], [b, each - b]])[1])
    return Test(f"first {each} against last {each}: {a} and {b}", (b - a) / each, p, a + b)


@dataclass(frozen=True)
class PowerLaw:
    """Rate = shape · t^(shape-1) / scale^shape (Crow-AMSAA): shape above 1 gets worse; its 90 % interval; n moments."""

    shape: float
    low: float
    high: float
    scale: float
    n: int


def power_law(systems: Sequence[Watched]) -> PowerLaw | None:
    """Maximum likelihood, less its bias, for systems watched equally long or not; None with fewer than 3 moments."""
    logs = np.concatenate([np.log(s.until / np.maximum(s.at, 1e-12 * s.until)) for s in systems] or [np.zeros(0)])
    n = int(logs.size)
    if n < 3:
        return None
    total = float(logs.sum())
    shape = (n - 1) / total
    low, high = (float(sps.chi2.ppf(p, 2 * n)) / (2 * total) for p in (0.05, 0.95))
    scale = float((sum(s.until**shape for s in systems) / n) ** (1 / shape))
    return PowerLaw(shape, low, high, scale, n)


def poisson(systems: Sequence[Watched], stream: Stream, *, trend: bool, repeats: int = 400) -> Test | None:
    """Whether gaps have the variation of an exponential law, once a power-law trend is taken out where `trend`.

    The p comes from Poisson processes with the same counts (so the fitted trend costs nothing). statistic: the variation of the
    gaps over what these processes have on average, less 1; above zero moments cluster. None with fewer than 5 gaps.
    """
    got = _after(systems, trend)
    if got is None:
        return None
    repeats = int(np.clip(repeats * 5000 / max(1, sum(s.at.size for s in systems)), 60, repeats))
    fakes = ([Watched(np.sort(stream.uniform(0, s.until, s.at.size)), s.until) for s in systems] for _ in range(repeats))
    again = np.array([_after(fake, trend) for fake in fakes], dtype=float)
    above, below = (1 + int((again >= got).sum())) / (repeats + 1), (1 + int((again <= got).sum())) / (repeats + 1)
    return Test(
        "variation of gaps" + (" after the trend" if trend else ""),
        got / float(again.mean()) - 1,
        min(1.0, 2 * min(above, below)),
        sum(s.at.size for s in systems),
    )


def _after(systems: Sequence[Watched], trend: bool) -> float | None:
    """The variation of the gaps, once a trend is taken out."""
    law = power_law(systems) if trend else None
    return variation(systems, law.shape if law else 1.0)


def _two_sided(z: float) -> float:
    return float(2 * sps.norm.sf(abs(z)))
