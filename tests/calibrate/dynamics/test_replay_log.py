import json

import pytest

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
