"""Friction as columns that are linear in their coefficients, joint by joint.

Every joint has Coulomb, viscous and offset columns. What may come on top: presliding (Dahl 1968: the sign turns over after a
distance, not at once), Stribeck (more friction near standstill), load (Coulomb friction grows with the torque that the joint
carries), quadratic in speed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from twin.core.records import Floats

Kind = Literal["coulomb", "viscous", "offset", "presliding", "stribeck", "load", "quadratic"]
DISTANCES: Final = (3e-4, 1e-3, 3e-3, 1e-2)
"""Presliding distances that are tried, as shares of the joint's range of motion."""
SPEEDS: Final = (0.05, 0.15, 0.4)
"""Stribeck speeds that are tried, as shares of the joint's rms speed."""


@dataclass(frozen=True)
class Column:
    """One friction column of one joint: what it is and its one constant (a distance, a speed; zero where it has none)."""

    joint: int
    kind: Kind
    constant: float = 0.0

    @property
    def label(self) -> str:
        """What it is, in words."""
        unit = {"presliding": " rad", "stribeck": " rad/s"}.get(self.kind, "")
        return f"{self.kind} {self.constant:.2g}{unit}" if unit else self.kind


def basic(joint: int, standstill: float) -> list[Column]:
    """The three columns that every joint has."""
    return [Column(joint, "coulomb", standstill), Column(joint, "viscous"), Column(joint, "offset")]


def candidates(joint: int, kinds: tuple[str, ...], span: float, speed: float) -> list[Column]:
    """What may come on top for a joint that moves over `span` rad at an rms `speed` rad/s."""
    out = [Column(joint, "presliding", share * span) for share in DISTANCES] if "presliding" in kinds else []
    out += [Column(joint, "stribeck", share * speed) for share in SPEEDS] if "stribeck" in kinds else []
    out += [Column(joint, "load")] if "load" in kinds else []
    return out + ([Column(joint, "quadratic")] if "quadratic" in kinds else [])


def values(column: Column, v: Floats, dt: float, standstill: float, load: Floats) -> Floats:
    """A column (n,) at a joint's speed v (n,); `load` (n,) is the size of the torque that the joint carries."""
    turn = np.tanh(v / standstill)
    match column.kind:
        case "viscous":
            return v
        case "offset":
            return np.ones_like(v)
        case "presliding":
            return dahl(v, dt, column.constant)
        case "stribeck":
            return np.asarray(turn * np.exp(-((v / column.constant) ** 2)))
        case "load":
            return turn * load
        case "quadratic":
            return v * np.abs(v)
    return turn


def dahl(v: Floats, dt: float, distance: float) -> Floats:
    """Dahl's friction state in [−1, 1]: dz/dx = (1 − z sign v) / distance, exactly over each step."""
    keep, sign = np.exp(-np.abs(v) * dt / distance), np.sign(v)
    out = np.empty_like(v)
    z = 0.0
    for i in range(len(v)):
        z = sign[i] + (z - sign[i]) * keep[i]
        out[i] = z
    return out
