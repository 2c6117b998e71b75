"""An arm that stays clear of itself: judged on the truth, whatever a policy asks for."""

import pytest

from tests.farm.scenes import SCENE, play

FAST = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 20, "stop_recover_s": 1}}
WIDE = {"kind": "cbf", "table": False, "low_m": [-2, -2, -2], "high_m": [2, 2, 2]}


@pytest.mark.parametrize("itself", [True, False])
def test_only_a_barrier_that_watches_the_arm_keeps_it_from_itself(tmp_path, itself):
    played = play(
        tmp_path,
        robots=FAST,
        workcells={"table": {"physics_step_ms": 4}},
        filters=[{"kind": "joint_limits"}, WIDE | {"itself": itself}],
        policy={"use": "benchmarks.adversaries:LimitSeeking"},
        checks=[{"never": "self_violation"}],
        duration_s=10,
        episode_timeout_s=5,
    )
    assert ("self_violation" in {e.payload["what"] for e in played.of("filter.breach")}) is not itself
