"""How far ahead a link can be forecast: told every delay up to some messages before, what will this one be?

The chain says in which regime the link was, and its transitions what becomes of that. The law of all delays is the one of the
training part (frozen), or is fitted anew to all that came in (kept up to date); regimes and transitions stay as they are.
Beside them what needs no model: the training part resampled, all delays so far, the latest ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twin.calibrate.network.families import FITS
from twin.calibrate.network.regimes import Chain
from twin.calibrate.network.score import pinball, resampled
from twin.core.records import Floats, Ints

AHEAD = (1, 10, 100, 1000)
"""Horizons in messages; those beyond a quarter of the training part are left out."""
LATEST = 300
"""How many of the latest delays are resampled."""
ANEW, FEWEST_ANEW = 0.02, 20
"""What rests on past delays is made anew when so large a share of them has come in, and so many."""


@dataclass(frozen=True)
class Horizon:
    """Mean pinball losses at one horizon, each over that of resampling the training part."""

    ahead: int
    frozen: float
    kept: float
    so_far: float
    latest: float

    def words(self) -> str:
        """In one phrase."""
        plain = f"all so far resampled {self.so_far:.4f}, the latest {LATEST} {self.latest:.4f}"
        return f"{self.ahead}: law frozen {self.frozen:.4f}, kept up to date {self.kept:.4f}; {plain}"


def horizons(chain: Chain, family: str, before: Floats, after: Floats, p: Floats) -> list[Horizon]:
    """Every horizon on the held-out part `after`."""
    x, start = np.concatenate([before, after]), len(before)
    ahead = [h for h in AHEAD if 4 * h <= start]
    base = max(float(pinball(resampled(before, p), after, p).mean()), 1e-300)
    frozen, kept = (follow(chain, family, x, start, ahead, p, frozen=still) for still in (True, False))

    def loss(told: Floats) -> float:
        return float(pinball(told, after, p).mean()) / base

    return [Horizon(h, loss(frozen[h]), loss(kept[h]), loss(latest(x, start, h, None, p)), loss(latest(x, start, h, LATEST, p)))
            for h in ahead]  # fmt: skip


def follow(
    chain: Chain, family: str, x: Floats, start: int, ahead: Sequence[int], p: Floats, *, frozen: bool
) -> Mapping[int, Floats]:
    """(n, P) quantiles of every delay of x from `start` on, by horizon."""
    moments = [start] if frozen else _moments(len(x), start, None)
    chains = [chain if m == start else replace(chain, marginal=FITS[family](x[:m])) for m in moments]
    edges = [0, *moments[1:], len(x)]
    scores = np.concatenate([c.scores(x[a:b]) for c, a, b in zip(chains, edges, edges[1:], strict=False)])
    weights = chain.filtered(scores)
    out = {}
    for h in ahead:
        known = _known(len(x), start, h)
        moved = weights[known] @ np.linalg.matrix_power(chain.transitions, h - 1)
        block = np.maximum(np.searchsorted(moments, known, "right") - 1, 0)
        out[h] = np.concatenate([chains[k].quantiles(moved[block == k], p) for k in np.unique(block)])
    return out


def latest(x: Floats, start: int, ahead: int, window: int | None, p: Floats) -> Floats:
    """(n, P) forecasts of every delay of x from `start` on: the last `window` that were known resampled; None: all."""
    known = _known(len(x), start, ahead)
    moments = np.array(_moments(len(x), int(known[0]), window))
    table = np.array([np.quantile(x[0 if window is None else max(0, m - window) : m], p) for m in moments])
    out: Floats = table[np.searchsorted(moments, known, "right") - 1]
    return out


def _known(n: int, start: int, ahead: int) -> Ints:
    """(n - start,) how many delays are known when each from `start` on is forecast."""
    out: Ints = np.arange(start, n) - (ahead - 1)
    return out


def _moments(n: int, start: int, window: int | None) -> list[int]:
    """Counts of known delays at which something is made anew, the first at `start`."""
    out = [start]
    while out[-1] < n:
        rests = out[-1] if window is None else min(window, out[-1])
        out.append(out[-1] + max(FEWEST_ANEW, round(ANEW * rests)))
    return out[:-1]
