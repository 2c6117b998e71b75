"""Is a trace one thing throughout? Its two halves are compared with halves made of its own blocks in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.core.chance import Stream
from twin.core.records import Bools, Floats, Ints

BLOCKS = 40
"""Contiguous blocks that are shuffled: what hangs together for less than one of them does not mislead the test."""
SHUFFLES = 999
LEAST_BLOCKS = 12
"""An interval rests on so many blocks at least."""
LEVEL, EACH = 0.01, 0.05
"""Chance of a false alarm over all quantiles together; what a single quantile then needs to be named."""


@dataclass(frozen=True)
class Half:
    """A quantile of the first and of the second half, and the chance that shuffled blocks lie as far apart."""

    share: float
    first: float
    second: float
    p_value: float


@dataclass(frozen=True)
class Halves:
    """Every quantile that was compared, and the chance that shuffled blocks differ as much over all of them together."""

    quantiles: tuple[Half, ...]
    p_value: float

    @property
    def moved(self) -> tuple[Half, ...]:
        """The quantiles that moved: none where all together say that chance may do it."""
        return tuple(half for half in self.quantiles if half.p_value <= EACH) if self.p_value <= LEVEL else ()


def compare_halves(x: Floats, shares: Floats, stream: Stream) -> Halves | None:
    """Every quantile of `shares` in both halves of x (n,); None for fewer than 4 values a block."""
    if len(x) < 4 * BLOCKS:
        return None
    blocks = np.array_split(np.log(np.maximum(x, 1e-12)), BLOCKS)
    half = BLOCKS // 2

    def gap(order: Ints) -> Floats:
        first = np.quantile(np.concatenate([blocks[i] for i in order[:half]]), shares)
        second = np.quantile(np.concatenate([blocks[i] for i in order[half:]]), shares)
        out: Floats = np.abs(first - second)
        return out

    seen = gap(np.arange(BLOCKS))
    chance = np.array([gap(stream.permutation(BLOCKS)) for _ in range(SHUFFLES)])
    usual = np.maximum(chance.mean(axis=0), 1e-12)
    together = ((chance / usual).sum(axis=1) >= (seen / usual).sum()).sum()
    cut = sum(len(block) for block in blocks[:half])
    told = (Half(float(p), float(np.quantile(x[:cut], p)), float(np.quantile(x[cut:], p)), float((k + 1) / (SHUFFLES + 1)))
            for p, k in zip(shares, (chance >= seen - 1e-12).sum(axis=0), strict=True))  # fmt: skip
    return Halves(tuple(told), float((together + 1) / (SHUFFLES + 1)))


def block_quantiles(x: Floats, shares: Floats, confidence: float, stream: Stream, draws: int = 300) -> tuple[Floats, Floats]:
    """(P,) lower and upper ends of the intervals of quantiles: circular block bootstrap (Politis and Romano 1992), in
    blocks as long as what hangs together asks for."""
    n = len(x)
    length = block_length(x, shares)
    count = -(-n // length)
    got = np.empty((draws, len(shares)))
    offsets = np.arange(length)
    for i in range(draws):
        starts = stream.integers(n, size=count)
        got[i] = np.quantile(x[(starts[:, None] + offsets).ravel()[:n] % n], shares)
    tail = (1 - confidence) / 2
    low, high = np.quantile(got, [tail, 1 - tail], axis=0)
    return low, high


def block_length(x: Floats, shares: Floats) -> int:
    """The blocks that are best for the share of delays x (n,) beyond a quantile, the longest of `shares` (Politis and White
    2004, corrected by Patton, Politis and White 2009, for circular blocks)."""
    n = len(x)
    return int(min(max((_best_block(x > q) for q in np.quantile(x, shares)), default=1.0), n / LEAST_BLOCKS))


def _best_block(beyond: Bools) -> float:
    """Of the mean of a series (n,)."""
    n = beyond.size
    u = beyond - beyond.mean()
    if not u.any():
        return 1.0
    spread = np.abs(np.fft.rfft(u, 2 * n)) ** 2
    covariance = np.fft.irfft(spread)[: n // 2] / n
    correlation = covariance / covariance[0]
    run = max(5, int(np.sqrt(np.log10(n))))
    small = np.abs(correlation[1:]) < 2 * np.sqrt(np.log10(n) / n)
    quiet = np.convolve(small, np.ones(run), "valid") == run
    lag = 2 * max(1, int(np.argmax(quiet)) if quiet.any() else n // 8)
    k = np.arange(1, min(lag, n // 2 - 1) + 1)
    taper = np.clip(2 * (1 - k / lag), 0, 1)
    long_run = covariance[0] + 2 * float(taper @ covariance[k])
    slope = 2 * float((taper * k) @ covariance[k])
    return float((1.5 * slope**2 / max(long_run, 1e-300) ** 2 * n) ** (1 / 3)) if long_run > 0 else 1.0
