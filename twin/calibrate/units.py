"""Units that a column of a log may stand in, and what makes them SI."""

from __future__ import annotations

import math

KINDS: dict[str, dict[str, float]] = {
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0},
    "angle": {"rad": 1.0, "mrad": 1e-3, "deg": math.pi / 180, "turn": 2 * math.pi},
    "angular velocity": {"rad/s": 1.0, "deg/s": math.pi / 180, "rpm": math.pi / 30},
    "angular acceleration": {"rad/s2": 1.0, "deg/s2": math.pi / 180},
    "length": {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6},
    "velocity": {"m/s": 1.0, "mm/s": 1e-3},
    "torque": {"Nm": 1.0, "mNm": 1e-3},
    "force": {"N": 1.0, "kN": 1e3},
    "current": {"A": 1.0, "mA": 1e-3},
    "voltage": {"V": 1.0, "mV": 1e-3},
    "mass": {"kg": 1.0, "g": 1e-3},
    "temperature": {"degC": 1.0},
    "share": {"1": 1.0, "%": 1e-2},
}
"""Factor to SI, by kind and unit."""

UNITS: dict[str, tuple[str, float]] = {unit: (kind, factor) for kind, units in KINDS.items() for unit, factor in units.items()}
"""Kind and factor to SI, by unit."""
