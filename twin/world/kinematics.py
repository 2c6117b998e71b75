"""`Arm`: forward kinematics and Jacobian of the tool point, read from a compiled model.

Rows are worked out one by one: a matrix product over rows may round a row differently when others stand beside it, and then a
farm of 16 cells would not repeat the bits of a farm of 256.
"""

from __future__ import annotations

import math

import mujoco
import numpy as np

from twin.core.compiled import compiled
from twin.core.errors import AssetError
from twin.core.records import Floats


def _rotation(quat: Floats) -> Floats:
    """Rotation matrix (3, 3) of a quaternion w, x, y, z."""
    out = np.empty(9)
    mujoco.mju_quat2Mat(out, np.asarray(quat, dtype=np.float64))
    return out.reshape(3, 3)


def _pose(pos: Floats, quat: Floats) -> Floats:
    """Homogeneous transform (4, 4)."""
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = _rotation(quat), pos
    return out


def _hinge(pos: Floats, axis: Floats) -> Floats:
    """Transform (4, 4) from a body to the frame whose z is a hinge in it."""
    quat = np.empty(4)
    mujoco.mju_quatZ2Vec(quat, np.asarray(axis, dtype=np.float64))
    return _pose(pos, quat)


class Arm:
    """An arm as planners see it; plain arrays, so it pickles.

    `names` (nq) joints from the base to the tool; `limits` (nq, 2) rad; `velocity` (nq,) rad/s, `acceleration` (nq,) rad/s²
    and `home` (nq,) rad as written in the model's `<custom>`; `torque` (nq,) Nm, the limits of the drives;
    `stiffness` (nq,) Nm/rad and `damping` (nq,) Nms/rad of their position servos; `zero` (nq,) rad, where the model stands.
    """

    def __init__(self, model: mujoco.MjModel, prefix: str = "", tool: str = "tool") -> None:
        """The chain from body `base` to site `tool` (both after `prefix`); `AssetError` where the model has no such chain."""
        joints, fixed = _chain(model, prefix + "base", prefix + tool)
        self.names = tuple(str(model.joint(j).name) for j in joints)
        self.nq = len(joints)
        self.limits: Floats = np.array(model.jnt_range[joints])
        self.velocity = _numeric(model, prefix + "velocity", self.nq)
        self.acceleration = _numeric(model, prefix + "acceleration", self.nq)
        self.home = _numeric(model, prefix + "home", self.nq)
        self.torque = _torque(model, joints)
        self.stiffness, self.damping = _servo(model, joints)
        self.zero: Floats = np.array(model.qpos0[model.jnt_qposadr[joints]])
        self.fixed: Floats = np.ascontiguousarray(np.stack(fixed)[:, :3])
        """(nq + 1, 3, 4), the transforms before the first joint, between joints, and behind the last."""

    def frames(self, q: Floats) -> Floats:
        """(nq + 1, 3, 4, n): frame of every joint (z along it), then of the tool, in the base frame."""
        frames: Floats = np.empty((self.nq + 1, 3, 4, len(q)))
        _all_frames(self.fixed, self.zero, q, frames)
        return frames

    def point(self, q: Floats) -> Floats:
        """Tool point (n, 3) m in the base frame."""
        points: Floats = np.empty((len(q), 3))
        _all_points(self.fixed, self.zero, q, points)
        return points

    def fk(self, q: Floats) -> tuple[Floats, Floats]:
        """Tool point (n, 3) m and its rotation (n, 3, 3) in the base frame, from joint angles `q` (n, nq) rad."""
        return self.solve(q)[:2]

    def jac(self, q: Floats) -> Floats:
        """Jacobian (n, 6, nq) of the tool point in the base frame: linear rows first, then angular."""
        return self.solve(q)[2]

    def solve(self, q: Floats) -> tuple[Floats, Floats, Floats]:
        """`fk` and `jac` at the price of one: position (n, 3), rotation (n, 3, 3), Jacobian (n, 6, nq)."""
        n = len(q)
        at, turned, jac = np.empty((n, 3)), np.empty((n, 3, 3)), np.empty((n, 6, self.nq))
        _all_solved(self.fixed, self.zero, q, at, turned, jac)
        return at, turned, jac

    def reach(self, point: Floats, attitude: Floats, seed: Floats, rounds: int = 8) -> tuple[Floats, Floats]:
        """Joints (n, nq) that bring the tool to `point` (n, 3) m with rotation `attitude` (3, 3), and what is missed (n,), m.

        Damped Newton steps (Levenberg) from `seed` (n, nq), always `rounds` of them, so that no row waits for another;
        within the joint limits. What is missed counts a radian as a metre. A point out of reach misses by much.
        """
        q: Floats = np.array(seed, dtype=np.float64)
        for _ in range(rounds):
            at, turned, jac = self.solve(q)
            error = _gap(at, turned, point, attitude)
            across = jac.transpose(0, 2, 1)
            inner = jac @ across
            inner.reshape(-1, 36)[:, ::7] += 1e-3 * np.minimum((error * error).sum(axis=1), 1.0)[:, None] + 1e-9
            way = (across @ np.linalg.solve(inner, error[:, :, None]))[:, :, 0]
            q += np.maximum(np.minimum(way, 0.4), -0.4)
            np.maximum(np.minimum(q, self.limits[:, 1], out=q), self.limits[:, 0], out=q)
        return q, np.sqrt((_gap(*self.fk(q), point, attitude) ** 2).sum(axis=1))


