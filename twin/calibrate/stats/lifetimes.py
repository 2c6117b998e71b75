"""Times until something happens, some of them still running: which law, how surely, and Kaplan and Meier's curve beside it.

A law is fitted by its posterior: the mode, its curvature, and importance-weighted draws around it. Which law is chosen on
held-out parts of the data, and the simpler one wins unless the other is better by more than the error of that comparison.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import optimize
from scipy import stats as sps

from twin.calibrate.stats.belief import Belief, drawn, rate
from twin.calibrate.stats.families import FAMILIES, Family, Of, mean
from twin.core.chance import Stream
from twin.core.records import Bools, Floats

DRAWS = 2000
LARGE = 3000
"""From so many times on the curvature alone is exact enough."""
ENOUGH = 1500
"""So many times decide which law it is."""
FOLDS = 10
REACH = 0.5
"""First steps of the search for a mode: a start at 0 would else be given a simplex too small to leave it."""
_NEAR = {"xatol": 1e-4, "fatol": 1e-9}
CAUTION = 1.64
"""A simpler law is taken unless another is better by so many standard errors of the difference."""


@dataclass(frozen=True)
class Times:
    """Times (n,) > 0, and whether each ended (n,): the others still ran when nobody looked any more (right-censored)."""

    t: Floats
    ended: Bools
    running: Bools | None = None
    """(n,) those that ran already when somebody began to look, nobody knows since when; None: none of them."""

    def __post_init__(self) -> None:
        if not np.isfinite(self.t).all() or (self.t <= 0).any():
            raise ValueError("times must be finite and above zero")

    @property
    def events(self) -> int:
        """How many ended."""
        return int(self.ended.sum())

    def take(self, keep: Any) -> Times:
        """Some of them."""
        return Times(self.t[keep], self.ended[keep], None if self.running is None else self.running[keep])

    @property
    def whole(self) -> Times:
        """Those that were seen from their start."""
        return self if self.running is None else self.take(~self.running)

    def in_units_of(self, unit: float) -> Times:
        """The same in another unit."""
        return Times(self.t / unit, self.ended, self.running)

    @classmethod
    def joined(cls, parts: Sequence[Times]) -> Times:
        """Several as one."""
        running = [np.zeros(p.t.size, bool) if p.running is None else p.running for p in parts]
        return cls(np.concatenate([p.t for p in parts]), np.concatenate([p.ended for p in parts]), np.concatenate(running))


@dataclass(frozen=True)
class Law:
    """A fitted law: point parameters, what is known of each and of the mean, and its scores."""

    family: str
    point: Mapping[str, float]
    beliefs: Mapping[str, Belief]
    log_likelihood: float
    bic: float
    held_out: float | None = None
    """Mean log score of a time in folds that were held out, nats."""
    theta: Floats = field(default_factory=lambda: np.zeros(0))

    def survival(self, t: Floats) -> Floats:
        """(n,) probability of lasting longer than t."""
        return np.exp(FAMILIES[self.family].log_survival(self.theta, t))


def score(family: Family, theta: Floats, data: Times) -> Floats:
    """(…, n) log density where ended, log survival where not; of what is left of a time, where it ran already."""
    left = np.zeros(data.t.size, bool) if data.running is None or family.log_left is None else data.running
    out = np.empty((*theta.shape[:-1], data.t.size))
    kinds: tuple[tuple[Bools, Of | None], ...] = (
        (data.ended & ~left, family.log_density),
        (~data.ended & ~left, family.log_survival),
        (
            data.ended & left,
            lambda th, t: family.log_survival(th, t) - np.log(mean(family.name, family.natural(th)))[..., None],
        ),
        (~data.ended & left, family.log_left),
    )
    with np.errstate(over="ignore", invalid="ignore"):
        for which, log in kinds:
            if log is not None and which.any():
                out[..., which] = log(theta, data.t[which])
    return np.nan_to_num(out, nan=-1e6, neginf=-1e6)


def _log_mean(family: Family, theta: Floats) -> Floats:
    return np.asarray(np.log(mean(family.name, family.natural(theta)))[..., None])


def mode(family: Family, data: Times, near: Floats | None = None) -> Floats:
    """(k,) the most probable parameters; from `near` where a fit to almost the same data is known."""
    start = np.array(family.start(float(data.t.sum()) / max(1, data.events)))

    def loss(theta: Floats) -> float:
        return -float(score(family, theta, data).sum() + family.log_prior(theta, start)) / data.t.size

    if near is not None:
        return np.asarray(optimize.minimize(loss, near, method="BFGS", options={"gtol": 1e-5}).x, dtype=float)
    simplex = start + np.vstack([np.zeros(start.size), REACH * np.eye(start.size)])
    found = optimize.minimize(loss, start, method="Nelder-Mead", options={"initial_simplex": simplex, "maxiter": 400, **_NEAR})
    return np.asarray(optimize.minimize(loss, found.x, method="BFGS", options={"gtol": 1e-6}).x, dtype=float)


def fit(family: str, data: Times, stream: Stream, draws: int = DRAWS) -> Law:
    """The law of a family with beliefs in its parameters and `mean`; `draws` 0: the point only.

    Raises `ValueError` with too few events for it.
    """
    law = FAMILIES[family]
    if data.events < law.least and family != "exponential":
        raise ValueError(f"{data.events} events are too few for {family} ({law.least} are wanted)")
    best = mode(law, data)
    total = float(score(law, best, data).sum())
    point = {name: float(v) for name, v in law.natural(best).items()}
    beliefs: dict[str, Belief] = {}
    if family == "exponential":
        beliefs = {"mean": inverse(rate(data.events, float(data.t.sum())))}
    elif draws:
        theta, weights = posterior(law, data, best, stream, draws)
        named = law.natural(theta)
        beliefs = {k: drawn(v, data.events, point[k], weights) for k, v in named.items()}
        beliefs["mean"] = drawn(mean(family, named), data.events, None, weights)
    return Law(family, point, beliefs, total, law_bic(total, best.size, data), theta=best)


def inverse(belief: Belief) -> Belief:
    """What is known of 1 / x."""
    value = np.inf if belief.value == 0 else 1 / belief.value
    return Belief(value, lambda p: 1 / max(belief.quantile(1 - p), 1e-300), belief.n, belief.bounded and "below")


def law_bic(total: float, k: int, data: Times) -> float:
    """Schwarz's criterion, by the number of events (Volinsky and Raftery 2000)."""
    return k * float(np.log(max(data.events, 2))) - 2 * total


