"""Beliefs and fitted laws as estimates at a path of the fleet file."""

from __future__ import annotations

import numpy as np

from twin.calibrate.result import Estimate, Path
from twin.calibrate.stats.belief import Belief
from twin.calibrate.stats.families import FAMILIES
from twin.calibrate.stats.lifetimes import Law
from twin.core.records import Floats

KNOWN = ("exponential", "weibull", "lognormal")
"""Laws that a quantity of the fleet file can be; of others it is given the quantiles."""
SHARES: Floats = (np.arange(60) + 0.5) / 60


def estimate(path: Path, belief: Belief, confidence: float, *, unit: str, source: str, method: str) -> Estimate:
    """A belief at its place. One that is bounded from one side only is reported, and no part of the overlay."""
    tail = (1 - confidence) / 2
    low, high = belief.quantile(tail), belief.quantile(1 - tail)
    one_sided = belief.bounded is not None
    return Estimate(
        path,
        belief.value if np.isfinite(belief.value) else (low if belief.bounded == "below" else high),
        None if belief.bounded == "above" else low,
        None if belief.bounded == "below" else high,
        belief.n,
        unit,
        source,
        method + (f"; a bound from {belief.bounded} only" if one_sided else ""),
        identified=not one_sided,
        deciles=tuple(belief.quantile(k / 10) for k in range(1, 10)),
    )


def law_estimates(law: Law, path: Path, confidence: float, *, unit: str, source: str, life: bool = False) -> list[Estimate]:
    """A law as a quantity of the fleet file, or as the `life` of a robot (there, one that may never end is a table)."""
    known = KNOWN[:2] if life else KNOWN
    method = f"{law.family}, posterior"
    beside = path if path[0] == "models" else ("models", *path)
    if law.family in known:
        out = [Estimate((*path, "kind"), law.family, source=source)]
        for name, belief in law.beliefs.items():  # its mean, where it is no parameter, stands beside: laws have that in common
            place = path if name in FAMILIES[law.family].names else beside
            own = "" if name in ("shape", "sigma") else unit
            out.append(estimate((*place, name), belief, confidence, unit=own, source=source, method=method))
        return out
    told = [
        estimate(
            (*beside, *([] if name == "mean" else [law.family]), name),
            belief,
            confidence,
            unit="" if name in ("share", "shape", "sigma") else unit,
            source=source,
            method=method,
        )
        for name, belief in law.beliefs.items()
    ]
    n = next(iter(law.beliefs.values())).n
    at = quantiles(law, SHARES)
    if not life:
        values = tuple(float(v) for v in at)
        return [
            *told,
            Estimate((*path, "kind"), "empirical", source=source),
            Estimate((*path, "values"), values, n=n, unit=unit, source=source, method=f"quantiles of {law.family}"),
        ]
    keep = np.concatenate((np.diff(at) > 1e-9 * at[:-1], [True])) & np.isfinite(at)
    left = 1 - (SHARES + 0.5 / SHARES.size)
    return [
        *told,
        Estimate((*path, "kind"), "kaplan_meier", source=source),
        Estimate((*path, "at"), tuple(map(float, at[keep])), n=n, unit=unit, source=source, method=f"table of {law.family}"),
        Estimate((*path, "surviving"), tuple(float(max(v, 0.0)) for v in left[keep]), n=n, source=source),
    ]


def own_law(x: Floats, path: Path, source: str) -> list[Estimate]:
    """Times (n,), s, as a quantity of the fleet file without any law: their own quantiles."""
    shares = SHARES if x.size > SHARES.size else (np.arange(x.size) + 0.5) / x.size
    values = tuple(float(v) for v in np.quantile(x, shares))
    told = Estimate((*path, "values"), values, n=int(x.size), unit="s", source=source, method="quantiles of the log")
    return [Estimate((*path, "kind"), "empirical", source=source), told]


def quantiles(law: Law, shares: Floats) -> Floats:
    """(n,) times by which shares have ended; infinite where so many never do."""
    grid = np.geomspace(1e-6, 1e6, 6000) * max(1e-12, _typical(law))
    ended = 1 - law.survival(grid)
    out = np.interp(shares, ended, grid)
    return np.where(shares > ended[-1], np.inf, out)


def _typical(law: Law) -> float:
    value = next((law.point[k] for k in ("mean", "median", "scale", "slow") if k in law.point), 1.0)
    return float(value)
