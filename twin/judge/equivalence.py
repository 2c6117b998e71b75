"""Equivalence: are simulation and reality the same *within a margin*? Absence of a difference is no proof of agreement.

Two one-sided tests (Schuirmann 1987). Each side's own limits are combined into limits of the gap between them by the method
of variance estimates recovery (Zou and Donner 2008; for shares this is Newcombe's method 10 over exact limits). The gap
*agrees* where its limits lie inside the margin, *differs* where they lie outside. How often that goes wrong is counted in
`benchmarks/equivalence_power.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from twin.core.records import Floats

ALPHA = 0.05
POWER = 0.8
"""Chance, wanted of the n that is asked for, that a twin without any difference is called equal."""

CAUTION = 1.1
"""Raises p-values of agreement: combined limits err up to 6 % too often where one side has 20 times the other's episodes."""

MOST = 10_000_000
"""Episodes beyond which no number is named: the gap lies at the margin."""

Verdict = Literal["agrees", "differs", "cannot_tell"]
Limits = Callable[[float], tuple[float, float]]
"""Tail probability → (lower, upper) one-sided limits; -inf and inf where there are none."""


@dataclass(frozen=True)
class Estimate:
    """One side's figure: its value, its limits, and from how many episodes `n`."""

    value: float
    limits: Limits
    n: int


@dataclass(frozen=True)
class Gap:
    """Simulation against reality. `value` and `limits` are a difference, or where `ratio` the logarithm of a ratio.

    `se` is the standard error at `n_sim` and `n_real` episodes were there no gap: what more episodes would shrink.
    """

    value: float
    limits: Limits
    ratio: bool
    se: float
    n_sim: int
    n_real: int

    def inside(self, margin: float) -> float:
        """The margin on this gap's own scale: a share stays, +25 % becomes log 1.25."""
        return math.log1p(margin) if self.ratio else margin


class Decision(NamedTuple):
    """p-values of the two claims that can be made: that the gap is within the margin, and that it is beyond."""

    agrees: float
    differs: float


def share(*, k: int, n: int, dispersion: float = 1.0) -> Estimate:
    """A share with the exact limits of Clopper and Pearson (1934); `dispersion` as in `stats.proportion`."""
    top, whole = k / dispersion, n / dispersion
    return Estimate(k / n, lambda tail: beta_limits(top, whole, tail), n)


def beta_limits(k: float, n: float, tail: float) -> tuple[float, float]:
    """Clopper–Pearson limits of `k` of `n`, which need not be whole."""
    low = float(special.betaincinv(k, n - k + 1, tail)) if k > 0 else 0.0
    high = float(special.betaincinv(k + 1, n - k, 1 - tail)) if k < n else 1.0
    return low, high


def quantile(ordered: Floats, q: float, *, dispersion: float = 1.0) -> Estimate:
    """The `q` quantile of sorted values (n,) between order statistics, whatever the distribution."""
    n = int(ordered.size)
    worth = max(1, int(n / dispersion))

    def limits(tail: float) -> tuple[float, float]:
        low, high = _binomial(tail, worth, q), _binomial(1 - tail, worth, q) + 1
        below, above = math.floor((low - 1) * n / worth), math.ceil(high * n / worth) - 1
        return float(ordered[below]) if low >= 1 else -math.inf, float(ordered[above]) if high <= worth else math.inf

    return Estimate(float(np.quantile(ordered, q)), limits, n)


def _binomial(p: float, n: int, q: float) -> int:
    """The `p` quantile of a binomial count: scipy's `binom.ppf` without its overhead."""
    k = math.ceil(float(special.bdtrik(p, n, q)))
    return k - 1 if k > 0 and float(special.bdtr(k - 1, n, q)) >= p else max(k, 0)


