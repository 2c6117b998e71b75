"""Real success from few real episodes paired with simulated ones of the same conditions, and many simulated ones beside.

Prediction-powered inference (Angelopoulos, Bates, Fannjiang, Jordan and Zrnic 2023, Science 382) with the tuned weight of
PPI++ (Angelopoulos, Duchi and Zrnic 2023, arXiv 2311.01453): θ = λ·mean(rest) + mean(real − λ·sim), where `rest` was only
simulated. A simulation that errs the same way everywhere does no harm, one that predicts nothing gets λ = 0.

The paper's normal interval is too short where few pairs disagree: 20 pairs without a disagreement would leave no doubt.
So two pairs that disagree, one each way, are added to all variances (Bonett and Price 2012), and the limits are those of
Clopper and Pearson for as many episodes as the variance is worth (Korn and Graubard 1998): never outside [0, 1]. λ is the
weight of the least variance, so the interval is hardly ever wider than the one without simulation. Counted over 10 to 100
pairs, real success 0.5 to 0.97 and simulations from worthless to perfect, it held 96 to 100 % and was at most 1 % wider.
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
from twin.judge.stats import CONFIDENCE
from twin.judge.words import count, num, several

FEWEST = 10
"""Paired conditions below which there is no interval."""

KEY = ("task", "policy", "scene")
"""Columns that make a simulated and a real episode a pair; `scene` is the initial condition."""

Condition = tuple[str, ...]


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


def success(*, sim: Episodes, real: Episodes) -> Paired | str:
    """Real success from labelled episodes that agree in `KEY`; several with one key count once, by their mean.

    A key other than `scene` that one side never fills in is not used. Where nothing can be paired, a word on why.
    """
    silent = [side.name for side in (sim, real) if not any(side.keys["scene"])]
    if silent:
        return f"{' and '.join(silent)} {'name' if len(silent) > 1 else 'names'} no scene, so no episode has a counterpart"
    used = [key for key in KEY if any(sim.keys[key]) and any(real.keys[key])]
    ours, theirs = (_means(side, used) for side in (sim, real))
    for name, found in ((sim.name, ours), (real.name, theirs)):
        if not found:
            return f"{name} labels no episode of a known scene"
    both = [key for key in theirs if key in ours]
    rest = [mean for key, mean in ours.items() if key not in theirs]
    if len(both) < FEWEST:
        return f"{several(len(both), 'condition')} on both sides, {FEWEST} needed"
    if not rest:
        return "every simulated condition was run for real too: simulate more scenes"
    paired = [np.array([side[key] for key in both]) for side in (theirs, ours)]
    return interval(real=paired[0], sim=paired[1], rest=np.array(rest))


def _means(side: Episodes, used: Sequence[str]) -> dict[Condition, float]:
    """Mean label of each condition, in the order first met; episodes without a label or a key are in none."""
    found: dict[Condition, list[float]] = {}
    for label, key in zip(side.label, zip(*(side.keys[u] for u in used), strict=True), strict=True):
        named = tuple(k for k in key if k is not None)
        if len(named) == len(used) and not np.isnan(label):
            found.setdefault(named, []).append(float(label))
    return {key: float(np.mean(labels)) for key, labels in found.items()}


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
