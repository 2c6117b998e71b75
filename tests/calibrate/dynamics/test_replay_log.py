import json

import mujoco
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.calibrate.test_formats import rosbag
from twin.calibrate.dynamics.models import robot, with_servos
from twin.calibrate.dynamics.rollouts import windows
from twin.calibrate.dynamics.signals import Motion
from twin.cli import main


@pytest.fixture
def log(arm):
    arm.t, arm.q, arm.v, arm.tau = (x[:2500] for x in (arm.t, arm.q, arm.v, arm.tau))
    arm.write()
    return arm.folder / "run.csv"


def test_a_logged_run_is_driven_again_beside_standing_still(log, capsys):
    assert main(["replay-log", str(log), "--robot", "double_pendulum", "--resync-s", "0.2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    first = told["resync"][0]
    assert told["columns"] == {"time": ["t"], "position": ["q1", "q2"], "drive": ["u1", "u2"]}
    assert first["simulated_rad"]["elbow"] < first["standing_still_rad"]["elbow"]
    assert told["open_loop"][-1]["horizon_s"] > 4


def test_a_drive_in_counts_is_suspected_and_can_be_scaled(log, arm, capsys):
    told = []
    for counts, scale in ((1.0, "1"), (2e3, "1"), (2e3, "0.0005,0.0005")):
        arm.tau = arm.tau * counts if scale == "1" else arm.tau
        arm.write()
        assert main(["replay-log", str(log), "--robot", "double_pendulum", "--drive-scale", scale, "--json"]) == 0
        told.append(json.loads(capsys.readouterr().out))
    plain, wrong, scaled = told
    assert "which no torque does" in wrong["doubts"][0] and plain["doubts"] == scaled["doubts"] == []
    assert scaled["resync"][0]["simulated_rad"] == pytest.approx(plain["resync"][0]["simulated_rad"], rel=1e-3)


def test_an_acrobot_is_driven_by_its_elbow_alone(log, capsys):
    command = ["replay-log", str(log), "--robot", "acrobot", "--drive", "u2", "--actuators"]
    assert main(command) == 0
    assert "open loop: rms error in rad over 1 starts" in capsys.readouterr().out


def test_a_robot_of_other_joints_is_refused(log, capsys):
    assert main(["replay-log", str(log), "--robot", "ur3"]) == 2
    assert "the log has 2 joints and ur3 has 6" in capsys.readouterr().err


def test_a_column_that_cannot_be_guessed_is_asked_for(log, capsys):
    log.write_text(log.read_text().replace("u1", "a").replace("u2", "b"))
    assert main(["replay-log", str(log), "--robot", "double_pendulum"]) == 2
    assert "no columns look like torques" in capsys.readouterr().err


def test_time_in_milliseconds_is_read_by_its_name_or_unit_and_else_suspected(log, arm, capsys):
    command = ["replay-log", str(log), "--robot", "double_pendulum", "--json"]
    arm.t = 1e3 * arm.t
    arm.write()
    assert main(command) == 2 and "is time in another unit" in capsys.readouterr().out
    assert main([*command, "--time-unit", "ms"]) == 0
    assert json.loads(capsys.readouterr().out)["open_loop"][-1]["horizon_s"] > 4


def test_a_plan_says_units_signs_and_files_of_a_log(log, arm, capsys):
    plain = ["replay-log", str(log), "--robot", "double_pendulum", "--json"]
    assert main(plain) == 0
    expected = json.loads(capsys.readouterr().out)["resync"]
    arm.q, arm.tau = np.degrees(arm.q), -arm.tau
    arm.write()
    maps = "angle: {column: [q2, q1], unit: deg}, effort: {column: [u2, u1], sign: -1}"
    plan = log.with_name("plan.yaml")
    plan.write_text(f"calibrate: arm\nlogs: {{run: {{path: run.csv, time: t, columns: {{{maps}}}}}}}\n"
                    "parts: [{kind: dynamics, log: run, model: double_pendulum, "
                    "joints: [elbow, shoulder], position: angle, torque: effort}]\n")  # fmt: skip
    assert main(["replay-log", str(plan), *plain[2:]]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["columns"] == {"position": ["q2", "q1"], "drive": ["u2", "u1"]}
    assert told["resync"][-1]["simulated_rad"] == pytest.approx(expected[-1]["simulated_rad"], rel=0.02)


def test_a_joint_that_the_fit_welded_is_left_out_of_a_plans_columns(log, arm, capsys):
    arm.tau[:, 1], arm.q[:, 1] = 0, 0
    arm.write()
    plan, one = log.with_name("plan.yaml"), log.with_name("one.xml")
    plan.write_text("calibrate: arm\nlogs: {run: {path: run.csv, time: t, columns: {q: [q1, q2], tau: [u1, u2]}}}\n"
                    "parts: [{kind: dynamics, log: run, model: double_pendulum, joints: [shoulder, elbow]}]\n")  # fmt: skip
    body = '<body><joint name="shoulder" axis="0 -1 0"/><geom size=".1" pos="0 0 -.2"/></body>'
    one.write_text(f"<mujoco><worldbody>{body}</worldbody></mujoco>")
    assert main(["replay-log", str(plan), "--robot", str(one), "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["resync"][0]["simulated_rad"]) == ["shoulder"]


@pytest.fixture
def commanded(tmp_path):
    """A two-joint arm without actuators in its file, whose servos followed their commands 40 ms late, as columns of lists."""
    file = tmp_path / "arm.xml"
    link = (
        '<body pos="0 0 -.3"><joint name="{}" axis="0 1 0" armature=".01"/><geom size=".03" mass=".5" pos="0 0 -.2"/>{}</body>'
    )
    file.write_text(f"<mujoco><worldbody>{link.format('j', link.format('k', ''))}</worldbody></mujoco>")
    bot = with_servos(robot(str(file), tmp_path, None, 2), np.array([25.0, 15.0]))
    t = np.arange(0, 8, 1e-3)
    asked = 0.4 * np.sin(2 * np.pi * np.outer(t, [0.4, 0.7]) + [0, 1])
    bot.model.opt.timestep, data, moved = 1e-3, mujoco.MjData(bot.model), np.empty_like(asked)
    data.qpos[:] = asked[0]
    for k in range(len(t)):
        moved[k], data.ctrl[:] = data.qpos, asked[max(k - 40, 0)]
        mujoco.mj_step(bot.model, data)
    pq.write_table(pa.table({"action": list(asked[::20, ::-1]), "qpos": list(moved[::20, ::-1])}), tmp_path / "log.parquet")
    return tmp_path / "log.parquet", file


def test_commands_drive_servos_where_the_model_has_none(commanded, capsys):
    log, file = commanded
    command = ["replay-log", str(log), "--robot", str(file), "--actuators", "--rate-hz", "50", "--joints", "k,j", "--json"]
    left = []
    for more in ([], ["--servo-radps", "15,25", "--delay-ms", "40"]):
        assert main([*command, *more]) == 0
        told = json.loads(capsys.readouterr().out)
        assert "has no actuators: position servos of" in told["doubts"][0] and told["columns"]["drive"] == ["action"]
        left.append(told["open_loop"][-1])
    assert left[1]["simulated_rad"]["k"] < 0.2 * left[0]["simulated_rad"]["k"] < 0.2 * left[1]["standing_still_rad"]["k"]
    assert main([*command, "--servo-radps", "1,2,3"]) == 2 and "3 values for 2 columns" in capsys.readouterr().out


def test_a_bag_asks_for_its_topics(tmp_path, capsys):
    pytest.importorskip("rosbags")
    rosbag(tmp_path / "bag")
    command = ["replay-log", str(tmp_path / "bag"), "--robot", "double_pendulum"]
    assert main(command) == 2 and "name topics and fields (topics: /joints)" in capsys.readouterr().err
    columns = ["--time", "/joints.header.stamp", "--position", "/joints.position", "--drive", "/joints.effort"]
    assert main([*command, *columns]) == 2 and "no stretch of the log lasts" in capsys.readouterr().err


def test_shapes_of_neighbours_that_overlap_do_not_push():
    links = '<body name="{}" pos=".05 0 0"><joint axis="0 0 1"/><geom size=".08" mass="1"/>{}</body>'
    tree = links.format("a", links.format("b", links.format("c", "")))
    model = mujoco.MjModel.from_xml_string(f'<mujoco><option gravity="0 0 0"/><worldbody>{tree}</worldbody></mujoco>')
    still = np.full((60, 3), 0.4)
    (found, *_) = windows(
        model, [Motion("run", 0.02, still, 0 * still, 0 * still, 0 * still)], horizon_s=1, every_s=1, step_s=0.002
    )
    assert found.simulated == pytest.approx(still[:51])