@compiled
def frames_of(fixed: Floats, zero: Floats, q: Floats, out: Floats) -> None:
    """Frames (nq + 1, 3, 4) of an arm with joints q (nq,), into `out`."""
    out[0] = fixed[0]
    for j in range(len(q)):
        c, s = math.cos(q[j] - zero[j]), math.sin(q[j] - zero[j])
        for a in range(3):
            x, y, z = c * out[j, a, 0] + s * out[j, a, 1], c * out[j, a, 1] - s * out[j, a, 0], out[j, a, 2]
            for b in range(4):
                out[j + 1, a, b] = x * fixed[j + 1, 0, b] + y * fixed[j + 1, 1, b] + z * fixed[j + 1, 2, b]
            out[j + 1, a, 3] += out[j, a, 3]


@compiled
def point_of(fixed: Floats, zero: Floats, q: Floats) -> tuple[float, float, float]:
    """The tool point of an arm with joints q (nq,), carried from the tool to the base, so that no frame is worked out."""
    x, y, z = fixed[-1, 0, 3], fixed[-1, 1, 3], fixed[-1, 2, 3]
    for j in range(len(q) - 1, -1, -1):
        c, s, link = math.cos(q[j] - zero[j]), math.sin(q[j] - zero[j]), fixed[j]
        x, y = c * x - s * y, s * x + c * y
        x, y, z = (
            link[0, 0] * x + link[0, 1] * y + link[0, 2] * z + link[0, 3],
            link[1, 0] * x + link[1, 1] * y + link[1, 2] * z + link[1, 3],
            link[2, 0] * x + link[2, 1] * y + link[2, 2] * z + link[2, 3],
        )
    return x, y, z


@compiled
def _all_frames(fixed: Floats, zero: Floats, q: Floats, out: Floats) -> None:
    for i in range(len(q)):
        frames_of(fixed, zero, q[i], out[:, :, :, i])


@compiled
def _all_points(fixed: Floats, zero: Floats, q: Floats, out: Floats) -> None:
    for i in range(len(q)):
        out[i, 0], out[i, 1], out[i, 2] = point_of(fixed, zero, q[i])


@compiled
def _all_solved(fixed: Floats, zero: Floats, q: Floats, at: Floats, turned: Floats, jac: Floats) -> None:
    n, nq = q.shape
    frames = np.empty((nq + 1, 3, 4))
    for i in range(n):
        frames_of(fixed, zero, q[i], frames)
        at[i], turned[i] = frames[nq, :, 3], frames[nq, :, :3]
        for j in range(nq):
            for a in range(3):
                b, c = (a + 1) % 3, (a + 2) % 3
                z, y = frames[j, b, 2], frames[j, c, 2]
                jac[i, a, j] = z * (at[i, c] - frames[j, c, 3]) - y * (at[i, b] - frames[j, b, 3])
                jac[i, 3 + a, j] = frames[j, a, 2]


