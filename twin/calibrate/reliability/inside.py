"""Where inside an episode stops begin, and whether one brings another: what a rate over time does not say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats as sps

from twin.calibrate.reliability.history import episode_keys, keys, with_symptom
from twin.calibrate.stats.belief import Belief, share
from twin.core.records import Floats
from twin.judge.columns import numbers

FEWEST = 10
"""Episodes with a stop that a place inside them needs."""
SURE = 0.001
"""Chance with which stops at a rate would pile up so at one place, or follow each other so."""


@dataclass(frozen=True)
class Inside:
    """Stops of the episodes whose length is known, in s. first (n,): from an episode's start to its first stop; again (m,):
    from the end of a stop to the next one of its episode; left (k,): from the end of each stop to that of its episode."""

    first: Floats
    again: Floats
    left: Floats
    clean: Floats
    """(j,) how long episodes without a stop take."""
    rate: float
    """Stops a second of all episodes."""

    def at_a_place(self) -> float | None:
        """Chance (Kolmogorov and Smirnov) that stops at a steady rate begin where these do; None where too few tell.

        Episodes that take longer have a stop more often: those without one stand for all with the weight exp(rate · length).
        """
        if self.first.size < FEWEST or not self.clean.size:
            return None
        rate = self.first.size / float(self.first.sum() + self.clean.sum())
        weight = np.exp(rate * (self.clean - self.clean.max()))

        def share(t: Floats) -> Floats:
            """(n,) of all first stops at that rate, those before t (n,)."""
            before = -np.expm1(-rate * np.minimum(np.asarray(t, float)[:, None], self.clean)) @ weight
            return np.asarray(before / (-np.expm1(-rate * self.clean) @ weight))

        return float(sps.kstest(self.first, share).pvalue)

    def followers(self, *, placed: bool) -> tuple[Belief, float] | None:
        """The share of stops that bring another, and the chance that stops at a rate follow each other as often.

        placed: stops begin at their place, so that none but the first comes by itself. None where none followed.
        """
        by_chance = 0.0 if placed else self.rate * float(self.left.sum())
        brought = self.again.size - by_chance
        if brought < 1 or not self.left.size:
            return None
        p = 0.0 if placed else float(sps.poisson.sf(self.again.size - 1, by_chance))
        return share(round(brought), self.left.size), p


def inside(frame: pd.DataFrame, events: pd.DataFrame, cells: Collection[str]) -> Inside | None:
    """Stops inside the episodes of `cells`; None where events do not say to which episode they belong."""
    told = events[events["kind"].isin(("stop.protective", "stop.cleared")) & events["episode"].notna()]
    lasts, start = (numbers(frame, k, table="episodes") for k in ("duration_s", "start_s"))
    mine = keys(frame).isin(list(cells)).to_numpy() & ~np.isnan(lasts) & ~np.isnan(start)
    had = with_symptom(frame, "protective_stop") == 1
    if told.empty or not (mine & ~had).any():
        return None
    row_of = {key: i for i, key in enumerate(episode_keys(frame, events)) if mine[i]}
    of = [row_of.get(key, -1) for key in episode_keys(told, events)]
    first, again, left, count = [], [], [], 0
    for row, group in told.groupby(np.array(of)):
        if int(row) < 0:
            continue
        at, open_at, cleared = start[int(row)], None, None
        begun = 0
        for t, kind in zip(group["t_s"].tolist(), group["kind"].tolist(), strict=True):
            if kind == "stop.cleared" and open_at is not None:
                cleared, open_at = t, None
                left.append(max(at + lasts[int(row)] - t, 0.0))
            elif kind == "stop.protective":
                if begun == 0:
                    first.append(t - at)
                elif cleared is not None:
                    again.append(t - cleared)
                open_at, begun = t, begun + 1
        count += begun
    total = float(lasts[mine].sum())
    return Inside(np.array(first), np.array(again), np.array(left), lasts[mine & ~had], count / total)
