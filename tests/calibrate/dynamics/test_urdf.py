"""A robot that nobody has seen: its URDF, a log in the units of its controller, a column map, one command."""

import json

import mujoco
import numpy as np
import pytest

from twin.cli import main
from twin.core.chance import Chance

LINK = """\
<link name="{0}"><inertial><mass value="{1}"/><origin xyz="{2}"/>
<inertia ixx="{3}" iyy="{4}" izz="{4}" ixy="0" ixz="0" iyz="0"/></inertial></link>
"""
JOINT = """\
<joint name="{0}" type="{1}"><parent link="{2}"/><child link="{3}"/><origin xyz="{4}"/><axis xyz="{5}"/>
<limit lower="{6}" upper="{7}" effort="80" velocity="3"/>{8}</joint>
"""
PLAN = """\
calibrate: stranger
logs:
  run:
    path: log.csv
    separator: ";"
    time: {column: stamp, unit: s}
    columns:
      q: {column: [elbow, turn, shoulder], unit: deg}
      tau: {column: [elbow_mA, turn_mA, shoulder_mA], unit: mA, scale: [0.9, 4.1, 4.1], sign: [-1, 1, 1]}
parts:
  - {kind: dynamics, log: run, model: arm.urdf, joints: [elbow, turn, shoulder], save: fitted.xml, rollout: null}
"""
COULOMB, VISCOUS = np.array([0.8, 0.6, 0.3]), np.array([0.5, 0.4, 0.2])
"""Hidden: the URDF has no friction."""


def urdf(turn, shoulder, elbow):
    """Three joints on a fixed mount, and a gripper whose one finger mimics the other; masses of the links, kg."""
    links = [("world_mount", 4, "0 0 0.05", 0.02, 0.02), ("column", turn, "0 0.01 0.1", 0.02, 0.02),
             ("upper", shoulder, "0.14 0 0", 0.004, 0.03), ("fore", elbow, "0.12 0 0.01", 0.002, 0.012),
             ("left", 0.05, "0 0 0", 1e-5, 1e-5), ("right", 0.05, "0 0 0", 1e-5, 1e-5)]  # fmt: skip
    joints = [("mount", "fixed", "floor", "world_mount", "0 0 0", "0 0 1", 0, 0, ""),
              ("turn", "revolute", "world_mount", "column", "0 0 0.1", "0 0 1", -2.9, 2.9, ""),
              ("shoulder", "revolute", "column", "upper", "0 0 0.2", "0 1 0", -2, 2, ""),
              ("elbow", "revolute", "upper", "fore", "0.3 0 0", "0 1 0", -2.5, 2.5, ""),
              ("grip", "prismatic", "fore", "left", "0.25 0.02 0", "0 1 0", 0, 0.04, ""),
              ("follows", "prismatic", "fore", "right", "0.25 0 0", "0 -1 0", 0, 0.04, '<mimic joint="grip"/>')]  # fmt: skip
    parts = [LINK.format(*link) for link in links] + [JOINT.format(*joint) for joint in joints]
    return f'<robot name="stranger"><link name="floor"/>{"".join(parts)}</robot>'


def inverse(model, q, v, a):
    """(n, 3) torques by MuJoCo, the gripper at rest."""
    data, out = mujoco.MjData(model), np.empty_like(q)
    for i in range(len(q)):
        data.qpos[:3], data.qvel[:3], data.qacc[:3] = q[i], v[i], a[i]
        mujoco.mj_inverse(model, data)
        out[i] = data.qfrc_inverse[:3]
    return out


def moved(t, stream):
    """Position, velocity and acceleration of three joints (n, 3) at moments t (n,)."""
    w, a, p = 2 * np.pi * stream.uniform(0.1, 0.8, (3, 4)), stream.uniform(0.1, 0.35, (3, 4)), stream.uniform(0, 6, (3, 4))
    angle = w * t[:, None, None] + p
    return [x.sum(axis=2) for x in (a * np.sin(angle), a * w * np.cos(angle), -a * w**2 * np.sin(angle))]


