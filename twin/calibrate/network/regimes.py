"""Regimes of a link: a hidden Markov chain over normal scores of the delays, one step a message.

A delay becomes its normal score under the marginal distribution, so that a regime is a normal law there and the tail is the
marginal's own. Baum and Welch's algorithm (1970) over chunks of the trace, all at once. Of two regimes it is the
Gilbert–Elliott channel (Gilbert 1960, Elliott 1963), for delays instead of losses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from twin.calibrate.network.families import Marginal
from twin.core.records import Floats

CHUNK = 200
EDGE = 1e-7
NARROWEST = 0.1
"""Least standard deviation of a regime, in normal scores."""
STICKY = 5.0
"""Prior count of staying, and of nothing else: a regime lasts unless the trace says otherwise."""


@dataclass(frozen=True)
class Chain:
    """K regimes: means and deviations (K,) of normal scores, transitions (K, K) from row to column."""

    marginal: Marginal
    means: Floats
    sds: Floats
    transitions: Floats
    log_likelihood: float

    @property
    def size(self) -> int:
        """How many regimes."""
        return len(self.means)

    @property
    def stationary(self) -> Floats:
        """(K,) share of messages in each regime."""
        values, vectors = np.linalg.eig(self.transitions.T)
        share = np.real(vectors[:, int(np.argmin(np.abs(values - 1)))])
        out: Floats = share / share.sum()
        return out

    def scores(self, x: Floats) -> Floats:
        """(n,) normal scores of delays."""
        out: Floats = ndtri(np.clip(self.marginal.cdf(x), EDGE, 1 - EDGE))
        return out

    def filtered(self, z: Floats) -> Floats:
        """(n + 1, K) chances of each regime for the message that comes after none, one, … all of the normal scores z (n,)."""
        out = np.empty((len(z) + 1, self.size))
        out[0] = weight = self.stationary
        for i, density in enumerate(densities(z, self.means, self.sds), start=1):
            weight = weight * density
            out[i] = weight = (weight / weight.sum()) @ self.transitions
        return out

    def forecast(self, before: Floats, x: Floats) -> Floats:
        """(n, K) chances of each regime for each of x (n,), each told all that came before it."""
        return self.filtered(self.scores(np.concatenate([before, x])))[len(before) : -1]

    def quantiles(self, weights: Floats, p: Floats) -> Floats:
        """(n, P) quantiles of delays at shares p (P,) where regimes have chances `weights` (n, K)."""
        low, high = np.full((len(weights), len(p)), -8.0), np.full((len(weights), len(p)), 8.0)
        for _ in range(40):
            middle = 0.5 * (low + high)
            below = sum(weights[:, [k]] * ndtr((middle - self.means[k]) / self.sds[k]) for k in range(self.size))
            low, high = np.where(below < p, middle, low), np.where(below < p, high, middle)
        return self.marginal.quantile(self._share(0.5 * (low + high)))

    def _share(self, z: Floats) -> Floats:
        """Shares of all messages below normal scores z: what the chain as a whole makes of them."""
        out: Floats = sum(
            (share * ndtr((z - mean) / sd) for share, mean, sd in zip(self.stationary, self.means, self.sds, strict=True)),
            np.zeros_like(z),
        )
        return out

    def regime(self, k: int, p: Floats) -> Floats:
        """Quantiles of the delays of one regime."""
        return self.marginal.quantile(self._share(self.means[k] + self.sds[k] * ndtri(p)))


def densities(z: Floats, means: Floats, sds: Floats) -> Floats:
    """(…, K) densities of normal scores z under every regime."""
    out: Floats = np.exp(-0.5 * ((z[..., None] - means) / sds) ** 2) / (sds * np.sqrt(2 * np.pi)) + 1e-12
    return out


def fit_chain(marginal: Marginal, x: Floats, size: int, rounds: int = 60, stay0: float = 0.7) -> Chain:
    """A chain of `size` regimes fitted to delays x (n,)."""
    z = ndtri(np.clip(marginal.cdf(x), EDGE, 1 - EDGE))
    if size == 1:
        sd = max(float(z.std()), NARROWEST)
        likelihood = float(np.log(densities(z, np.array([z.mean()]), np.array([sd]))).sum())
        return Chain(marginal, np.array([z.mean()]), np.array([sd]), np.ones((1, 1)), likelihood)
    chunks = max(1, round(len(z) / CHUNK))
    length = len(z) // chunks
    cut = z[: chunks * length].reshape(chunks, length)
    means = np.quantile(z, (np.arange(size) + 0.5) / size)
    sds = np.full(size, max(float(z.std()) / size, 2 * NARROWEST))
    transitions = np.full((size, size), (1 - stay0) / size) + stay0 * np.eye(size)
    before = -np.inf
    for _ in range(rounds):
        weight, moves, likelihood = _expect(cut, means, sds, transitions)
        total = weight.sum(axis=(0, 1))
        means = (weight * cut[..., None]).sum(axis=(0, 1)) / total
        spread = (weight * (cut[..., None] - means) ** 2).sum(axis=(0, 1)) / total
        sds = np.sqrt(spread + NARROWEST**2)
        moves = moves + STICKY * np.eye(size) + 1e-3
        transitions = moves / moves.sum(axis=1, keepdims=True)
        if likelihood - before < 1e-5 * abs(likelihood):
            break
        before = likelihood
    order = np.argsort(means)
    return Chain(marginal, means[order], sds[order], transitions[np.ix_(order, order)], likelihood)


def _expect(cut: Floats, means: Floats, sds: Floats, transitions: Floats) -> tuple[Floats, Floats, float]:
    """Chances of every regime at every step (B, L, K), expected moves (K, K), log likelihood: B chunks at once."""
    chunks, length = cut.shape
    likely = densities(cut, means, sds)
    ahead, scale = np.empty_like(likely), np.empty((chunks, length))
    now = np.full((chunks, len(means)), 1.0 / len(means))
    for t in range(length):
        joint = now * likely[:, t]
        scale[:, t] = joint.sum(axis=1)
        ahead[:, t] = joint / scale[:, t, None]
        now = ahead[:, t] @ transitions
    back = np.ones_like(likely)
    for t in range(length - 2, -1, -1):
        back[:, t] = (likely[:, t + 1] * back[:, t + 1] / scale[:, t + 1, None]) @ transitions.T
    weight = ahead * back
    weight /= weight.sum(axis=2, keepdims=True)
    onward = likely[:, 1:] * back[:, 1:] / scale[:, 1:, None]
    moves = np.einsum("bti,btj->ij", ahead[:, :-1], onward) * transitions
    return weight, moves, float(np.log(scale).sum())
