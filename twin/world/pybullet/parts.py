"""What PyBullet loads of a cell: links as URDF text, colliders and who touches whom, all read from the compiled MuJoCo model.

Bullet's joints have no rotor inertia (armature). It is put into the link behind the joint, about the joint's axis: exact for a
joint that turns alone. What a rotor there feels of other joints is taken back by the drives (`servo.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from twin.core.errors import InputError
from twin.core.records import Floats

SLICK = "_slick"
"""Ends the name of the link that carries what a body touches without friction."""
SHARE = 1e-3
"""Of a body's mass that such a link takes over, at the same place: a link of Bullet's needs some."""
BOX = int(mujoco.mjtGeom.mjGEOM_BOX)
HINGE, SLIDE, FREE = (int(getattr(mujoco.mjtJoint, f"mjJNT_{kind}")) for kind in ("HINGE", "SLIDE", "FREE"))


@dataclass(frozen=True)
class Unit:
    """What collides as one: geoms of one body, with or without friction. `touches` are indices of other units."""

    body: int
    slick: bool
    geoms: tuple[int, ...]
    touches: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Link:
    """Mass in kg, where it is centred in the body's frame, its principal moments there (turned by `quat`), with armature."""

    mass: float
    at: Floats
    quat: Floats
    moments: Floats


def units(model: mujoco.MjModel) -> list[Unit]:
    """The colliders of a model, from its contact pairs: geoms that stand still each alone, others by body and friction."""
    keys: dict[tuple[int, bool, int], set[int]] = {}
    pairs = []
    for pair in range(model.npair):
        slick = int(model.pair_dim[pair]) == 1
        ends = [_key(model, int(side[pair]), slick) for side in (model.pair_geom1, model.pair_geom2)]
        for key, geom in zip(ends, (model.pair_geom1[pair], model.pair_geom2[pair]), strict=True):
            keys.setdefault(key, set()).add(int(geom))
        pairs.append(ends)
    order = sorted(keys)
    touching = {key: sorted({order.index(b if a == key else a) for a, b in pairs if key in (a, b)}) for key in order}
    return [Unit(key[0], key[1], tuple(sorted(keys[key])), tuple(touching[key])) for key in order]


def _key(model: mujoco.MjModel, geom: int, slick: bool) -> tuple[int, bool, int]:
    """Which unit a geom belongs to: (body, slick, geom or -1). What stands still lends its friction to those that have some."""
    body = int(model.geom_bodyid[geom])
    return (body, False, geom) if stands(model, body) else (body, slick, -1)


def stands(model: mujoco.MjModel, body: int) -> bool:
    """Whether a body has no joint between it and the world."""
    return int(model.body_weldid[body]) == 0


def pose_of(model: mujoco.MjModel, geom: int) -> tuple[Floats, Floats]:
    """Where a geom that stands still has its centre, m, and its turn (a quaternion, w first), both in the world."""
    data, turn = mujoco.MjData(model), np.empty(4)
    mujoco.mj_kinematics(model, data)
    mujoco.mju_mat2Quat(turn, data.geom_xmat[geom])
    return data.geom_xpos[geom].copy(), turn


def link_of(model: mujoco.MjModel, body: int) -> Link:
    """Inertia of a body, the armature of its hinges about their axes in it."""
    mass, quat, moments = float(model.body_mass[body]), model.body_iquat[body].copy(), model.body_inertia[body].copy()
    first = int(model.body_jntadr[body])
    for joint in range(first, first + int(model.body_jntnum[body])):
        if model.jnt_type[joint] != HINGE:
            continue
        turn, axis = _matrix(quat), model.jnt_axis[joint]
        rotor = float(model.dof_armature[model.jnt_dofadr[joint]]) * np.outer(axis, axis)
        moments, turn = np.linalg.eigh((turn * moments) @ turn.T + rotor)
        turn[:, 0] *= np.sign(np.linalg.det(turn))
        mujoco.mju_mat2Quat(quat, turn.reshape(9))
    return Link(mass, model.body_ipos[body].copy(), quat, moments)


def trees(model: mujoco.MjModel) -> list[int]:
    """Bodies on the world that carry joints: the arm's base, a drawer; not what lies free."""
    moved = {int(model.body_rootid[body]) for body in range(1, model.nbody) if not stands(model, body)}
    free = {int(model.jnt_bodyid[joint]) for joint in range(model.njnt) if model.jnt_type[joint] == FREE}
    return sorted(moved - free)


