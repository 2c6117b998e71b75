"""A fit that explains little: would the log make sense with a sign turned, a zero elsewhere, or two columns exchanged?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from twin.calibrate.dynamics.design import Layout
from twin.calibrate.dynamics.regression import plain_unseen
from twin.calibrate.dynamics.signals import Motion
from twin.calibrate.result import Finding
from twin.core.errors import InputError

ODD: Final = 0.15
"""Share of the torques' size that a fit may leave unexplained on unseen blocks before anything else is tried."""
CLEARLY: Final = 0.5
"""What is tried must lower that share to this part of it."""
LOOK_S: Final = 30.0
"""So much motion is looked at."""
ZEROS: Final = {"90° less": -np.pi / 2, "90° more": np.pi / 2, "180° away": np.pi}

Reading = Callable[[Motion], Motion]


def misread(layout: Layout, motions: Sequence[Motion], cutoff_hz: float, names: Sequence[str]) -> list[Finding]:
    """Readings of the columns under which the arm explains far more of the torques, one after the other."""
    seen = _some(motions)
    try:
        left = plain_unseen(layout, seen, cutoff_hz)
    except InputError:
        return []
    said: list[Finding] = []
    while left > ODD and len(said) < len(names):
        tried = [(plain_unseen(layout, [how(m) for m in seen], cutoff_hz), i, words, how)
                 for i, (words, how) in enumerate(_readings(names))]  # fmt: skip
        best, _, words, how = min(tried, key=lambda one: one[:2])
        if best > CLEARLY * left:
            break
        text = f"{words} The arm then leaves {best:.0%} of the torques unexplained, and {left:.0%} as it is"
        said.append(Finding("warning", text))
        seen, left = [how(m) for m in seen], best
    return said


def _some(motions: Sequence[Motion]) -> list[Motion]:
    """The first seconds of the log."""
    out, left = [], LOOK_S
    for m in motions:
        rows = min(len(m.q), round(left / m.dt))
        if rows > 8:
            out.append(m.part(0, rows))
        left -= rows * m.dt
    return out


def _readings(names: Sequence[str]) -> Iterator[tuple[str, Reading]]:
    """Every other reading of the columns, in words."""
    for j, name in enumerate(names):
        yield f"{name}: is its position counted the other way (sign: -1)?", _turned(j, -1.0, 1.0, 0.0)
        yield f"{name}: is its torque counted the other way (sign: -1)?", _turned(j, 1.0, -1.0, 0.0)
        for words, shift in ZEROS.items():
            yield f"{name}: is the model's zero {words} (offset)?", _turned(j, 1.0, 1.0, shift)
        for i in range(j):
            yield f"{names[i]} and {name}: are their columns exchanged?", _exchanged(i, j, len(names))


def _turned(j: int, sign: float, drive: float, shift: float) -> Reading:
    def read(m: Motion) -> Motion:
        one, way = np.eye(m.q.shape[1])[j], np.ones(m.q.shape[1])
        way[j] = sign
        return replace(m, q=m.q * way + shift * one, v=m.v * way, a=m.a * way, tau=m.tau * np.where(one > 0, drive, 1.0))

    return read


def _exchanged(i: int, j: int, n: int) -> Reading:
    order = np.arange(n)
    order[[i, j]] = j, i
    return lambda m: replace(m, q=m.q[:, order], v=m.v[:, order], a=m.a[:, order], tau=m.tau[:, order])
