"""Robot + gripper + workcell → one MuJoCo model and the addresses in it that worlds, tasks and filters need."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import mujoco
import numpy as np

from twin.core.errors import AssetError, InputError
from twin.core.records import Bools, Floats
from twin.world.compose import FINGERS, RAIL, Robot, cell_spec, part_files, step_us, things
from twin.world.kinematics import Arm
from twin.world.own.mount import told
from twin.world.own.spec import OwnSpec
from twin.world.spec import GripperSpec, WorkcellSpec

AREAS = ("reach", "workspace")
"""What every workcell has: where a robot can still pick something up, where its tool may go."""


class RobotModel(Protocol):
    """What `build_cell` reads of a robot that ships: the name of an arm in assets/robots."""

    @property
    def model(self) -> str:
        """ur3, panda."""
        ...


@dataclass(frozen=True, eq=False)
class Area:
    """A box in the robot's base frame, m: `low` (3,) and `high` (3,)."""

    low: Floats
    high: Floats

    @property
    def centre(self) -> Floats:
        """(3,) m."""
        return 0.5 * (self.low + self.high)

    def holds(self, points: Floats) -> Bools:
        """(…) whether points (…, 3) lie in it; NaN does not."""
        inside: Bools = np.logical_and.reduce((points >= self.low) & (points <= self.high), axis=-1)
        return inside

    def above(self, points: Floats) -> Bools:
        """(…) whether points (…, 2 or more) lie in it seen from above; NaN does not."""
        flat = points[..., :2]
        inside: Bools = np.logical_and.reduce((flat >= self.low[:2]) & (flat <= self.high[:2]), axis=-1)
        return inside


@dataclass(frozen=True, eq=False)
class Rail:
    """A thing that slides: `at` (3,) m where its handle is when the joint, at index `q` of qpos, is 0; `axis` (3,) a unit
    vector; `low` and `high` m, the joint's range."""

    q: int
    at: Floats
    axis: Floats
    low: float
    high: float

    def along(self, points: Floats) -> Floats:
        """(n,) m, the joint that brings the handle nearest to points (n, 3)."""
        offset = points - self.at
        way = offset[:, 0] * self.axis[0] + offset[:, 1] * self.axis[1] + offset[:, 2] * self.axis[2]
        reached: Floats = np.minimum(np.maximum(way, self.low), self.high)
        return reached

    def points(self, joint: Floats) -> Floats:
        """(n, 3) m, where the handle is with the joint at (n,) m."""
        points: Floats = self.at + joint[:, None] * self.axis
        return points


@dataclass(frozen=True, eq=False)
class CellModel:
    """One cell, compiled. The world frame is the robot's base frame, the table top its z = 0.

    `arm_q` (also of qvel and ctrl), `grip_q` (two fingers, each half the opening) and `object_q` (k free joints, one after the
    other) index qpos; the last control is the opening. Things are the k objects, then what slides on `rails`:
    `width_m` (things,) is what fingers close on, `size_m` (things,) their extent, `thing_pairs` (npair,) marks their
    contact pairs. `areas` are the boxes of the workcell by name. `assets` maps files (`robots/ur3.xml`) to their sha256.
    Pickles as its specs and the digest of its assets; where the assets changed meanwhile, unpickling raises AssetError.
    """

    robot: Robot
    gripper: GripperSpec
    workcell: WorkcellSpec
    model: mujoco.MjModel
    arm: Arm
    assets: Mapping[str, str]
    step_us: int
    arm_q: slice
    grip_q: slice
    object_q: slice
    rails: tuple[Rail, ...]
    thing_pairs: Bools
    width_m: Floats
    size_m: Floats
    areas: Mapping[str, Area]

    @property
    def nq(self) -> int:
        """Joints of the arm."""
        return self.arm.nq

    @property
    def things(self) -> int:
        """How many things can be moved."""
        return len(self.width_m)

    @property
    def object_m(self) -> float:
        """Edge of an object, m."""
        return 1e-3 * self.workcell.object_mm

    @property
    def reach(self) -> Area:
        """Where the robot can still pick something up."""
        return self.areas["reach"]

    @property
    def beyond(self) -> Floats:
        """(3,) m, a place on the table beside what the robot can reach."""
        return np.array([self.reach.centre[0], self.reach.low[1] - 0.1, 0.5 * self.object_m])

    @property
    def workspace(self) -> Area:
        """Where the tool point may go."""
        return self.areas["workspace"]

    @property
    def stroke_m(self) -> float:
        """Widest opening of the gripper, m."""
        return 1e-3 * self.gripper.stroke_mm

    @property
    def digest(self) -> str:
        """sha256 over the assets and specs it was built from, hexadecimal."""
        parts = [self.robot.name, self.gripper.model_dump_json(), self.workcell.model_dump_json(), *self.assets.values()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def floor(self, points: Floats) -> Floats:
        """(…) m, the height of an object's centre when it lies at points (…, 2 or more): on the table or in the tray."""
        tray = self.areas.get("tray")
        ground = np.where(tray.above(points), tray.low[2], 0.0) if tray else np.zeros(points.shape[:-1])
        height: Floats = ground + 0.5 * self.object_m
        return height

    def poses(self, qpos: Floats) -> Floats:
        """(n, things, 7) copies of the things' poses from qpos (n, …)."""
        free = qpos[:, self.object_q].reshape(len(qpos), -1, 7)
        if not self.rails:
            return free.copy()
        k = free.shape[1]
        poses: Floats = np.zeros((len(qpos), k + len(self.rails), 7))
        poses[:, :k] = free
        for i, rail in enumerate(self.rails, start=k):
            poses[:, i, :3] = rail.points(qpos[:, rail.q])
            poses[:, i, 3] = 1.0
        return poses

    def place(self, qpos: Floats, poses: Floats) -> None:
        """The inverse of `poses`, into qpos (n, …); what slides goes as far along its rail as it can."""
        free = poses.shape[1] - len(self.rails)
        qpos[:, self.object_q] = poses[:, :free].reshape(len(poses), -1)
        for i, rail in enumerate(self.rails):
            qpos[:, rail.q] = rail.along(poses[:, free + i, :3])

    def posed(self, q: Floats, grip: float, poses: Floats) -> Floats:
        """qpos of the model with the arm at q (nq,) rad, the gripper open by `grip` m and the things at poses (things, 7)."""
        qpos = np.array(self.model.qpos0)
        qpos[self.arm_q], qpos[self.grip_q] = q, 0.5 * grip
        self.place(qpos[None], poses[None])
        return qpos

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.robot, self.gripper, self.workcell, self.digest)


