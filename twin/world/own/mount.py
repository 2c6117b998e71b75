"""A robot of one's own as cells need it: body `base`, driven hinges, a site to mount a gripper at, or fingers of its own.

Nothing of the file but its arm is kept: links, hinges with their damping, friction and rotor inertia, masses and shapes. The
twin drives it: position servos with the file's torque limits, gravity compensated, as in the arms that ship.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from twin.core.errors import OwnError, Problem, nearest
from twin.core.records import Floats
from twin.world.own.markup import Markup, read
from twin.world.own.spec import OwnSpec, ToolFrame

PREFIX = "arm_"
"""Before the names of the file, so that none of them meets one of the cell's."""
SPEEDS_UP_RADPS2 = 200.0
"""What full torque does to the rotor of a drive of which nothing is known."""
TURN = 2 * np.pi
"""A hinge without limits is held to one turn either way."""
UNPAINTED, PAINT = (0.5, 0.5, 0.5, 1.0), (0.80, 0.80, 0.82, 1.0)
"""The engine's grey, which a URDF's collision shapes have, and what is put in its place."""
PAD_M = (0.010, 0.004, 0.013)
"""Half sizes of the pad put on each finger, as those of the parallel gripper."""
PAD_LOW_M = 0.004
"""The middle of a pad is this far behind the tool point."""
ROTOR_KG = 0.3
"""Added to each finger's mass, for its drive: as in the parallel gripper."""


def load(file: Path, meshes: bool = True) -> tuple[mujoco.MjSpec, Markup]:
    """What MuJoCo makes of a file of strangers; raises `OwnError` with all that is wrong with it."""
    found = read(file, meshes)
    if found.problems:
        raise OwnError("\n".join(map(str, found.problems)))
    try:
        spec = mujoco.MjSpec.from_string(found.text, assets={name: path.read_bytes() for name, path in found.assets.items()})
    except (ValueError, OSError) as error:
        raise OwnError(told(file, error)) from None
    return spec, found


def load_bare(file: Path) -> mujoco.MjSpec:
    """The same for who needs no shapes: without meshes where some cannot be had."""
    return load(file, meshes=not read(file).problems)[0]


def told(file: Path, error: Exception) -> str:
    """The engine's complaint, at its line of the file."""
    text = " ".join(str(error).split())
    line = re.search(r"line (\d+)", text)
    return str(Problem(file.name, int(line[1]) if line else 0, 1, f"MuJoCo refuses it: {text.removeprefix('Error: ')}"))


def compiled(spec: mujoco.MjSpec, file: Path) -> mujoco.MjModel:
    """The model, or an `OwnError` in the engine's words."""
    try:
        return spec.compile()
    except ValueError as error:
        raise OwnError(told(file, error)) from None


def own_arm(file: Path, own: OwnSpec, fingers: bool) -> mujoco.MjSpec:
    """The robot under a body `base`, its first joints the arm's, its first actuators their servos (see `set_servos`).

    With `fingers` it brings its own gripper, named as the parallel one is once mounted (`hand_…`); else a site `attachment`.
    """
    robot, found = load(file, own.meshes)
    torque = _torques(robot)
    _bare(robot)
    for name in own.without:
        robot.delete(_body(robot, name, "without"))
    tool = _body(robot, own.tool.link, "tool", "link")
    chain = _chain(tool)
    slides = _slides(robot, own) if fingers else []
    for joint in list(robot.joints):
        if joint not in chain and joint not in slides:
            robot.delete(joint)
    _limits(chain, own, torque)
    site = tool.add_site(name="hand_tool" if fingers else "attachment", pos=own.tool.at_m, quat=_quat(own.tool))
    names = [joint.name for joint in chain]
    out = _on_a_base(robot, own, names, _velocities(own, found.velocity, names))
    _rename(out, site.name, slides)
    if fingers:
        _close(out, file, own)
    return out


