"""How often equivalence is claimed wrongly at the margin (size), and rightly where there is no difference (power).

Shares of success are counted exactly: every pair of counts, over a grid of true shares. Medians of duration and rates of stops
are drawn. `python -m benchmarks.equivalence_power` prints the tables and ends with 1 where a size exceeds α.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable

import numpy as np
from scipy import stats as sps

from twin.core.chance import Chance, Stream
from twin.core.records import Bools, Floats
from twin.judge import equivalence as eq

SIZES = (20, 50, 100, 240)
MARGINS = (0.05, 0.10, 0.20)
UNEVEN = ((240, 20), (1000, 50), (2000, 20))
SHARE = 0.8
"""The true share of success at which power is told."""

TIME_MARGIN, RATE_MARGIN, STOPS = 0.10, 0.25, 0.3


def claims(n_sim: int, n_real: int, margin: float) -> tuple[Bools, Bools]:
    """(agrees, differs) at α for every pair of counts, (n_sim + 1, n_real + 1) each: `equivalence.decide`, all at once."""

    def limits(n: int, tail: float) -> tuple[Floats, Floats, Floats]:
        sides = [eq.share(k=k, n=n) for k in range(n + 1)]
        low, high = np.array([side.limits(tail) for side in sides]).T
        return np.arange(n + 1) / n, low, high

    def gap(tail: float) -> tuple[Floats, Floats]:
        (p, al, au), (q, bl, bu) = limits(n_sim, tail), limits(n_real, tail)
        d = p[:, None] - q
        return d - np.hypot((p - al)[:, None], bu - q), d + np.hypot((au - p)[:, None], q - bl)

    low, high = gap(eq.ALPHA / eq.CAUTION)
    far_low, far_high = gap(eq.ALPHA / 2)
    return (low > -margin) & (high < margin), (far_low > margin) | (far_high < -margin)


def _chance(claimed: Bools, p: float, q: float) -> float:
    n, m = (size - 1 for size in claimed.shape)
    left = sps.binom.pmf(np.arange(n + 1), n, p)
    return float(left @ claimed @ sps.binom.pmf(np.arange(m + 1), m, q))


def shares(n_sim: int, n_real: int, margin: float, grid: int = 200) -> dict[str, float]:
    """Largest chance of a wrong `agrees` and a wrong `differs` at the margin, and power at no difference."""
    agrees, differs = claims(n_sim, n_real, margin)
    at = [(q + s * margin, q) for q in np.linspace(0.0, 1.0, grid + 1) for s in (1, -1) if 0 <= q + s * margin <= 1]
    return {
        "size": max(_chance(agrees, p, q) for p, q in at),
        "size_differs": max(_chance(differs, p, q) for p, q in at),
        "power": _chance(agrees, SHARE, SHARE),
    }


def asked(margin: float, n: int = 50) -> tuple[int, float]:
    """The n that is asked for after n episodes a side, equal and at `SHARE`, and the power that it really has."""
    side = eq.share(k=round(SHARE * n), n=n)
    wanted = eq.needed(eq.difference_of_shares(sim=side, real=side), margin) or n
    return wanted, _chance(claims(wanted, wanted, margin)[0], SHARE, SHARE)


def drawn(n: int, draw: Callable[[Stream, int, float], eq.Gap | None], margin: float, repeats: int) -> dict[str, float]:
    """The same by simulation: `draw(stream, n, ratio)` a gap whose true ratio is `ratio`."""

    def agrees(ratio: float, name: str) -> float:
        stream = Chance(0).stream("benchmark", name, n)
        gaps = (draw(stream, n, ratio) for _ in range(repeats))
        return sum(gap is not None and eq.decide(gap, margin).agrees <= eq.ALPHA for gap in gaps) / repeats

    return {"size": max(agrees(1 + margin, "above"), agrees(1 / (1 + margin), "below")), "power": agrees(1.0, "same")}


def durations(stream: Stream, n: int, ratio: float) -> eq.Gap | None:
    """Medians of n durations a side, gamma with a coefficient of variation of 0.2."""
    sim, real = np.sort(stream.gamma(25, ratio, n)), np.sort(stream.gamma(25, 1.0, n))
    return eq.ratio(sim=eq.quantile(sim, 0.5), real=eq.quantile(real, 0.5))


def stops(stream: Stream, n: int, ratio: float) -> eq.Gap | None:
    """Stops of n episodes a side, 0.3 an episode."""
    sim, real = int(stream.poisson(STOPS * ratio * n)), int(stream.poisson(STOPS * n))
    return eq.ratio_of_rates(sim=(sim, float(n)), real=(real, float(n)), n=(n, n))


def measure(repeats: int = 1000, grid: int = 200) -> dict[str, dict[str, dict[str, float]]]:
    """Every table: kind → n and margin → size, power."""
    cases = [(n, n, m) for m in MARGINS for n in SIZES] + [(n, k, m) for m in MARGINS for n, k in UNEVEN]
    return {
        "success, exact": {f"n = {a} and {b}, {100 * m:.0f} points": shares(a, b, m, grid) for a, b, m in cases},
        "median duration": {f"n = {n}, 10 %": drawn(n, durations, TIME_MARGIN, repeats) for n in SIZES},
        "stops per hour": {f"n = {n}, 25 %": drawn(n, stops, RATE_MARGIN, repeats) for n in SIZES},
    }


def missed(told: dict[str, dict[str, dict[str, float]]], repeats: int) -> Iterable[str]:
    """Sizes above α; those drawn may exceed it by three of their standard errors."""
    slack = 3 * math.sqrt(eq.ALPHA * (1 - eq.ALPHA) / repeats)
    for kind, rows in told.items():
        for case, row in rows.items():
            bound = eq.ALPHA + (0 if "exact" in kind else slack)
            yield from (f"{kind}, {case}: {k} {v:.4f}" for k, v in row.items() if k.startswith("size") and v > bound)


if __name__ == "__main__":
    REPEATS = 1000
    tables = measure(REPEATS)
    print(f"α = {eq.ALPHA}; power at no difference (success {SHARE:.0%})")
    for kind, rows in tables.items():
        print(f"\n{kind}")
        for case, row in rows.items():
            print(f"  {case:<34}" + "  ".join(f"{name} {value:.4f}" for name, value in row.items()))
    print("\nthe n that is asked for, and its power")
    for margin in MARGINS:
        print("  {:.0f} points: n ≥ {}  power {:.4f}".format(100 * margin, *asked(margin)))
    wrong = list(missed(tables, REPEATS))
    print("\n" + ("\n".join(["too large:", *wrong]) if wrong else "no size exceeds α"))
    sys.exit(1 if wrong else 0)
