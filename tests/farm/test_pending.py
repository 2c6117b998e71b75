from tests.farm.scenes import SCENE, breaks, cells, jobs, play

NEVER = {"kind": "automatic", "attempts": 1, "seconds": 1, "success": 0}
OPS = {"kind": "person", "pool": "ops", "deadline_s": 10}


def test_a_farm_whose_work_is_done_waits_for_nothing(tmp_path):
    assert play(tmp_path, jobs=jobs({})).farm.pending() == []


def test_jobs_and_the_episode_that_runs_are_named(tmp_path):
    played = play(tmp_path, jobs=jobs({"episodes": 5}, {"episodes": 3}), duration_s=4)
    assert played.farm.pending() == ["job j1: assigned, 4 to do", "job j2: queued, 3 to do", "cell a: episode 2 of j1"]


def test_a_cell_that_waits_for_a_person_names_the_page_and_its_deadline(tmp_path):
    played = play(tmp_path, resets=[NEVER, OPS], jobs=jobs({"episodes": 2}), duration_s=5)
    assert played.farm.pending()[1:] == ["cell a: stuck, page 1, until 13 s", "page 1 to ops for a: coming"]


def test_a_cell_for_which_nobody_was_called_says_until_when(tmp_path):
    nobody = {"use": "strategies:Spy"}
    played = play(tmp_path, resets=[OPS], dispatch=nobody, jobs=jobs({"episodes": 2}), duration_s=5)
    assert played.farm.pending()[1:] == ["cell a: stuck, nobody called, until 12 s"]


def test_a_broken_cell_and_one_at_rest_are_named(tmp_path):
    resting = cells("a") + cells("b", duty={"work_h": 1 / 3600, "rest_min": 1})
    played = play(
        tmp_path, cells=resting, jobs=jobs({"on": "a"}, {"on": "b", "episodes": 2}), faults=[breaks(1, "a")], duration_s=20
    )
    assert [line for line in played.farm.pending() if line.startswith("cell")] == [
        "cell a: broken, page 1", "cell b: resting, until 63 s",
    ]  # fmt: skip


STORM = [
    {"component": "safety", "mode": "e_stop", "onset": {"at_s": 4}, "duration_s": 9, "target": "a"},
    {"component": "safety", "mode": "power_cut", "onset": {"at_s": 4.2}, "duration_s": 9, "target": "b"},
    breaks(4.4, "c"),
    {"component": "safety", "mode": "protective_stop", "onset": {"at_s": 4.6}, "recover_s": 4, "target": "d"},
]


def test_in_a_storm_every_cell_that_waits_says_for_what_and_after_it_nothing_waits(tmp_path):
    four, work = cells("a", "b", "c", "d", "e"), jobs(*({"episodes": 2} for _ in range(10)))
    quick = {"arm": SCENE["fleet"]["robots"]["arm"] | {"reliability": {"repair_h": 0.001}}}
    lines = play(tmp_path, cells=four, jobs=work, faults=STORM, duration_s=5.5).farm.pending()
    waits = {line.split()[1].rstrip(":"): line for line in lines if line.startswith("cell ")}
    assert "held by safety-e_stop-1" in waits["a"] and "held by safety-power_cut-2" in waits["b"] and "page" in waits["c"]
    assert all(any(word in line for word in ("held by", "page", "until", "episode")) for line in waits.values())
    assert play(tmp_path, cells=four, jobs=work, faults=STORM, robots=quick, duration_s=200).farm.pending() == []
