"""Friction beyond MuJoCo's own: presliding, Stribeck, load. It is carried in the model's file and acts in roll-outs.

MuJoCo has Coulomb friction, and damping up to v |v|. The rest stands as `<custom><numeric name="twin friction JOINT">`, which
others skip over: they see the Coulomb and viscous friction that come nearest.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from twin.calibrate.dynamics.design import Layout
from twin.calibrate.dynamics.friction import dahl
from twin.core.records import Floats

NAME = "twin friction "
KEYS = ("coulomb", "viscous", "quadratic", "presliding", "distance", "stribeck", "speed", "load")


@dataclass(frozen=True)
class Dry:
    """Friction of every joint (nv,): Nm, Nm s/rad, Nm s²/rad², Nm over rad, Nm over rad/s, Nm/Nm."""

    coulomb: Floats
    viscous: Floats
    quadratic: Floats
    presliding: Floats
    distance: Floats
    stribeck: Floats
    speed: Floats
    load: Floats

    @property
    def shaped(self) -> bool:
        """Whether any joint has more than MuJoCo's own friction."""
        return bool((self.presliding != 0).any() or (self.stribeck != 0).any() or (self.load != 0).any())

    def level(self, v: Floats, carried: Floats) -> Floats:
        """Size of dry friction (nv,) at speeds v (nv,) where joints carry torques (nv,)."""
        steady = self.coulomb + self.presliding + self.load * np.abs(carried)
        return np.maximum(steady + self.stribeck * np.exp(-((v / self.speed) ** 2)), 0.0)

    def settled(self, v: Floats, dt: float) -> Floats:
        """(n, nv) presliding states, in [−1, 1], along logged speeds v (n, nv); zero for joints without."""
        columns = [dahl(v[:, j], dt, d) if d > 0 else np.zeros(len(v)) for j, d in enumerate(self.distance)]
        return np.column_stack(columns)


def found(layout: Layout, x: Floats) -> Dry:
    """The friction of a fit, without offsets."""
    out = {key: np.zeros(layout.nv) for key in KEYS} | {"speed": np.ones(layout.nv)}
    for column in layout.friction:
        if column.kind == "offset":
            continue
        out[column.kind][column.joint] = x[layout.at(column)[0]]
        if column.kind in ("presliding", "stribeck"):
            out["distance" if column.kind == "presliding" else "speed"][column.joint] = column.constant
    return Dry(**out)


def write(spec: mujoco.MjSpec, joints: tuple[str, ...], dry: Dry) -> None:
    """Put it into a model's file."""
    for j, joint in enumerate(joints):
        spec.add_numeric(name=NAME + joint, data=[float(getattr(dry, key)[j]) for key in KEYS])


def read(model: mujoco.MjModel) -> Dry | None:
    """What a model's file carries; None where it carries nothing."""
    at = {model.numeric(i).name.removeprefix(NAME): model.numeric(i).data for i in range(model.nnumeric)
          if model.numeric(i).name.startswith(NAME)}  # fmt: skip
    if not at:
        return None
    columns = {key: np.zeros(model.nv) for key in KEYS} | {"speed": np.ones(model.nv)}
    columns["coulomb"], columns["viscous"] = np.array(model.dof_frictionloss), np.array(model.dof_damping)
    columns["quadratic"] = np.array(model.dof_dampingpoly[:, 0])
    for j in range(model.njnt):
        data = at.get(model.joint(j).name)
        for key, value in zip(KEYS, () if data is None else data, strict=data is not None):
            columns[key][model.jnt_dofadr[j]] = value
    return Dry(**columns)


class Rubbing:
    """A Dry at work in a simulation: before every step it sets Coulomb friction and says what torque presliding takes."""

    def __init__(self, dry: Dry, model: mujoco.MjModel) -> None:
        self.dry, self.model = dry, model
        self.slides = dry.distance > 0
        self.z = np.zeros(model.nv)
        model.dof_damping[:], model.dof_dampingpoly[:, 0] = dry.viscous, dry.quadratic

    def torque(self, v: Floats, drive: Floats) -> Floats:
        """(nv,) Nm to be taken from the drive's torque (nv,) over the next step, at speeds v (nv,)."""
        level = self.dry.level(v, drive)
        self.model.dof_frictionloss[:] = np.where(self.slides, 0.0, level)
        keep, sign = np.exp(-np.abs(v) * self.model.opt.timestep / np.where(self.slides, self.dry.distance, 1.0)), np.sign(v)
        self.z = np.where(self.slides, sign + (self.z - sign) * keep, 0.0)
        return np.asarray(self.z * level)
