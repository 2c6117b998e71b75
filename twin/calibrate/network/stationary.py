"""Is a trace one thing throughout? Its two halves are compared with halves made of its own blocks in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.core.chance import Stream
from twin.core.records import Floats, Ints

BLOCKS = 40
"""Contiguous blocks that are shuffled: what hangs together for less than one of them does not mislead the test."""
SHUFFLES = 999
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
    """(P,) lower and upper ends of the intervals of quantiles: circular block bootstrap (Politis and Romano 1992)."""
    n = len(x)
    length = max(1, round(n ** (1 / 3) * 3))
    count = -(-n // length)
    got = np.empty((draws, len(shares)))
    offsets = np.arange(length)
    for i in range(draws):
        starts = stream.integers(n, size=count)
        got[i] = np.quantile(x[(starts[:, None] + offsets).ravel()[:n] % n], shares)
    tail = (1 - confidence) / 2
    low, high = np.quantile(got, [tail, 1 - tail], axis=0)
    return low, high
