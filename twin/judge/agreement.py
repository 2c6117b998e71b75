"""Does success in simulation predict success on real robots, across policies? Pearson, Spearman and MMRV, task by task.

A pair is one policy's success rate on real robots and in simulation. Arguments go by name: MMRV is not symmetric in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats as sps
from scipy.optimize import isotonic_regression

from twin.core.chance import Chance, Stream
from twin.core.errors import TableError
from twin.core.records import Floats
from twin.judge.pairs import of_frame, read_pairs
from twin.judge.words import several

__all__ = ["as_text", "mmrv", "pearson", "read_pairs", "spearman", "table"]

MMRV_BOUND = 0.10
PEARSON_BOUND = 0.8
POOLED = "pooled"
"""The key of all tasks together."""

LEAST = 4
"""Pairs below which nothing is said: three policies stand in the same order by chance once in 3! = 6, four once in 24."""

DRAWS = 2000
TAILS = (0.025, 0.975)


def mmrv(*, real: Sequence[float] | Floats, sim: Sequence[float] | Floats) -> float:
    """Mean maximum rank violation (Li et al. 2024, SimplerEnv), in the unit of `real`; 0 where both rank alike.

    Each policy i counts with the largest |real_i − real_j| over the policies j that the simulation does not put on the same
    side of i as reality does. A tie in simulation where reality differs is a violation for both of the two.
    """
    r, s = _pair(real, sim)
    return float(_mmrv(r[None, :], s[None, :])[0]) if r.size else 0.0


def pearson(*, real: Sequence[float] | Floats, sim: Sequence[float] | Floats) -> float | None:
    """Pearson's correlation; None where one side does not vary."""
    return _known(_pearson(*(side[None, :] for side in _pair(real, sim))))


def spearman(*, real: Sequence[float] | Floats, sim: Sequence[float] | Floats) -> float | None:
    """Spearman's rank correlation, ties at their mean rank; None where one side does not vary."""
    return _known(_pearson(*(_ranks(side[None, :]) for side in _pair(real, sim))))


def table(frame: pd.DataFrame, *, draws: int = DRAWS) -> dict[str, dict[str, Any]]:
    """Per task (and, where there are several, `pooled`): pearson, spearman, mmrv as {value, low, high}, n pairs, verdict, why.

    The same pairs give the same figures whatever their order and the task's name. Raises `TableError` as `read_pairs`.
    """
    pairs = of_frame(frame)
    tasks = list(dict.fromkeys(pairs["task"]))
    if POOLED in tasks and len(tasks) > 1:
        raise TableError(f"a task is called {POOLED!r}, which is the name of all tasks together: rename it")
    out = {task: _judge(pairs[pairs["task"] == task], draws) for task in tasks}
    return out if len(tasks) == 1 else out | {POOLED: _judge(pairs, draws)}


def as_text(told: Mapping[str, Mapping[str, Any]]) -> str:
    """What `table` told, as lines for a terminal."""
    width = max(map(len, told), default=0)
    lines = []
    for task, row in told.items():
        figures = "  ".join(f"{name} {_shown(row[name])}" for name in ("pearson", "spearman", "mmrv"))
        lines.append(f"{task:<{width}}  n {row['n']:>3}  {figures}  {row['verdict']}: {row['why']}")
    return "\n".join(lines)


