"""Families of delays. Every fit becomes a table of its quantiles, so that scores, regimes and links treat all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import special
from scipy import stats as sps

from twin.calibrate.network.tail import Tail, fit_tail
from twin.core.records import Floats

_EDGES = 1 / (1 + np.exp(-np.linspace(-np.log(2e4), np.log(2e4), 801)))
GRID: Floats = np.unique(np.concatenate([_EDGES, 1 - np.geomspace(1e-6, 5e-2, 120), [0.5, 0.9, 0.99, 0.999]]))
"""Shares at which quantiles are tabled: up to one message in a million."""


ENOUGH = 20_000
"""Values that tell a mixture."""
BEYOND, TRUST = (0.05, 0.3, 5.0, 10.0), (0.0, 0.5, 0.5, 1.0)
"""With so many values beyond a quantile the data's own order statistic counts so much, the law the rest."""


@dataclass(frozen=True)
class Marginal:
    """One fitted distribution: `values` are its quantiles at `GRID`. `cost` counts its parameters."""

    family: str
    values: Floats
    parameters: Mapping[str, float]
    log_likelihood: float | None
    cost: int
    tail: Tail | None = field(default=None, compare=False)

    def quantile(self, p: Floats) -> Floats:
        """Quantiles at shares p."""
        out: Floats = np.interp(p, GRID, self.values)
        return out

    def cdf(self, x: Floats) -> Floats:
        """Shares below x; halfway where many share one value."""
        left, right = (np.searchsorted(self.values, x, side) for side in ("left", "right"))
        inner = np.interp(x, self.values, GRID)
        tied = GRID[np.clip(left, 0, len(GRID) - 1)] / 2 + GRID[np.clip(right - 1, 0, len(GRID) - 1)] / 2
        out: Floats = np.where(right - left > 1, tied, inner)
        return out

    @property
    def aic(self) -> float | None:
        """Akaike's information criterion; None for what has no likelihood."""
        return None if self.log_likelihood is None else 2 * self.cost - 2 * self.log_likelihood


def _shifts(x: Floats) -> list[float]:
    """Where a delay may start: the path's own time, which no message undercuts; 0 is no shift."""
    low, middle = float(x.min()), float(np.median(x))
    gap = max(middle - low, 1e-9 * middle)
    return [0.0, *(shift for c in (0.02, 0.1, 0.5, 2.0) if (shift := low - c * gap) > 0)]


Two = tuple[float, float]


def _shifted(
    family: str, x: Floats, fit: Callable[[Floats], Two], law: Callable[[float, float], sps.rv_frozen], names: tuple[str, str]
) -> Marginal:
    """The best shift of a family of two parameters."""
    best: tuple[float, float, Two] | None = None
    for shift in _shifts(x):
        a, b = fit(x - shift)
        likelihood = float(law(a, b).logpdf(x - shift).sum())
        if np.isfinite(likelihood) and (best is None or likelihood > best[0]):
            best = (likelihood, shift, (a, b))
    assert best is not None
    likelihood, shift, (a, b) = best
    values = shift + law(a, b).ppf(GRID)
    return Marginal(family, values, {"shift": shift, names[0]: a, names[1]: b}, likelihood, 3)


def lognormal(x: Floats) -> Marginal:
    """Shifted lognormal."""
    return _shifted(
        "lognormal",
        x,
        lambda y: (float(np.exp(np.log(y).mean())), max(float(np.log(y).std()), 1e-9)),
        lambda median, sigma: sps.lognorm(sigma, scale=median),
        ("median", "sigma"),
    )


def loglogistic(x: Floats) -> Marginal:
    """Shifted log-logistic; its scale from the quartiles of the logarithm, which a heavy tail does not move."""

    def fit(y: Floats) -> Two:
        low, middle, high = np.quantile(np.log(y), [0.25, 0.5, 0.75])
        return float(np.exp(middle)), float(2 * np.log(3) / max(high - low, 1e-9))

    return _shifted("loglogistic", x, fit, lambda median, shape: sps.fisk(shape, scale=median), ("median", "shape"))


def gamma(x: Floats) -> Marginal:
    """Shifted gamma; maximum likelihood by Minka's iteration (2002)."""

    def fit(y: Floats) -> Two:
        gap = max(float(np.log(y.mean()) - np.log(y).mean()), 1e-12)
        k = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
        for _ in range(20):
            k -= (np.log(k) - special.digamma(k) - gap) / (1 / k - special.polygamma(1, k))
        return float(k), float(y.mean() / k)

    return _shifted("gamma", x, fit, lambda shape, scale: sps.gamma(shape, scale=scale), ("shape", "scale"))


