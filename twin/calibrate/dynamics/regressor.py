"""Inverse dynamics as a linear map of the inertial parameters: tau = Y(q, v, a) pi, for any tree of hinges and slides.

A body has ten parameters, about the origin of its own frame and along its axes: mass (kg), first moment (kg m, three),
and the inertia xx xy xz yy yz zz (kg m²). In these the torques are exactly linear (Atkeson, An, Hollerbach 1986).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import mujoco
import numpy as np
from numpy.typing import NDArray

from twin.core.errors import InputError

Floats = NDArray[np.float64]

PER_BODY: Final = 10
NAMES: Final = ("mass", "hx", "hy", "hz", "Ixx", "Ixy", "Ixz", "Iyy", "Iyz", "Izz")
HINGE: Final = int(mujoco.mjtJoint.mjJNT_HINGE)
SLIDE: Final = int(mujoco.mjtJoint.mjJNT_SLIDE)


@dataclass(frozen=True)
class Joint:
    """One degree of freedom during the recursion, for n samples: world axis and a point on it, both (n, 3)."""

    slide: bool
    axis: Floats
    anchor: Floats


@dataclass(frozen=True)
class Frame:
    """A body's frame for n samples: orientation (n, 3, 3), origin, angular velocity and acceleration, acceleration of the
    origin less gravity, all in the world (n, 3); and the degrees of freedom that carry it."""

    turn: Floats
    origin: Floats
    spin: Floats
    spin_rate: Floats
    pull: Floats
    dofs: tuple[int, ...]


def check_tree(model: mujoco.MjModel) -> None:
    """InputError unless the model is a fixed-base tree of hinges and slides, which is what the regression can read."""
    for j in range(model.njnt):
        if int(model.jnt_type[j]) not in (HINGE, SLIDE):
            name = model.joint(j).name
            raise InputError(f"joint '{name}' is neither a hinge nor a slide: only fixed-base arms can be calibrated")
    if model.neq:
        raise InputError("the model closes loops with equality constraints: remove them before calibrating its dynamics")


def movable_bodies(model: mujoco.MjModel) -> list[int]:
    """Bodies with a joint of their own, in the model's order; what is welded to them counts as part of the known model."""
    return [b for b in range(1, model.nbody) if model.body_jntnum[b] > 0]


def body_parameters(model: mujoco.MjModel, body: int) -> Floats:
    """A body's ten parameters (10,) as the model has them."""
    mass, centre = float(model.body_mass[body]), np.array(model.body_ipos[body])
    turn = rotation(np.array(model.body_iquat[body]))
    inertia = turn @ np.diag(model.body_inertia[body]) @ turn.T
    inertia += mass * (centre @ centre * np.eye(3) - np.outer(centre, centre))
    return np.concatenate([[mass], mass * centre, inertia[np.triu_indices(3)]])


def rotation(quat: Floats) -> Floats:
    """The matrix (3, 3) of a unit quaternion (w, x, y, z)."""
    out = np.empty(9)
    mujoco.mju_quat2Mat(out, quat)
    return out.reshape(3, 3)


def regressor(model: mujoco.MjModel, q: Floats, v: Floats, a: Floats) -> tuple[Floats, Floats]:
    """Y (n, nv, bodies × 10) over the movable bodies, and the torques (n, nv) of what is welded to them and of springs.

    q, v, a are (n, nv): rad, rad/s, rad/s² (m for slides).
    """
    movable, frames = movable_bodies(model), forward(model, q, v, a)
    bodies, joints = frames
    n, wide = len(q), len(movable) * PER_BODY
    out, known = np.zeros((n, model.nv, wide)), (q - model.qpos_spring) * model.jnt_stiffness
    for b in range(1, model.nbody):
        frame = bodies[b]
        if not frame.dofs:
            continue
        force, moment = _wrench(frame)
        rows = np.stack([_project(joints[j], frame, force, moment) for j in frame.dofs], axis=1)
        if b in movable:
            at = movable.index(b) * PER_BODY
            out[:, frame.dofs, at : at + PER_BODY] = rows
        else:
            known[:, frame.dofs] += rows @ body_parameters(model, b)
    return out, known


def forward(model: mujoco.MjModel, q: Floats, v: Floats, a: Floats) -> tuple[list[Frame], dict[int, Joint]]:
    """All bodies' frames and all degrees of freedom for n samples."""
    n, zero = len(q), np.zeros((len(q), 3))
    pull = zero - np.array(model.opt.gravity)
    frames = [Frame(np.broadcast_to(np.eye(3), (n, 3, 3)), zero, zero, zero, pull, ())]
    joints: dict[int, Joint] = {}
    for b in range(1, model.nbody):
        frame = _welded(frames[model.body_parentid[b]], np.array(model.body_pos[b]), rotation(np.array(model.body_quat[b])))
        for j in range(model.body_jntadr[b], model.body_jntadr[b] + model.body_jntnum[b]):
            frame, joints[j] = _moved(model, j, frame, q[:, j] - model.qpos0[j], v[:, j], a[:, j])
        frames.append(frame)
    return frames, joints