def _gap(at: Floats, turned: Floats, point: Floats, attitude: Floats) -> Floats:
    """The way (n, 6) that the tool still has to go from `at` (n, 3) and `turned` (n, 3, 3): m, then rad (for small turns)."""
    error: Floats = np.empty((len(at), 6))
    error[:, :3] = point - at
    turn = attitude @ turned.transpose(0, 2, 1)
    error[:, 3:] = 0.5 * (turn[:, (2, 0, 1), (1, 2, 0)] - turn[:, (1, 2, 0), (2, 0, 1)])
    return error


def _chain(model: mujoco.MjModel, base: str, tool: str) -> tuple[list[int], list[Floats]]:
    """Hinges from `base` to `tool`, and the fixed transforms before, between and after them at zero."""
    root = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, base)
    site = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, tool)
    if root < 0 or site < 0:
        raise AssetError(f"the model has no body {base!r} or no site {tool!r}: an arm needs both")
    bodies = [int(model.site_bodyid[site])]
    while bodies[-1] not in (root, 0):
        bodies.append(int(model.body_parentid[bodies[-1]]))
    if bodies.pop() != root:
        raise AssetError(f"site {tool!r} does not hang from body {base!r}")
    joints: list[int] = []
    fixed: list[Floats] = [np.eye(4)]
    for body in reversed(bodies):
        fixed[-1] = fixed[-1] @ _pose(model.body_pos[body], model.body_quat[body])
        for joint in range(model.body_jntadr[body], model.body_jntadr[body] + model.body_jntnum[body]):
            if model.jnt_type[joint] != int(mujoco.mjtJoint.mjJNT_HINGE):
                raise AssetError(f"joint {model.joint(joint).name!r} between {base!r} and {tool!r} is no hinge")
            joints.append(joint)
            hinge = _hinge(model.jnt_pos[joint], model.jnt_axis[joint])
            fixed[-1] = fixed[-1] @ hinge
            fixed.append(np.asarray(np.linalg.inv(hinge), dtype=np.float64))
    fixed[-1] = fixed[-1] @ _pose(model.site_pos[site], model.site_quat[site])
    if not joints:
        raise AssetError(f"there is no hinge between {base!r} and {tool!r}")
    return joints, fixed


def _numeric(model: mujoco.MjModel, name: str, size: int) -> Floats:
    """A `<numeric>` of the model with one value a joint."""
    at = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_NUMERIC, name)
    found = int(model.numeric_size[at]) if at >= 0 else 0
    if found != size:
        raise AssetError(f"the model's <numeric name={name!r}> has {found} values; the arm has {size} joints")
    start = int(model.numeric_adr[at])
    return np.array(model.numeric_data[start : start + size])


def _torque(model: mujoco.MjModel, joints: list[int]) -> Floats:
    """Largest torque (Nm) of the actuator on each joint; infinite where there is none or no limit."""
    out: Floats = np.full(len(joints), np.inf)
    for act in range(model.nu):
        drives_joint = model.actuator_trntype[act] == int(mujoco.mjtTrn.mjTRN_JOINT)
        if drives_joint and model.actuator_forcelimited[act] and model.actuator_trnid[act, 0] in joints:
            out[joints.index(int(model.actuator_trnid[act, 0]))] = model.actuator_forcerange[act, 1]
    return out


def _servo(model: mujoco.MjModel, joints: list[int]) -> tuple[Floats, Floats]:
    """Stiffness and damping of the position actuator on each joint; infinite and 0 where there is none."""
    stiff, damp = np.full(len(joints), np.inf), np.zeros(len(joints))
    for act in range(model.nu):
        if model.actuator_trntype[act] == int(mujoco.mjtTrn.mjTRN_JOINT) and model.actuator_trnid[act, 0] in joints:
            at = joints.index(int(model.actuator_trnid[act, 0]))
            stiff[at], damp[at] = model.actuator_gainprm[act, 0], -model.actuator_biasprm[act, 2]
    return stiff, damp