def _shown(figure: Mapping[str, float | None]) -> str:
    value, low, high = ("—" if figure[k] is None else f"{figure[k]:.3f}" for k in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _pair(real: Sequence[float] | Floats, sim: Sequence[float] | Floats) -> tuple[Floats, Floats]:
    r, s = np.asarray(real, float), np.asarray(sim, float)
    if r.shape != s.shape or r.ndim != 1:
        raise ValueError(f"real {r.shape} and sim {s.shape} must be as long as each other")
    if not (np.isfinite(r).all() and np.isfinite(s).all()):
        raise ValueError("rates must be finite")
    return r, s


def _mmrv(real: Floats, sim: Floats) -> Floats:
    """MMRV of each row of pairs: real, sim (draws, n) → (draws,)."""
    r, s = (side[:, :, None] - side[:, None, :] for side in (real, sim))
    out: Floats = (np.abs(r) * (np.sign(r) != np.sign(s))).max(axis=2).mean(axis=1)
    return out


def _pearson(a: Floats, b: Floats) -> Floats:
    """Correlation of each row: a, b (draws, n) → (draws,), NaN where a side does not vary."""
    x, y = (side - side.mean(axis=1, keepdims=True) for side in (a, b))
    scale = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    flat = (np.ptp(a, axis=1) == 0) | (np.ptp(b, axis=1) == 0)
    return np.where(flat, np.nan, np.clip((x * y).sum(axis=1) / np.where(flat, 1.0, scale), -1, 1))


def _ranks(rows: Floats) -> Floats:
    out: Floats = sps.rankdata(rows, axis=1)
    return out


def _known(values: Floats) -> float | None:
    value = float(values[0])
    return None if math.isnan(value) else value


FIGURES = {"pearson": pearson, "spearman": spearman, "mmrv": mmrv}


class _Bounds(NamedTuple):
    low: float | None
    high: float | None


def _judge(pairs: pd.DataFrame, draws: int) -> dict[str, Any]:
    """Figures with intervals and the verdict of one set of pairs."""
    ordered = pairs.sort_values(["real", "sim", "n"], kind="stable")
    real, sim, n = (ordered[c].to_numpy(dtype=float) for c in ("real", "sim", "n"))
    values = {
        "pearson": pearson(real=real, sim=sim),
        "spearman": spearman(real=real, sim=sim),
        "mmrv": mmrv(real=real, sim=sim),
    }
    bounds = _bootstrap(real, sim, n, draws) if len(real) >= LEAST else dict.fromkeys(values, _Bounds(None, None))
    out: dict[str, Any] = {k: {"value": v, "low": bounds[k].low, "high": bounds[k].high} for k, v in values.items()}
    out["n"] = len(real)
    out["verdict"], out["why"] = _verdict(len(real), bounds["pearson"], bounds["mmrv"])
    return out


def _verdict(n: int, pearson: _Bounds, mmrv: _Bounds) -> tuple[str, str]:
    """`agrees`, `differs` or `cannot_tell`, and why."""
    if mmrv.low is None or mmrv.high is None:
        return "cannot_tell", f"{several(n, 'pair')}; fewer than {LEAST} stand in the same order by chance too often"
    if mmrv.low > MMRV_BOUND:
        return "differs", f"MMRV is at least {mmrv.low:.3f}, more than {MMRV_BOUND:.2f}"
    if pearson.low is None:
        return "cannot_tell", "one side hardly varies, so there is no correlation to speak of"
    if mmrv.high < MMRV_BOUND and pearson.low > PEARSON_BOUND:
        return "agrees", f"MMRV is at most {mmrv.high:.3f} and Pearson at least {pearson.low:.3f}"
    short = [f"MMRV may be {mmrv.high:.3f}"] if mmrv.high >= MMRV_BOUND else []
    short += [f"Pearson may be {pearson.low:.3f}"] if pearson.low <= PEARSON_BOUND else []
    return "cannot_tell", " and ".join(short) + f" (agreement needs < {MMRV_BOUND:.2f} and > {PEARSON_BOUND})"


def _bootstrap(real: Floats, sim: Floats, n: Floats, draws: int) -> dict[str, _Bounds]:
    """Percentile intervals: policies are drawn anew and, where `n` is told, each real rate as its n episodes allow (Jeffreys).

    Noise in rates looks like violated ranks. Where noise alone, in a simulation that ranks rightly, makes as large an MMRV,
    its lower bound is 0.
    """
    stream = Chance(0).stream("judge", "agreement")
    told: dict[str, list[Floats]] = {"pearson": [], "spearman": [], "mmrv": []}
    size = len(real)
    block = max(1, min(draws, 2_000_000 // (size * size)))
    for begin in range(0, draws, block):
        count = min(block, draws - begin)
        pick = stream.integers(0, size, (count, size))
        r = np.take_along_axis(_noisy(real, n, count, stream), pick, axis=1)
        s = sim[pick]
        told["pearson"].append(_pearson(r, s))
        told["spearman"].append(_pearson(_ranks(r), _ranks(s)))
        told["mmrv"].append(_mmrv(r, s))
    out = {name: _percentiles(np.concatenate(parts)) for name, parts in told.items()}
    low, high = out["mmrv"]
    seen = mmrv(real=real, sim=sim)
    if low and _noise(real, sim, n, draws) >= seen:
        low = 0.0
    return out | {"mmrv": _Bounds(low, high)}


def _noisy(real: Floats, n: Floats, count: int, stream: Stream) -> Floats:
    """`count` draws of each real rate; those without a told n stay as they are."""
    known = np.isfinite(n)
    out = np.broadcast_to(real, (count, len(real))).copy()
    if known.any():
        k, m = (real * n)[known], n[known]
        out[:, known] = stream.beta(k + 0.5, m - k + 0.5, (count, int(known.sum())))
    return out


def _noise(real: Floats, sim: Floats, n: Floats, draws: int) -> float:
    """The MMRV that noise reaches once in 40 where real rates rise with `sim`: those that do, nearest to the measured ones."""
    known = np.isfinite(n)
    if not known.any():
        return 0.0
    order = np.lexsort((-real, sim))  # among equals in `sim` downwards, so that they come out level
    level = np.empty_like(real)
    level[order] = isotonic_regression(real[order], weights=np.where(known, n, 1.0)[order]).x
    stream = Chance(0).stream("judge", "agreement noise")
    out = np.broadcast_to(level, (min(draws, 1000), len(real))).copy()
    m = np.rint(n[known]).astype(np.int64)
    out[:, known] = stream.binomial(m, np.clip(level[known], 0, 1), (out.shape[0], m.size)) / m
    return float(np.quantile(_mmrv(out, np.broadcast_to(sim, out.shape)), TAILS[1]))


def _percentiles(values: Floats) -> _Bounds:
    """Bounds of what was drawn; None where a tenth or more of the draws has no value."""
    good = values[np.isfinite(values)]
    if good.size < 0.9 * values.size:
        return _Bounds(None, None)
    low, high = np.quantile(good, TAILS)
    return _Bounds(float(low), float(high))
