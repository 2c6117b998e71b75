"""The tail beyond the last order statistics that can be trusted: a generalised Pareto law, its parameters integrated out.

Peaks over threshold (Pickands 1975; Davison and Smith 1990). The posterior is taken on a grid, and the predictive quantile
is that of the mixture: where few values tell the tail, it reaches further out, as a forecast must.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.core.records import Floats

SHAPES = np.where(np.abs(grid := np.linspace(-0.8, 2.0, 29)) < 1e-4, 1e-4, grid)[:, None]
"""(29, 1) shapes ξ: below 0 the tail ends, above 1 its mean does not exist."""
SPREAD = np.linspace(-1.8, 1.5, 34)[None, :]
"""(1, 34) logarithms of the scale over the mean excess."""
PRIOR_MEAN, PRIOR_SD = 0.2, 0.3
"""Normal prior of the shape: delays have tails between exponential and Pareto."""


@dataclass(frozen=True)
class Tail:
    """What lies above `threshold`, which a share `above` of all values exceeds: weights (29, 34) over shape and scale."""

    threshold: float
    above: float
    weights: Floats
    scales: Floats
    count: int

    @property
    def shape(self) -> float:
        """Posterior mean of the shape ξ."""
        return float((self.weights * SHAPES).sum())

    def shape_interval(self, confidence: float) -> tuple[float, float]:
        """The posterior interval of the shape."""
        mass = np.cumsum(self.weights.sum(axis=1))
        low, high = np.interp([(1 - confidence) / 2, (1 + confidence) / 2], mass, SHAPES[:, 0])
        return float(low), float(high)

    def quantile_interval(self, p: float, confidence: float) -> tuple[float, float]:
        """The posterior interval of the value that a share p ≥ 1 - above lies below."""
        reach = self.scales / SHAPES * np.expm1(SHAPES * np.log(self.above / (1 - p)))
        order = np.argsort(reach, axis=None)
        mass = np.cumsum(self.weights.ravel()[order])
        low, high = np.interp([(1 - confidence) / 2, (1 + confidence) / 2], mass, reach.ravel()[order])
        return self.threshold + float(low), self.threshold + float(high)

    def survival(self, x: Floats) -> Floats:
        """(n,) share of all values beyond x (n,) ≥ threshold."""
        likely = self.weights > 1e-6 * self.weights.max()
        weights, scales = self.weights[likely], self.scales[likely]
        shapes = np.broadcast_to(SHAPES, self.weights.shape)[likely]
        z = 1 + shapes * (np.asarray(x, float)[:, None] - self.threshold) / scales
        beyond = np.where(z > 0, np.exp(-np.log(np.maximum(z, 1e-300)) / shapes), 0.0)
        out: Floats = self.above * (beyond @ weights)
        return out

    def quantile(self, p: Floats) -> Floats:
        """(n,) the values that shares p (n,) ≥ 1 - above lie below."""
        mean = float((self.weights * self.scales).sum())
        excess = mean * np.geomspace(1e-4, 1e8, 481)
        beyond = np.log(np.maximum(self.survival(self.threshold + excess), 1e-300))
        wanted = np.log(np.maximum(1 - np.asarray(p, float), 1e-12))
        out: Floats = self.threshold + np.exp(np.interp(-wanted, -beyond, np.log(excess)))
        return out


def fit_tail(ordered: Floats, count: int) -> Tail:
    """The tail above the `count` largest of `ordered` (n,), ascending."""
    n = len(ordered)
    threshold = float(ordered[n - count - 1])
    floor = 1e-9 * max(1e-12, abs(threshold))
    excess = np.maximum(ordered[n - count :] - threshold, floor)
    scales = np.exp(np.log(excess.mean()) + SPREAD)
    z = 1 + SHAPES[..., None] * excess / scales[..., None]
    inside = (z > 0).all(axis=-1)
    likelihood = -count * np.log(scales) - (1 + 1 / SHAPES) * np.log(np.where(z > 0, z, 1.0)).sum(axis=-1)
    posterior = np.where(inside, likelihood - 0.5 * ((SHAPES - PRIOR_MEAN) / PRIOR_SD) ** 2, -np.inf)
    weights = np.exp(posterior - posterior.max())
    return Tail(threshold, count / n, weights / weights.sum(), np.broadcast_to(scales, weights.shape), count)
