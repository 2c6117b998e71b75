"""How far ahead a link can be forecast: told every delay up to some messages before, what will this one be?

Regimes: the chain says in which the link was, and its transitions what becomes of that. The law of all delays is the one of the
training part (frozen), or is fitted anew to all that came in (kept up to date); regimes and transitions stay as they are.

The forecast is a mixture: of the regimes kept up to date, the law alone, all delays so far and the latest ones as they were
counted, and the law at the level of the last few. Which weighs how much at which quantile is learned from what came, first on
the later half of the training part (by what its earlier half tells), then as messages come in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from twin.calibrate.network.families import FITS
from twin.calibrate.network.mixing import Judged, mix
from twin.calibrate.network.regimes import Chain
from twin.calibrate.network.score import pinball, resampled
from twin.core.records import Floats, Ints

AHEAD = (1, 10, 100, 1000)
"""Horizons in messages; those beyond a quarter of the training part are left out."""
LATEST = 300
"""How many of the latest delays are resampled."""
LEVELS = (30, 100)
"""Of so many of the latest delays the median is the level that the law is moved to."""
MIDDLE = np.array([0.5])
ANEW, FEWEST_ANEW = 0.02, 20
"""The law is fitted anew when so large a share of the delays it rests on has come in, and so many."""
FEWEST = 100
"""A half of the training part with fewer delays tells no weights: all forecasts then begin alike."""


@dataclass(frozen=True)
class Horizon:
    """Mean pinball losses at one horizon, each over that of resampling the training part."""

    ahead: int
    mixed: float
    frozen: float
    kept: float
    so_far: float
    latest: float

    def words(self) -> str:
        """In one phrase."""
        plain = f"all so far resampled {self.so_far:.4f}, the latest {LATEST} {self.latest:.4f}"
        regimes = f"regimes alone with the law frozen {self.frozen:.4f}, kept up to date {self.kept:.4f}"
        return f"{self.ahead}: {self.mixed:.4f}; {regimes}; {plain}"


@dataclass(frozen=True)
class Kept:
    """A chain whose law is fitted anew as delays come in: after `counts` of them, the first where the forecasts begin."""

    counts: Ints
    chains: tuple[Chain, ...]

    @classmethod
    def up_to_date(cls, chain: Chain, family: str, x: Floats, start: int) -> Kept:
        """Told x (n,) one by one from `start` on; the chain itself is what was known there."""
        counts = [start]
        while (then := counts[-1] + max(FEWEST_ANEW, round(ANEW * counts[-1]))) < len(x):
            counts.append(then)
        anew = (replace(chain, marginal=FITS[family](x[:m])) for m in counts[1:])
        return cls(np.array(counts), (chain, *anew))

    @classmethod
    def frozen(cls, chain: Chain, start: int) -> Kept:
        """Never fitted anew."""
        return cls(np.array([start]), (chain,))

    def at(self, known: Ints) -> Ints:
        """(n,) the chain that each forecast, with so many delays known, is made by."""
        out: Ints = np.maximum(np.searchsorted(self.counts, known, "right") - 1, 0)
        return out

    def law(self, known: Ints, p: Floats) -> Floats:
        """(n, P) quantiles of the law alone."""
        return np.array([chain.marginal.quantile(p) for chain in self.chains])[self.at(known)]


def horizons(
    model: tuple[str, Chain], earlier: Callable[[Floats], tuple[str, Chain]], before: Floats, after: Floats, p: Floats
) -> tuple[list[Horizon], Floats]:
    """Every horizon on the held-out part `after`, and the forecasts (n, P) one message ahead.

    `model`: family and chain of the training part `before`; `earlier` makes one of a part of it.
    """
    x, start = np.concatenate([before, after]), len(before)
    ahead = [h for h in AHEAD if 4 * h <= start]
    base = max(float(pinball(resampled(before, p), after, p).mean()), 1e-300)
    judged = _learned(earlier, before, ahead, p)
    frozen = follow(Kept.frozen(model[1], start), x, start, ahead, p)
    told = forecasts(model, x, start, ahead, p)

    def loss(of: Floats) -> float:
        return float(pinball(of, after, p).mean()) / base

    mixed = {h: mix(told[h], after, p, h, judged[h]) for h in ahead}
    out = [Horizon(h, loss(mixed[h]), loss(frozen[h]), *(loss(told[h][:, k]) for k in (0, 2, 3))) for h in ahead]
    return out, mixed[1]


def _learned(
    earlier: Callable[[Floats], tuple[str, Chain]], before: Floats, ahead: Sequence[int], p: Floats
) -> Mapping[int, Judged]:
    """How forecasts from the earlier half of the training part did on its later half, by horizon."""
    half = len(before) // 2
    new = {h: Judged.new(4 + len(LEVELS), len(p)) for h in ahead}
    near = [h for h in ahead if 4 * h <= half]
    if half >= FEWEST and np.ptp(before[:half]) > 0:
        for h, told in forecasts(earlier(before[:half]), before, half, near, p).items():
            mix(told, before[half:], p, h, new[h])
    return new


def forecasts(model: tuple[str, Chain], x: Floats, start: int, ahead: Sequence[int], p: Floats) -> Mapping[int, Floats]:
    """(n, K, P) by horizon what is mixed, of every delay of x from `start` on: regimes kept up to date, their law alone, all so
    far, the latest, and the law at the level of the last few."""
    family, chain = model
    kept = Kept.up_to_date(chain, family, x, start)
    states = follow(kept, x, start, ahead, p)
    out = {}
    for h in ahead:
        known = _known(len(x), start, h)
        law, middle = kept.law(known, p), kept.law(known, MIDDLE)
        counted = (latest(x, start, h, window, p) for window in (None, LATEST))
        moved = (law * latest(x, start, h, window, MIDDLE) / middle for window in LEVELS)
        out[h] = np.stack([states[h], law, *counted, *moved], axis=1)
    return out


def follow(kept: Kept, x: Floats, start: int, ahead: Sequence[int], p: Floats) -> Mapping[int, Floats]:
    """(n, P) by horizon the chain's quantiles of every delay of x from `start` on."""
    edges = [0, *kept.counts[1:], len(x)]
    scores = np.concatenate([c.scores(x[a:b]) for c, a, b in zip(kept.chains, edges, edges[1:], strict=False)])
    weights = kept.chains[0].filtered(scores)
    out = {}
    for h in ahead:
        known = _known(len(x), start, h)
        moved = weights[known] @ np.linalg.matrix_power(kept.chains[0].transitions, h - 1)
        block = kept.at(known)
        out[h] = np.concatenate([kept.chains[k].quantiles(moved[block == k], p) for k in np.unique(block)])
    return out


def latest(x: Floats, start: int, ahead: int, window: int | None, p: Floats) -> Floats:
    """(n, P) forecasts of every delay of x from `start` on: the last `window` that were known resampled; None: all."""
    known = _known(len(x), start, ahead)
    series = pd.Series(x)
    rolled = series.expanding() if window is None else series.rolling(window, min_periods=1)
    out: Floats = np.stack([rolled.quantile(share).to_numpy() for share in p], axis=1)[known - 1]
    return out


def _known(n: int, start: int, ahead: int) -> Ints:
    """(n - start,) how many delays are known when each from `start` on is forecast."""
    out: Ints = np.arange(start, n) - (ahead - 1)
    return out