def posterior(family: Family, data: Times, best: Floats, stream: Stream, draws: int) -> tuple[Floats, Floats]:
    """(draws, k) parameters and their weights: two rounds of importance sampling from a Student t around the mode."""
    centre, cov = best, _covariance(family, data, best)
    start = np.array(family.start(float(data.t.sum()) / max(1, data.events)))
    for _ in range(1 if data.t.size > LARGE else 3):
        chol = np.linalg.cholesky(cov * 1.2)
        z, g = stream.standard_normal((draws, best.size)), stream.chisquare(5, draws) / 5
        theta = centre + (z / np.sqrt(g)[:, None]) @ chol.T
        if data.t.size > LARGE:
            return centre + z @ np.linalg.cholesky(cov).T, np.ones(draws)
        log_q = -0.5 * (5 + best.size) * np.log1p((z**2).sum(1) / g / 5)
        log_p = np.concatenate([score(family, part, data).sum(-1) for part in np.array_split(theta, _parts(data, draws))])
        log_w = log_p + family.log_prior(theta, start) - log_q
        weights = np.exp(log_w - log_w.max())
        weights /= weights.sum()
        centre = weights @ theta
        cov = (theta - centre).T @ ((theta - centre) * weights[:, None]) + 1e-9 * np.eye(best.size)
    return theta, weights