def ratio_of_sums(top: Floats, bottom: Floats) -> Estimate | None:
    """`sum(top) / sum(bottom)` over episodes (n,) in their order, with Student's limits from blocks of consecutive ones.

    Blocks, so that neighbours that hang together count once. None with fewer than 10 episodes or nothing in `top`.
    """
    n = int(top.size)
    if n < 10 or top.sum() <= 0 or bottom.sum() <= 0:
        return None
    count = min(20, n // 2)
    starts = np.linspace(0, n, count, endpoint=False).astype(int)
    a, b = np.add.reduceat(top, starts), np.add.reduceat(bottom, starts)
    value = float(a.sum() / b.sum())
    spread = float(((a - value * b) ** 2).sum()) * count / (count - 1)
    se = math.sqrt(spread) / float(b.sum()) / value
    return Estimate(value, lambda tail: _student(value, se, count - 1, tail), n)


def _student(value: float, se: float, df: int, tail: float) -> tuple[float, float]:
    """Limits of a positive value from the standard error of its logarithm."""
    reach = -float(special.stdtrit(df, tail)) * se
    return value * math.exp(-reach), value * math.exp(reach)


def difference(*, sim: Estimate, real: Estimate, se: float | None = None) -> Gap:
    """Simulation minus reality."""
    a, b = sim, real

    def limits(tail: float) -> tuple[float, float]:
        (al, au), (bl, bu) = a.limits(tail), b.limits(tail)
        d = a.value - b.value
        return d - math.hypot(a.value - al, bu - b.value), d + math.hypot(au - a.value, b.value - bl)

    return Gap(a.value - b.value, limits, False, _se(a.value - b.value, limits) if se is None else se, a.n, b.n)


def difference_of_shares(*, sim: Estimate, real: Estimate, dispersion: tuple[float, float] = (1.0, 1.0)) -> Gap:
    """A difference of shares; what more episodes would bring is reckoned from the share of both sides together."""
    pooled = (sim.value * sim.n + real.value * real.n + 1) / (sim.n + real.n + 2)
    se = math.sqrt(pooled * (1 - pooled) * (dispersion[0] / sim.n + dispersion[1] / real.n))
    return difference(sim=sim, real=real, se=se)


def ratio(*, sim: Estimate, real: Estimate) -> Gap | None:
    """Simulation over reality, on a logarithmic scale; None where a side is not above zero."""
    if sim.value <= 0 or real.value <= 0:
        return None
    return _as_ratio(difference(sim=_logged(sim), real=_logged(real)))


def _logged(side: Estimate) -> Estimate:
    def limits(tail: float) -> tuple[float, float]:
        low, high = side.limits(tail)
        return math.log(low) if low > 0 else -math.inf, math.log(high)

    return Estimate(math.log(side.value), limits, side.n)


def _as_ratio(gap: Gap) -> Gap:
    return Gap(gap.value, gap.limits, True, gap.se, gap.n_sim, gap.n_real)


def ratio_of_rates(
    *, sim: tuple[int, float], real: tuple[int, float], n: tuple[int, int], dispersion: float = 1.0
) -> Gap | None:
    """Ratio of two rates, each given as (events, exposure), with the exact limits of the conditional test.

    Given all events, those of the simulation are a binomial share of them (Przyborowski and Wilenski 1940). `n` episodes of
    simulation and reality. None without any event or exposure.
    """
    (k, time), (j, other) = sim, real
    if k + j == 0 or time <= 0 or other <= 0:
        return None

    def logged(theta: float) -> float:
        return -math.inf if theta <= 0 else math.inf if theta >= 1 else math.log(theta / (1 - theta) * other / time)

    def limits(tail: float) -> tuple[float, float]:
        low, high = beta_limits(k / dispersion, (k + j) / dispersion, tail)
        return logged(low), logged(high)

    level = (k + j) / (time + other)
    se = math.sqrt(dispersion * (1 / (level * time) + 1 / (level * other)))
    return Gap(logged(k / (k + j)), limits, True, se, *n)


def _se(value: float, limits: Limits) -> float:
    """A standard error as the farther of the narrowest limits that there are tells it; inf where there are none."""
    for tail in (0.025, 0.05, 0.1, 0.16):
        low, high = limits(tail)
        reach = max(high - value, value - low)
        if math.isfinite(reach):
            return reach / -float(special.ndtri(tail))
    return math.inf


def decide(gap: Gap, margin: float) -> Decision:
    """The smallest levels at which the gap may be called within the margin, and beyond it.

    `agrees` is that of two one-sided tests (the limits of 1 − 2α lie inside), `differs` is two-sided (those of 1 − α lie
    outside): at 0.05, limits of 90 and 95 %.
    """
    m = gap.inside(margin)

    def within(tail: float) -> bool:
        low, high = gap.limits(tail)
        return -m < low and high < m

    def beyond(tail: float) -> bool:
        low, high = gap.limits(tail)
        return low > m or high < -m

    return Decision(min(1.0, CAUTION * _least(within)), min(1.0, 2 * _least(beyond)))


def _least(holds: Callable[[float], bool], below: float = 0.5, floor: float = 1e-9) -> float:
    """The smallest tail at which something holds that holds for all larger ones; 1 where it does not hold at `below`."""
    if not holds(below):
        return 1.0
    if holds(floor):
        return floor
    low, high = math.log(floor), math.log(below)
    for _ in range(26):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(math.exp(middle)) else (middle, high)
    return math.exp(high)


def needed(gap: Gap, margin: float, *, levels: tuple[float, float] = (ALPHA, ALPHA)) -> int | None:
    """Episodes needed on *each* side before this can be told, at the levels for `agrees` and `differs`; None: unknown.

    Where the gap seen lies inside the margin: for a power of 80 % were there no gap at all; else, or where there are as
    many already, for limits around the gap seen that clear the margin.
    """
    m, seen = gap.inside(margin), abs(gap.value)
    have, spread = min(gap.n_sim, gap.n_real), 2 * gap.n_sim * gap.n_real / (gap.n_sim + gap.n_real) * gap.se**2
    one, two = -float(special.ndtri(levels[0])), -float(special.ndtri(levels[1] / 2))
    wanted = []
    if seen <= m or not math.isfinite(seen):
        wanted.append(spread * ((one + float(special.ndtri(0.5 + POWER / 2))) / m) ** 2)
    if math.isfinite(seen) and seen != m:
        wanted.append(max(have + 1, spread * ((one if seen < m else two) / (seen - m)) ** 2))
    enough = next((n for n in wanted if n > have), math.inf)
    return math.ceil(enough) if enough <= MOST else None
