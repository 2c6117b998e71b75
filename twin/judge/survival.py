"""Distributions and times: empirical distribution functions, time to success with censoring, time between events. Plain data.

Curves are thinned to at most `POINTS` points for drawing; every figure beside them is from all values.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats as sps

from twin.core.records import Bools, Floats, Ints
from twin.judge import equivalence as eq
from twin.judge import stats
from twin.judge.measures import Episodes, quantile

POINTS = 200
SHIFTS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def ecdf(values: Floats) -> dict[str, list[float]]:
    """An empirical distribution function: of the values at most x[i], a share p[i]."""
    x = np.sort(values)
    index = _thin(x.size)
    return {"x": x[index].tolist(), "p": ((index + 1) / x.size).tolist() if x.size else []}


def time_to_success(seconds: Floats, succeeded: Bools) -> dict[str, Any]:
    """Kaplan and Meier's (1958) curve of attempts that have not succeeded yet, with log-log 95 % limits.

    seconds (n,) until success, or until an attempt ended without (failed or cut off: censored there), s. `median_s` is None
    where fewer than half would have succeeded.
    """
    out: dict[str, Any] = {"n": int(seconds.size), "successes": int(succeeded.sum()), "median_s": None}
    if not succeeded.any():
        return out | {"t": [], "not_yet": [], "low": [], "high": []}
    curve = sps.ecdf(_censored(seconds, succeeded)).sf
    low, high = (limit.probabilities for limit in _limits(curve))
    t, left = curve.quantiles, curve.probabilities
    below = np.flatnonzero(left <= 0.5)
    index = _thin(t.size)
    picked = {"t": t, "not_yet": left, "low": low, "high": high}
    out |= {name: [None if np.isnan(v) else float(v) for v in values[index]] for name, values in picked.items()}
    return out | {"median_s": float(t[below[0]]) if below.size else None}


def _limits(curve: Any) -> tuple[Any, Any]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # a curve at 1 or 0 has no limit there: NaN, shown as null
        interval = curve.confidence_interval(confidence_level=0.95, method="log-log")
    return interval.low, interval.high


def log_rank(*, sim: tuple[Floats, Bools], real: tuple[Floats, Bools]) -> dict[str, float] | None:
    """Mantel's (1966) test of equal times to success; each side (seconds, succeeded). None where no attempt succeeded.

    `statistic` is a normal deviate, above zero where the simulation succeeds sooner than expected.
    """
    if not (sim[0].size and real[0].size) or not (sim[1].any() or real[1].any()):
        return None
    with np.errstate(all="ignore"):
        told = sps.logrank(_censored(*sim), _censored(*real))
    if not np.isfinite(told.statistic):
        return None
    return {"statistic": float(told.statistic), "p": float(told.pvalue)}


def _censored(seconds: Floats, succeeded: Bools) -> Any:
    return sps.CensoredData(uncensored=seconds[succeeded], right=seconds[~succeeded])


def times_between(happened: Bools, seconds: Floats, where: Sequence[Any]) -> dict[str, Any]:
    """Operating time between episodes in which something happened, cell by cell, s: n, mean, median, coefficient of variation.

    happened (n,), seconds (n,) how long each episode took (NaN: not told, and what spans it is left out), `where` the cell; in
    their order. The variation is 1 where events come by chance alone, more where they come in bursts.
    """
    clock: dict[Any, float] = {}
    gaps: list[float] = []
    for there, lasts, cell in zip(happened.tolist(), seconds.tolist(), where, strict=True):
        if np.isnan(lasts):
            clock.pop(cell, None)
            continue
        if cell in clock:
            clock[cell] += lasts
        if there:
            if cell in clock:
                gaps.append(clock[cell])
            clock[cell] = 0.0
    x = np.array(gaps)
    out: dict[str, Any] = {"n": len(gaps), "mean_s": None, "median_s": None, "cv": None}
    if gaps:
        out |= {"mean_s": float(x.mean()), "median_s": float(np.median(x))}
    if len(gaps) > 1 and x.mean() > 0:
        out["cv"] = float(x.std(ddof=1) / x.mean())
    return out


def _thin(size: int) -> Ints:
    """Indices of at most `POINTS` of so many points, first and last among them."""
    if size <= POINTS:
        return np.arange(size)
    return np.unique(np.linspace(0, size - 1, POINTS).round().astype(np.int64))


def of_durations(sim: Episodes, real: Episodes) -> dict[str, Any]:
    """Distribution functions, their largest gap (Kolmogorov–Smirnov), mean distance in s, and shifts of quantiles in s."""
    a, b = sim.duration[sim.timed], real.duration[real.timed]
    gap = stats.kolmogorov_smirnov(sim=a, real=b)
    return {
        "sim": ecdf(a),
        "real": ecdf(b),
        "ks": None if gap is None else gap._asdict(),
        "wasserstein_s": stats.wasserstein(sim=a, real=b),
        "shifts": [_shift(q, a, b) for q in SHIFTS] if a.size and b.size else [],
    }


def _shift(q: float, sim: Floats, real: Floats) -> dict[str, Any]:
    """By how much a quantile is longer in simulation, s, with its 95 % interval."""
    gap = eq.difference(sim=quantile(sim, q), real=quantile(real, q))
    low, high = gap.limits(0.025)
    values = {"sim_s": float(np.quantile(sim, q)), "real_s": float(np.quantile(real, q))}
    return {"q": q, **values, "shift_s": gap.value, "low_s": low, "high_s": high}


def of_success(sim: Episodes, real: Episodes) -> dict[str, Any]:
    """Curves of the time to success: an attempt that failed or was cut off is censored when it ended."""
    sides = [_attempts(side) for side in (sim, real)]
    curves = [None if side is None else time_to_success(*side) for side in sides]
    test = None if sides[0] is None or sides[1] is None else log_rank(sim=sides[0], real=sides[1])
    return {"sim": curves[0], "real": curves[1], "log_rank": test}


def _attempts(side: Episodes) -> tuple[Floats, Bools] | None:
    """(seconds, succeeded) of attempts with a time whose outcome is known or was cut off; None without any label."""
    if np.isnan(side.label).all():
        return None
    good = ~np.isnan(side.duration) & (~np.isnan(side.label) | side.cut)
    return side.duration[good], (side.label[good] == 1) & ~side.cut[good]


def of_events(side: Episodes) -> dict[str, Any]:
    """What happened how often, in bursts or not, and how far apart: of each symptom that is named, and of interventions."""
    told = {name: side.with_symptom(name) for name in side.seen}
    if not np.isnan(side.interventions).all():
        told["intervention"] = side.interventions
    out = {}
    for name, values in told.items():
        good = ~np.isnan(values) & ~np.isnan(side.duration)
        hours = side.duration[good] / 3600
        spread = stats.dispersion(values[good], hours)
        out[name] = {
            "episodes": int(np.nansum(values > 0)),
            "count": float(values[good].sum()),
            "hours": float(hours.sum()),
            "dispersion": None if spread is None else spread._asdict(),
            "between": times_between(values > 0, side.duration, side.cell),
        }
    return out


def plain(value: Any) -> Any:
    """Plain data that JSON can hold: NumPy's numbers as Python's, infinity and NaN as None, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
