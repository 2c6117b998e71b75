"""Spheres along the links of an arm and its hand: what filters keep away from things, and what is judged on ground truth."""

from __future__ import annotations

import mujoco
import numpy as np

from twin.core.records import Bools, Floats, Ints
from twin.world.cell import CellModel
from twin.world.kinematics import Arm

FINGER_M = 0.045
"""Fingers move sideways in the hand: their spheres are this much larger."""


class Spheres:
    """S spheres that cover the geoms of an arm's moving links: `link` (S,) joint that carries each, `centre` (S, 3) m in the
    frame behind that joint, `radius` (S,) m, `hand` (S,) whether it belongs to the gripper. Plain arrays: it pickles."""

    def __init__(self, arm: Arm, link: Ints, centre: Floats, radius: Floats, hand: Bools) -> None:
        self.arm, self.link, self.centre, self.radius, self.hand = arm, link, centre, radius, hand
        self._c = centre[:, None, :, None]

    def at(self, q: Floats) -> Floats:
        """(n, S, 3) m, centres in the base frame for joints (n, nq)."""
        return self.place(self.arm.frames(q)).transpose(2, 0, 1)

    def place(self, frames: Floats) -> Floats:
        """(S, 3, n) m, centres from the frames (nq + 1, 3, 4, n) of the arm's joints."""
        carried = frames[self.link + 1]
        place: Floats = carried[:, :, 0] * self._c[:, :, 0]
        place += carried[:, :, 1] * self._c[:, :, 1]
        place += carried[:, :, 2] * self._c[:, :, 2]
        place += carried[:, :, 3]
        return place

    def solve(self, q: Floats) -> tuple[Floats, Floats]:
        """Centres (n, S, 3) and their Jacobians (n, S, 3, nq)."""
        frames = self.arm.frames(q)
        place = self.place(frames)
        axis, origin = frames[:-1, :, 2], frames[:-1, :, 3]
        arm = place[:, None] - origin  # (S, nq, 3, n)
        jac: Floats = np.empty(arm.shape)
        for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            np.multiply(axis[:, j], arm[:, :, k], out=jac[:, :, i])
            jac[:, :, i] -= axis[:, k] * arm[:, :, j]
        jac *= (np.arange(self.arm.nq) <= self.link[:, None])[:, :, None, None]
        return place.transpose(2, 0, 1), jac.transpose(3, 0, 2, 1)

    def levers(self, poses: Floats) -> Floats:
        """(S, nq) m, the furthest that each sphere's centre gets from the axis of each joint on poses (n, nq), and 5 % more."""
        jac = self.solve(poses)[1]
        furthest: Floats = 1.05 * np.sqrt((jac * jac).sum(axis=2)).max(axis=0)
        return furthest


def standing(cell: CellModel) -> tuple[mujoco.MjData, Floats, dict[int, int]]:
    """A cell whose arm stands at zero, the frames (nq + 1, 3, 4) of its joints there, and the joint that moves each body."""
    model, arm = cell.model, cell.arm
    data = mujoco.MjData(model)
    data.qpos[cell.arm_q] = arm.zero
    mujoco.mj_kinematics(model, data)
    joints = {int(model.joint(name).bodyid[0]): k for k, name in enumerate(arm.names)}
    return data, arm.frames(arm.zero[None])[:, :, :, 0], joints


def spheres(cell: CellModel) -> Spheres:
    """The spheres of a cell's arm and gripper, read from its model."""
    model, arm = cell.model, cell.arm
    data, frames, joints = standing(cell)
    found: list[tuple[int, Floats, float, bool]] = []
    for geom in range(model.ngeom):
        link, hand = carrier(model, int(model.geom_bodyid[geom]), joints)
        if link is None or link == 0:
            continue
        for centre, radius in _cover(model, data, geom):
            behind = frames[link + 1]
            found.append((link, behind[:, :3].T @ (centre - behind[:, 3]), radius + (FINGER_M if hand > 1 else 0.0), hand > 0))
    kept = [a for i, a in enumerate(found) if not any(_inside(a, b, j < i) for j, b in enumerate(found) if j != i)]
    columns = [np.array(column) for column in zip(*kept, strict=True)]
    return Spheres(arm, *columns)


def carrier(model: mujoco.MjModel, body: int, joints: dict[int, int]) -> tuple[int | None, int]:
    """The joint that carries a body, and how deep in the hand it is (0: no hand, 1: palm, 2: fingers)."""
    hand = 0
    while body:
        if body in joints:
            return joints[body], hand
        name = model.body(body).name
        hand = max(hand, 2 if name.startswith("hand_finger") else 1 if name.startswith("hand_") else 0)
        body = int(model.body_parentid[body])
    return None, 0


def _cover(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> list[tuple[Floats, float]]:
    """Centres in the base frame and radii of spheres that cover a geom."""
    at, turn, size = data.geom_xpos[geom], data.geom_xmat[geom].reshape(3, 3), model.geom_size[geom]
    kind = int(model.geom_type[geom])
    if kind in (int(mujoco.mjtGeom.mjGEOM_CAPSULE), int(mujoco.mjtGeom.mjGEOM_CYLINDER)):
        radius, half = float(size[0]), float(size[1])
        count = max(1, round(half / radius)) + 1
        reach = half if kind == int(mujoco.mjtGeom.mjGEOM_CAPSULE) else half * (1 - 1 / count)
        places = np.linspace(-reach, reach, count)
        covered = float(np.hypot(radius, half / max(count - 1, 1) if reach == half else half / count))
        return [(at + turn[:, 2] * z, covered) for z in places]
    if kind == int(mujoco.mjtGeom.mjGEOM_MESH):
        return _box(at + turn @ model.geom_aabb[geom, :3], turn, model.geom_aabb[geom, 3:])
    return [(at.copy(), float(np.linalg.norm(size)) if kind == int(mujoco.mjtGeom.mjGEOM_BOX) else float(size[0]))]


def _box(middle: Floats, turn: Floats, half: Floats) -> list[tuple[Floats, float]]:
    """Spheres in a row along the longest edge of a box: each covers a piece about as long as the box is thick."""
    along = int(half.argmax())
    across = float(np.linalg.norm(np.delete(half, along)))
    count = max(1, round(half[along] / max(across, 1e-6)))
    piece = half[along] / count
    places = piece * (2 * np.arange(count) + 1 - count)
    return [(middle + turn[:, along] * place, float(np.hypot(across, piece))) for place in places]


def _inside(a: tuple[int, Floats, float, bool], b: tuple[int, Floats, float, bool], earlier: bool) -> bool:
    gap = b[2] - a[2] - float(np.linalg.norm(a[1] - b[1]))
    return a[0] == b[0] and (gap > 1e-9 or (abs(gap) <= 1e-9 and earlier))