def _parts(data: Times, draws: int) -> int:
    return max(1, data.t.size * draws // 4_000_000)


def _covariance(family: Family, data: Times, best: Floats) -> Floats:
    """Inverse curvature at the mode by central differences; directions without curvature are given a wide one."""
    k, step = best.size, 1e-3
    start = np.array(family.start(float(data.t.sum()) / max(1, data.events)))

    def value(at: Floats) -> float:
        return float(score(family, at, data).sum() + family.log_prior(at, start))

    eye = step * np.eye(k)
    hess = np.array(
        [[(value(best + a + b) - value(best + a - b) - value(best - a + b) + value(best - a - b)) for b in eye] for a in eye]
    ) / (4 * step * step)
    lam, vec = np.linalg.eigh(-(hess + hess.T) / 2)
    return np.asarray((vec / np.maximum(lam, 0.25)) @ vec.T)


def held_out(family: str, data: Times, folds: int = FOLDS) -> Floats:
    """(n,) log score of every time under the law fitted to the other folds (every `folds`-th time, in their order)."""
    law, out = FAMILIES[family], np.empty(data.t.size)
    whole = mode(law, data)
    fold = np.arange(data.t.size) % folds
    for k in range(folds):
        own, rest = data.take(fold == k), data.take(fold != k)
        if rest.events == 0:
            return np.full(data.t.size, -np.inf)
        out[fold == k] = score(law, mode(law, rest, whole), own)
    return out


def choose(data: Times, stream: Stream, families: Sequence[str] = tuple(FAMILIES)) -> list[Law]:
    """All laws that the data can tell apart, the chosen one first: the simplest that is not clearly worse than the best.

    Of more than `ENOUGH` times so many, evenly taken, decide. Only the chosen law carries beliefs.
    """
    part = data.take(np.linspace(0, data.t.size - 1, ENOUGH).astype(int)) if data.t.size > ENOUGH else data
    able = [f for f in families if FAMILIES[f].least <= part.events] or ["exponential"]
    scores = {f: held_out(f, part) for f in able}
    best = max(able, key=lambda f: scores[f].mean())

    def near(f: str) -> bool:
        if f == best:
            return True
        gap = scores[best] - scores[f]
        return bool(gap.mean() <= CAUTION * gap.std() / np.sqrt(gap.size))

    order = sorted(able, key=lambda f: (len(FAMILIES[f].names), -scores[f].mean()))
    chosen = next(f for f in order if near(f))
    laws = [fit(f, data if f == chosen else part, stream, DRAWS if f == chosen else 0) for f in able]
    means = {f: float(s.mean()) for f, s in scores.items()}
    told = [replace(law, held_out=means[law.family] if np.isfinite(means[law.family]) else None) for law in laws]
    return sorted(told, key=lambda law: (law.family != chosen, -(law.held_out or 0.0)))


@dataclass(frozen=True)
class Curve:
    """Kaplan and Meier's estimate: after t (k,), a share `lasting` (k,) still runs, within [low, high] (90 %, log-log)."""

    t: Floats
    lasting: Floats
    low: Floats
    high: Floats


def kaplan_meier(data: Times) -> Curve:
    """The curve that no law is behind, of times that were seen from their start."""
    data = data.whole
    censored = sps.CensoredData(uncensored=data.t[data.ended], right=data.t[~data.ended])
    curve = sps.ecdf(censored).sf
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a curve at 1 or 0 has no limit there
        told = curve.confidence_interval(confidence_level=0.9, method="log-log")
    return Curve(curve.quantiles, curve.probabilities, told.low.probabilities, told.high.probabilities)


def largest_gap(law: Law, data: Times) -> float | None:
    """How far the law leaves Kaplan and Meier's curve, in share, before a step or after it; None where no time makes a step."""
    if not data.whole.events:
        return None
    curve = kaplan_meier(data)
    lasts, before = law.survival(curve.t), np.concatenate(([1.0], curve.lasting[:-1]))
    return float(max(np.abs(lasts - curve.lasting).max(), np.abs(lasts - before).max()))
