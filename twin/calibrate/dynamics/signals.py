"""Logged motion made fit for regression: an even grid, zero-phase filters, velocity and acceleration where they lack.

Two bandwidths. Motion is kept up to `WIDTHS` times the cut-off, so that friction turns over as fast as it really does; the
columns that are made of it, and the torques, are then filtered alike at the cut-off. Filtering both sides of a linear equation
alike changes no solution, whereas filtering the motion first would smear what is not linear in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import signal
from scipy.interpolate import CubicSpline

from twin.core.errors import InputError
from twin.core.records import Floats

WIDTHS: Final = (5.0, 2.5, 1.5)
"""Bandwidths of the motion that are tried, in cut-offs: wide, so that friction turns over as fast as it does, or narrower where
an encoder is so coarse that the sign of its speed would be noise."""
OVERSAMPLE: Final = 5.0
"""Rows kept per period of a bandwidth."""
ORDER: Final = 4
SPECTRUM_S: Final = 10.0
"""Length of the windows of the spectrum that the cut-off is chosen by."""
PIECE_S: Final = 60.0
"""Longer stretches are worked on piece by piece, to bound memory."""
SHORTEST: Final = 8.0
"""Stretches shorter than so many periods of the cut-off are left out: the filter's ends would be most of them."""


@dataclass(frozen=True)
class Stretch:
    """An unbroken piece of log: time (n,), position, torque and, where logged, velocity (n, nv); the run it is of."""

    run: str
    t: Floats
    q: Floats
    tau: Floats
    v: Floats | None = None


@dataclass(frozen=True)
class Motion:
    """A stretch on an even grid of `dt` s: position, velocity, acceleration, torque (n, nv)."""

    run: str
    dt: float
    q: Floats
    v: Floats
    a: Floats
    tau: Floats

    def part(self, first: int, end: int) -> Motion:
        """Rows `first` up to `end` of it."""
        rows = slice(first, end)
        return Motion(self.run, self.dt, self.q[rows], self.v[rows], self.a[rows], self.tau[rows])


def low_pass(x: Floats, cutoff_hz: float, dt: float) -> Floats:
    """x (n, …) without what is faster than `cutoff_hz`; zero phase (Butterworth of order 4, run both ways)."""
    if cutoff_hz >= 0.45 / dt:
        return x
    sos = signal.butter(ORDER, cutoff_hz, fs=1 / dt, output="sos")
    pad = min(len(x) - 1, int(3 / (cutoff_hz * dt)))
    out: Floats = signal.sosfiltfilt(sos, x, axis=0, padlen=pad)
    return out


def choose_cutoff(stretches: Sequence[Stretch]) -> float:
    """Eight times the frequency (Hz) under which 99 % of the power of the positions lies, at most a tenth of the rate.

    Positions, not velocities: what is derived from stamps that jitter has a spectrum of its own.
    """
    step = typical_step(stretches)
    grid, power = np.fft.rfftfreq(int(SPECTRUM_S / step), step), 0.0
    for piece in stretches:
        t, (q,) = even(piece.t, step, piece.q)
        size = min(len(t), int(SPECTRUM_S / step))
        f, p = signal.welch(q, fs=1 / step, nperseg=size, axis=0)
        moved = np.var(q, axis=0) > 0
        power = power + np.interp(grid, f, (p / np.where(moved, np.var(q, axis=0), 1))[:, moved].sum(axis=1)) * len(t)
    share = np.cumsum(power)
    edge = float(grid[min(int(np.searchsorted(share, 0.99 * share[-1])), len(grid) - 1)])
    return float(min(max(8 * edge, 1.0), 0.1 / step))


def typical_step(stretches: Sequence[Stretch]) -> float:
    """Median step of the stamps, s."""
    return float(np.median(np.concatenate([np.diff(piece.t) for piece in stretches])))


def even(t: Floats, step: float, *values: Floats) -> tuple[Floats, list[Floats]]:
    """Values (n, k) at even moments, by straight lines between the stamps."""
    keep = np.concatenate(([True], np.diff(t) > 0))
    t = t[keep]
    grid = np.arange(t[0], t[-1] + step / 2, step)
    return grid, [np.column_stack([np.interp(grid, t, column) for column in x[keep].T]) for x in values]


def slope(x: Floats, step: float) -> Floats:
    """The derivative of x (n, k) on a grid, by a cubic spline: differences lose 6 % of what has ten rows a period."""
    return np.asarray(CubicSpline(step * np.arange(len(x)), x)(step * np.arange(len(x)), 1))


def motions(stretches: Sequence[Stretch], cutoff_hz: float, *, measured: bool, width: float = WIDTHS[0]) -> list[Motion]:
    """Every stretch as motion up to `width` cut-offs, with the logged velocity (`measured`) or the position's derivative."""
    step, wide = typical_step(stretches), width * cutoff_hz
    out = []
    for piece in stretches:
        if piece.t[-1] - piece.t[0] < SHORTEST / cutoff_hz:
            continue
        t, (q, tau, *rest) = even(piece.t, step, piece.q, piece.tau, *([piece.v] if measured and piece.v is not None else []))
        q = low_pass(q, wide, step)
        v = low_pass(rest[0], wide, step) if rest else slope(q, step)
        a = slope(v, step)
        every = max(1, int(1 / (OVERSAMPLE * WIDTHS[0] * cutoff_hz * step)))
        tau = low_pass(tau, 2 * WIDTHS[0] * cutoff_hz, step)
        size = int(PIECE_S / step)
        for start in range(0, len(t), size):
            rows = slice(start, start + size, every)
            if len(t[rows]) * every * step >= SHORTEST / cutoff_hz:
                out.append(Motion(piece.run, every * step, q[rows], v[rows], a[rows], tau[rows]))
    if not out:
        need, have = SHORTEST / cutoff_hz, max(float(piece.t[-1] - piece.t[0]) for piece in stretches)
        why = f"{SHORTEST:g} periods of the cut-off of {cutoff_hz:.3g} Hz"
        raise InputError(
            f"no stretch of the log lasts {need:.2g} s, which is {why}; the longest without gap or fault lasts {have:.2g} s, "
            "after the split: log longer, or say a higher cutoff_hz"
        )
    return out


def thin(motion: Motion, cutoff_hz: float) -> int:
    """Of how many rows one is kept once they are filtered at the cut-off."""
    return max(1, int(1 / (OVERSAMPLE * cutoff_hz * motion.dt)))
