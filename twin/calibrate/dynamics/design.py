"""The linear system of a calibration: which columns there are, and their values over a log.

Sensor errors and load-dependent friction multiply unknown by unknown. Their columns are taken at the estimate so far and
renewed until nothing moves, which makes every step linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import mujoco
import numpy as np

from twin.calibrate.dynamics.friction import Column, values
from twin.calibrate.dynamics.regressor import PER_BODY, body_parameters, movable_bodies, regressor
from twin.calibrate.dynamics.signals import Motion, low_pass, thin
from twin.core.records import Floats

Group = Literal["gain", "tilt", "delay", "zero"]
SMALL: Final = 1e-4
"""Step of numerical derivatives with respect to positions, rad."""
ENDS: Final = 2.0
"""Periods of the cut-off that are left out at each end of a piece."""


@dataclass(frozen=True)
class Layout:
    """The columns, in this order: ten a free body, armature a joint, friction, then per group of sensor errors."""

    model: mujoco.MjModel
    free: tuple[int, ...]
    """Bodies whose inertia is fitted; the other movable ones keep the model's."""
    armature: bool
    standstill: tuple[float, ...]
    """Speed under which a joint counts as standing, rad/s, a joint."""
    friction: tuple[Column, ...] = ()
    reference: int = 0
    """The joint whose torque sensor the others' gains are relative to."""
    sensors: tuple[Group, ...] = ()

    @property
    def nv(self) -> int:
        """Degrees of freedom."""
        return int(self.model.nv)

    @property
    def inertial(self) -> int:
        """Columns of inertia."""
        return PER_BODY * len(self.free)

    @property
    def rigid(self) -> int:
        """Columns of inertia and armature."""
        return self.inertial + self.nv * self.armature

    @property
    def width(self) -> int:
        """All columns."""
        return self.rigid + len(self.friction) + sum(self.group_width(group) for group in self.sensors)

    def group_width(self, group: Group) -> int:
        """Columns of a group of sensor errors: a gain a joint but one, two tilts, one delay, a zero of position a joint."""
        return {"gain": self.nv - 1, "tilt": 2, "delay": 1, "zero": self.nv}[group]

    @property
    def sideways(self) -> tuple[int, ...]:
        """The two axes of the base (0 to 2) that gravity points along least: a base that is not level has some of it there."""
        return tuple(sorted(int(i) for i in np.argsort(np.abs(self.model.opt.gravity), kind="stable")[:2]))

    def gained(self) -> list[int]:
        """Joints whose gain is fitted: all but the reference, since a common gain is a common scale of all masses."""
        return [j for j in range(self.nv) if j != self.reference]

    def at(self, item: Column | Group) -> list[int]:
        """Where a friction column or a group stands."""
        if isinstance(item, Column):
            return [self.rigid + self.friction.index(item)]
        start = self.rigid + len(self.friction)
        for group in self.sensors:
            if group == item:
                return list(range(start, start + self.group_width(group)))
            start += self.group_width(group)
        raise KeyError(item)

    def keep(self, items: Sequence[Column | Group]) -> tuple[Layout, list[int]]:
        """The layout with only these friction columns and groups, and where its columns stand in this one."""
        columns = tuple(column for column in self.friction if column in items)
        groups = tuple(group for group in self.sensors if group in items)
        where = [i for item in (*columns, *groups) for i in self.at(item)]
        return replace(self, friction=columns, sensors=groups), [*range(self.rigid), *where]


@dataclass(frozen=True)
class Rows:
    """The system over one piece of log, thinned: A (n, nv, p), b (n, nv), and the run it is of."""

    run: str
    A: Floats
    b: Floats


def prior(layout: Layout) -> Floats:
    """The model's own values of the rigid columns (rigid,)."""
    inertia = [body_parameters(layout.model, body) for body in layout.free]
    return np.concatenate([*inertia, np.array(layout.model.dof_armature) if layout.armature else []])


