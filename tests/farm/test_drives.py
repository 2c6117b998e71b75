"""A drive that is given back: commands go on from where the arm stands, within the acceleration limit."""

from __future__ import annotations

import pytest

from tests.farm.scenes import play
from twin.farm.lane import Lane

BASE = {
    "filters": [{"kind": "joint_limits"}],
    "episode_timeout_s": 30,
    "duration_s": 5,
    "robots": {"arm": {"model": "ur3", "gripper": "g", "control_ms": 50}},
    "checks": [{"never": "command_jump_violation"}],
}
FAULTS = [
    {"mode": "runaway", "joint": 1, "speed": 0.5},
    {"mode": "stuck", "joint": 1},
    {"mode": "off", "joint": 1},
    {"mode": "jam", "joint": 1},
    {"mode": "delayed", "joint": 1, "delay_ms": 400},
]


def jumps(folder, fault):
    plan = {"component": "actuator", "onset": {"at_s": 0.3}, "duration_s": 1.0} | fault
    return [e for e in play(folder, **BASE, faults=[plan]).of("filter.breach") if e.payload["what"] == "command_jump_violation"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["mode"])
def test_a_drive_that_is_given_back_does_not_jump(tmp_path, fault):
    assert jumps(tmp_path, fault) == []


@pytest.mark.parametrize("fault", FAULTS[:4], ids=lambda fault: fault["mode"])
def test_a_lane_that_goes_on_where_its_commands_were_is_found_out(tmp_path, monkeypatch, fault):
    monkeypatch.setattr(Lane, "_resume", lambda *_: None)
    assert len(jumps(tmp_path, fault)) == 1
