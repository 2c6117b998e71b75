import json

import pytest

from tests.farm.scenes import Played, breaks, cells, fails, jobs, opened, play, scene
from twin.core.errors import UseError

STUCK = [{"kind": "automatic", "attempts": 1, "seconds": 1, "success": 0}, {"kind": "person", "pool": "ops", "deadline_s": 9}]


def use(name, **arguments):
    return {"use": f"strategies:{name}", "with": arguments}


def wrong(**arguments):
    return use("Wrong", **arguments)


def refusals(played):
    return [(e.cell, e.job, e.payload["reason"]) for e in played.of("authority.refused")]


def action(kind="assign", **more):
    return {"kind": kind, "id": "x", **more}


def test_a_users_scheduler_decides_who_is_served(tmp_path):
    played = play(tmp_path, scheduler=use("Lifo"), jobs=jobs({}, {}, {}))
    assert [e.job for e in played.of("job.assigned")] == ["j3", "j2", "j1"]


def test_a_strategy_is_woken_when_it_asked_to_be(tmp_path):
    played = play(tmp_path, scheduler=use("Lifo", pause_us=1_500_000), cells=cells("a", "b", "c"), jobs=jobs(*[{}] * 3))
    assert [e.t_us for e in played.of("job.assigned")] == [0, 1_500_000, 3_000_000]


def test_a_users_dispatcher_decides_when_people_are_called(tmp_path):
    played = play(tmp_path, resets=STUCK, dispatch=use("Patient", after_s=3, deadline_s=2))
    told = [(e.kind, e.t_us / 1e6) for e in played.of("reset.stuck", "page")]
    assert told[:3] == [("reset.stuck", 3), ("page.sent", 6), ("page.expired", 8)]


@pytest.mark.parametrize(
    "answer", [7, [None], ["assign"], [("assign", "x")], [{"kind": "fly", "id": "x"}], [{"kind": "page", "id": ""}]]
)
def test_a_strategy_that_answers_no_actions_is_refused(tmp_path, answer):
    with pytest.raises(UseError, match="scheduler answered"):
        play(tmp_path, scheduler=wrong(answer=answer))


@pytest.mark.parametrize(
    "field", [{"cell": ["a"]}, {"lease": "1"}, {"deadline_s": -1}, {"deadline_s": "soon"}, {"deadline_s": 1e99}]
)
def test_an_action_with_a_nonsensical_field_is_refused(tmp_path, field):
    with pytest.raises(UseError, match=next(iter(field))):
        play(tmp_path, dispatch=wrong(answer=[action("page", **field)]))


def test_a_strategy_that_raises_is_refused_with_the_place(tmp_path):
    with pytest.raises(UseError, match=r"scheduler: handle\(\) failed at 0 s .* KeyError: 'no such key' \(strategies.py:\d+\)"):
        play(tmp_path, scheduler=wrong(answer="raise"))


@pytest.mark.parametrize("wake", [1.5, "now", True])
def test_a_strategy_that_wants_to_be_woken_at_nonsense_is_refused(tmp_path, wake):
    with pytest.raises(UseError, match="wants to be woken at"):
        play(tmp_path, scheduler=wrong(answer=[], wake=wake))


def test_a_strategy_that_wants_to_be_woken_in_the_past_is_left_alone(tmp_path):
    played = play(tmp_path, scheduler=wrong(answer=[], wake=0))
    assert played.kinds("job") == ["job.arrived"] and played.farm.work.strategies.wakes == {}


def test_a_cell_that_is_held_gets_no_work(tmp_path):
    found = play(tmp_path, scheduler=wrong(answer=[action("hold", cell="a")]), duration_s=9)
    assert found.of("authority.withdrawn")[0].payload["reason"] == "held" and found.kinds("episode") == []


def test_a_free_cell_is_tidied_up_when_a_strategy_asks_and_then_works_on(tmp_path):
    asked = [action("reset", cell="a"), action(id="later", cell="a", job="j1", lease=2)]
    found = play(tmp_path, scheduler=wrong(answer=asked), jobs=jobs({}), duration_s=20)
    assert found.kinds("reset.start", "reset.done", "job")[:4] == ["job.arrived", "reset.start", "reset.done", "job.assigned"]
    assert found.of("authority.withdrawn")[0].payload["reason"] == "reset"


