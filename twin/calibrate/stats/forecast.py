"""What the next cycles will be like, and whether that was better than resampling what was.

The reference is a stationary bootstrap (Politis and Romano 1994) of the history. Both sides' durations are smoothed by the same
kernels, so that the difference is in what is forecast, not in how it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from twin.calibrate.stats.level import Level, follow
from twin.core.chance import Stream
from twin.core.records import Floats, Ints

BROAD = 0.02
"""Share of a wide lognormal in every density: nothing is impossible."""
KEPT = 400
"""A density rests on at most so many points."""


@dataclass(frozen=True)
class Density:
    """A density of positive values: a Gaussian on the logarithm around every point (n,), as wide as its neighbours are far."""

    log_points: Floats
    weights: Floats
    widths: Floats

    def log_score(self, x: Floats) -> Floats:
        """(m,) log density at x, per unit of x."""
        at = np.log(x)
        return np.asarray(np.log(_mixed(at, self.log_points, self.weights, self.widths)) - at)

    def quantile(self, p: float) -> float:
        """The value below which a share `p` lies."""
        order = np.argsort(self.log_points)
        total = np.cumsum(self.weights[order])
        return float(np.exp(np.interp(p, (total - 0.5 * self.weights[order]) / total[-1], self.log_points[order])))


def _mixed(at: Floats, points: Floats, weights: Floats, widths: Floats, *, without_itself: bool = False) -> Floats:
    kernels = np.exp(-0.5 * ((at[:, None] - points) / widths) ** 2) / (widths * np.sqrt(2 * np.pi))
    mass = weights.sum()
    if without_itself:
        np.fill_diagonal(kernels, 0.0)
        narrow = (kernels @ weights) / np.maximum(mass - weights, 1e-12)
    else:
        narrow = (kernels @ weights) / mass
    wide = np.exp(-0.5 * (at - np.average(points, weights=weights)) ** 2) / np.sqrt(2 * np.pi)
    return np.asarray((1 - BROAD) * narrow + BROAD * wide)


def density(x: Floats, weights: Floats | None = None) -> Density:
    """The density whose neighbourhood and width fit best when every point is left out in turn. x (n,) > 0, n ≥ 2.

    Of many points the last ones where they have weights, otherwise some evenly from all.
    """
    keep = np.arange(max(0, x.size - KEPT), x.size)
    if weights is None and x.size > KEPT:
        keep = np.linspace(0, x.size - 1, KEPT).astype(int)
    points, w = np.log(x[keep]), np.ones(keep.size) if weights is None else weights[keep]
    far = np.sort(np.abs(points[:, None] - points), axis=1)
    best: tuple[float, Floats] | None = None
    for k in (2, 4, 8, 16):
        base = np.maximum(far[:, min(k, keep.size - 1)], 1e-3)
        for scale in np.geomspace(0.25, 4, 7):
            told = _mixed(points, points, w, base * scale, without_itself=True)
            score = float(w @ np.log(told))
            if best is None or score > best[0]:
                best = (score, base * scale)
    assert best is not None
    return Density(points, w, best[1])


def raked(flags: Sequence[Floats], shares: Sequence[float]) -> Floats:
    """(n,) weights under which every flag (n,) of 0 and 1 has its share (iterative proportional fitting)."""
    w = np.ones(flags[0].size if flags else 0)
    for _ in range(20):
        for flag, share in zip(flags, shares, strict=True):
            now = float(np.average(flag, weights=w))
            if 0 < now < 1:
                w = w * np.where(flag == 1, share / now, (1 - share) / (1 - now))
    return w


def resampling(n: int, horizon: int, draws: int, stream: Stream) -> Ints:
    """(draws, horizon) indices into a history of n: blocks of geometric length, n^(1/3) on average, that go round the end."""
    stop = 1 / max(1.0, n ** (1 / 3))
    at = stream.integers(0, n, draws)
    out = np.empty((draws, horizon), np.int64)
    for i in range(horizon):
        out[:, i] = at
        at = np.where(stream.random(draws) < stop, stream.integers(0, n, draws), (at + 1) % n)
    return out


@dataclass(frozen=True)
class Scored:
    """One quantity over all origins: mean log score a cycle and a window, ours and the bootstrap's; the share of windows
    (flags) or of cycles (durations) inside the 90 % interval, of `inside_of`."""

    ours: float
    reference: float
    n: int
    window: float | None = None
    window_reference: float | None = None
    inside: float = 0.0
    inside_of: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)


def rolling(
    flags: Mapping[str, Floats], durations: Floats, stream: Stream, every: int = 40, horizon: int = 40
) -> dict[str, Scored]:
    """From every `every`-th cycle forecast the next `horizon`: flags (n,) 0, 1 or NaN, durations (n,) s or NaN, in order.

    Scores by name; the key `duration_s` for durations. Empty where the log is too short for one forecast.
    """
    n = durations.size
    origins = range(every, n - horizon + 1, every)
    out: dict[str, list[dict[str, float]]] = {name: [] for name in (*flags, "duration_s")}
    for start in origins:
        levels = {name: follow(had[:start]) for name, had in flags.items()}
        again = resampling(start, horizon, 4000, stream)
        for name, had in flags.items():
            if row := _flag(levels[name], had[:start], had[start : start + horizon], again):
                out[name].append(row | {"origin": start})
        if row := _duration(levels, flags, durations, start, horizon):
            out["duration_s"].append(row | {"origin": start})
    return {name: _added(rows) for name, rows in out.items() if rows}


def _flag(level: Level, past: Floats, future: Floats, again: Ints) -> dict[str, float]:
    known, seen = future[~np.isnan(future)], past[~np.isnan(past)]
    if not known.size or not seen.size:
        return {}
    m, k = known.size, int(known.sum())
    ahead = np.clip(level.ahead(future.size)[~np.isnan(future)], 1e-6, 1 - 1e-6)
    flat = (seen.sum() + 0.5) / (seen.size + 1)
    counts = level.count_ahead(m)
    low, high = (int(np.searchsorted(np.cumsum(counts), p)) for p in (0.05, 0.95))
    filled = np.where(np.isnan(past), flat, past)
    drawn = np.rint(filled[again[:, :m]].sum(1)).astype(int)
    resampled = (np.bincount(drawn, minlength=m + 1) + 0.5) / (drawn.size + 0.5 * (m + 1))
    return {
        "n": m, "got": k, "expected": float(ahead.sum()), "low": low, "high": high, "inside": float(low <= k <= high),
        "ours": float((known * np.log(ahead) + (1 - known) * np.log1p(-ahead)).sum()),
        "reference": float(k * np.log(flat) + (m - k) * np.log1p(-flat)),
        "window": float(np.log(counts[k])), "window_reference": float(np.log(resampled[k])),
    }  # fmt: skip


def _duration(
    levels: Mapping[str, Level], flags: Mapping[str, Floats], durations: Floats, start: int, horizon: int
) -> dict[str, float]:
    past, future = durations[:start], durations[start : start + horizon]
    keep = ~np.isnan(past)
    for had in flags.values():
        keep &= ~np.isnan(had[:start])
    future = future[~np.isnan(future)]
    if keep.sum() < 10 or not future.size:
        return {}
    shares = [float(level.ahead(horizon).mean()) for level in levels.values()]
    ours = density(past[keep], raked([had[:start][keep] for had in flags.values()], shares) if flags else None)
    plain = density(past[keep])
    low, high = ours.quantile(0.05), ours.quantile(0.95)
    return {
        "n": future.size, "low": low, "high": high, "inside": float(((future >= low) & (future <= high)).sum()),
        "ours": float(ours.log_score(future).sum()), "reference": float(plain.log_score(future).sum()),
    }  # fmt: skip


def _added(rows: list[dict[str, float]]) -> Scored:
    total = {key: sum(row[key] for row in rows if key in row) for key in rows[0]}
    n = int(total["n"])
    windows = "window" in rows[0]
    of = len(rows) if windows else n
    return Scored(
        total["ours"] / n,
        total["reference"] / n,
        n,
        total["window"] / len(rows) if windows else None,
        total["window_reference"] / len(rows) if windows else None,
        total["inside"] / of,
        of,
        rows,
    )
