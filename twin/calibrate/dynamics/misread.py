"""A fit that explains little: would the log make sense with another sign or zero, columns exchanged, another way down?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
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
"""The same for signs and mounts that the torques of the model as given ask for as well."""
LOOK_S: Final = 30.0
"""So much motion is looked at."""
ROWS: Final = 300
"""Of the log, at which torques are held against those of the model as given."""
AT_ONCE: Final = 256
"""So many sets of turned joints are tried at most, the smaller ones first."""
DOUBT: Final = 0.03
"""By so much more the torques must be like the model's (mean correlation) for each joint that is taken for turned."""
ZEROS: Final = {"90° less": -np.pi / 2, "90° more": np.pi / 2, "180° away": np.pi}

DOWN: Final = {"+x": (1, 0, 0), "-x": (-1, 0, 0), "+y": (0, 1, 0), "-y": (0, -1, 0), "+z": (0, 0, 1), "-z": (0, 0, -1)}


@dataclass(frozen=True)
class Reading:
    """Another way to read the log: in words, what it makes of arm and motion, and to what part the error must fall."""

    words: str
    motion: Callable[[Motion], Motion] = lambda motion: motion
    layout: Callable[[Layout], Layout] = lambda layout: layout
    enough: float = CLEARLY


def misread(layout: Layout, motions: Sequence[Motion], cutoff_hz: float, names: Sequence[str]) -> list[Finding]:
    """Readings of the columns under which the arm explains far more of the torques, one after the other."""
    seen = _some(motions)
    try:
        left = plain_unseen(layout, seen, cutoff_hz)
    except InputError:
        return []
    said: list[Finding] = []
    while left > ODD and len(said) < len(names):
        readings = [*mounts(layout, seen), *_readings(names), *signs(layout, seen, names)]
        tried = [plain_unseen(one.layout(layout), [one.motion(m) for m in seen], cutoff_hz) for one in readings]
        best = int(np.argmin(tried))
        one = readings[best]
        if tried[best] > one.enough * left:
            break
        text = f"{one.words} The arm then leaves {tried[best]:.0%} of the torques unexplained, and {left:.0%} as it is"
        said.append(Finding("warning", text))
        layout, seen, left = one.layout(layout), [one.motion(m) for m in seen], tried[best]
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


def mounts(layout: Layout, seen: Sequence[Motion]) -> Iterator[Reading]:
    """The gravity under which the torques come nearest to those that the model as given asks for: another way down, or none at
    all where weight is compensated. No reading where it is the model's own."""
    level = np.array(layout.model.opt.gravity)
    size = float(np.linalg.norm(level))
    if size == 0:
        return
    words = {tuple(level): "", (0.0, 0.0, 0.0): "are these torques without gravity (gravity: compensated)?"}
    for axis, way in DOWN.items():
        pull = tuple(size * np.array(way, float))
        told = ", ".join(f"{x:.4g}" for x in pull)
        words.setdefault(pull, f"is the arm mounted with {axis} of its base down (gravity_mps2: [{told}])?")
    thin = _thinned(seen)

    def away(pull: tuple[float, ...]) -> float:
        arm = _under(layout, np.array(pull))
        return float(sum(np.sum((m.tau - rigid_torque(arm, m, prior(layout))) ** 2) for m in thin))

    nearest = min(words, key=away)
    if words[nearest]:
        yield Reading(words[nearest], layout=lambda one: _under(one, np.array(nearest)), enough=BACKED)


def _under(layout: Layout, gravity: Floats) -> Layout:
    model = copy(layout.model)
    model.opt.gravity[:] = gravity
    return replace(layout, model=model)


def _readings(names: Sequence[str]) -> Iterator[Reading]:
    """Every other reading of the columns."""
    for j, name in enumerate(names):
        yield Reading(f"{name}: is its position counted the other way (sign: -1)?", _turned(j, -1.0, 1.0, 0.0))
        yield Reading(f"{name}: is its torque counted the other way (sign: -1)?", _turned(j, 1.0, -1.0, 0.0))
        for words, shift in ZEROS.items():
            yield Reading(f"{name}: is the model's zero {words} (offset)?", _turned(j, 1.0, 1.0, shift))
        for i in range(j):
            yield Reading(f"{names[i]} and {name}: are their columns exchanged?", _exchanged(i, j, len(names)))


def signs(layout: Layout, seen: Sequence[Motion], names: Sequence[str]) -> Iterator[Reading]:
    """The convention of signs under which the torques look most like those that the model as given asks for: any joints counted
    the other way, their positions, their torques or both. None where it is the log's own."""
    count = len(names)
    thin = _thinned(seen)
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
        text = f"are the {words} counted the other way (sign: -1)?"
        yield Reading(text, lambda m: _counted(m, way, drive), enough=BACKED)


def _thinned(seen: Sequence[Motion]) -> list[Motion]:
    """A few rows of the motion."""
    step = max(1, sum(len(m.q) for m in seen) // ROWS)
    return [replace(m, q=m.q[::step], v=m.v[::step], a=m.a[::step], tau=m.tau[::step]) for m in seen]


def _counted(m: Motion, way: Floats, drive: Floats) -> Motion:
    return replace(m, q=m.q * way, v=m.v * way, a=m.a * way, tau=m.tau * drive)


def _turned(j: int, sign: float, drive: float, shift: float) -> Callable[[Motion], Motion]:
    def read(m: Motion) -> Motion:
        one, way = np.eye(m.q.shape[1])[j], np.ones(m.q.shape[1])
        way[j] = sign
        return replace(m, q=m.q * way + shift * one, v=m.v * way, a=m.a * way, tau=m.tau * np.where(one > 0, drive, 1.0))

    return read


def _exchanged(i: int, j: int, n: int) -> Callable[[Motion], Motion]:
    order = np.arange(n)
    order[[i, j]] = j, i
    return lambda m: replace(m, q=m.q[:, order], v=m.v[:, order], a=m.a[:, order], tau=m.tau[:, order])