def mixture(x: Floats, parts: int) -> Marginal:
    """A mixture of lognormals by expectation maximisation, started from shares of the ordered values; of more than `ENOUGH` so
    many of them, evenly taken in their order, tell it as well."""
    n, y = len(x), np.sort(np.log(x))
    if n > ENOUGH:
        y = y[np.linspace(0, n - 1, ENOUGH).round().astype(int)]
    ordered = np.array_split(y, parts)
    mean = np.array([part.mean() for part in ordered])
    sd = np.maximum([part.std() for part in ordered], 1e-3 * max(float(y.std()), 1e-9))
    share = np.full(parts, 1 / parts)
    floor = 1e-2 * max(float(y.std()), 1e-9)
    for _ in range(200):
        density = share * np.exp(-0.5 * ((y[:, None] - mean) / sd) ** 2) / sd
        weight = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        total = np.maximum(weight.sum(axis=0), 1e-9)
        before = mean
        share, mean = total / len(y), (weight * y[:, None]).sum(axis=0) / total
        sd = np.maximum(np.sqrt((weight * (y[:, None] - mean) ** 2).sum(axis=0) / total), floor)
        if np.abs(mean - before).max() < 1e-6:
            break
    density = share * np.exp(-0.5 * ((y[:, None] - mean) / sd) ** 2) / sd / np.sqrt(2 * np.pi)
    likelihood = float((np.log(np.maximum(density.sum(axis=1), 1e-300)) - y).mean()) * n
    points = np.linspace((mean - 6 * sd).min(), (mean + 6 * sd).max(), 20_001)
    below = special.ndtr((points[:, None] - mean) / sd) @ share
    values = np.exp(np.interp(GRID, below, points))
    named = {f"{what}_{i + 1}": float(v) for i in range(parts) for what, v in
             (("share", share[i]), ("median", np.exp(mean[i])), ("sigma", sd[i]))}  # fmt: skip
    return Marginal(f"lognormal_mixture_{parts}", values, named, likelihood, 3 * parts - 1)


def _smoothed(ordered: Floats) -> Floats:
    """Quantiles at `GRID` as means of order statistics, as wide as each quantile's own error (Harrell and Davis 1982)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    n = len(ordered)
    near = np.clip(GRID[:, None] + nodes * np.sqrt(GRID * (1 - GRID) / (n + 1))[:, None], 0, 1)
    out: Floats = np.interp(near * (n - 1), np.arange(n), ordered) @ (weights / weights.sum())
    return out


def empirical_tail(x: Floats, count: int) -> Marginal:
    """Order statistics, and a generalised Pareto tail over the `count` largest.

    The fewer values lie beyond a quantile, the more the law says it: a link whose tail has steps (time-outs, retries) keeps
    those that it showed ten times.
    """
    ordered = np.sort(x)
    n = len(ordered)
    count = min(count, max(5, n // 5))
    tail = fit_tail(ordered, count)
    body = _smoothed(ordered)
    far = 1 - tail.above < GRID
    smooth = tail.quantile(GRID[far])
    plain = np.interp(GRID[far] * (n - 1), np.arange(n), ordered)
    trust = np.interp(n * (1 - GRID[far]), BEYOND, TRUST)
    body[far] = trust * plain + (1 - trust) * smooth
    values = np.maximum.accumulate(body)
    parameters = {"tail_shape": tail.shape, "tail_threshold": tail.threshold, "tail_share": tail.above}
    return Marginal("empirical_tail", values, parameters, None, 2, tail)


def _tail_of(count: int | None, share: float | None) -> Callable[[Floats], Marginal]:
    def fit(x: Floats) -> Marginal:
        return empirical_tail(x, max(8, count if count is not None else round((share or 0.0) * len(x))))

    return fit


FITS: Mapping[str, Callable[[Floats], Marginal]] = {
    "lognormal": lognormal,
    "loglogistic": loglogistic,
    "gamma": gamma,
    "lognormal_mixture_2": lambda x: mixture(x, 2),
    "lognormal_mixture_3": lambda x: mixture(x, 3),
    "empirical_tail_10": _tail_of(10, None),
    "empirical_tail_20": _tail_of(20, None),
    "empirical_tail_40": _tail_of(40, None),
    "empirical_tail_2pct": _tail_of(None, 0.02),
    "empirical_tail_5pct": _tail_of(None, 0.05),
}
"""Every candidate: the families, and the empirical tail over its so many largest values."""


def candidates(families: tuple[str, ...]) -> list[str]:
    """The candidates of the families that a plan allows."""
    return [name for name in FITS if name in families or name.startswith("empirical_tail") and "empirical_tail" in families]
