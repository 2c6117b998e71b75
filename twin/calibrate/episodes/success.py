"""Success by task and policy, with robots that borrow strength and with covariates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from twin.calibrate.stats.pooling import Pooled, patterns, pool
from twin.core.errors import TableError
from twin.core.records import Bools, Floats
from twin.judge.columns import column, flags

LEVELS = 12
"""A text with more values than this is no covariate: it tells episodes apart, not kinds of them."""
ROBOTS = 400
"""More robots than this are not told apart."""


@dataclass(frozen=True)
class Group:
    """Episodes of one task under one policy: rows (n,), outcomes (n,), and the pooled shares."""

    task: str
    policy: str
    rows: Floats
    good: Floats
    pooled: Pooled
    notes: tuple[str, ...] = ()
    """What was left out or thrown together."""

    @property
    def name(self) -> str:
        """In one word."""
        return f"{self.task} by {self.policy}"


def outcomes(frame: pd.DataFrame) -> tuple[Floats, str]:
    """(n,) 1, 0 or NaN, and which column told it: the truth where there is any, else the label."""
    for name in ("truth", "label"):
        values = np.array([np.nan if v is None else float(v) for v in flags(frame, name, table="episodes")])
        if not np.isnan(values).all():
            return values, name
    return np.full(len(frame), np.nan), ""


def by_policy(frame: pd.DataFrame) -> dict[tuple[str, str], Bools]:
    """(task, policy) → its rows (n,)."""
    parts = [frame[c].astype(object).where(frame[c].notna(), "").astype(str) for c in ("task", "policy", "policy_version")]
    task = parts[0].where(parts[0] != "", "any task")
    policy = (parts[1] + "@" + parts[2]).str.strip("@").replace("", "any policy")
    key = (task + "\x1f" + policy).to_numpy()
    return {tuple(k.split("\x1f")): key == k for k in dict.fromkeys(key.tolist())}


def groups(frame: pd.DataFrame, good: Floats, robot: str, covariates: Sequence[str]) -> list[Group]:
    """Every task and policy. Raises `TableError` on a covariate that the table lacks or that varies without end."""
    who = np.array(["?" if v is None else str(v) for v in column(frame, robot, table="episodes")])
    columns = {name: values for wanted in covariates for name, values in _columns(frame, wanted).items()}
    out = []
    for (task, policy), here in by_policy(frame).items():
        rows = np.flatnonzero(here & ~np.isnan(good))
        known = np.ones(rows.size, bool)
        for values in columns.values():
            known &= ~np.isnan(values[rows])
        notes = (
            [] if known.all() else [f"{(~known).sum()} of {known.size} episodes left out: a covariate of theirs is not told"]
        )
        rows = rows[known]
        if not rows.size:
            continue
        robots = who[rows]
        if (many := np.unique(robots).size) > ROBOTS:
            robots = np.full(rows.size, "all")
            notes.append(
                f"{many} values of {robot!r} are more than {ROBOTS}, and not told apart: intervals hold for all together"
            )
        used = {name: _binned(values[rows]) for name, values in columns.items() if np.ptp(values[rows]) > 0}
        pooled = pool(patterns(good[rows], robots.tolist(), used))
        out.append(Group(task, policy, rows.astype(float), good[rows], pooled, tuple(notes)))
    return out


def _columns(frame: pd.DataFrame, name: str) -> dict[str, Floats]:
    """A covariate as standardised columns: a number is one, a text one for each of its values but the most frequent."""
    values = column(frame, name, table="episodes")
    if all(v is None or isinstance(v, (int, float, np.number)) for v in values):
        x = np.array([np.nan if v is None else float(v) for v in values])
        spread = float(np.nanstd(x)) if not np.isnan(x).all() else 0.0
        return {name: (x - np.nanmean(x)) / (2 * spread)} if spread > 0 else {}
    if not all(v is None or isinstance(v, str) for v in values):
        raise TableError(f"episodes: column {name!r} holds lists or times; a covariate is a number, a yes/no or a text")
    counts = pd.Series([v for v in values if v is not None]).value_counts()
    if len(counts) > LEVELS:
        raise TableError(f"episodes: column {name!r} has {len(counts)} values; a covariate has at most {LEVELS}")
    told = np.array([v is not None for v in values])
    return {
        f"{name}={level}": np.where(told, np.array([float(v == level) for v in values]), np.nan)
        for level in list(counts.index)[1:]
    }


def _binned(x: Floats) -> Floats:
    """Numbers with many values in thirty classes, each as its mean: patterns stay few."""
    if np.unique(x).size <= 30:
        return x
    edges = np.quantile(x, np.linspace(0, 1, 31)[1:-1])
    which = np.searchsorted(edges, x)
    means = np.bincount(which, weights=x) / np.maximum(np.bincount(which), 1)
    return np.asarray(means[which])