def test_a_stuck_cell_tries_another_rung_when_a_strategy_asks_and_the_call_is_dropped(tmp_path):
    ladder = [{"kind": "person", "pool": "ops", "deadline_s": 900}, {"kind": "automatic", "seconds": 2, "success": 1}]
    slow = {"ops": {"count": 1, "skills": ["reset"], "response_s": 500, "work_s": 4}}
    found = play(tmp_path, dispatch=use("Impatient"), resets=ladder, people=slow, duration_s=60)
    assert [e.payload["reset"] for e in found.of("reset.start", "reset.done")][:2] == ["automatic", "automatic"]
    assert len(found.of("page.expired")) >= len(found.of("page.sent")) - 1 > 1 and not found.of("page.answered")


@pytest.mark.parametrize(("at_s", "offered_s"), [(1, 30), (40, 10)])
def test_a_held_cell_that_is_let_go_in_its_maintenance_window_waits_for_its_end(tmp_path, at_s, offered_s):
    window = [{"at_h": at_s / 3600, "for_h": (30 - at_s) / 3600 if at_s < 30 else 1}]
    found = play(tmp_path, scheduler=use("Holds", until_s=10), cells=cells("a", maintenance=window), duration_s=35)
    offers = [round(e.t_us / 1e6) for e in found.of("authority.offered")]
    assert offers == [0, offered_s] and found.of("authority.withdrawn")[0].payload["reason"] == "held"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (action(cell="a", job="j", lease=9), "lease 9 is stale, the cell's is 1"),
        (action(cell="a", job="j"), "lease None is stale, the cell's is 1"),
        (action(cell="a", job="k", lease=1), "no such job in the queue"),
        (action(cell="b", job="j", lease=1), "no such cell"),
        (action(cell="a", job="pinned", lease=1), "cell cannot do this job"),
        (action("page", cell="a", pool="ops"), "cell is free"),
        (action("page", cell="a", pool="pos"), "no pool 'pos'"),
        (action("reset", cell="b"), "no such cell"),
        (action("reset", cell="a", reset="reverse"), "no rung 'reverse' can help at this cell"),
        (action("hold", cell="b"), "no such cell"),
        (action("release", cell="a"), "the cell has no lease to end"),
        (action("cancel", job="k"), "only a job in the queue can be cancelled"),
    ],
)
def test_an_action_that_cannot_be_is_refused_in_an_event(tmp_path, asked, reason):
    two = [{"kind": "list", "jobs": [{"job": "j"}, {"job": "pinned", "on": "c"}]}]
    played = play(tmp_path, scheduler=wrong(answer=[asked]), jobs=two, cells=cells("a", "c"), duration_s=1)
    assert {told[2] for told in refusals(played)} == {reason}
    assert played.kinds("episode") == []


def test_an_unknown_cell_is_named_where_it_is_refused(tmp_path):
    played = play(tmp_path, scheduler=wrong(answer=[action(cell="b", job="j", lease=1)]), duration_s=1)
    assert played.of("authority.refused")[0].payload["wanted"] == "b"


def test_a_busy_cell_is_refused(tmp_path):
    twice = [action(id="one", cell="a", job="j1", lease=1), action(id="two", cell="a", job="j2", lease=1)]
    played = play(tmp_path, scheduler=wrong(answer=twice), jobs=jobs({}, {}), duration_s=1)
    assert refusals(played) == [("a", "j2", "cell is episode")]


def test_an_action_is_carried_out_once(tmp_path):
    played = play(tmp_path, scheduler=wrong(answer=[action(cell="a", job="j1", lease=1)]), jobs=jobs({"episodes": 2}))
    assert played.kinds("job") == ["job.arrived", "job.assigned", "job.done"] and refusals(played) == []


def test_a_refused_action_can_be_tried_again_later(tmp_path):
    asked = [action(cell="a", job="j2", lease=1)]
    played = play(tmp_path, scheduler=wrong(answer=asked), jobs=jobs({"on": "a"}, {"at_s": 5}))
    assert [(e.kind, e.t_us) for e in played.of("authority.refused", "job.assigned")] == [
        ("authority.refused", 0), ("job.assigned", 5_000_000),
    ]  # fmt: skip