def _bare(robot: mujoco.MjSpec) -> None:
    """Nothing drives, holds, watches or touches it; names where there are none."""
    for items in (robot.actuators, robot.sensors, robot.keys, robot.tendons, robot.equalities, robot.excludes, robot.pairs,
                  robot.cameras, robot.lights, robot.sites, robot.numerics, robot.texts, robot.tuples):  # fmt: skip
        for item in list(items):
            robot.delete(item)
    _name(robot.joints, "joint")
    _name(robot.bodies, "link")
    for geom in robot.geoms:
        if geom.contype or geom.conaffinity:
            geom.group = 3 if any(not (other.contype or other.conaffinity) for other in geom.parent.geoms) else 2
    for geom in robot.geoms:
        geom.contype = geom.conaffinity = 0
        if not geom.material and np.allclose(geom.rgba, UNPAINTED):
            geom.rgba = PAINT


def _name(items: Sequence[Any], what: str) -> None:
    """A name for each that has none, and that no other has."""
    taken = {item.name for item in items}
    for k, item in enumerate(items):
        if not item.name:
            item.name = next(name for i in count(k + 1) if (name := f"{what}{i}") not in taken)
            taken.add(item.name)


def _body(robot: mujoco.MjSpec, name: str, *at: str) -> Any:
    found = robot.body(name)
    if found is None or name == "world":
        links = [body.name for body in robot.bodies if body.name not in ("", "world")]
        raise OwnError(f"the robot has no link {name!r}{nearest(name, links, what='links')}", *at)
    return found


def _chain(tool: Any) -> list[Any]:
    """The hinges from the base to the tool's link."""
    joints: list[Any] = []
    body = tool
    while body.name != "world":
        joints = [*body.joints, *joints]
        body = body.parent
    for joint in joints:
        if joint.type != mujoco.mjtJoint.mjJNT_HINGE:
            raise OwnError(f"joint {joint.name!r} on the way to the tool is no hinge; arms have hinges only", "tool", "link")
    if not joints:
        raise OwnError(f"no joint moves link {tool.name!r}", "tool", "link")
    return joints


def _torques(robot: mujoco.MjSpec) -> dict[str, float]:
    """Torque limits by joint, from its actuator: of force, or of control where that is a torque."""
    out: dict[str, float] = {}
    for act in robot.actuators:
        if act.trntype == mujoco.mjtTrn.mjTRN_JOINT:
            motor = act.biastype == mujoco.mjtBias.mjBIAS_NONE
            high = float(act.forcerange[1]) or (float(act.ctrlrange[1]) * float(act.gainprm[0]) if motor else 0.0)
            out[act.target] = high * abs(float(act.gear[0]))
    for joint in robot.joints:
        out[joint.name] = float(joint.actfrcrange[1]) or out.get(joint.name, 0.0)
    return out


def _each(value: Any, names: Sequence[str], what: str) -> list[float]:
    """One number a joint, from one for all or a list."""
    out = list(value) if isinstance(value, tuple) else [value] * len(names)
    if len(out) != len(names):
        told_joints = ", ".join(names)
        raise OwnError(f"{len(out)} for the {len(names)} joints of the arm ({told_joints})", *what.split("."))
    return out


def _velocities(own: OwnSpec, known: dict[str, float], names: Sequence[str]) -> list[float]:
    given = own.limits.velocity_radps
    if given is not None:
        return _each(given, names, "limits.velocity_radps")
    if missing := [name for name in names if name not in known]:
        raise OwnError(f"the file says no velocity limit of {', '.join(missing)}: give velocity_radps", "limits")
    return [known[name] for name in names]