def rows(layout: Layout, motion: Motion, cutoff_hz: float, x: Floats | None, *, whole: bool = False) -> Rows:
    """The filtered and thinned system of one piece; `x` (width,) is the estimate so far (None: the model's values).

    Its ends are left out, where filter and derivatives know one side alone, unless the piece is to be seen `whole`.
    """
    Y, known = _rigid(layout, motion)
    at = prior(layout) if x is None else x[: layout.rigid]
    torque = Y @ at + known
    columns = friction_columns(layout, motion, np.abs(torque))
    total = torque if x is None else torque + columns @ x[layout.rigid : layout.rigid + len(layout.friction)]
    A = np.concatenate([Y, columns, *(_sensor(layout, group, motion, at, total) for group in layout.sensors)], axis=2)
    every = thin(motion, cutoff_hz)
    flat = low_pass(A.reshape(len(A), -1), cutoff_hz, motion.dt)[::every]
    A, b = flat.reshape(-1, *A.shape[1:]), low_pass(motion.tau - known, cutoff_hz, motion.dt)[::every]
    ends = 0 if whole else round(ENDS / (cutoff_hz * motion.dt * every))
    return Rows(motion.run, A[ends : len(A) - ends], b[ends : len(b) - ends])


def rigid_torque(layout: Layout, motion: Motion, x: Floats) -> Floats:
    """Torque (n, nv) of inertia, gravity and armature at the motion's own rate."""
    return _rigid_at(layout, motion, x[: layout.rigid])


def _rigid_at(layout: Layout, motion: Motion, at: Floats) -> Floats:
    """Torque (n, nv) of inertia, gravity and armature for values `at` (rigid,)."""
    Y, known = _rigid(layout, motion)
    return np.asarray(Y @ at + known)


def _rigid(layout: Layout, motion: Motion) -> tuple[Floats, Floats]:
    """Columns of inertia and armature (n, nv, rigid), and the torques (n, nv) of everything that is not fitted."""
    model = layout.model
    Y, known = regressor(model, motion.q, motion.v, motion.a)
    movable = movable_bodies(model)
    parts = []
    for i, body in enumerate(movable):
        block = Y[:, :, i * PER_BODY : (i + 1) * PER_BODY]
        if body in layout.free:
            parts.append(block)
        else:
            known = known + block @ body_parameters(model, body)
    if layout.armature:
        spread = np.zeros((*motion.a.shape, layout.nv))
        spread[:, range(layout.nv), range(layout.nv)] = motion.a
        parts.append(spread)
    else:
        known = known + motion.a * model.dof_armature
    return np.concatenate(parts, axis=2), known


def friction_columns(layout: Layout, motion: Motion, load: Floats) -> Floats:
    """Friction columns (n, nv, k) at the motion's own rate; `load` (n, nv): how much torque each joint carries."""
    out = np.zeros((*motion.v.shape, len(layout.friction)))
    for k, column in enumerate(layout.friction):
        j = column.joint
        out[:, j, k] = values(column, motion.v[:, j], motion.dt, layout.standstill[j], load[:, j])
    return out


def _sensor(layout: Layout, group: Group, motion: Motion, at: Floats, total: Floats) -> Floats:
    """Columns (n, nv, k) of a group: what one unit of it adds to the torque that is measured."""
    n, nv = total.shape
    if group == "gain":
        out = np.zeros((n, nv, nv - 1))
        for k, j in enumerate(layout.gained()):
            out[:, j, k] = total[:, j]
        return out
    if group == "delay":
        return -np.gradient(total, motion.dt, axis=0)[:, :, None]
    if group == "zero":
        step = SMALL * np.eye(nv)
        ends = [[_rigid_at(layout, replace(motion, q=motion.q + sign * row), at) for sign in (-1, 1)] for row in step]
        return np.stack([(low - high) / (2 * SMALL) for low, high in ends], axis=2)
    return tilted(layout, motion, at)


def tilted(layout: Layout, motion: Motion, at: Floats) -> Floats:
    """Torque (n, nv, 2) that one radian of tilt adds, for values `at` (rigid,): the model's gravity once more, sideways."""
    still = replace(motion, v=np.zeros_like(motion.v), a=np.zeros_like(motion.a))
    model, level = layout.model, np.array(layout.model.opt.gravity)
    size, torques = float(np.linalg.norm(level)) or 9.81, []
    try:
        for sideways in (np.zeros(3), *np.eye(3)[list(layout.sideways)]):
            model.opt.gravity[:] = size * sideways
            torques.append(_rigid_at(layout, still, at))
    finally:
        model.opt.gravity[:] = level
    return np.stack([torque - torques[0] for torque in torques[1:]], axis=2)
