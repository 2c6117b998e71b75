"""What is wrong with logged motion: frozen, saturated, still, in another unit, with another sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from twin.calibrate.dynamics.signals import Motion, Stretch
from twin.calibrate.result import Finding
from twin.calibrate.suspicion import FAR, LARGEST, another_unit, at_extreme, bond, lasting, usual_run
from twin.core.records import Bools, Floats

STILL: Final = 1e-3
"""A joint that moves over less than this, rad, never moves."""
TURNS: Final = 0.02
"""A torque that keeps its very value while its joint turns by more than this, rad, is frozen."""
ONE_TURN: Final = 2.02 * np.pi
"""Positions of a sensor that starts anew after a turn span no more than this, rad."""
LEAP: Final = 1.5 * np.pi
"""No joint turns so far between two rows, rad: its sensor has started anew."""
SHOWN: Final = 12
"""So many findings about single runs are told in full."""
STUCK_S: Final = 0.25
"""A signal that keeps its very value for longer, while the robot moves, is frozen."""
SLOWEST_S: Final = 1.0
"""No log of moving joints has rows this far apart."""
FACTORS: Final = {
    "degrees for radians": 180 / np.pi,
    "milli-units (mA, mNm) for units": 1000.0,
    "turns for radians": 1 / (2 * np.pi),
}


def still_joints(motions: Sequence[Motion], names: Sequence[str]) -> list[str]:
    """Joints that never move."""
    span = np.ptp(np.concatenate([motion.q for motion in motions]), axis=0)
    return [name for name, wide in zip(names, span, strict=True) if wide < STILL]


def locked(q: Floats, tau: Floats) -> list[int]:
    """Columns of joints whose position and torque never change at all: locked, or their signals are dead."""
    return [j for j in range(q.shape[1]) if np.ptp(q[:, j]) == 0 and np.ptp(tau[:, j]) == 0]


def unwrapped(q: Floats, limits: Floats, hinges: Bools, names: Sequence[str]) -> tuple[Floats, list[Finding]]:
    """Positions (n, nv) of hinges whose sensor starts anew after a turn, as one line; turned back where the model's limits
    (nv, 2; NaN: none) are one turn away, and what was found."""
    out, said = q.copy(), []
    for j, name in enumerate(names):
        if not hinges[j]:
            continue
        if np.ptp(q[:, j]) < ONE_TURN:
            out[:, j] = np.unwrap(q[:, j], discont=LEAP)
            if leaps := int((np.abs(np.diff(q[:, j] - out[:, j])) > LEAP).sum()):
                said.append(
                    Finding("note", f"{name}: its position starts anew after a full turn ({leaps} times); it is joined")
                )
        low, high = limits[j]
        middle = 0.5 * (out[:, j].min() + out[:, j].max())
        if not low <= middle <= high:  # false for a joint without limits
            turned = out[:, j] - np.sign(middle - low) * 2 * np.pi
            if low <= turned.min() and turned.max() <= high:
                out[:, j] = turned
                said.append(
                    Finding("note", f"{name}: its positions are a full turn beyond the model's range; they are turned back")
                )
    return out, said


def usable(t: Floats, q: Floats, tau: Floats, names: Sequence[str]) -> tuple[Bools, list[Finding]]:
    """Rows (n,) that are neither frozen nor saturated, and what was found.

    Frozen: position and torque of a joint repeat their very values while another joint moves. Saturated: the torque stays at
    its greatest value.
    """
    keep, said = np.ones(len(t), bool), []
    step = float(np.median(np.diff(t)))
    moving = np.abs(np.diff(q, axis=0, prepend=q[:1])).max(axis=1) > 0
    for j, name in enumerate(names):
        frozen = lasting(_same(q[:, j]) & _same(tau[:, j]), max(int(STUCK_S / step), 3)) & _near(moving, int(STUCK_S / step))
        flat = at_extreme(tau[:, j], max(int(0.02 / step), 4)) & (np.ptp(tau[:, j]) > 0)
        stays = max(int(STUCK_S / step), 3, FAR * usual_run(tau[:, j]))
        dead = lasting(_same(tau[:, j]), stays) & _turning(q[:, j], int(STUCK_S / step)) & ~frozen & ~flat
        level = float(np.abs(tau[flat, j]).max(initial=0.0))
        for bad, word in ((frozen, "frozen"), (dead, "torque frozen"), (flat, f"saturated at {level:.3g} Nm")):
            if bad.any():
                first = float(t[int(np.argmax(bad))])
                lasted = bad.sum() * step
                said.append(Finding("warning", f"{name}: {word} for {lasted:.2g} s (from {first:.3g} s on); not fitted there"))
        keep &= ~frozen & ~flat & ~dead
    return keep, said


def few(found: Sequence[Finding]) -> list[Finding]:
    """The first findings of many runs, the graver ones before, and how many more there are."""
    ordered = sorted(found, key=lambda one: one.level == "note")
    rest = ordered[SHOWN:]
    return ordered[:SHOWN] + ([Finding(rest[0].level, f"{len(rest)} more of these, in other runs or joints")] if rest else [])


def _same(x: Floats) -> Bools:
    return np.concatenate(([False], np.diff(x) == 0))


def _turning(q: Floats, rows: int) -> Bools:
    """Whether a joint moves on by more than `STILL` within so many rows either way."""
    near = maximum_filter1d(q, 2 * rows + 1) - minimum_filter1d(q, 2 * rows + 1)
    return np.asarray(near > TURNS)


def _near(moving: Bools, rows: int) -> Bools:
    """Whether something moves within so many rows."""
    seen = np.concatenate(([0], np.cumsum(moving)))
    at = np.arange(len(moving))
    return np.asarray(seen[np.minimum(at + rows + 1, len(moving))] > seen[np.maximum(at - rows, 0)])


def cut(stretch: Stretch, keep: Bools) -> list[Stretch]:
    """The unbroken pieces of a stretch that are kept."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], keep.astype(int), [0]))))
    pick = [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 3]
    s = stretch
    return [Stretch(s.run, s.t[r], s.q[r], s.tau[r], None if s.v is None else s.v[r]) for r in pick]


