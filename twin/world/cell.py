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

from twin.core.assets import asset
from twin.core.errors import AssetError, InputError
from twin.core.records import Bools, Floats
from twin.world.kinematics import Arm
from twin.world.spec import GripperSpec, WorkcellSpec

FINGERS = ("hand_f1", "hand_f2")
PADS = ("hand_pad_left", "hand_pad_right")
AREAS = ("start", "tray", "reach", "workspace")
GRIP_MPS = 0.2
"""How fast the opening changes, m/s: 0.1 a finger, as the Franka Hand (0.05) and Robotiq's 2F-85 (0.02 to 0.15)."""
STIFF = {"solref": [0.005, 1.0], "solimp": [0.95, 0.99, 0.001, 0.5, 2.0]}
"""Contacts that give way by less than 0.1 mm: in MuJoCo's softer default the grip sinks in by 3 mm and spits the object out."""
BRAKES = {"solref": [0.004, 1.0], "solimp": [0.99, 0.99, 0.001, 0.5, 2.0]}
"""Shut brakes that creep by 1 mrad/s under the arm's weight; MuJoCo's softer default lets go by 35."""
TURNING_M = 0.005
"""Torsional over sliding friction of a pad, m: two thirds of the radius of a pressed patch of 15 mm across."""


class RobotModel(Protocol):
    """What `build_cell` reads of a robot's spec: the name of an arm in assets/robots."""

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
        """(n,) whether points (n, 3) lie in it; NaN does not."""
        inside: Bools = np.logical_and.reduce((points >= self.low) & (points <= self.high), axis=1)
        return inside

    def above(self, points: Floats) -> Bools:
        """(n,) whether points (n, 2 or 3) lie in it seen from above; NaN does not."""
        inside: Bools = np.logical_and.reduce((points[:, :2] >= self.low[:2]) & (points[:, :2] <= self.high[:2]), axis=1)
        return inside


@dataclass(frozen=True, eq=False)
class CellModel:
    """One cell, compiled. The world frame is the robot's base frame, the table top its z = 0.

    `arm_q` (also of qvel and ctrl), `grip_q` (two fingers, each half the opening) and `object_q` (free joint) index qpos;
    the last control is the opening. `object_pairs` (npair,) marks the contact pairs of the object. `start`, `tray`, `reach` and
    `workspace` are the areas of the workcell. `assets` maps files (`robots/ur3.xml`) to their sha256.
    Pickles as its specs and the digest of its assets; where the assets changed meanwhile, unpickling raises AssetError.
    """

    robot: str
    gripper: GripperSpec
    workcell: WorkcellSpec
    model: mujoco.MjModel
    arm: Arm
    assets: Mapping[str, str]
    step_us: int
    arm_q: slice
    grip_q: slice
    object_q: slice
    object_pairs: Bools
    object_m: float
    start: Area
    tray: Area
    reach: Area
    workspace: Area

    @property
    def nq(self) -> int:
        """Joints of the arm."""
        return self.arm.nq

    @property
    def stroke_m(self) -> float:
        """Widest opening of the gripper, m."""
        return 1e-3 * self.gripper.stroke_mm

    @property
    def digest(self) -> str:
        """sha256 over the assets and specs it was built from, hexadecimal."""
        parts = [self.robot, self.gripper.model_dump_json(), self.workcell.model_dump_json(), *self.assets.values()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def floor(self, points: Floats) -> Floats:
        """(n,) m, the height of the object's centre when it lies at points (n, 2 or 3): on the table or in the tray."""
        height: Floats = np.where(self.tray.above(points), self.tray.low[2], 0.0) + 0.5 * self.object_m
        return height

    def object_pose(self, position: Floats, yaw: Floats) -> Floats:
        """(n, 7) of the free joint: position (n, 3) m and a turn by `yaw` (n,) rad about the vertical."""
        zero = np.zeros_like(yaw)
        return np.concatenate((position, np.stack((np.cos(0.5 * yaw), zero, zero, np.sin(0.5 * yaw)), axis=1)), axis=1)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.robot, self.gripper, self.workcell, self.digest)


def build_cell(robot: RobotModel, gripper: GripperSpec, workcell: WorkcellSpec) -> CellModel:
    """Compose robot, gripper and workcell; the same specs give the same object.

    Raises AssetError for an unknown or broken model (file named), InputError where the object does not fit the gripper.
    """
    if workcell.object_mm >= gripper.stroke_mm:
        raise InputError(f"object_mm: {workcell.object_mm:g} does not fit between fingers that open {gripper.stroke_mm:g} mm")
    return _build(robot.model, gripper, workcell)


