"""A fit that explains little: would the log make sense with a sign turned, a zero elsewhere, or two columns exchanged?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

import numpy as np

from twin.calibrate.dynamics.design import Layout, prior, rigid_torque
from twin.calibrate.dynamics.regression import plain_unseen
from twin.calibrate.dynamics.signals import Motion
from twin.calibrate.result import Finding
from twin.calibrate.suspicion import bond
from twin.core.errors import InputError
from twin.core.records import Floats

ODD: Final = 0.15
"""Share of the torques' size that a fit may leave unexplained on unseen blocks before anything else is tried."""
CLEARLY: Final = 0.5
"""What is tried must lower that share to this part of it."""
BACKED: Final = 0.75
"""The same for signs that the torques of the model as given ask for as well."""
LOOK_S: Final = 30.0
"""So much motion is looked at."""
ROWS: Final = 300
"""Of the log, at which signs of several joints at once are tried."""
AT_ONCE: Final = 256
"""So many sets of turned joints are tried at most, the smaller ones first."""
DOUBT: Final = 0.03
"""By so much more the torques must be like the model's (mean correlation) for each joint that is taken for turned."""
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
        readings = [*_readings(names), *signs(layout, seen, names)]
        tried = [(plain_unseen(layout, [how(m) for m in seen], cutoff_hz), i, words, how)
                 for i, (words, how) in enumerate(readings)]  # fmt: skip
        best, number, words, how = min(tried, key=lambda one: one[:2])
        backed = number >= sum(1 for _ in _readings(names))
        if best > (BACKED if backed else CLEARLY) * left:
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


def signs(layout: Layout, seen: Sequence[Motion], names: Sequence[str]) -> Iterator[tuple[str, Reading]]:
    """The convention of signs under which the torques look most like those that the model as given asks for: any joints counted
    the other way, their positions, their torques or both. None where it is the log's own."""
    count = len(names)
    step = max(1, sum(len(m.q) for m in seen) // ROWS)
    thin = [replace(m, q=m.q[::step], v=m.v[::step], a=m.a[::step], tau=m.tau[::step]) for m in seen]
    measured = np.concatenate([m.tau for m in thin])
    best: tuple[float, Floats, Floats] | None = None
    sets = [set_ for size in range(count + 1) for set_ in combinations(range(count), size)]
    for turned in sets[:AT_ONCE]:
        way = np.ones(count)
        way[list(turned)] = -1
        asked = np.concatenate([rigid_torque(layout, _counted(m, way, np.ones(count)), prior(layout)) for m in thin])
        bonds = np.array([bond(a, b) for a, b in zip(measured.T, asked.T, strict=True)])
        likeness = float(np.abs(bonds).mean()) - DOUBT * len(turned)
        if best is None or likeness > best[0]:
            best = (likeness, way, np.where(bonds < 0, -1.0, 1.0))
    assert best is not None
    _, way, drive = best
    told = [(what, ", ".join(n for n, sign in zip(names, signs, strict=True) if sign < 0))
            for what, signs in (("positions", way), ("torques", drive))]  # fmt: skip
    words = " and the ".join(f"{what} of {which}" for what, which in told if which)
    if words:
        yield f"are the {words} counted the other way (sign: -1)?", lambda m: _counted(m, way, drive)


def _counted(m: Motion, way: Floats, drive: Floats) -> Motion:
    return replace(m, q=m.q * way, v=m.v * way, a=m.a * way, tau=m.tau * drive)


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
