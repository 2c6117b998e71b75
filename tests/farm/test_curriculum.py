"""What robots do when nobody asked: practice, its coverage, and that it gives way to work."""

import pytest

from tests.farm.drawn import AUTO, SURE, drawn
from tests.farm.scenes import Played, cells, opened, play
from twin.core.errors import SpecError
from twin.judge.coverage import coverage
from twin.log.tables import read_run
from twin.run import run

KINDS = ("uniform", "random_walk", "least_practised", "learning_progress", "targeted")
LATE = [{"kind": "list", "jobs": [{"job": "late", "at_s": 3000, "episodes": 3}]}]


def idle(kind, n=2, side=8, duration_s=6000, **more):
    where = cells(*(f"c{i:02d}" for i in range(n)))
    return drawn(outcomes=SURE, cells=where, jobs=LATE, resets=[AUTO | {"success": 1}], duration_s=duration_s,
                 idle={"kind": kind, "side": side}, **more)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_robots_practise_while_no_job_waits_and_work_when_one_does(tmp_path, kind):
    found = Played(opened(tmp_path, idle(kind)))
    owner = {e.job: e.payload["owner"] for e in found.of("job.arrived")}
    assert sum(who == "practice" for who in owner.values()) > 150
    assigned = next(e.t_us for e in found.of("job.assigned") if e.job == "late")
    assert 3000e6 <= assigned <= 3060e6 and "late" in [e.job for e in found.of("job.done")]
    goals = [e.payload["goal"] for e in found.of("job.arrived") if "goal" in e.payload]
    assert all(0 <= goal < 64 for goal in goals) and len(set(goals)) > 8


def test_without_a_curriculum_robots_wait(tmp_path):
    made = idle("uniform") | {"idle": {"kind": "none"}}
    assert [e.job for e in Played(opened(tmp_path, made)).of("job.arrived")] == ["late"]


def test_least_practised_and_targeted_leave_no_goal_out_before_they_begin_anew(tmp_path):
    for kind in ("least_practised", "targeted"):
        found = Played(opened(tmp_path, idle(kind)))
        goals = [e.payload["goal"] for e in found.of("job.arrived") if "goal" in e.payload]
        assert len(set(goals[:64])) == 64


def test_targeted_exploration_covers_half_as_much_again_as_independent_walkers(tmp_path):
    """16 robots, equal robot-hours; benchmarks/coverage.py prints the curves."""
    made = {}
    for kind in ("targeted", "random_walk"):
        scenario = opened(tmp_path, idle(kind, n=16, side=32, duration_s=3600))
        made[kind] = coverage(read_run(run(scenario, tmp_path / kind).folder))
    assert made["targeted"].curve[-1][1] >= 1.5 * made["random_walk"].curve[-1][1]
    assert made["targeted"].overlap == 0 < made["random_walk"].overlap


def test_the_same_goal_begins_from_the_same_state_in_physics(tmp_path):
    made = {"idle": {"kind": "targeted", "side": 1}, "jobs": LATE, "cells": cells("a")}
    found = play(tmp_path, **made)
    assert len(found.rows) > 5 and {e.payload["goal"] for e in found.of("job.arrived")} == {0}


def test_a_curriculum_needs_an_outcome_for_every_task_that_may_be_practised(tmp_path):
    made = idle("uniform")
    made["fleet"]["cells"] = cells("a", tasks=["pick_place", "pour"])
    made["fleet"]["outcomes"] = {"entries": [SURE["entries"][0] | {"task": "pick_place"}]}
    with pytest.raises(SpecError, match="no outcome entry for task 'pour'"):
        opened(tmp_path, made)
