"""A fleet that limits jerk: judged on what is sent, whatever a policy asks for."""

import pytest

from tests.farm.scenes import SCENE, opened, play, scene
from twin.control.safety.limits import JointLimits
from twin.core.errors import SpecError

SMOOTH = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 20, "limits": {"jerk_radps3": 150}, "stop_recover_s": 1}}
GUARDS = [{"kind": "joint_limits"}, {"kind": "keep_out", "volumes": [{"low_m": [0.3, 0.1, 0], "high_m": [0.6, 0.3, 0.5]}]}]


def attacked(folder, **changes):
    farm = {"robots": SMOOTH, "workcells": {"table": {"physics_step_ms": 4}}, "filters": GUARDS} | changes
    policy = {"use": "benchmarks.adversaries:LimitSeeking"}
    played = play(folder, policy=policy, checks=[{"never": "jerk_violation"}], duration_s=8, **farm)
    return {e.payload["what"] for e in played.of("filter.breach")}, {e.payload["filter"] for e in played.of("filter.acted")}


def test_no_policy_breaks_the_jerk_limit(tmp_path):
    breaches, acted = attacked(tmp_path, episode_timeout_s=3)
    assert "jerk_violation" not in breaches and acted == {"joint_limits"}


def test_a_filter_that_limits_accelerations_only_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr("twin.control.safety.build.JerkLimits", JointLimits)
    assert "jerk_violation" in attacked(tmp_path)[0]


def test_a_chain_without_joint_limits_is_found_out(tmp_path):
    assert "jerk_violation" in attacked(tmp_path, filters=GUARDS[1:])[0]


def test_a_check_of_a_limit_that_no_robot_has_is_refused(tmp_path):
    with pytest.raises(SpecError, match=r"limits\.jerk_radps3"):
        opened(tmp_path, scene(checks=[{"never": "jerk_violation"}]))