def build_cell(robot: RobotModel | Robot, gripper: GripperSpec, workcell: WorkcellSpec) -> CellModel:
    """Compose robot, gripper and workcell; the same specs give the same object. A robot of one's own comes as `Robot`.

    Raises AssetError for an unknown or broken model (file named), InputError where the object does not fit the gripper.
    """
    if workcell.object_mm >= gripper.stroke_mm:
        raise InputError(f"object_mm: {workcell.object_mm:g} does not fit between fingers that open {gripper.stroke_mm:g} mm")
    own = robot.own.model_dump_json() if isinstance(robot, Robot) and robot.own is not None else ""
    return _build(robot.model, own, gripper, workcell)


def _rebuild(robot: Robot, gripper: GripperSpec, workcell: WorkcellSpec, digest: str) -> CellModel:
    cell = build_cell(robot, gripper, workcell)
    if cell.digest != digest:
        told = f"the assets of {robot.model} on {workcell.kind} changed since this was stored"
        raise AssetError(f"{told}: run again from the start")
    return cell


@functools.cache
def _build(model: str, own: str, gripper: GripperSpec, workcell: WorkcellSpec) -> CellModel:
    robot = Robot(model, OwnSpec.model_validate_json(own) if own else None)
    spec, files = cell_spec(robot, gripper, workcell), part_files(robot, gripper, workcell)
    try:
        compiled = spec.compile()
    except ValueError as error:
        if robot.own is not None:
            raise AssetError(told(Path(model), error)) from None
        raise AssetError(f"{', '.join(map(str, files.values()))}: these do not make one model: {error}") from None
    digests = {name: hashlib.sha256(at.read_bytes()).hexdigest() for name, at in files.items()}
    described = _describe(compiled, workcell, files[f"workcells/{workcell.kind}.xml"])
    return CellModel(robot=robot, gripper=gripper, workcell=workcell, model=compiled, assets=digests, **described)


def _describe(model: mujoco.MjModel, workcell: WorkcellSpec, file: Path) -> dict[str, Any]:
    """Addresses and areas of a compiled cell, as fields of `CellModel`."""
    arm, names = Arm(model), things(workcell)
    fingers = [int(model.joint(name).qposadr[0]) for name in FINGERS]
    nq, objects = arm.nq, workcell.count
    free = [int(model.joint(name).qposadr[0]) for name in names[:objects]]
    first = free[0] if free else nq + 2
    if fingers != [nq, nq + 1] or free != list(range(first, first + 7 * objects, 7)) or model.nu != nq + 1:
        raise AssetError("an arm needs one actuator a joint, its joints before all others, and a gripper one actuator")
    geoms = [model.geom(name).id for name in names]
    sizes = np.array([2.0 * model.geom_size[geom] for geom in geoms]).reshape(-1, 3)
    return {
        "arm": arm,
        "step_us": step_us(workcell),
        "arm_q": slice(0, nq),
        "grip_q": slice(nq, nq + 2),
        "object_q": slice(first, first + 7 * objects),
        "rails": tuple(_rail(model, name) for name in names[objects:]),
        "thing_pairs": np.isin(model.pair_geom1, geoms) | np.isin(model.pair_geom2, geoms),
        "width_m": sizes[:, 1],
        "size_m": sizes.max(axis=1),
        "areas": _areas(model, file),
    }


def _rail(model: mujoco.MjModel, handle: str) -> Rail:
    """The slide of a handle's body, whose frame stands as the base's does."""
    joint, geom = model.joint(RAIL), model.geom(handle)
    low, high = model.jnt_range[joint.id]
    at = model.body_pos[geom.bodyid[0]] + model.geom_pos[geom.id]
    return Rail(int(joint.qposadr[0]), at, model.jnt_axis[joint.id].copy(), float(low), float(high))


def _areas(model: mujoco.MjModel, file: Path) -> dict[str, Area]:
    """The boxes of the workcell's sites by name, in the world frame, which is the robot's base frame."""
    found = {}
    for site in map(model.site, range(model.nsite)):
        if site.name.startswith("cell_"):
            centre = site.pos + model.body_pos[site.bodyid[0]]
            found[site.name.removeprefix("cell_")] = Area(centre - site.size, centre + site.size)
    for name in AREAS:
        if name not in found:
            raise AssetError(f"{file}: has no site named {name!r}")
    return found
