"""Robot + gripper + workcell → one MuJoCo spec: parts attached, sized as the fleet file says, contacts and sensors added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import mujoco

from twin.core.assets import asset
from twin.core.errors import AssetError, InputError
from twin.world.own.markup import own_files
from twin.world.own.mount import own_arm, set_servos
from twin.world.own.spec import OwnSpec
from twin.world.spec import GripperSpec, WorkcellSpec

FINGERS = ("hand_f1", "hand_f2")
PADS = ("hand_pad_left", "hand_pad_right")
HANDLE, RAIL = "cell_handle", "cell_drawer"
"""What fingers take hold of on a thing that slides, and the joint on which it does."""
PLATES = ("cell_plate_1", "cell_plate_2")
"""The ends of a handle, which fingers bear against."""
SOLIDS = ("cell_tray", "cell_bin")
"""Bodies of a workcell that objects and fingers cannot enter, beside the table."""
GRIP_MPS = 0.2
"""How fast the opening changes, m/s: 0.1 a finger, as the Franka Hand (0.05) and Robotiq's 2F-85 (0.02 to 0.15)."""
STIFF = {"solref": [0.005, 1.0], "solimp": [0.95, 0.99, 0.001, 0.5, 2.0]}
"""Contacts that give way by less than 0.1 mm: in MuJoCo's softer default the grip sinks in by 3 mm and spits the object out."""
BRAKES = {"solref": [0.004, 1.0], "solimp": [0.99, 0.99, 0.001, 0.5, 2.0]}
"""Shut brakes that creep by 1 mrad/s under the arm's weight; MuJoCo's softer default lets go by 35."""
SLEEP = int(mujoco.mjtEnableBit.mjENBL_SLEEP)
STILL_MPS = 1e-3
"""A thing slower than this in every direction for ten physics steps falls asleep, where things may; m/s, turns by its size."""
TURNING_M = 0.005
"""Torsional over sliding friction of a pad, m: two thirds of the radius of a pressed patch of 15 mm across."""
COLOURS = ((0.85, 0.20, 0.16), (0.0, 0.45, 0.70), (0.90, 0.62, 0.0), (0.0, 0.62, 0.45), (0.80, 0.47, 0.65), (0.34, 0.71, 0.91))
"""Of objects, one after the other: Okabe and Ito's, which the colour-blind can tell apart, after the red of the first."""


@dataclass(frozen=True)
class Robot:
    """Which arm: the name of one in assets/robots, or a file of one's own and what its sidecar says."""

    model: str
    own: OwnSpec | None = None

    @property
    def name(self) -> str:
        """The same wherever its files lie."""
        return self.model if self.own is None else f"{Path(self.model).name} {self.own.model_dump_json()}"


def part_files(robot: Robot, gripper: GripperSpec, workcell: WorkcellSpec) -> dict[str, Path]:
    """Where the parts lie, by what they are called in a cell's assets; AssetError names the nearest that exists."""
    shipped = [f"workcells/{workcell.kind}.xml"] + [f"robots/{gripper.kind}.xml"] * (gripper.kind != "own")
    if robot.own is None:
        return {name: asset(name) for name in (f"robots/{robot.model}.xml", *shipped)}
    return own_files(Path(robot.model), robot.own.meshes) | {name: asset(name) for name in shipped}


def load_part(file: Path) -> mujoco.MjSpec:
    """Read one MJCF file; raises AssetError that names it and the parser's complaint."""
    try:
        return mujoco.MjSpec.from_file(str(file))
    except (ValueError, OSError) as error:
        raise AssetError(f"{file}: not a model that MuJoCo reads: {error}") from None


def cell_spec(robot: Robot, gripper: GripperSpec, workcell: WorkcellSpec) -> mujoco.MjSpec:
    """The uncompiled cell: the gripper (names `hand_…`) at the robot's site `attachment`, the workcell (`cell_…`) around it.

    Arm joints, then gripper joints, then what the workcell holds: so qpos, qvel and ctrl are laid out. The site `hand_tool`
    becomes `tool`.
    """
    table, mounted = asset(f"workcells/{workcell.kind}.xml"), gripper.kind != "own"
    if robot.own is None:
        arm = asset(f"robots/{robot.model}.xml")
        spec = load_part(arm)
    else:
        arm = Path(robot.model)
        spec = own_arm(arm, robot.own, fingers=not mounted)
    hand = asset(f"robots/{gripper.kind}.xml") if mounted else arm
    parts = {"cell_": load_part(table)} | ({"hand_": load_part(hand)} if mounted else {})
    for part in (spec, *parts.values()):
        set_options(part, workcell)
    if mounted:
        spec.attach(parts["hand_"], site=_need(spec.site, "attachment", arm), prefix="hand_")
    if robot.own is not None:
        set_servos(spec, arm, robot.own)
    spec.attach(parts["cell_"], frame=spec.worldbody.add_frame(pos=_stand(spec)), prefix="cell_")
    for joint in spec.joints:  # felt only where a world shuts the brakes
        joint.solref_friction, joint.solimp_friction = BRAKES["solref"], BRAKES["solimp"]
    for key in list(spec.keys):
        spec.delete(key)
    _need(spec.site, "hand_tool", hand).name = "tool"
    _size_gripper(spec, hand, gripper)
    _add_objects(spec, table, workcell)
    _add_pairs(spec, hand, table, workcell)
    _add_sensors(spec, things(workcell))
    return spec