def test_strategies_that_never_come_to_an_end_are_refused(tmp_path):
    with pytest.raises(UseError, match="a loop that does not end"):
        play(tmp_path, scheduler=use("Echo"))


def test_a_cancelled_job_is_not_run(tmp_path):
    cancel = wrong(answer=[action("cancel", job="j2")])
    played = play(tmp_path, dispatch=cancel, jobs=jobs({}, {}, {}))
    assert [e.job for e in played.of("job.cancelled")] == ["j2"]
    assert [e.job for e in played.of("job.done")] == ["j1", "j3"]


def test_a_strategy_that_stops_pickling_is_told_what_to_do(tmp_path):
    with pytest.raises(UseError, match="scheduler cannot be pickled any more"):
        play(tmp_path, scheduler=use("Hoarder"))


def troubled(**changes):
    faults = [
        {"component": "gripper", "mode": "slips", "onset": {"per_episode": 1}},
        {"component": "sensor", "mode": "stuck", "joint": 1, "onset": {"at_s": 1}, "announced": True, "duration_s": 2},
        {"component": "link", "mode": "loss", "loss": 0.5, "onset": {"at_s": 1}, "duration_s": 2},
        breaks(12),
    ]
    linked = cells("a", "b", link="l")
    return scene(faults=faults, resets=STUCK, cells=linked, links={"l": {"latency_ms": 20}}, **changes)


def test_a_strategy_sees_only_what_a_real_farm_could_know(tmp_path):
    played = Played(opened(tmp_path, troubled(dispatch=use("Spy"), episode_timeout_s=10)))
    told = played.farm.work.strategies.hosts[1].strategy.told
    assert [e.seq for e in told] == [e.seq for e in played.events if e.known_us is not None]
    hidden = {e.kind for e in played.events} - {e.kind for e in told}
    assert hidden >= {"episode.truth"} and not {"episode.truth", "filter.breach"} & {e.kind for e in told}
    assert {e.payload["fault"] for e in told if e.kind.startswith("fault.")} == {"sensor-stuck-2"}


def test_a_robot_that_wears_out_shows_only_in_the_call_for_its_repair(tmp_path):
    played = play(tmp_path, dispatch=use("Spy"), robots=fails(scale=3 / 3600))
    told = [e.kind for e in played.farm.work.strategies.hosts[1].strategy.told]
    assert "fault.onset" in played.kinds("fault") and "fault.onset" not in told and "repair.start" in told


def test_what_a_strategy_is_told_is_what_was_written_down(tmp_path):
    played = Played(opened(tmp_path, scene(dispatch=use("Spy"))))
    written = {e.seq: e for e in played.events}
    assert all(e == written[e.seq] for e in played.farm.work.strategies.hosts[1].strategy.told)


def test_one_strategy_cannot_change_what_another_is_told(tmp_path):
    played = Played(opened(tmp_path, scene(scheduler=use("Lifo"), dispatch=use("Spy"))))
    offered = [e for e in played.farm.work.strategies.hosts[1].strategy.told if e.kind == "authority.offered"]
    assert offered and all(json.loads(e.canonical())[-1] == {"lease": 1} for e in offered[:1])


def test_a_page_to_a_pool_without_people_is_dropped_at_its_deadline(tmp_path):
    people = {name: {"count": count, "skills": ["reset"]} for name, count in (("ops", 1), ("none", 0))}
    call = wrong(answer=[action("page", cell="a", pool="none", deadline_s=3)])
    played = play(tmp_path, people=people, resets=STUCK, dispatch=call)
    told = [(e.kind, e.t_us / 1e6) for e in played.of("page", "reset.abandoned")]
    assert told == [("page.sent", 3), ("page.expired", 6), ("reset.abandoned", 12)]


def test_a_scheduler_that_asks_on_and_on_for_what_is_refused_is_told_why(tmp_path):
    with pytest.raises(UseError, match=r"^scheduler answered 1000 times .* \(the last: assign refused, no such cell\)"):
        play(tmp_path, scheduler={"use": "strategies:Stubborn"})
