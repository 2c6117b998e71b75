"""Whether robots fail together: moments of several robots within a window of one another, more often than by chance.

Chance is what the same moments do when every robot's clock is turned by an amount of its own: rates, trends and clusters of
each robot stay, only what ties them together goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from twin.core.chance import Stream
from twin.core.records import Bools, Floats, Ints

MANY = 4000


@dataclass(frozen=True)
class Together:
    """Events that had company of another robot: `share` of all, what chance gives on average, p, and the shared share β beyond
    chance with its 90 % interval (the beta factor of common-cause models)."""

    n: int
    share: float
    by_chance: float
    p: float
    beta: float
    low: float
    high: float


def common_cause(moments: Sequence[Floats], until: float, window: float, stream: Stream, repeats: int = 400) -> Together | None:
    """moments: for every robot its times in [0, until], same unit as `window`. None with fewer than 2 robots or 5 events."""
    moments = [np.sort(m) for m in moments if m.size]
    moments, until = _last(moments, until)
    n = sum(m.size for m in moments)
    if len(moments) < 2 or n < 5:
        return None
    company, cluster = _company(moments, window)
    got = int(company.sum())
    turned = np.array(
        [_company([np.sort((m + stream.uniform(0, until)) % until) for m in moments], window)[0].mean() for _ in range(repeats)]
    )
    p = (1 + int((turned >= got / n - 1e-12).sum())) / (repeats + 1)
    chance = float(turned.mean())
    # what one cause brings comes together, so that clusters are drawn again and not events
    size, with_company = np.bincount(cluster), np.bincount(cluster, weights=company)
    again = stream.integers(size.size, size=(repeats, size.size))
    shares = with_company[again].sum(axis=1) / size[again].sum(axis=1)
    low, high = np.clip((np.quantile(shares, [0.05, 0.95]) - chance) / (1 - chance), 0, 1) if chance < 1 else (0.0, 1.0)
    beta = float(np.clip((got / n - chance) / max(1 - chance, 1e-9), 0, 1))
    return Together(n, got / n, chance, p, beta, float(low), float(high))


def _last(moments: list[Floats], until: float) -> tuple[list[Floats], float]:
    """Of more than `MANY` events the last so many, on a clock of their own: enough to tell."""
    times = np.sort(np.concatenate(moments)) if moments else np.zeros(0)
    if times.size <= MANY:
        return moments, until
    start = float(times[-MANY])
    return [m[m >= start] - start for m in moments if (m >= start).any()], until - start


def _company(moments: Sequence[Floats], window: float) -> tuple[Bools, Ints]:
    """(n,) of every event in order of time whether one of another robot lies within the window, and its cluster: events each of
    which is within the window of the one before."""
    t = np.concatenate(moments)
    who = np.repeat(np.arange(len(moments)), [m.size for m in moments])
    order = np.argsort(t, kind="stable")
    t, who = t[order], who[order]
    company = np.zeros(t.size, dtype=bool)
    for k in range(1, min(t.size, 2 * len(moments) + 8)):
        close = t[k:] - t[:-k] <= window
        if not close.any():
            break
        near = close & (who[k:] != who[:-k])
        company[k:] |= near
        company[:-k] |= near
    return company, np.cumsum(np.diff(t, prepend=t[:1]) > window)
