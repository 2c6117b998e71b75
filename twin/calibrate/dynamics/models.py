"""The robot of a dynamics calibration: read, cut down to the joints that the log tells of, and written with fitted values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import mujoco
import numpy as np

from twin.calibrate.dynamics.dry import Dry, write
from twin.calibrate.dynamics.physical import possible
from twin.calibrate.dynamics.regressor import HINGE, body_parameters, check_tree
from twin.core.assets import names
from twin.core.errors import InputError, nearest
from twin.core.records import Bools, Floats
from twin.world.own.mount import load_bare, set_servo
from twin.world.own.trial import compiles


@dataclass(frozen=True)
class Robot:
    """A model whose degrees of freedom are the logged joints, in the model's order; `order` takes the log's columns there.

    `gravity` (m/s²) is that of its file: the model has none where torques were logged after gravity compensation.
    """

    spec: mujoco.MjSpec
    model: mujoco.MjModel
    joints: tuple[str, ...]
    order: tuple[int, ...]
    gravity: tuple[float, ...]

    @property
    def limits(self) -> Floats:
        """(nv, 2) rad or m, NaN where a joint has none."""
        return np.where(self.model.jnt_limited[:, None] == 1, self.model.jnt_range, np.nan)

    @property
    def hinges(self) -> Bools:
        """(nv,) which joints turn."""
        return np.asarray(self.model.jnt_type == HINGE)


def read(model: str, folder: Path) -> mujoco.MjSpec:
    """An MJCF or URDF file beside the plan, or a robot that ships, by name. Raises `InputError`."""
    file = folder / model
    if not file.is_file():
        shipped = names("robots", ".xml")
        if model not in shipped:
            found = [path.name for path in sorted(folder.glob("*.xml")) + sorted(folder.glob("*.urdf"))]
            close = nearest(model, [*shipped, *found])
            raise InputError(f"no model {model!r} beside the plan, and no robot of that name ships{close}")
        file = shipped[model]
    elif wrong := compiles(file):
        raise InputError(wrong)
    return load_bare(file)


def robot(
    model: str,
    folder: Path,
    joints: Sequence[str] | None,
    columns: int,
    locked: Mapping[str, float] = MappingProxyType({}),
    gravity: Sequence[float] | None = None,
    *,
    drives: bool = False,
) -> Robot:
    """The robot of a log of so many columns; joints that the log does not tell of are welded where they rest, or, where they
    are `locked`, at an angle (rad, m). `gravity` (3, m/s², along the base's axes): None is as the model has it. `drives`: the
    actuators of its joints stay, and what compensates its weight."""
    spec = _bare(read(model, folder), drives=drives)
    if gravity is not None:
        spec.option.gravity = np.array(gravity)
    full = _compile(spec, model)
    known = [full.joint(j).name or f"joint {j}" for j in range(full.njnt)]
    if joints is None and len(known) != columns:
        has = f"the log has {columns} joints and {model} has {len(known)} ({', '.join(known)})"
        raise InputError(f"{has}: say `joints: […]` in the order of the columns")
    wanted = tuple(known if joints is None else joints)
    for name in wanted:
        if name not in known:
            raise InputError(f"{model} has no joint {name!r}{nearest(name, known)}")
    if len(wanted) != columns or len(set(wanted)) != len(wanted):
        raise InputError(f"`joints` names {len(set(wanted))} joints for {columns} columns of the log")
    for joint in list(spec.joints):
        if joint.name not in wanted:
            if joint.name in locked:
                _turn(joint, full, locked[joint.name])
            for drive in [drive for drive in spec.actuators if drive.target == joint.name]:
                spec.delete(drive)
            spec.delete(joint)
    small = _compile(spec, model)
    check_tree(small)
    inside = tuple(small.joint(j).name for j in range(small.njnt))
    return Robot(spec, small, inside, tuple(wanted.index(name) for name in inside), tuple(small.opt.gravity.tolist()))


def weightless(bot: Robot) -> Robot:
    """The robot as torques see it that were logged after gravity compensation."""
    spec = bot.spec.copy()
    spec.option.gravity = np.zeros(3)
    return replace(bot, spec=spec, model=spec.compile())


def _turn(joint: mujoco.MjsJoint, full: mujoco.MjModel, at: float) -> None:
    """Put the body of a joint where the joint brings it."""
    body, j = joint.parent, full.joint(joint.name).id
    held, way = full.body(body.name), at - float(full.qpos0[full.jnt_qposadr[j]])
    place, quat, moved = np.array(held.pos), np.array(held.quat), np.empty(3)
    if full.jnt_type[j] == int(mujoco.mjtJoint.mjJNT_SLIDE):
        mujoco.mju_rotVecQuat(moved, full.jnt_axis[j] * way, quat)
        place += moved
    else:
        spin, anchor, turned = np.empty(4), np.array(full.jnt_pos[j]), np.empty(3)
        mujoco.mju_axisAngle2Quat(spin, full.jnt_axis[j], way)
        mujoco.mju_rotVecQuat(turned, anchor, spin)
        mujoco.mju_rotVecQuat(moved, anchor - turned, quat)
        mujoco.mju_mulQuat(quat, quat.copy(), spin)
        place += moved
    body.pos, body.quat, body.alt.type = place, quat, mujoco.mjtOrientation.mjORIENTATION_QUAT


def with_servos(bot: Robot, radps: Floats) -> Robot:
    """The robot with a position servo a joint, its weight compensated, as a farm drives an arm that is brought as a file:
    critically damped at `radps` (nv,) about the inertia that each joint feels where the model rests."""
    spec = bot.spec.copy()
    model, data, inertia = bot.model, mujoco.MjData(bot.model), np.zeros((bot.model.nv, bot.model.nv))
    mujoco.mj_forward(model, data)
    mujoco.mj_fullM(model, data, inertia)
    for name, w, felt in zip(bot.joints, radps.tolist(), np.diag(inertia).tolist(), strict=True):
        drive = spec.add_actuator(name=f"servo {name}", target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        set_servo(drive, w**2 * felt, 2.0 * w * felt)
    for body in spec.bodies:
        body.gravcomp = 1.0
    return replace(bot, spec=spec, model=spec.compile())


def _bare(spec: mujoco.MjSpec, *, drives: bool = False) -> mujoco.MjSpec:
    """The arm alone: nothing holds or touches it, nor drives it but for `drives` of joints; what these can do stays as the
    joints' limit; all have names."""
    for drive in spec.actuators:
        if drive.trntype == mujoco.mjtTrn.mjTRN_JOINT and drive.forcerange[0] < drive.forcerange[1]:
            joint = spec.joint(drive.target)
            if joint.actfrcrange[0] >= joint.actfrcrange[1]:
                joint.actfrcrange = np.array(drive.forcerange) * abs(float(drive.gear[0]))
    others = [drive for drive in spec.actuators if not drives or drive.trntype != mujoco.mjtTrn.mjTRN_JOINT]
    for items in (others, spec.sensors, spec.keys, spec.tendons, spec.equalities, spec.excludes, spec.pairs):
        for item in list(items):
            spec.delete(item)
    for k, joint in enumerate(spec.joints):
        joint.name = joint.name or f"joint{k + 1}"
    for body in spec.bodies if not drives else ():
        body.gravcomp = 0.0
    return spec


def _compile(spec: mujoco.MjSpec, name: str) -> mujoco.MjModel:
    """The compiled model; where meshes are missing (a URDF without its package), without them."""
    try:
        return spec.compile()
    except ValueError as error:
        if not spec.meshes:
            raise InputError(f"{name} does not compile: {error}") from error
    for geom in list(spec.geoms):
        if geom.type == mujoco.mjtGeom.mjGEOM_MESH:
            spec.delete(geom)
    for mesh in list(spec.meshes):
        spec.delete(mesh)
    try:
        return spec.compile()
    except ValueError as error:
        raise InputError(f"{name} does not compile: {error}") from error


@dataclass(frozen=True)
class Values:
    """What is written into a model: bodies' ten parameters by id, armature, Coulomb and viscous friction a joint, and, where
    friction has a shape that MuJoCo's own has not, that shape."""

    bodies: dict[int, Floats]
    armature: Floats
    coulomb: Floats
    viscous: Floats
    dry: Dry | None = None


def as_given(model: mujoco.MjModel) -> Values:
    """The model's own values."""
    bodies = {b: body_parameters(model, b) for b in range(1, model.nbody) if model.body_mass[b] > 0}
    return Values(bodies, np.array(model.dof_armature), np.array(model.dof_frictionloss), np.array(model.dof_damping).ravel())


def with_values(bot: Robot, values: Values) -> mujoco.MjSpec:
    """The robot's spec with fitted values; it compiles, since every body is a possible one."""
    spec = bot.spec.copy()
    for body, p in values.bodies.items():
        _set_inertia(spec.body(bot.model.body(body).name), p)
    for j, name in enumerate(bot.joints):
        joint = spec.joint(name)
        joint.armature, joint.frictionloss = float(values.armature[j]), float(values.coulomb[j])
        damping = np.atleast_1d(np.array(joint.damping, float))
        damping[0] = values.viscous[j]
        joint.damping = damping if np.ndim(joint.damping) else float(damping[0])
    if values.dry is not None:
        write(spec, bot.joints, values.dry)
    spec.compile()
    return spec


def _set_inertia(body: mujoco.MjsBody, p: Floats) -> None:
    p = possible(p)
    mass, centre = p[0], p[1:4] / p[0]
    inertia = np.zeros((3, 3))
    inertia[np.triu_indices(3)] = p[4:]
    inertia = inertia + np.triu(inertia, 1).T - mass * (centre @ centre * np.eye(3) - np.outer(centre, centre))
    moments, axes = np.linalg.eigh(inertia)
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, axes.ravel())
    body.mass, body.ipos, body.iquat, body.inertia = float(mass), centre, quat, moments
    body.fullinertia = np.full(6, np.nan)
    body.explicitinertial = True