def _carried(frame: Frame, arm: Floats) -> Floats:
    """Acceleration of the point of a frame that lies `arm` (world, (n, 3)) from its origin."""
    return frame.pull + np.cross(frame.spin_rate, arm) + np.cross(frame.spin, np.cross(frame.spin, arm))


def _welded(parent: Frame, pos: Floats, turn: Floats) -> Frame:
    arm = parent.turn @ pos
    return Frame(parent.turn @ turn, parent.origin + arm, parent.spin, parent.spin_rate, _carried(parent, arm), parent.dofs)


def _moved(model: mujoco.MjModel, j: int, frame: Frame, q: Floats, v: Floats, a: Floats) -> tuple[Frame, Joint]:
    axis, local = frame.turn @ np.array(model.jnt_axis[j]), np.array(model.jnt_pos[j])
    arm, dofs = frame.turn @ local, (*frame.dofs, j)
    q, v, a = q[:, None], v[:, None], a[:, None]
    if int(model.jnt_type[j]) == SLIDE:
        step = axis * q
        pull = _carried(frame, step) + 2 * np.cross(frame.spin, axis * v) + axis * a
        moved = Frame(frame.turn, frame.origin + step, frame.spin, frame.spin_rate, pull, dofs)
        return moved, Joint(True, axis, frame.origin + arm)
    turn = frame.turn @ _about(np.array(model.jnt_axis[j]), q[:, 0])
    spin = frame.spin + axis * v
    rate = frame.spin_rate + np.cross(frame.spin, axis * v) + axis * a
    anchor, back = frame.origin + arm, -(turn @ local)
    at_anchor = Frame(turn, anchor, spin, rate, _carried(frame, arm), dofs)
    return Frame(turn, anchor + back, spin, rate, _carried(at_anchor, back), dofs), Joint(False, axis, anchor)


def _about(axis: Floats, angle: Floats) -> Floats:
    """Rotations (n, 3, 3) about one axis (Rodrigues)."""
    K = _cross_matrix(axis)
    s, c = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + s * K + (1 - c) * (K @ K)


def _cross_matrix(x: Floats) -> Floats:
    """Matrices (…, 3, 3) that take the cross product with x (…, 3)."""
    out = np.zeros((*x.shape, 3))
    out[..., 0, 1], out[..., 0, 2], out[..., 1, 2] = -x[..., 2], x[..., 1], -x[..., 0]
    return out - np.swapaxes(out, -1, -2)


def _dot_matrix(x: Floats) -> Floats:
    """Matrices (…, 3, 6) that turn the six inertias (xx xy xz yy yz zz) into I x."""
    out = np.zeros((*x.shape, 6))
    X, Y, Z = x[..., 0], x[..., 1], x[..., 2]
    out[..., 0, 0], out[..., 0, 1], out[..., 0, 2] = X, Y, Z
    out[..., 1, 1], out[..., 1, 3], out[..., 1, 4] = X, Y, Z
    out[..., 2, 2], out[..., 2, 4], out[..., 2, 5] = X, Y, Z
    return out


def _wrench(frame: Frame) -> tuple[Floats, Floats]:
    """Force and moment about the origin, in the body's axes, as maps (n, 3, 10) of its parameters (Newton and Euler)."""
    back = np.swapaxes(frame.turn, 1, 2)
    spin, rate, pull = ((back @ x[:, :, None])[:, :, 0] for x in (frame.spin, frame.spin_rate, frame.pull))
    force, moment = np.zeros((len(spin), 3, PER_BODY)), np.zeros((len(spin), 3, PER_BODY))
    spins = _cross_matrix(spin)
    force[:, :, 0] = pull
    force[:, :, 1:4] = _cross_matrix(rate) + spins @ spins
    moment[:, :, 1:4] = -_cross_matrix(pull)
    moment[:, :, 4:] = _dot_matrix(rate) + spins @ _dot_matrix(spin)
    return force, moment


def _project(joint: Joint, frame: Frame, force: Floats, moment: Floats) -> Floats:
    """What a body's wrench asks of one joint, (n, 10)."""
    back = np.swapaxes(frame.turn, 1, 2)
    axis = (back @ joint.axis[:, :, None])[:, :, 0]
    if joint.slide:
        return np.asarray(np.einsum("ni,nik->nk", axis, force))
    lever = (back @ np.cross(joint.axis, frame.origin - joint.anchor)[:, :, None])[:, :, 0]
    return np.asarray(np.einsum("ni,nik->nk", axis, moment) + np.einsum("ni,nik->nk", lever, force))
