"""The lag between two signals: where the cross-correlation of their rates is highest, between samples by a parabola.

Rates rather than values, since what a slow drift shares with its command says nothing of when it moved (Knapp and Carter 1976
weigh the spectrum for the same end).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.core.chance import Stream
from twin.core.records import Floats, Ints

WINDOW, FEWEST = 8, 2
"""A window is so many longest lags long, at least so many where runs are short: the unit that is resampled for the interval."""


@dataclass(frozen=True)
class Windows:
    """W windows: products of rates at every lag (W, L), and the power of each signal (W,), on a grid of `step_s`."""

    products: Floats
    power: Floats
    power_motion: Floats
    step_s: float

    def take(self, rows: Ints) -> Windows:
        """Some windows, some of them perhaps twice."""
        return Windows(self.products[rows], self.power[rows], self.power_motion[rows], self.step_s)

    def correlation(self) -> Floats:
        """(L,) correlation of the rates at every lag, over all windows."""
        scale = np.sqrt(self.power.sum() * self.power_motion.sum())
        out: Floats = self.products.sum(axis=0) / max(float(scale), 1e-300)
        return out


def windows(t: Floats, command: Floats, motion: Floats, step_s: float, longest_s: float) -> Windows | None:
    """One run cut into windows; None where it is too short for one."""
    grid = np.arange(t[0], t[-1], step_s)
    lags = round(longest_s / step_s) + 1
    length = min(WINDOW * lags, len(grid) - 1 - lags)
    if length < FEWEST * lags:
        return None
    asked, moved = (np.diff(np.interp(grid, t, values)) for values in (command, motion))
    starts = range(0, len(asked) - length - lags + 1, length)
    products, power, power_motion = [], [], []
    for start in starts:
        a = asked[start : start + length]
        b = moved[start : start + length + lags]
        a = a - a.mean()
        b = b - b.mean()
        products.append(np.correlate(b, a, mode="valid")[:lags])
        power.append(float(a @ a))
        power_motion.append(float(b @ b) * length / len(b))
    return Windows(np.array(products), np.array(power), np.array(power_motion), step_s)


def joined(parts: list[Windows]) -> Windows:
    """Windows of several runs together."""
    return Windows(
        np.concatenate([part.products for part in parts]),
        np.concatenate([part.power for part in parts]),
        np.concatenate([part.power_motion for part in parts]),
        parts[0].step_s,
    )


def peak(correlation: Floats, step_s: float) -> float:
    """The lag in s of the highest correlation."""
    k = int(np.argmax(correlation))
    if not 0 < k < len(correlation) - 1:
        return k * step_s
    before, here, after = correlation[k - 1 : k + 2]
    curve = before - 2 * here + after
    return float((k + (0.5 * (before - after) / curve if curve < 0 else 0.0)) * step_s)


def interval(found: Windows, confidence: float, stream: Stream, draws: int = 400) -> tuple[float, float]:
    """The interval of the lag: windows drawn again with replacement."""
    count = len(found.power)
    lags = [peak(found.take(stream.integers(count, size=count)).correlation(), found.step_s) for _ in range(draws)]
    low, high = np.quantile(lags, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
