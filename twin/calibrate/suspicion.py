"""Signals that look wrong: frozen, saturated, in another unit than the plan says, with the sign turned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from twin.calibrate.logs import Log
from twin.calibrate.result import Finding
from twin.core.records import Bools, Floats

LARGEST = {"angle": 4 * np.pi, "angular velocity": 60.0, "current": 100.0, "torque": 1000.0, "voltage": 500.0, "length": 50.0}
"""No joint of an arm goes beyond these, in SI."""
USUAL = {
    "angle": "degrees (unit: deg)",
    "angular velocity": "degrees a second (unit: deg/s) or turns a minute (unit: rpm)",
    "current": "milliamps (unit: mA)",
    "torque": "millinewton metres (unit: mNm)",
    "voltage": "millivolts (unit: mV)",
    "length": "millimetres (unit: mm)",
}
STUCK = 0.02
"""Share of rows at the very same extreme value that makes a signal look cut off."""
FAR = 5
"""So many times longer than usual a value must be kept to be told."""
STRETCH = 10
"""Rows without a break that a signal that is cut off stays at its extreme."""


def never_moves(names: str, lost: str = "nothing is known of it") -> str:
    """Of a signal or joints that stand still: what cannot be told."""
    return f"{names} never moves: {lost}"


def another_unit(kind: str) -> str:
    """In what a signal of a kind that is far too large may be, and how a plan says so."""
    return f"is it in {USUAL[kind]}?"


def suspect(log: Log, kinds: Mapping[str, str]) -> list[Finding]:
    """What looks wrong with signals; `kinds`: what each is (`angle`, `torque` …, see `units.KINDS`)."""
    out = []
    for name, kind in kinds.items():
        values = log.signal(name)
        columns = values[:, None] if values.ndim == 1 else values
        for i in range(columns.shape[1]):
            shown = name if values.ndim == 1 else f"{name}[{i + 1}]"
            out += [Finding("warning", f"log {log.name!r}: {shown} {text}") for text in _odd(columns[:, i], kind)]
    return out


def _odd(x: Floats, kind: str) -> list[str]:
    reach = float(np.abs(x).max(initial=0.0))
    out = []
    if kind in LARGEST and reach > LARGEST[kind]:
        out.append(f"reaches {reach:.4g} in SI, which no {kind} does: {another_unit(kind)}")
    if len(x) and np.ptp(x) == 0:
        out.append(never_moves(f"is {x[0]:.4g} throughout: it"))
    elif len(x) >= 50:
        for word, extreme in (("highest", x.max()), ("lowest", x.min())):
            share = float(np.mean(x == extreme))
            if share > STUCK and extreme != 0 and lasting(x == extreme, STRETCH).any():
                out.append(f"stays at its {word} value {extreme:.4g} in {share:.0%} of the rows: cut off or saturated?")
    return out


def at_extreme(x: Floats, rows: int) -> Bools:
    """(n,) where a signal stays at its highest or its lowest value for at least so many rows, and far longer than elsewhere."""
    least = max(rows, FAR * usual_run(x))
    return np.asarray(lasting(x == x.max(), least) | lasting(x == x.min(), least))


def usual_run(x: Floats) -> int:
    """For how many rows a signal keeps its value: what nine of ten of its steps stay below. Coarse signals stay long."""
    edges = np.flatnonzero(np.concatenate(([True], np.diff(x) != 0, [True])))
    return int(np.quantile(np.diff(edges), 0.9))


def lasting(flags: Bools, least: int) -> Bools:
    """Only the stretches of true (n,) that are at least so long."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(int), [0]))))
    out = np.zeros_like(flags)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        out[start:end] = end - start >= least
    return out


def bond(a: Floats, b: Floats) -> float:
    """Correlation of two signals; 0 where one never moves."""
    return 0.0 if np.ptp(a) == 0 or np.ptp(b) == 0 else float(np.corrcoef(a, b)[0, 1])


def sign_flip(command: Floats, motion: Floats) -> bool:
    """Whether a motion follows its command with the sign turned."""
    return bond(command, motion) < -0.5