def _rebuild(robot: str, gripper: GripperSpec, workcell: WorkcellSpec, digest: str) -> CellModel:
    cell = _build(robot, gripper, workcell)
    if cell.digest != digest:
        raise AssetError(f"the assets of {robot} on {workcell.kind} changed since this was stored: run again from the start")
    return cell


@functools.cache
def _build(robot: str, gripper: GripperSpec, workcell: WorkcellSpec) -> CellModel:
    spec, files = cell_spec(robot, gripper, workcell), _files(robot, gripper, workcell)
    try:
        model = spec.compile()
    except ValueError as error:
        raise AssetError(f"{', '.join(map(str, files.values()))}: these do not make one model: {error}") from None
    digests = {f"{at.parent.name}/{at.name}": hashlib.sha256(at.read_bytes()).hexdigest() for at in files.values()}
    return CellModel(robot=robot, gripper=gripper, workcell=workcell, model=model, assets=digests, **_describe(model, workcell))


def _files(robot: str, gripper: GripperSpec, workcell: WorkcellSpec) -> dict[str, Path]:
    """Where the three parts lie; AssetError names the nearest that exists."""
    return {
        "robot": asset(f"robots/{robot}.xml"),
        "gripper": asset(f"robots/{gripper.kind}.xml"),
        "workcell": asset(f"workcells/{workcell.kind}.xml"),
    }


def load_part(file: Path) -> mujoco.MjSpec:
    """Read one MJCF file; raises AssetError that names it and the parser's complaint."""
    try:
        return mujoco.MjSpec.from_file(str(file))
    except (ValueError, OSError) as error:
        raise AssetError(f"{file}: not a model that MuJoCo reads: {error}") from None


def cell_spec(robot: str, gripper: GripperSpec, workcell: WorkcellSpec) -> mujoco.MjSpec:
    """The uncompiled cell: the gripper (names `hand_…`) at the robot's site `attachment`, the workcell (`cell_…`) around it.

    Arm joints, then gripper joints, then the object: so qpos, qvel and ctrl are laid out. The site `hand_tool` becomes `tool`.
    """
    arm, hand, table = _files(robot, gripper, workcell).values()
    spec = load_part(arm)
    parts = {"hand_": load_part(hand), "cell_": load_part(table)}
    for part in (spec, *parts.values()):
        set_options(part, workcell)
    spec.attach(parts["hand_"], site=_need(spec.site, "attachment", arm), prefix="hand_")
    spec.attach(parts["cell_"], frame=spec.worldbody.add_frame(), prefix="cell_")
    for joint in spec.joints:  # felt only where a world shuts the brakes
        joint.solref_friction, joint.solimp_friction = BRAKES["solref"], BRAKES["solimp"]
    for key in list(spec.keys):
        spec.delete(key)
    _need(spec.site, "hand_tool", hand).name = "tool"
    for area in AREAS:
        _need(spec.site, f"cell_{area}", table)
    _size_gripper(spec, hand, gripper)
    _size_object(spec, table, workcell)
    _add_pairs(spec, hand, table, workcell)
    _add_sensors(spec)
    return spec


def _need(find: Any, name: str, file: Path) -> Any:
    """The element called `name`, or an AssetError that names the file that should have it."""
    found = find(name)
    if found is None:
        raise AssetError(f"{file}: has no {find.__name__} named {name.removeprefix('hand_').removeprefix('cell_')!r}")
    return found


def set_options(spec: mujoco.MjSpec, workcell: WorkcellSpec) -> None:
    """The same for every part, so that attaching has nothing to choose. The farm alone resets: no autoreset.

    Elliptic cones with impratio 3: a grasp creeps by 1.5 mm in 20 s (impratio 1: 3.7 mm, 10: 0.8 mm, at a fifth of the speed
    lost). Iterations are a ceiling, 1 or 2 are usual; cut off at 10, a solver at impratio 10 threw the object across the room.
    """
    option = spec.option
    option.timestep = _step_us(workcell) * 1e-6
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 3.0
    option.iterations, option.ls_iterations = 50, 20
    option.tolerance = 1e-6
    option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)


