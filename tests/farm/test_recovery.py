from tests.farm.scenes import SCENE, breaks, cells, jobs, play

NEVER = {"kind": "automatic", "attempts": 2, "seconds": 1, "success": 0}
OPS = {"kind": "person", "pool": "ops", "deadline_s": 10}
PEOPLE = SCENE["fleet"]["people"]
FAR = {"count": 1, "skills": ["reset", "repair"], "response_s": 1e7, "work_s": 1}


def times(played, *kinds, cell=None):
    return [(e.kind, e.t_us / 1e6) for e in played.of(*kinds, cell=cell)]


def lost(monkeypatch):
    """Every object ends up on the floor."""
    monkeypatch.setattr("twin.world.tasks.Carry.in_reach", lambda self, truth: truth.held[:, 0] & False)


def test_automatic_attempts_come_before_a_person(tmp_path):
    played = play(tmp_path, resets=[NEVER, OPS], duration_s=12)
    ladder = [
        ("reset.start", 2), ("reset.failed", 3), ("reset.start", 3), ("reset.failed", 4), ("reset.stuck", 4),
        ("page.sent", 4), ("page.answered", 7), ("reset.start", 7), ("page.done", 11), ("reset.done", 11),
    ]  # fmt: skip
    assert times(played, "reset", "page") == ladder


def test_after_the_last_rung_the_cell_is_out_of_service_and_its_job_back_in_the_queue(tmp_path):
    played = play(tmp_path, resets=[NEVER])
    kinds = ["reset.abandoned", "authority.withdrawn", "job.returned", "authority.released"]
    assert [e.kind for e in played.events][-4:] == kinds
    assert played.farm.cells["a"].state == "out" and played.farm.work.jobs["j"].state == "queued"


def test_without_any_rung_a_cell_runs_one_episode(tmp_path):
    played = play(tmp_path, resets=[])
    assert len(played.rows) == 1 and played.kinds("reset") == ["reset.abandoned"]


def test_an_object_out_of_reach_goes_straight_to_a_person(tmp_path, monkeypatch):
    lost(monkeypatch)
    played = play(tmp_path, resets=[NEVER, OPS], duration_s=11)
    assert times(played, "reset", "symptom")[:3] == [("symptom.object_lost", 2), ("reset.stuck", 2), ("reset.start", 5)]


def test_an_object_out_of_reach_that_nobody_can_fetch_ends_the_cell(tmp_path, monkeypatch):
    lost(monkeypatch)
    played = play(tmp_path, resets=[NEVER])
    assert played.kinds("reset") == ["reset.abandoned"]


def test_when_nobody_comes_in_time_the_next_rung_is_tried(tmp_path):
    late = PEOPLE | {"far": FAR}
    played = play(tmp_path, resets=[{**OPS, "pool": "far"}, OPS], people=late, duration_s=20)
    told = times(played, "page", "reset.stuck")
    assert told[:4] == [("reset.stuck", 2), ("page.sent", 2), ("page.expired", 12), ("reset.stuck", 12)]
    assert times(played, "reset.done") == [("reset.done", 19)]


def test_people_who_never_come_cost_the_cell_but_no_waiting_for_ever(tmp_path):
    played = play(tmp_path, resets=[{**OPS, "pool": "far"}], people=PEOPLE | {"far": FAR}, duration_s=20)
    assert times(played, "page.expired", "reset.abandoned") == [("page.expired", 12), ("reset.abandoned", 12)]
    assert played.farm.recovery.people.pages == {} and played.farm.recovery.people.free["far"] == ["far/1"]


def test_a_deadline_does_not_send_away_who_is_at_work(tmp_path):
    slow = PEOPLE | {"ops": PEOPLE["ops"] | {"work_s": 20}}
    played = play(tmp_path, resets=[{**OPS, "deadline_s": 4}], people=slow, duration_s=30)
    assert times(played, "page") == [("page.sent", 2), ("page.answered", 5), ("page.done", 25), ("page.sent", 27)]


def test_one_person_serves_one_cell_after_the_other(tmp_path):
    played = play(tmp_path, resets=[{**OPS, "deadline_s": 99}], cells=cells("a", "b"), jobs=jobs({}, {}), duration_s=20)
    assert [(e.kind, e.cell, e.t_us / 1e6) for e in played.of("person")] == [
        ("person.busy", "a", 5), ("person.free", "a", 9), ("person.busy", "b", 12), ("person.free", "b", 16),
    ]  # fmt: skip