@pytest.fixture
def folder(tmp_path):
    """The URDF, and a log of the same arm with other masses and with friction: no velocity, columns in another order, one motor
    the other way round, uneven stamps, two seconds missing."""
    (tmp_path / "arm.urdf").write_text(urdf(3.0, 2.0, 1.0))
    (tmp_path / "plan.yaml").write_text(PLAN)
    stream = Chance(3).stream("test", "stranger")
    t = np.cumsum(stream.uniform(0.003, 0.005, 7000))
    t = t[(t < 11) | (t > 13)]
    q, v, a = moved(t, stream)
    tau = inverse(mujoco.MjModel.from_xml_string(urdf(3.4, 2.5, 1.3)), q, v, a) + COULOMB * np.sign(v) + VISCOUS * v
    current = 1e3 * (tau + 0.05 * stream.standard_normal(q.shape)) / [4.1, 4.1, -0.9]
    table = np.column_stack([t, (np.degrees(q) + 0.01 * stream.standard_normal(q.shape))[:, [2, 0, 1]], current[:, [2, 0, 1]]])
    names = "stamp;elbow;turn;shoulder;elbow_mA;turn_mA;shoulder_mA"
    np.savetxt(tmp_path / "log.csv", table, delimiter=";", header=names, comments="", fmt="%.6f")
    return tmp_path


def test_its_hidden_masses_and_friction_come_back(folder, capsys):
    assert main(["calibrate", str(folder / "plan.yaml"), "--out", str(folder / "overlay.yaml"), "--json"]) == 0
    (part,) = json.loads(capsys.readouterr().out)["parts"]
    assert part["facts"]["relative_error"] < 0.01 and any("gaps of more than" in f["text"] for f in part["findings"])
    told = {e["path"].removeprefix("models.dynamics.joints."): e for e in part["estimates"]}
    for k, joint in enumerate(("turn", "shoulder", "elbow")):
        for kind, truth in (("coulomb", COULOMB[k]), ("viscous", VISCOUS[k])):
            e = told[f"{joint}.{kind}"]
            assert abs(truth - e["value"]) < 2 * (e["high"] - e["low"]) and e["value"] == pytest.approx(truth, rel=0.05)
    poses = moved(np.arange(0, 20, 0.05), Chance(4).stream("test", "elsewhere"))
    truth = inverse(mujoco.MjModel.from_xml_string(urdf(3.4, 2.5, 1.3)), *poses)
    fitted = mujoco.MjModel.from_xml_path(str(folder / "fitted.xml"))
    fitted.dof_damping[:], fitted.dof_frictionloss[:] = 0, 0
    assert np.linalg.norm(inverse(fitted, *poses) - truth) < 0.01 * np.linalg.norm(truth)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "turn, shoulder], save",
            "turn, sholder], save",
            "arm.urdf has no joint 'sholder' (known: elbow, follows, grip, shoulder, turn); did you",
        ),
        (", joints: [elbow, turn, shoulder]", "", "the log has 3 joints and arm.urdf has 5"),
        ("arm.urdf", "arms.urdf", "no model 'arms.urdf' beside the plan"),
        ("shoulder], unit: deg", "sholder], unit: deg", "no column 'sholder'"),
        ("unit: mA", "unit: Nmm", "unknown unit 'Nmm'"),
        ("scale: [0.9, 4.1, 4.1]", "scale: [0.9, 4.1]", "3 columns"),
    ],
)
def test_what_does_not_fit_the_robot_is_refused_in_one_line(folder, capsys, old, new, message):
    (folder / "plan.yaml").write_text(PLAN.replace(old, new, 1))
    assert main(["calibrate", str(folder / "plan.yaml"), "--out", str(folder / "overlay.yaml")]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("twin:")]
    assert message in said[0] and len(said) == 1 and not (folder / "overlay.yaml").exists()