def _step_us(workcell: WorkcellSpec) -> int:
    """The physics step in whole µs; raises InputError where it is none."""
    step = workcell.physics_step_ms * 1000
    if abs(step - round(step)) > 1e-6 or step < 1:
        near = max(round(step), 1) / 1000
        raise InputError(f"physics_step_ms: {workcell.physics_step_ms:g} is no whole number of µs; the nearest is {near:g}")
    return round(step)


def _size_gripper(spec: mujoco.MjSpec, hand: Path, gripper: GripperSpec) -> None:
    """Stroke and force as specified; damping so that the drive's full force moves the opening at `GRIP_MPS`."""
    for name in FINGERS:
        joint = _need(spec.joint, name, hand)
        joint.range = [0.0, 0.5e-3 * gripper.stroke_mm]
        joint.damping = [2.0 * gripper.force_N / GRIP_MPS, 0.0, 0.0]
    grip = _need(spec.actuator, "hand_grip", hand)
    grip.ctrlrange = [0.0, 1e-3 * gripper.stroke_mm]
    grip.forcerange = [-gripper.force_N, gripper.force_N]


def _size_object(spec: mujoco.MjSpec, table: Path, workcell: WorkcellSpec) -> None:
    half = 0.5e-3 * workcell.object_mm
    geom = _need(spec.geom, "cell_object", table)
    geom.size, geom.mass = [half, half, half], workcell.object_kg
    body = _need(spec.body, "cell_object", table)
    body.pos = [body.pos[0], body.pos[1], half]


def _add_pairs(spec: mujoco.MjSpec, hand: Path, table: Path, workcell: WorkcellSpec) -> None:
    """The only contacts there are: the object with table, tray and pads; the pads with table and tray, without friction."""
    tray = [geom.name for geom in _need(spec.body, "cell_tray", table).geoms]
    mu = workcell.object_friction
    for name in ("cell_table", *tray):
        _need(spec.geom, name, table)
        spec.add_pair(geomname1=name, geomname2="cell_object", condim=3, friction=[mu, mu, 0, 0, 0], **STIFF)
    for pad in PADS:
        _need(spec.geom, pad, hand)
        spec.add_pair(geomname1=pad, geomname2="cell_object", condim=4, friction=[mu, mu, TURNING_M * mu, 0, 0], **STIFF)
        for name in ("cell_table", *tray):
            spec.add_pair(geomname1=name, geomname2=pad, condim=1)


def _add_sensors(spec: mujoco.MjSpec) -> None:
    """The columns of sensordata: tool point (3) m, then the net force (3) N of each pad on the object."""
    site, geom = mujoco.mjtObj.mjOBJ_SITE, mujoco.mjtObj.mjOBJ_GEOM
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    spec.add_sensor(name="tool", type=mujoco.mjtSensor.mjSENS_FRAMEPOS, objtype=site, objname="tool")
    net_force = [1 << int(mujoco.mjtConDataField.mjCONDATA_FORCE), 3, 1]  # what, how reduced (netforce), how many
    for pad in PADS:
        spec.add_sensor(
            name=pad, type=mujoco.mjtSensor.mjSENS_CONTACT, intprm=net_force,
            objtype=geom, objname=pad, reftype=geom, refname="cell_object",
        )  # fmt: skip


def _describe(model: mujoco.MjModel, workcell: WorkcellSpec) -> dict[str, Any]:
    """Addresses and areas of a compiled cell, as fields of `CellModel`."""
    arm = Arm(model)
    fingers = [int(model.joint(name).qposadr[0]) for name in FINGERS]
    free = model.joint("cell_object")
    nq, at = arm.nq, int(free.qposadr[0])
    if fingers != [nq, nq + 1] or at != nq + 2 or model.nu != nq + 1:
        raise AssetError("an arm needs one actuator a joint, its joints before all others, and a gripper one actuator")
    thing = model.geom("cell_object").id
    return {
        "arm": arm,
        "step_us": _step_us(workcell),
        "arm_q": slice(0, nq),
        "grip_q": slice(nq, nq + 2),
        "object_q": slice(at, at + 7),
        "object_pairs": (model.pair_geom1 == thing) | (model.pair_geom2 == thing),
        "object_m": 1e-3 * workcell.object_mm,
        **{name: _area(model, name) for name in AREAS},
    }


def _area(model: mujoco.MjModel, name: str) -> Area:
    """The box of the workcell's site `name`, in the world frame, which is the robot's base frame."""
    site = model.site(f"cell_{name}")
    centre = site.pos + model.body_pos[site.bodyid[0]]
    return Area(centre - site.size, centre + site.size)