def test_a_repair_brings_the_robot_back_through_the_ladder(tmp_path):
    quick = {"arm": SCENE["fleet"]["robots"]["arm"] | {"reliability": {"repair_h": 0.001}}}
    played = play(tmp_path, robots=quick, faults=[breaks(1)], duration_s=24)
    assert times(played, "repair", "reset", "authority.offered", "episode.start")[:9] == [
        ("authority.offered", 0), ("episode.start", 0), ("repair.start", 1), ("repair.done", 9.6), ("repair.test", 9.6),
        ("repair.tested", 17.6), ("reset.start", 17.6), ("reset.done", 18.6), ("authority.offered", 18.6),
    ]  # fmt: skip


def test_nobody_to_repair_means_out_of_service_after_three_calls(tmp_path):
    far = {"ops": PEOPLE["ops"], "far": FAR}
    played = play(tmp_path, people=far, faults=[breaks(1)], duration_s=50_000, log={"snapshot_s": 1e4})
    hours = [1 + 4 * 3600.0 * k for k in range(4)]
    assert times(played, "repair.start", "reset.abandoned") == [
        *(("repair.start", t) for t in hours[:3]), ("reset.abandoned", hours[3]),
    ]  # fmt: skip
    assert "cell a: out" in played.farm.pending()


def test_a_pool_without_people_is_not_asked_to_repair(tmp_path):
    people = {"none": PEOPLE["techs"] | {"count": 0}, **PEOPLE}
    played = play(tmp_path, people=people, faults=[breaks(1)])
    assert [e.payload["pool"] for e in played.of("page.sent")] == ["techs"]


def test_people_of_another_site_are_passed_over(tmp_path):
    sites = {"here": {}, "there": {}}
    people = {"ops": PEOPLE["ops"] | {"site": "there"}, "near": PEOPLE["ops"] | {"site": "here"}}
    ladder = [OPS, {**OPS, "pool": "near"}]
    played = play(tmp_path, sites=sites, people=people, resets=ladder, duration_s=8,
                  cells=cells("a", site="here") + cells("z", site="there"))  # fmt: skip
    assert [e.payload["pool"] for e in played.of("page.sent")] == ["near"]


def test_a_robot_that_breaks_while_it_waits_for_a_person_is_repaired_instead(tmp_path):
    played = play(tmp_path, resets=[{**OPS, "deadline_s": 50}], faults=[breaks(3)])
    assert times(played, "page", "repair")[:4] == [("page.sent", 2), ("page.expired", 3), ("repair.start", 3), ("page.sent", 3)]


def test_a_robot_does_not_break_under_the_hands_of_a_person(tmp_path):
    played = play(tmp_path, resets=[OPS], faults=[breaks(6)], duration_s=15)
    assert played.kinds("repair") == []
    assert [r["status"] for r in played.farm.trouble.receipts()] == ["masked"]


def test_a_robot_that_breaks_at_rest_is_not_offered_when_the_rest_is_over(tmp_path):
    resting = cells("a", duty={"work_h": 1.5 / 3600, "rest_min": 10 / 60})
    played = play(tmp_path, cells=resting, faults=[breaks(5)], duration_s=20)
    assert played.kinds("authority.offered", "repair") == ["authority.offered", "repair.start"]
    assert played.farm.cells["a"].state == "broken"


def test_a_robot_that_breaks_during_a_reset_does_not_come_out_of_it(tmp_path):
    slow = [{"kind": "automatic", "seconds": 5}]
    played = play(tmp_path, resets=slow, faults=[breaks(4)], duration_s=20)
    assert played.kinds("reset") == ["reset.start"] and played.farm.cells["a"].state == "broken"


def test_a_robot_that_breaks_before_anybody_was_called_forgets_the_ladder(tmp_path):
    nobody = {"use": "strategies:Spy"}
    played = play(tmp_path, resets=[OPS, OPS], dispatch=nobody, faults=[breaks(4)], duration_s=20)
    assert times(played, "reset", "repair") == [("reset.stuck", 2), ("repair.start", 4)]


def test_what_came_before_an_episode_stands_in_its_row(tmp_path):
    played = play(tmp_path, resets=[NEVER, OPS], duration_s=30)
    first, second, third = played.rows[:3]
    assert (first["resets"], first["interventions"], first["reset_kind"]) == (0, 0, None)
    assert (second["resets"], second["interventions"], second["reset_kind"]) == (3, 1, "person")
    assert (second["reset_s"], second["intervention_s"]) == (9.0, 4.0)
    assert all(third[key] == second[key] for key in ("resets", "interventions", "reset_kind", "reset_s", "intervention_s"))
