"""Is a trace one thing throughout? Its two halves are compared with halves made of its own blocks in another order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.core.chance import Stream
from twin.core.records import Floats

BLOCKS = 40
"""Contiguous blocks that are shuffled: what hangs together for less than one of them does not mislead the test."""
SHUFFLES = 999
LEVEL = 0.01


@dataclass(frozen=True)
class Halves:
    """A quantile of the first and of the second half, and the chance that shuffled blocks lie as far apart."""

    share: float
    first: float
    second: float
    p_value: float


def compare_halves(x: Floats, shares: Floats, stream: Stream) -> list[Halves]:
    """Every quantile of `shares` in both halves of x (n,). With fewer than 4 values a block nothing is compared."""
    if len(x) < 4 * BLOCKS:
        return []
    blocks = np.array_split(np.log(np.maximum(x, 1e-12)), BLOCKS)
    half = BLOCKS // 2

    def gap(order: np.ndarray) -> Floats:
        first = np.quantile(np.concatenate([blocks[i] for i in order[:half]]), shares)
        second = np.quantile(np.concatenate([blocks[i] for i in order[half:]]), shares)
        out: Floats = np.abs(first - second)
        return out

    seen = gap(np.arange(BLOCKS))
    as_far = np.sum([gap(stream.permutation(BLOCKS)) >= seen - 1e-12 for _ in range(SHUFFLES)], axis=0)
    cut = sum(len(block) for block in blocks[:half])
    return [Halves(float(p), float(np.quantile(x[:cut], p)), float(np.quantile(x[cut:], p)), float((k + 1) / (SHUFFLES + 1)))
            for p, k in zip(shares, as_far, strict=True)]  # fmt: skip


def moved(halves: list[Halves]) -> list[Halves]:
    """The quantiles that differ more than chance lets them, over all that were looked at (Holm 1979)."""
    out = []
    ordered = sorted(halves, key=lambda h: h.p_value)
    for i, half in enumerate(ordered):
        if half.p_value > LEVEL / (len(ordered) - i):
            break
        out.append(half)
    return out


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
