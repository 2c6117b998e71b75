"""How good a forecast of delays is, and which candidate is taken: by what was held out inside the training part.

The pinball loss of a quantile (Koenker and Bassett 1978) is least, on average, where the quantile is right, far out too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.calibrate.network.families import FITS, Marginal, candidates
from twin.calibrate.network.regimes import Chain, fit_chain
from twin.core.records import Floats
from twin.judge.stats import quantile

FOLDS = ((0.4, 0.6), (0.5, 0.75), (0.6, 0.8), (0.75, 1.0))
"""Rolling origin inside the training part: fit up to the first share, score up to the second."""
MEMORY = 4000
"""Values before the origin that regimes are tried on."""
SPEAKS = 10
"""Values beyond a quantile with which the data say where it lies."""
WORTH = 0.001
"""One more regime must lower the held-out loss by this share."""


def pinball(forecast: Floats, x: Floats, p: Floats) -> Floats:
    """(P,) mean loss of quantile forecasts (P,) or (n, P) at shares p (P,) of what came, x (n,)."""
    miss = x[:, None] - forecast
    out: Floats = np.maximum(p * miss, (p - 1) * miss).mean(axis=0)
    return out


def resampled(before: Floats, p: Floats) -> Floats:
    """(P,) what resampling the past forecasts."""
    out: Floats = np.quantile(before, p)
    return out


def relative(forecast: Floats, before: Floats, x: Floats, p: Floats) -> float:
    """Mean pinball loss over that of resampling the past."""
    return float(pinball(forecast, x, p).mean() / max(pinball(resampled(before, p), x, p).mean(), 1e-300))


def folds(x: Floats) -> list[tuple[Floats, Floats]]:
    """(past, what came) pairs inside the training part."""
    return [(x[: round(a * len(x))], x[round(a * len(x)) : round(b * len(x))]) for a, b in FOLDS]


@dataclass(frozen=True)
class Candidate:
    """A family fitted to all training values; its relative loss on every fold; the quantiles where the data contradict it."""

    name: str
    marginal: Marginal
    losses: tuple[float, ...]
    contradicted: tuple[float, ...]

    @property
    def loss(self) -> float:
        """Mean over the folds."""
        return float(np.mean(self.losses))


def rank(x: Floats, families: tuple[str, ...], p: Floats) -> list[Candidate]:
    """Every candidate on x (n,); the one that is taken first.

    The data's own tail (`empirical_tail`) is taken, by the best of its thresholds, unless a law has a smaller loss on every
    fold and lies, at every quantile that enough values tell, within what they tell.
    """
    pairs = folds(x)
    told = [Candidate(name, fitted := FITS[name](x), _losses(name, pairs, p), contradicted(fitted, x, p))
            for name in candidates(families)]  # fmt: skip
    by_loss = sorted(told, key=lambda c: c.loss)
    own = [c for c in by_loss if c.name.startswith("empirical_tail")]
    if not own:
        return by_loss
    laws = [c for c in by_loss if c not in own and not c.contradicted and _always(c, own[0])]
    first = laws[0] if laws else own[0]
    return [first, *(c for c in by_loss if c is not first)]


def _losses(name: str, pairs: list[tuple[Floats, Floats]], p: Floats) -> tuple[float, ...]:
    return tuple(relative(FITS[name](before).quantile(p), before, after, p) for before, after in pairs)


def _always(law: Candidate, other: Candidate) -> bool:
    return all(a < b for a, b in zip(law.losses, other.losses, strict=True))


def contradicted(marginal: Marginal, x: Floats, p: Floats) -> tuple[float, ...]:
    """The shares p at which the data leave no room for a law's quantile, with 99 % confidence."""
    out = []
    for share in p[len(x) * (1 - p) >= SPEAKS].tolist():
        told = quantile(x, share, confidence=0.99)
        value = float(marginal.quantile(np.array(share)))
        if (told.low is not None and value < told.low) or (told.high is not None and value > told.high):
            out.append(share)
    return tuple(out)


def rank_regimes(x: Floats, family: str, most: int, p: Floats) -> list[float]:
    """Held-out relative loss, one message ahead, of chains of 1 … `most` regimes."""
    losses = np.zeros(most)
    pairs = [(before[-MEMORY:], after[:MEMORY]) for before, after in folds(x)]
    for before, after in pairs:
        marginal = FITS[family](before)
        for size in range(1, most + 1):
            chain = fit_chain(marginal, before, size)
            losses[size - 1] += relative(one_ahead(chain, before, after, p), before, after, p) / len(pairs)
    return [float(loss) for loss in losses]


def choose_regimes(losses: list[float]) -> int:
    """How many regimes: more only where each step up pays."""
    best = 1
    for size in range(2, len(losses) + 1):
        if losses[size - 1] < losses[best - 1] * (1 - WORTH):
            best = size
    return best


def one_ahead(chain: Chain, before: Floats, after: Floats, p: Floats) -> Floats:
    """(n, P) quantiles of each delay of `after`, told all before it."""
    return chain.quantiles(chain.forecast(before, after), p)
