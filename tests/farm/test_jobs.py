import pytest

from tests.farm.scenes import breaks, cells, jobs, opened, play, scene
from twin.build import build
from twin.core.clock import to_us

PERSON = {"kind": "person", "pool": "ops", "deadline_s": 60}


def ran(played, job):
    return [row for row in played.rows if row["job"] == job and row["end_reason"]]


def test_the_oldest_job_is_served_first(tmp_path):
    played = play(tmp_path, jobs=jobs({"at_s": 2}, {"at_s": 1}, {"at_s": 3}, {"at_s": 0}))
    assert [e.job for e in played.of("job.assigned")] == ["j4", "j2", "j1", "j3"]


def test_jobs_of_one_instant_are_served_in_the_order_of_the_file(tmp_path):
    played = play(tmp_path, cells=cells("b", "a"), jobs=jobs({}, {}, {}))
    assert [(e.job, e.cell) for e in played.of("job.assigned")][:2] == [("j1", "b"), ("j2", "a")]


def test_a_job_that_no_free_cell_can_do_does_not_hold_up_the_next(tmp_path):
    played = play(tmp_path, cells=cells("a", "b"), jobs=jobs({"on": "a", "episodes": 99}, {"on": "a"}, {"on": "b"}))
    assert [(e.job, e.cell) for e in played.of("job.assigned")] == [("j1", "a"), ("j3", "b")]


def test_a_job_whose_robot_breaks_returns_to_the_queue_and_is_finished_elsewhere(tmp_path):
    played = play(tmp_path, cells=cells("a", "b"), jobs=jobs({"on": "*", "episodes": 2}), faults=[breaks(1, "a")])
    assert played.kinds("job") == ["job.arrived", "job.assigned", "job.returned", "job.assigned", "job.done"]
    assert [(row["cell"], row["end_reason"]) for row in ran(played, "j1")] == [
        ("a", "crash"),
        ("b", "timeout"),
        ("b", "timeout"),
    ]
    assert ran(played, "j1")[1]["attempt_of"] == ran(played, "j1")[0]["episode"]


def test_where_the_label_says_no_the_same_goal_is_tried_again(tmp_path):
    played = play(tmp_path, jobs=jobs({"episodes": 2, "retries": 1}))
    assert [row["attempt_of"] for row in ran(played, "j1")] == [None, 1, None, 3]


def test_where_the_label_says_yes_no_retry_is_spent(tmp_path):
    played = play(tmp_path, jobs=jobs({"episodes": 2, "retries": 3}), episode_timeout_s=20, duration_s=45)
    assert [row["label"] for row in ran(played, "j1")] == [True, True]
    assert played.kinds("job")[-1] == "job.done"


def test_a_job_in_the_queue_fails_at_its_deadline(tmp_path):
    played = play(tmp_path, jobs=jobs({"episodes": 99}, {"at_s": 1, "deadline_s": 4}))
    (failed,) = played.of("job.failed")
    assert (failed.job, failed.t_us, failed.payload["reason"]) == ("j2", 5_000_000, "deadline")
    assert "j2" not in played.farm.work.jobs


def test_the_episode_that_runs_at_a_deadline_is_the_last_of_its_job(tmp_path):
    played = play(tmp_path, jobs=jobs({"episodes": 99, "deadline_s": 1}, {}))
    assert len(ran(played, "j1")) == 1 and ran(played, "j1")[0]["end_reason"] == "timeout"
    assert [e.job for e in played.of("job.done")] == ["j2"]


def test_a_job_that_is_done_in_time_does_not_fail_later(tmp_path):
    played = play(tmp_path, jobs=jobs({"deadline_s": 10}), duration_s=15)
    assert played.kinds("job")[-1] == "job.done" and "job.deadline" not in {e[3] for e in played.farm.clock.entries()}


def test_random_jobs_arrive_at_the_rate_asked_for(tmp_path):
    load = [{"kind": "poisson", "per_hour": 3600, "at_start": 3}]
    played = play(tmp_path, jobs=load, cells=cells("a"), resets=[{"kind": "automatic", "seconds": 1e6}], duration_s=400)
    arrived = [e.t_us for e in played.of("job.arrived")]
    assert arrived.count(0) == 3
    assert len(arrived) - 3 == pytest.approx(400, abs=60)


def test_jobs_without_a_name_get_one_that_nobody_has(tmp_path):
    load = [{"kind": "list", "jobs": [{"job": "job0-2"}, {}]}, {"kind": "poisson", "per_hour": 1, "at_start": 1}]
    played = play(tmp_path, jobs=load, duration_s=1)
    assert [e.job for e in played.of("job.arrived")] == ["job0-2", "job0-2'", "job1-1"]


def test_closed_jobs_are_forgotten(tmp_path):
    played = play(tmp_path, jobs=jobs(*[{}] * 9), duration_s=40)
    scheduler = played.farm.work.strategies.hosts[0].strategy
    assert played.kinds("job").count("job.done") == 9
    assert (played.farm.work.jobs, scheduler.line, scheduler.jobs) == ({}, [], {})


def test_a_voided_attempt_is_tried_again_and_the_job_fails_with_the_fourth(tmp_path, monkeypatch):
    monkeypatch.setattr("twin.world.kinematic.KinematicWorld.status", lambda self, rows: rows >= 0)
    played = play(tmp_path, jobs=jobs({}))
    assert [row["end_reason"] for row in played.rows] == ["void"] * 4
    assert played.kinds("job")[-1] == "job.failed" and played.farm.episodes.voided == 4


def test_a_job_does_not_wait_for_a_cell_that_is_out_of_service_without_a_word(tmp_path):
    never = [{"kind": "automatic", "attempts": 1, "seconds": 1, "success": 0}]
    played = play(tmp_path, resets=never)
    assert "job j: queued, 999 to do; no cell in service can do it" in played.farm.pending()


def test_a_scene_starts_alike_on_every_cell_and_says_so(tmp_path):
    scenario = opened(tmp_path, scene(cells=cells("a", "b"), jobs=jobs({"scene": "s1"}, {"scene": "s1"}, {}, {"scene": "s2"})))
    farm, starts = build(scenario, "run", 1), {}
    lane = farm.lanes[0]
    kept, lane.begin = lane.begin, lambda *given: (starts.setdefault(len(starts) + 1, given[4]), kept(*given))
    farm.begin()
    while farm.step(to_us(20)):
        pass
    at = {row["job"]: starts[row["episode"]].objects for row in farm.book.episodes}
    assert {row["job"]: row["scene"] for row in farm.book.episodes} == {"j1": "s1", "j2": "s1", "j3": None, "j4": "s2"}
    assert (at["j1"] == at["j2"]).all() and (at["j1"] != at["j3"]).any() and (at["j1"] != at["j4"]).any()
