"""`Arm`: forward kinematics and Jacobian of the tool point in plain NumPy, read from a compiled model.

Only element-wise products and sums over rows are used: a matrix product over rows may round a row differently when others
stand beside it, and then a farm of 16 cells would not repeat the bits of a farm of 256.
"""

from __future__ import annotations

import mujoco
import numpy as np

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
        self._first: Floats = fixed[0][:3, :, None].copy()
        self._turn, self._shift = np.stack(fixed)[:, :3, :3, None], np.stack(fixed)[:, :3, 3:]
        turning = np.zeros((3, self.nq, 4, 4))
        after = np.stack(fixed[1:])
        turning[0, :, 0], turning[0, :, 1] = after[:, 0], after[:, 1]
        turning[1, :, 0], turning[1, :, 1] = -after[:, 1], after[:, 0]
        turning[2, :, 2:] = after[:, 2:]
        turning[:, 0] = fixed[0] @ turning[:, 0]
        self._cos, self._sin, self._rest = (part[:, :3, :, None].copy() for part in turning)

    def frames(self, q: Floats) -> Floats:
        """(nq + 1, 3, 4, n): frame of every joint (z along it), then of the tool, in the base frame.

        The frames are the running products of what each joint turns and its link; they are taken pairwise, then over
        four, then over eight, which needs fewer calls than one joint after the other.
        """
        frames: Floats = np.empty((self.nq + 1, 3, 4, len(q)))
        frames[0], product = self._first, frames[1:]
        self._links(q, product)
        reach = 1
        while reach < self.nq:
            product[reach:] = _after(product[:-reach], product[reach:])
            reach *= 2
        return frames

    def _links(self, q: Floats, out: Floats) -> None:
        """Write (nq, 3, 4, n): what each joint turns, and its link; the first from the base frame."""
        angle = np.ascontiguousarray((q - self.zero).T)[:, None, None]
        np.multiply(np.cos(angle), self._cos, out=out)
        out += np.sin(angle) * self._sin
        out += self._rest

    def point(self, q: Floats) -> Floats:
        """Tool point (n, 3) m in the base frame, carried from the tool to the base, so that no frame is worked out."""
        turn, n = (q - self.zero).T, len(q)
        about: Floats = np.empty((self.nq, 2, 2, n))
        np.cos(turn, out=about[:, 0, 0])
        np.sin(turn, out=about[:, 1, 0])
        np.negative(about[:, 1, 0], out=about[:, 0, 1])
        about[:, 1, 1] = about[:, 0, 0]
        at = np.repeat(self._shift[-1], n, axis=1)
        for joint in range(self.nq - 1, -1, -1):
            np.add.reduce(about[joint] * at[:2], axis=1, out=at[:2])
            at = np.add.reduce(self._turn[joint] * at, axis=1)
            at += self._shift[joint]
        return at.T

    def fk(self, q: Floats) -> tuple[Floats, Floats]:
        """Tool point (n, 3) m and its rotation (n, 3, 3) in the base frame, from joint angles `q` (n, nq) rad."""
        tool = self.frames(q)[-1]
        return tool[:, 3].T.copy(), tool[:, :3].transpose(2, 0, 1).copy()

    def jac(self, q: Floats) -> Floats:
        """Jacobian (n, 6, nq) of the tool point in the base frame: linear rows first, then angular."""
        return self.solve(q)[2]

    def solve(self, q: Floats) -> tuple[Floats, Floats, Floats]:
        """`fk` and `jac` at the price of one: position (n, 3), rotation (n, 3, 3), Jacobian (n, 6, nq)."""
        frames = self.frames(q)
        tool, axis = frames[-1], frames[:-1, :, 2]
        arm = tool[:, 3] - frames[:-1, :, 3]
        jac: Floats = np.empty((self.nq, 6, len(q)))
        z, r = np.concatenate((axis, axis[:, :2]), axis=1), np.concatenate((arm, arm[:, :2]), axis=1)
        np.multiply(z[:, 1:4], r[:, 2:5], out=jac[:, :3])
        jac[:, :3] -= z[:, 2:5] * r[:, 1:4]
        jac[:, 3:] = axis
        return tool[:, 3].T.copy(), tool[:, :3].transpose(2, 0, 1).copy(), jac.transpose(2, 1, 0).copy()

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


def _after(left: Floats, right: Floats) -> Floats:
    """Products of transforms (k, 3, 4, n): `right`, then `left`."""
    both: Floats = left[:, :, 0, None] * right[:, None, 0]
    both += left[:, :, 1, None] * right[:, None, 1]
    both += left[:, :, 2, None] * right[:, None, 2]
    both[:, :, 3] += left[:, :, 3]
    return both


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