def _limits(chain: Sequence[Any], own: OwnSpec, torque: dict[str, float]) -> None:
    """Ranges of the hinges; the torque of each stands in `actfrcrange` until its servo is made."""
    names = [joint.name for joint in chain]
    home = _each(own.home_rad, names, "home_rad")
    ranges = own.limits.position_rad
    if ranges is not None:
        _each(ranges, names, "limits.position_rad")
    if own.limits.torque_Nm is not None:
        torque = dict(zip(names, _each(own.limits.torque_Nm, names, "limits.torque_Nm"), strict=True))
    if missing := [name for name in names if not 0 < torque.get(name, 0.0) < 1e9]:
        raise OwnError(f"the file says no torque limit of {', '.join(missing)}: give torque_Nm", "limits")
    rotor = None if own.rotor_kgm2 is None else _each(own.rotor_kgm2, names, "rotor_kgm2")
    for k, joint in enumerate(chain):
        joint.armature = rotor[k] if rotor else joint.armature or torque[joint.name] / SPEEDS_UP_RADPS2
        held = joint.range[0] < joint.range[1]
        if joint.range[0] > joint.range[1] and not ranges:
            raise OwnError(f"the range of joint {joint.name!r} is {joint.range[0]:.4g} to {joint.range[1]:.4g}: low first")
        joint.range = ranges[k] if ranges else joint.range if held else [-TURN, TURN]
        joint.limited, joint.ref, joint.springref, joint.stiffness = True, 0.0, 0.0, np.zeros(np.shape(joint.stiffness))
        joint.actfrcrange = [-torque[joint.name], torque[joint.name]]
        if not joint.range[0] <= home[k] <= joint.range[1]:
            low, high = joint.range
            raise OwnError(f"{home[k]:g} rad of {joint.name!r} lies outside its range of {low:.4g} to {high:.4g}", "home_rad")


def _quat(frame: ToolFrame) -> Floats:
    """w, x, y, z of roll, pitch and yaw about fixed axes."""
    quat = np.array([1.0, 0.0, 0.0, 0.0])
    for axis, angle in zip(np.eye(3), frame.rpy_rad, strict=True):
        turn, out = np.empty(4), np.empty(4)
        mujoco.mju_axisAngle2Quat(turn, axis, angle)
        mujoco.mju_mulQuat(out, turn, quat)
        quat = out
    return quat


