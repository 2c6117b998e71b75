"""A position servo on a pendulum, simulated free from its first state: many runs and many parameters at once.

    duty    = clip(stiffness · gain · (command(t - delay) - q), -1, 1)
    torque  = torque_per_volt · volts · duty - back_emf · v                        (while powered)
    gravity = -gravity_scale · m g l sin(q + zero)
    friction ≤ coulomb + load_friction · |torque - gravity| + stribeck · exp(-|v| / stribeck_speed), and viscous · v

Friction is an impulse that can stop the joint and never turn it round. The same model runs in MuJoCo (`physics.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twin.calibrate.actuators.parameters import NAMES
from twin.calibrate.actuators.runs import Runs
from twin.core.records import Floats

FINEST_S = 0.0026
"""Longest step of the simulation."""


@dataclass(frozen=True)
class Values:
    """(M, 1) of every parameter, for M simulations side by side."""

    stiffness: Floats
    torque_per_volt: Floats
    back_emf: Floats
    viscous: Floats
    armature: Floats
    coulomb: Floats
    load_friction: Floats
    stribeck: Floats
    stribeck_speed: Floats
    delay: Floats
    gravity_scale: Floats
    zero: Floats


def values(table: Floats) -> Values:
    """Parameters (M, 12), in SI and in the order of `PARAMETERS`, as columns."""
    table = np.atleast_2d(table)
    return Values(*(table[:, [i]] for i in range(len(NAMES))))


def delayed(runs: Runs, delay: Floats) -> Floats:
    """(M, R, N) commands as they take effect `delay` (M, 1) later, on a line between samples."""
    n = runs.command.shape[1]
    at = np.clip(np.arange(n) - delay / runs.step_s, 0, n - 1)
    below = np.floor(at).astype(np.int64)
    above, share = np.minimum(below + 1, n - 1), at - below
    out: Floats = np.stack([runs.command[:, b] * (1 - s) + runs.command[:, a] * s
                            for b, a, s in zip(below, above, share, strict=True)])  # fmt: skip
    return out


def simulate(table: Floats, runs: Runs, gravity: float) -> Floats:
    """(M, R, N) angles in rad of R runs under M sets of parameters (M, 12), from each run's first state on."""
    p = values(table)
    command = delayed(runs, p.delay)
    size = (len(p.delay), len(runs.names))
    q = np.broadcast_to(runs.position[:, 0], size).copy()
    v = np.broadcast_to(runs.speed, size).copy()
    inertia = runs.mass * runs.length**2 + p.armature
    weight = p.gravity_scale * runs.mass * runs.length * gravity
    gain = p.stiffness * runs.gain
    substeps = max(1, int(np.ceil(runs.step_s / FINEST_S)))
    per = runs.step_s / substeps / inertia
    step = runs.step_s / substeps
    out = np.empty((*size, runs.command.shape[1]))
    for k in range(out.shape[2]):
        out[:, :, k] = q
        volts, on = runs.volts[:, k] * runs.enabled[:, k], runs.enabled[:, k]
        drag = per * (p.viscous + p.back_emf * on)
        for _ in range(substeps):
            torque = p.torque_per_volt * volts * np.clip(gain * (command[:, :, k] - q), -1, 1)
            fall = -weight * np.sin(q + p.zero)
            bound = p.coulomb + p.load_friction * np.abs(torque - fall) + p.stribeck * np.exp(-np.abs(v) / p.stribeck_speed)
            free = (v + per * (torque + fall)) / (1 + drag)
            v = np.sign(free) * np.maximum(np.abs(free) - per * bound, 0.0)
            q = q + step * v
    return out
