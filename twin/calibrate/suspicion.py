"""Signals that look wrong: frozen, saturated, in another unit than the plan says, with the sign turned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from twin.calibrate.logs import Log
from twin.calibrate.result import Finding
from twin.core.records import Floats

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
        out.append(f"reaches {reach:.4g} in SI, which no {kind} does: is it in {USUAL[kind]}?")
    if len(x) and np.ptp(x) == 0:
        out.append(f"is {x[0]:.4g} throughout: it never moves, and nothing is known of it")
    elif len(x) >= 50:
        for word, extreme in (("highest", x.max()), ("lowest", x.min())):
            share = float(np.mean(x == extreme))
            if share > STUCK and extreme != 0 and _flat(x, extreme):
                out.append(f"stays at its {word} value {extreme:.4g} in {share:.0%} of the rows: cut off or saturated?")
    return out


def _flat(x: Floats, extreme: float) -> bool:
    """Whether the extreme comes in stretches of many rows, as where a signal is cut off."""
    there = np.concatenate(([False], x == extreme, [False]))
    edges = np.flatnonzero(np.diff(there.astype(np.int8)))
    return bool(((edges[1::2] - edges[::2]) >= 10).any())


def sign_flip(command: Floats, motion: Floats) -> bool:
    """Whether a motion follows its command with the sign turned."""
    if np.ptp(command) == 0 or np.ptp(motion) == 0:
        return False
    return bool(np.corrcoef(command, motion)[0, 1] < -0.5)
