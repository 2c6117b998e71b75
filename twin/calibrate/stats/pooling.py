"""Shares of success that borrow strength from one another: a logistic regression with one effect a robot.

    logit p = covariates · β + u[robot],   u ~ N(0, τ²)

τ is integrated over a grid with a half-Cauchy prior (Gelman 2006), the rest by Laplace's approximation for every τ: a robot
with nine episodes leans on the others as far as the others agree. Coefficients have N(0, 2.5²) priors on standardised columns
(Gelman et al. 2008), the intercept N(0, 5²).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy import stats as sps

from twin.calibrate.stats.belief import Belief
from twin.core.records import Floats, Ints

TAUS = np.geomspace(0.02, 4.0, 18)


@dataclass(frozen=True)
class Counts:
    """Patterns (n,): `good` of `tries` by group (n,) with covariates x (n, p), the first column ones."""

    good: Floats
    tries: Floats
    group: Ints
    x: Floats
    names: tuple[str, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Pooled:
    """The posterior: for every τ its weight, and mean (p + g) and covariance of coefficients and effects."""

    counts: Counts
    weights: Floats
    means: Floats
    covs: Floats

    def share(self, group: int | None, x: Floats | None = None) -> Belief:
        """The share of success of a group (None: of a robot that nobody has seen yet) at covariates x (p,), by default the mean
        of the data."""
        p = self.counts.x.shape[1]
        at = np.average(self.counts.x, axis=0, weights=self.counts.tries) if x is None else x
        row = np.zeros(self.means.shape[1])
        row[:p] = at
        extra = np.zeros(TAUS.size)
        if group is None:
            extra = TAUS**2
        else:
            row[p + group] = 1
        n = int(self.counts.tries.sum() if group is None else self.counts.tries[self.counts.group == group].sum())
        return _share(self.weights, self.means @ row, np.sqrt(np.einsum("i,tij,j->t", row, self.covs, row) + extra), n)

    def typical(self, x: Floats | None = None) -> Belief:
        """The share of success of a robot in the middle of the fleet."""
        p = self.counts.x.shape[1]
        row = np.zeros(self.means.shape[1])
        row[:p] = np.average(self.counts.x, axis=0, weights=self.counts.tries) if x is None else x
        sd = np.sqrt(np.einsum("i,tij,j->t", row, self.covs, row))
        return _share(self.weights, self.means @ row, sd, int(self.counts.tries.sum()))

    def effect(self, column: int) -> Belief:
        """A coefficient, in log odds a unit of its column."""
        sd = np.sqrt(self.covs[:, column, column])
        mean = self.means[:, column]
        return Belief(float(self.weights @ mean), lambda q: _quantile(self.weights, mean, sd, q), int(self.counts.tries.sum()))

    def spread(self) -> Belief:
        """τ: how far robots lie apart, in log odds."""
        total = np.cumsum(self.weights)
        at = (total - 0.5 * self.weights) / total[-1]
        return Belief(float(np.interp(0.5, at, TAUS)), lambda q: float(np.interp(q, at, TAUS)), len(self.counts.groups))


def _share(weights: Floats, mean: Floats, sd: Floats, n: int) -> Belief:
    def quantile(q: float) -> float:
        return float(special.expit(_quantile(weights, mean, sd, q)))

    return Belief(quantile(0.5), quantile, n)


def _quantile(weights: Floats, mean: Floats, sd: Floats, q: float) -> float:
    """A quantile of a mixture of normals, by bisection."""
    low, high = float((mean - 9 * sd).min()), float((mean + 9 * sd).max())
    for _ in range(60):
        mid = 0.5 * (low + high)
        low, high = (mid, high) if float(weights @ special.ndtr((mid - mean) / sd)) < q else (low, mid)
    return 0.5 * (low + high)


def pool(counts: Counts) -> Pooled:
    """The posterior. A single group has no spread to learn: τ is then what its prior says, and only shares of it matter."""
    p, g = counts.x.shape[1], len(counts.groups)
    design = np.zeros((counts.good.size, p + g))
    design[:, :p] = counts.x
    design[np.arange(counts.good.size), p + counts.group] = 1
    prior = np.full(p, 1 / 2.5**2)
    prior[0] = 1 / 5.0**2
    means, covs, logs = [], [], []
    theta = np.zeros(p + g)
    theta[0] = special.logit((counts.good.sum() + 0.5) / (counts.tries.sum() + 1))
    for tau in TAUS:
        precision = np.concatenate((prior, np.full(g, tau**-2)))
        theta, hess = _newton(design, counts, precision, theta)
        _, logdet = np.linalg.slogdet(hess)
        fit = _log_likelihood(design @ theta, counts) - 0.5 * float(precision @ theta**2) - g * np.log(tau) - 0.5 * logdet
        logs.append(fit + float(sps.halfcauchy.logpdf(tau, scale=1.0)) + np.log(tau))  # grid is even in log τ
        means.append(theta)
        covs.append(np.linalg.inv(hess))
    weights = np.exp(np.array(logs) - max(logs))
    return Pooled(counts, weights / weights.sum(), np.array(means), np.array(covs))


def _newton(design: Floats, counts: Counts, precision: Floats, theta: Floats) -> tuple[Floats, Floats]:
    hess = np.diag(precision)
    for _ in range(50):
        share = special.expit(design @ theta)
        grad = design.T @ (counts.good - counts.tries * share) - precision * theta
        hess = (design.T * (counts.tries * share * (1 - share))) @ design + np.diag(precision)
        step = np.linalg.solve(hess, grad)
        theta = theta + step * min(1.0, 3.0 / max(float(np.abs(step).max()), 1e-12))
        if float(np.abs(step).max()) < 1e-8:
            break
    return theta, hess


def _log_likelihood(logit: Floats, counts: Counts) -> float:
    good, bad = special.log_expit(logit), special.log_expit(-logit)
    return float(counts.good @ good + (counts.tries - counts.good) @ bad)


def patterns(good: Floats, group: Sequence[str], columns: dict[str, Floats]) -> Counts:
    """Episodes (n,) gathered into patterns of the same robot and covariates; good (n,) 0 or 1."""
    groups, index = np.unique(np.asarray(group, dtype=object).astype(str), return_inverse=True)
    x = np.column_stack([np.ones(good.size), *columns.values()])
    keys, at = np.unique(np.column_stack((index, x)), axis=0, return_inverse=True)
    at = at.ravel()
    tries = np.bincount(at).astype(float)
    return Counts(
        np.asarray(np.bincount(at, weights=good), float),
        tries,
        keys[:, 0].astype(np.int64),
        keys[:, 1:],
        ("", *columns),
        tuple(groups),
    )