def _on_a_base(robot: mujoco.MjSpec, own: OwnSpec, names: Sequence[str], velocity: Sequence[float]) -> mujoco.MjSpec:
    """A spec with the robot on a body `base`, a servo a joint, and the numbers that `Arm` reads."""
    out = mujoco.MjSpec()
    out.copy_during_attach = True
    base = out.worldbody.add_body(name="base")
    robot.option = mujoco.MjSpec().option  # cells have their own
    out.attach(robot, frame=base.add_frame(pos=own.base_m), prefix=PREFIX)
    out.assets = dict(robot.assets)  # attaching renames them, and not what the meshes call them
    for body in out.bodies[2:]:
        body.gravcomp = 1.0
    acceleration = _each(own.limits.acceleration_radps2, names, "limits.acceleration_radps2")
    told_numbers = {"velocity": velocity, "acceleration": acceleration, "home": own.home_rad}
    for name, data in told_numbers.items():
        out.add_numeric(name=name, data=[float(value) for value in data], size=len(data))
    for name in names:
        joint = out.joint(PREFIX + name)
        actuator = out.add_actuator(name=f"servo_{name}", target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.ctrlrange, actuator.forcerange = joint.range, joint.actfrcrange
        actuator.ctrllimited = actuator.forcelimited = True
        joint.actfrcrange, joint.actfrclimited = [0.0, 0.0], False
    return out


def _rename(out: mujoco.MjSpec, site: str, slides: Sequence[Any]) -> None:
    """The names that a cell looks for."""
    out.site(PREFIX + site).name = site
    for k, slide in enumerate(slides):
        out.joint(PREFIX + slide.name).name = f"hand_f{k + 1}"


def _slides(robot: mujoco.MjSpec, own: OwnSpec) -> list[Any]:
    """The two finger joints."""
    if own.fingers is None:
        raise OwnError("a gripper of kind 'own' needs the robot's two finger joints: fingers: [LEFT, RIGHT]")
    found = []
    for name in own.fingers:
        joint = robot.joint(name)
        if joint is None:
            known = [joint.name for joint in robot.joints]
            raise OwnError(f"the robot has no joint {name!r}{nearest(name, known, what='joints')}", "fingers")
        if joint.type != mujoco.mjtJoint.mjJNT_SLIDE:
            mend = "leave `fingers` out and mount a parallel gripper"
            raise OwnError(f"joint {name!r} is no slide, and a robot's own fingers are two slides: {mend}", "fingers")
        found.append(joint)
    return found


def _close(out: mujoco.MjSpec, file: Path, own: OwnSpec) -> None:
    """Pads at the finger tips, one drive for both fingers; each as in the parallel gripper, so that grips are the same."""
    model = compiled(out.copy(), file)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    at, turned = data.site("hand_tool").xpos, data.site("hand_tool").xmat.reshape(3, 3)
    for k, side in enumerate((1.0, -1.0)):
        joint, body = out.joint(f"hand_f{k + 1}"), model.jnt_bodyid[model.joint(f"hand_f{k + 1}").id]
        frame = data.xmat[body].reshape(3, 3)
        if side * turned[:, 1] @ frame @ model.jnt_axis[model.joint(joint.name).id] < 0.999:
            which = "fingers slide apart when positive, the first along the tool's y, the second against it"
            raise OwnError(f"{which}; joint {(own.fingers or ())[k]!r} does not", "fingers")
        quat = np.empty(4)
        mujoco.mju_mat2Quat(quat, (frame.T @ turned).ravel())
        centre = at + turned @ [0.0, side * PAD_M[1], -PAD_LOW_M]
        out.body(model.body(body).name).add_geom(
            name=("hand_pad_left", "hand_pad_right")[k], type=mujoco.mjtGeom.mjGEOM_BOX, size=PAD_M, mass=0, group=2,
            pos=frame.T @ (centre - data.xpos[body]), quat=quat, contype=0, conaffinity=0, rgba=[0.1, 0.1, 0.11, 1],
        )  # fmt: skip
        joint.limited, joint.armature, joint.actfrclimited = True, ROTOR_KG, False
    drive = out.add_tendon(name="hand_grip")
    for name in ("hand_f1", "hand_f2"):
        drive.wrap_joint(name, 1.0)
    both = out.add_equality(name="hand_fingers", type=mujoco.mjtEq.mjEQ_JOINT, name1="hand_f1", name2="hand_f2")
    both.solref = [0.006, 1.0]
    both.data[:5] = [0.0, 1.0, 0.0, 0.0, 0.0]
    grip = out.add_actuator(name="hand_grip", target="hand_grip", trntype=mujoco.mjtTrn.mjTRN_TENDON)
    set_servo(grip, 2500.0, 120.0)
    grip.ctrllimited = grip.forcelimited = True
    grip.ctrlrange, grip.forcerange = [0.0, 0.08], [-40.0, 40.0]  # until the fleet file sizes it


def set_servo(actuator: Any, stiffness: float, damping: float) -> None:
    """A position servo, as MJCF's <position>."""
    actuator.gaintype, actuator.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    actuator.gainprm = [stiffness] + [0.0] * (len(actuator.gainprm) - 1)
    actuator.biasprm = [0.0, -stiffness, -damping] + [0.0] * (len(actuator.biasprm) - 3)


def set_servos(cell: mujoco.MjSpec, file: Path, own: OwnSpec) -> None:
    """Gains of the servos, once a gripper is mounted: critically damped about the inertia that each joint feels at home."""
    model = compiled(cell.copy(), file)
    data = mujoco.MjData(model)
    nq = len(own.home_rad)
    data.qpos[:nq] = own.home_rad
    mujoco.mj_forward(model, data)
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, inertia)
    for k, felt in enumerate(np.diag(inertia)[:nq]):
        set_servo(cell.actuators[k], own.servo_radps**2 * float(felt), 2.0 * own.servo_radps * float(felt))