def things(workcell: WorkcellSpec) -> list[str]:
    """Geoms of all that a robot can move there: the objects, then the handle of a drawer."""
    objects = [f"cell_object{i + 1 if i else ''}" for i in range(workcell.count)]
    return objects + [HANDLE] * (workcell.kind == "drawer")


def _stand(arm: mujoco.MjSpec) -> list[float]:
    """Where an arm wants its workcell, m from its base: `<numeric name="stand">`, right before it where left out."""
    found = arm.numeric("stand")
    return [0.0, 0.0, 0.0] if found is None else [float(value) for value in found.data]


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
    option.timestep = step_us(workcell) * 1e-6
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 3.0
    option.iterations, option.ls_iterations = 50, 20
    option.tolerance = 1e-6
    option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
    option.enableflags &= ~SLEEP
    if workcell.rest:
        option.enableflags |= SLEEP
        option.sleep_tolerance = STILL_MPS


def step_us(workcell: WorkcellSpec) -> int:
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


def _add_objects(spec: mujoco.MjSpec, table: Path, workcell: WorkcellSpec) -> None:
    """The workcell's object sized as specified, and its likes beside it."""
    if not workcell.count:
        return
    half = 0.5e-3 * workcell.object_mm
    geom, first = _need(spec.geom, "cell_object", table), _need(spec.body, "cell_object", table)
    geom.size, geom.mass = [half, half, half], workcell.object_kg
    first.pos = [first.pos[0], first.pos[1], half]
    for i, name in enumerate(things(workcell)[1 : workcell.count], start=1):
        body = spec.worldbody.add_body(name=name, pos=[first.pos[0], first.pos[1] + 3 * half * i, half])
        body.add_freejoint(name=name)
        body.add_geom(
            name=name, type=geom.type, size=geom.size, mass=geom.mass, contype=0, conaffinity=0,
            rgba=[*COLOURS[i % len(COLOURS)], 1],
        )  # fmt: skip


def _add_pairs(spec: mujoco.MjSpec, hand: Path, table: Path, workcell: WorkcellSpec) -> None:
    """The only contacts there are: things with table, tray, pads and each other; pads with table and tray, frictionless."""
    bodies = [body for body in map(spec.body, SOLIDS) if body is not None]
    solids = ["cell_table", *(geom.name for body in bodies for geom in body.geoms)]
    all_things = things(workcell)
    objects = all_things[: workcell.count]
    mu = workcell.object_friction
    for name in solids:
        _need(spec.geom, name, table)
        for thing in objects:
            spec.add_pair(geomname1=name, geomname2=thing, condim=3, friction=[mu, mu, 0, 0, 0], **STIFF)
    for one, other in combinations(objects, 2):
        spec.add_pair(geomname1=one, geomname2=other, condim=3, friction=[mu, mu, 0, 0, 0], **STIFF)
    for pad in PADS:
        _need(spec.geom, pad, hand)
        for thing in all_things:
            spec.add_pair(geomname1=pad, geomname2=thing, condim=4, friction=[mu, mu, TURNING_M * mu, 0, 0], **STIFF)
        for name in solids + [plate for plate in PLATES if spec.geom(plate) is not None]:
            spec.add_pair(geomname1=name, geomname2=pad, condim=1)


def _add_sensors(spec: mujoco.MjSpec, touched: Sequence[str]) -> None:
    """The columns of sensordata: tool point (3) m, the net force (3) N of each pad on all that it touches, then for each thing
    that of each pad on it."""
    site, geom = mujoco.mjtObj.mjOBJ_SITE, mujoco.mjtObj.mjOBJ_GEOM
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    spec.add_sensor(name="tool", type=mujoco.mjtSensor.mjSENS_FRAMEPOS, objtype=site, objname="tool")
    net_force = [1 << int(mujoco.mjtConDataField.mjCONDATA_FORCE), 3, 1]  # what, how reduced (netforce), how many
    for pad in PADS:
        spec.add_sensor(name=pad, type=mujoco.mjtSensor.mjSENS_CONTACT, intprm=net_force, objtype=geom, objname=pad)
    for thing, pad in product(touched, PADS):
        spec.add_sensor(
            name=f"{pad}_{thing}", type=mujoco.mjtSensor.mjSENS_CONTACT, intprm=net_force,
            objtype=geom, objname=pad, reftype=geom, refname=thing,
        )  # fmt: skip