def velocity(stretches: Sequence[Stretch], names: Sequence[str]) -> list[Finding]:
    """Whether the logged velocity is the derivative of the position: its sign and its unit."""
    said = []
    for j, name in enumerate(names):
        pairs = [(np.gradient(s.q[:, j], s.t), s.v[:, j]) for s in stretches if s.v is not None and len(s.t) > 10]
        d, v = (np.concatenate(x) for x in zip(*pairs, strict=True))
        told = bond(d, v) if np.isfinite(d).all() else 0.0
        if told < -0.5:
            text = f"{name}: the logged velocity runs against the position (correlation {told:.2f}): say sign: -1"
            said.append(Finding("warning", text))
        elif told > 0.5:
            said += _factor(name, "velocity", float(np.sum(d * v) / np.sum(d * d)))
    return said


def torque(measured: Floats, expected: Floats, names: Sequence[str]) -> list[Finding]:
    """Measured torque (n, nv) against what the model as given asks for: sign and unit."""
    said = []
    for j, name in enumerate(names):
        m, e = measured[:, j], expected[:, j]
        told = bond(m, e)
        if told < -0.7:
            text = f"{name}: the torque runs against what the model asks for (correlation {told:.2f}): say sign: -1"
            said.append(Finding("warning", text))
        elif told > 0.7:
            said += _factor(name, "torque", float(m.std() / e.std()), loose=1.6)
    together = float(np.linalg.norm(measured) / max(float(np.linalg.norm(expected)), 1e-12))
    if not said and not 0.02 < together < 50:
        size = f"all torques together are {together:.3g} times as large as those that the model as given asks for"
        said.append(Finding("warning", f"{size}: another unit (mA, mNm), a scale that lacks, another robot?"))
    return said


def speeds(motions: Sequence[Motion], step_s: float) -> list[Finding]:
    """Whether time is what the plan says: no arm is so fast, no log of an arm's motion so slow."""
    speed = [float(np.sqrt(np.mean(np.concatenate([m.v for m in motions]) ** 2, axis=0)).max())] if motions else []
    fast = max(speed, default=0.0)
    if fast > LARGEST["angular velocity"]:
        text = f"a joint moves at {fast:.3g} rad/s (rms): is time, or are positions, in another unit than said?"
        return [Finding("warning", text)]
    if step_s >= SLOWEST_S:
        return [Finding("warning", f"rows lie {step_s:.3g} s apart: is time in another unit than said (ms, us, ns)?")]
    return []


def ranges(q: Floats, limits: Floats, names: Sequence[str]) -> list[Finding]:
    """Positions far outside what the model's joint allows, and inside it once read as degrees. Limits (nv, 2), NaN: none."""
    said = []
    for j, name in enumerate(names):
        low, high = limits[j] if np.isfinite(limits[j]).all() else (-4 * np.pi, 4 * np.pi)
        wide = 0.1 * (high - low)
        out = q[:, j].max() > high + wide or q[:, j].min() < low - wide
        as_degrees = np.radians(q[:, j])
        shown = f"positions from {q[:, j].min():.4g} to {q[:, j].max():.4g} rad"
        allowed = f"the model's range ({low:.4g} to {high:.4g})"
        turns = np.abs(q[:, j]).max() > 2 * np.pi
        if out and turns and as_degrees.max() <= high + wide and as_degrees.min() >= low - wide:
            said.append(Finding("warning", f"{name}: {shown} leave {allowed}: {another_unit('angle')}"))
        elif out:
            said.append(Finding("warning", f"{name}: {shown} leave {allowed}: another joint, another zero, another robot?"))
    return said


def _factor(name: str, what: str, ratio: float, loose: float = 1.2) -> list[Finding]:
    for word, factor in FACTORS.items():
        if abs(np.log(abs(ratio) / factor)) < np.log(loose):
            return [Finding("warning", f"{name}: the {what} is {abs(ratio):.3g} times what the rest of the log says: {word}?")]
    return []
