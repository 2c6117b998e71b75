"""Real success from few real episodes paired with simulated ones of the same conditions, and many simulated ones beside.

Prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023, Science 382) with the tuned weight of
PPI++ (Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453): θ = λ·mean(rest) + mean(real − λ·sim), where `rest` was only
simulated. A simulation that errs the same way everywhere does no harm, one that predicts nothing gets λ = 0.

The paper's normal interval is too short where few pairs disagree: 20 pairs without a disagreement would leave no doubt.
So two pairs that disagree, one each way, are added to all variances (Bonett and Price 2012), and the limits are those of
Clopper and Pearson for as many episodes as the variance is worth (Korn and Graubard 1998): never outside [0, 1], and for
λ = 0 no shorter than without pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import special

from twin.core.errors import InputError
from twin.core.records import Floats
from twin.judge import stats
from twin.judge.equivalence import beta_limits
from twin.judge.measures import Episodes
from twin.judge.stats import CONFIDENCE, Interval
from twin.judge.words import count, num, several

FEWEST = 10
"""Paired conditions below which there is no interval."""

KEY = ("task", "policy", "scene")
"""What makes a simulated and a real episode a pair; `scene` is the initial condition."""


@dataclass(frozen=True)
class Paired:
    """Real success from `n` paired conditions and `rest` only simulated ones, weighed by `weight` (λ); 95 %.

    `unpaired_low` and `unpaired_high` come from the same real episodes and method without simulation, at λ = 0; `width` is
    the width against theirs, so 0.7 is 30 % narrower.
    """

    n: int
    rest: int
    weight: float
    value: float
    low: float
    high: float
    unpaired_low: float
    unpaired_high: float
    width: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def words(self) -> str:
        """One line: the interval, and what the pairs brought."""
        span = f"{num(100 * self.value)} % ({num(100 * self.low)} to {num(100 * self.high)})"
        sides = f"{several(self.n, 'condition')} paired, {count(self.rest)} more simulated"
        return f"real success with pairs {span}, {num(self.width, 2)} × the width without; {sides}"


def interval(*, real: Floats, sim: Floats, rest: Floats, confidence: float = CONFIDENCE) -> Paired:
    """The prediction-powered interval. real, sim (n,): success of each paired condition in [0, 1], in the order run for real.

    rest (N,): success of conditions that were only simulated. `InputError`: NaN, values outside [0, 1], fewer than `FEWEST`
    pairs, no rest.
    """
    y, x, more = (_shares(v, name) for v, name in ((real, "real"), (sim, "sim"), (rest, "rest")))
    if y.size != x.size or y.size < FEWEST or not more.size:
        raise InputError(f"paired: {y.size} real, {x.size} sim, {more.size} rest: {FEWEST} pairs and one more are the least")
    n, tied = int(y.size), _dispersion(y)
    (vy, vx), both = _moments(y, x)
    weight = 0.0 if vx <= 0 else float(np.clip(both / (vx * (1 + n / more.size)), 0.0, 1.0))
    value = float(np.clip(y.mean() + weight * (more.mean() - x.mean()), 0.0, 1.0))
    spread = vy - 2 * weight * both + weight**2 * vx * (1 + n / more.size)
    low, high = _limits(value, n, spread * tied, confidence)
    alone = _limits(float(y.mean()), n, vy * tied, confidence)
    width = (high - low) / (alone[1] - alone[0])
    return Paired(n, int(more.size), weight, value, low, high, *alone, width)


def _shares(values: Floats, name: str) -> Floats:
    x = np.asarray(values, dtype=float).ravel()
    bad = np.flatnonzero(~((x >= 0) & (x <= 1)))
    if bad.size:
        raise InputError(f"paired: {name}, condition {int(bad[0])}: {x[bad[0]]:g} where a share from 0 to 1 is expected")
    return x


def _dispersion(y: Floats) -> float:
    """How much neighbours hang together, as everywhere in a comparison; never below 1."""
    told = stats.dispersion(y)
    return 1.0 if told is None else max(1.0, told.value)


def _moments(y: Floats, x: Floats) -> tuple[tuple[float, float], float]:
    """Variances of real and sim and their covariance, two pairs that disagree added."""
    table = np.cov(np.append(y, [1.0, 0.0]), np.append(x, [0.0, 1.0]))
    return (float(table[0, 0]), float(table[1, 1])), float(table[0, 1])


def _limits(value: float, n: int, spread: float, confidence: float) -> tuple[float, float]:
    """Exact limits for the number of yes-or-no episodes that have the variance `spread` / n of the estimate."""
    tail = (1 - confidence) / 2
    centre = (value * n + 1) / (n + 2)
    student = float(special.ndtri(tail) / special.stdtrit(n - 1, tail))
    worth = centre * (1 - centre) * n / spread * student**2
    return beta_limits(value * worth, worth, tail)