def urdf(model: mujoco.MjModel, root: int, colliders: list[Unit]) -> str:
    """A tree of bodies as URDF: links named as bodies, joints as joints. Inertias are placeholders, since URDF's reader
    refuses those with armature: whoever loads it sets them from `link_of`."""
    text = [f'<robot name="{model.body(root).name}">']
    if model.body_jntnum[root]:
        text += ['<link name="world">', _inertial(0.0, np.zeros(3), np.array([1.0, 0, 0, 0])), "</link>"]
        text.append(_joint(model, root, "world"))
    text += _links(model, root, colliders)
    return "\n".join([*text, "</robot>"])


def _links(model: mujoco.MjModel, body: int, colliders: list[Unit]) -> Iterator[str]:
    name, link = model.body(body).name, link_of(model, body)
    mine = {unit.slick: unit for unit in colliders if unit.body == body}
    rest = 1.0 - SHARE if True in mine else 1.0
    yield f'<link name="{name}">'
    yield _inertial(link.mass * rest, link.at, link.quat)
    yield from _collisions(model, mine.get(False))
    yield "</link>"
    if True in mine:
        yield f'<link name="{name}{SLICK}">'
        yield _inertial(link.mass * SHARE, link.at, link.quat)
        yield from _collisions(model, mine[True])
        yield "</link>"
        yield f'<joint name="{name}{SLICK}" type="fixed"><parent link="{name}"/><child link="{name}{SLICK}"/></joint>'
    for child in range(body + 1, model.nbody):
        if model.body_parentid[child] == body:
            yield _joint(model, child, name)
            yield from _links(model, child, colliders)


def _collisions(model: mujoco.MjModel, unit: Unit | None) -> Iterator[str]:
    for geom in unit.geoms if unit else ():
        if model.geom_type[geom] != BOX:
            raise InputError(f"--engine pybullet: {model.geom(geom).name}: only boxes touch things here; use --engine mujoco")
        size = _words(2.0 * model.geom_size[geom])
        place = _origin(model.geom_pos[geom], model.geom_quat[geom])
        yield f'<collision>{place}<geometry><box size="{size}"/></geometry></collision>'


def _joint(model: mujoco.MjModel, body: int, parent: str) -> str:
    name = model.body(body).name
    ends = f'<parent link="{parent}"/><child link="{name}"/>{_origin(model.body_pos[body], model.body_quat[body])}'
    if not model.body_jntnum[body]:
        return f'<joint name="{name}" type="fixed">{ends}</joint>'
    joint = int(model.body_jntadr[body])
    if model.body_jntnum[body] > 1:
        raise InputError(f"--engine pybullet: {name} has several joints, a link has one; use --engine mujoco")
    kind = {HINGE: "revolute", SLIDE: "prismatic"}[int(model.jnt_type[joint])]
    low, high = (float(end) for end in model.jnt_range[joint])
    limit = f'<limit lower="{low!r}" upper="{high!r}" effort="1e9" velocity="1e9"/>'
    axis = f'<axis xyz="{_words(model.jnt_axis[joint])}"/>'
    return f'<joint name="{model.joint(joint).name}" type="{kind}">{ends}{axis}{limit}</joint>'


def _inertial(mass: float, at: Floats, quat: Floats) -> str:
    moments = 'ixx="1" ixy="0" ixz="0" iyy="1" iyz="0" izz="1"'
    return f'<inertial>{_origin(at, quat)}<mass value="{mass!r}"/><inertia {moments}/></inertial>'


def _origin(at: Floats, quat: Floats) -> str:
    r = _matrix(quat)
    level = float(np.hypot(r[0, 0], r[1, 0]))
    pitch = np.arctan2(-r[2, 0], level)
    roll, yaw = np.arctan2(r[2, 1], r[2, 2]), np.arctan2(r[1, 0], r[0, 0])
    if level < 1e-9:  # straight up or down: roll and yaw turn about one line
        roll, yaw = np.arctan2(-r[1, 2], r[1, 1]), 0.0
    return f'<origin xyz="{_words(at)}" rpy="{_words([roll, pitch, yaw])}"/>'


def _matrix(quat: Floats) -> Floats:
    flat = np.empty(9)
    mujoco.mju_quat2Mat(flat, quat)
    return flat.reshape(3, 3)


def _words(values: object) -> str:
    return " ".join(repr(float(value)) for value in np.asarray(values, dtype=np.float64))
