"""How a joint follows its command: late, and then as a critically damped servo, free-running from where each stretch starts.

    y'' = w² (u(t − d) + b − y) − 2 w y'

The twin drives arms that are brought as files by such servos (`servo_radps`). The lag of the highest correlation is that of the
delay and the servo together (a slow command meets d + 2 / w); here the two are told apart where the log is fast enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from scipy import signal
from scipy.optimize import least_squares

from twin.core.records import Bools, Floats

SLOWEST_RADPS: Final = 0.5
FASTEST: Final = 1.5
"""The search's upper bound, rad a row: a servo that settles between two rows has no frequency that they tell."""
FINE: Final = 4
"""Steps a row in which commands are delayed: between rows they are lines, and a line delayed by half a row is none any more."""
STARTS: Final = (0.1, 0.5, 0.9)
"""Where the search begins: shares of the lag that are delay, the rest the servo's."""
UNIT_S: Final = 4.0
"""Errors hang together inside pieces of so many lags, at least a second long, which are the units of the intervals."""
SLACK: Final = 3.0
"""A servo so many times slower than the lag of the highest correlation smooths what it cannot foretell: it is not told."""
EDGE: Final = 1.05
"""A frequency within this factor of a bound of the search is not told."""


@dataclass(frozen=True)
class Stretches:
    """Command and motion (S, N) of a joint on a grid of `step_s`: S stretches without a gap, each padded after its end to N;
    `there` (S, N) where it is not."""

    command: Floats
    motion: Floats
    there: Bools
    step_s: float

    def left(self, moved: Floats) -> Floats:
        """(n,) by how much motion (S, N) is not what was measured, stretch after stretch."""
        return np.asarray((moved - self.motion)[self.there])


@dataclass(frozen=True)
class Servo:
    """Delay (s), natural frequency (rad/s) and offset (the motion's unit) with standard deviations, the frequency's in its
    logarithm; in how many pieces errors were counted; whether the log tells the servo."""

    delay_s: float
    radps: float
    offset: float
    spread: Floats
    pieces: int
    told: bool


def padded(pieces: Sequence[tuple[Floats, Floats, Floats]], step_s: float) -> Stretches:
    """Stretches out of time, command and motion (n,) of each."""
    grids = [np.arange(t[0], t[-1] + step_s / 2, step_s) for t, _, _ in pieces]
    longest = max(len(grid) for grid in grids)

    def wide(which: int) -> Floats:
        rows = (np.interp(grid, piece[0], piece[which]) for grid, piece in zip(grids, pieces, strict=True))
        return np.array([np.pad(row, (0, longest - len(row)), mode="edge") for row in rows])

    there = np.arange(longest) < np.array([len(grid) for grid in grids])[:, None]
    return Stretches(wide(1), wide(2), there, step_s)


def foretold(seen: Stretches, delay_s: float, radps: float, offset: float) -> Floats:
    """(S, N) the motion of a servo that stands where each stretch starts and sees commands alone, before it the first."""
    first, n = seen.motion[:, :1], seen.command.shape[1]
    rows = np.arange((n - 1) * FINE + 1) / FINE - delay_s / seen.step_s
    late = np.array([np.interp(rows, np.arange(n), row) for row in seen.command + offset - first])
    num, den, _ = signal.cont2discrete(([radps**2], [1.0, 2 * radps, radps**2]), seen.step_s / FINE, method="foh")
    return np.asarray(first + signal.lfilter(np.ravel(num), den, late, axis=1)[:, ::FINE])


def fit(seen: Stretches, lag_s: float, longest_s: float) -> Servo:
    """The servo that comes nearest to the motion; `lag_s`: the lag of the highest correlation."""
    step, lag = seen.step_s, max(lag_s, seen.step_s)
    low, high = np.array([0.0, np.log(SLOWEST_RADPS), -np.inf]), np.array([longest_s, np.log(FASTEST / step), np.inf])
    unit = float(seen.motion[seen.there].std()) or 1.0
    small = np.array([0.05 * step, 1e-3, 1e-3 * unit])

    def misses(x: Floats) -> Floats:
        return seen.left(foretold(seen, float(x[0]), float(np.exp(x[1])), float(x[2]))) / unit

    def slopes(x: Floats) -> Floats:
        here = misses(x)
        signed = np.where(x + small < high, small, -small)
        return np.column_stack([(misses(x + way) - here) / way.sum() for way in np.diag(signed)])

    def search(share: float) -> tuple[float, Floats]:
        start = np.array([share * lag, np.log(2 / ((1 - share) * lag)), -float(np.median(seen.left(seen.command)))])
        inside = np.clip(start, low + 1e-6, high - 1e-6)
        found = least_squares(misses, inside, slopes, bounds=(low, high), x_scale=[step, 0.1, unit], ftol=1e-6, max_nfev=40)
        return float(found.cost), found.x

    _, x = min((search(share) for share in STARTS), key=lambda one: one[0])
    jac, length = slopes(x), max(round(max(UNIT_S * lag, 1.0) / step), 1)
    edges = np.concatenate(([0], np.cumsum(seen.there.sum(axis=1))))
    cuts = np.concatenate([np.arange(a, b, length) for a, b in pairwise(edges.tolist())])
    pushes = np.add.reduceat(jac * misses(x)[:, None], cuts, axis=0)
    bread = np.linalg.pinv(jac.T @ jac)
    spread = np.sqrt(np.maximum(np.diag(bread @ (pushes.T @ pushes) @ bread), 0.0))
    delay, radps = float(x[0]) if x[0] > 1e-6 else 0.0, float(np.exp(x[1]))
    inside = low[1] + np.log(EDGE) < x[1] < high[1] - np.log(EDGE)
    told = bool(inside and delay + 2 / radps < SLACK * lag)
    return Servo(delay, radps, float(x[2]), spread, len(cuts), told)
