from dataclasses import replace

import pandas as pd
import pytest

from tests.judge.synthetic import event, farm, make_log
from twin.core.errors import TableError
from twin.core.records import EVENT_KINDS
from twin.judge.checks import MARK_KINDS, NEVER_KINDS, CheckResult, evaluate
from twin.judge.spec import MARKS, NEVER, CheckSpec

FARM = farm(cells=4, sim_s=300.0)


def judge(log, **check):
    return evaluate([CheckSpec.model_validate(check)], log)[0]


def passed(log, **check):
    return judge(log, **check).passed


def with_event(log, kind, **payload):
    extra = make_log([event(10.0, kind, "c01", **payload)]).events
    return replace(log, events=pd.concat([log.events, extra], ignore_index=True))


def with_episodes(log, **columns):
    return replace(log, episodes=log.episodes.assign(**columns))


def labelled(*labels, **columns):
    return make_log([event(0, "episode.start", "c1")], [{"label": label, "end_reason": "done"} | columns for label in labels])


def test_every_mark_and_every_never_stands_for_an_event_that_exists():
    assert set(MARK_KINDS) == set(MARKS) and set(NEVER_KINDS) == set(NEVER)
    assert {*MARK_KINDS.values(), *NEVER_KINDS.values()} <= set(EVENT_KINDS)


# One mutant a check: the log as it is passes, the edited log fails.


def test_success_rate_kills_a_log_whose_labels_were_turned():
    assert passed(FARM, success_rate={"min": 0.6}) is True
    assert passed(with_episodes(FARM, label=False), success_rate={"min": 0.6}) is False


def test_success_rate_kills_a_log_that_is_better_than_it_may_be():
    assert passed(FARM, success_rate={"max": 0.95}) is True
    assert passed(with_episodes(FARM, label=True), success_rate={"max": 0.95}) is False


@pytest.mark.parametrize(("minimum", "chance"), [(0.79, True), (0.81, True), (0.5, False), (0.99, False)])
def test_a_value_near_its_bound_is_told_to_hang_on_chance(minimum, chance):
    log = labelled(*[True] * 16, *[False] * 4)
    near = judge(log, success_rate={"min": minimum})
    assert near.passed is (minimum < 0.8) and near.by_chance is chance and ("across the bound" in near.detail) is chance
    assert not judge(log, success_rate={"min": minimum, "confidence": 0.95}).by_chance


def test_a_rate_and_a_quantile_near_their_bounds_are_told_to_hang_on_chance():
    log = labelled(*[True] * 20, duration_s=10.0, censored=False)
    assert judge(log, quantile={"of": "duration_s", "q": 0.99, "max": 11}).by_chance
    assert not judge(log, quantile={"of": "duration_s", "q": 0.5, "max": 11}).by_chance
    assert judge(FARM, rate={"of": "breakage", "max_per_h": 8}).by_chance
    assert not judge(FARM, rate={"of": "breakage", "max_per_h": 1e4}).by_chance


BREACHES = [n for n in NEVER if n.endswith("_violation")]


@pytest.mark.parametrize("what", BREACHES)
def test_never_kills_a_log_with_that_breach_and_with_no_other(what):
    assert passed(FARM, never=what) is True
    for breach in BREACHES:
        assert passed(with_event(FARM, "filter.breach", what=breach), never=what) is (breach != what)


@pytest.mark.parametrize("what", ["void_episode", "abandoned_reset", "job_failed"])
def test_never_kills_a_log_with_that_event(what):
    assert passed(FARM, never=what) is True
    assert passed(with_event(FARM, NEVER_KINDS[what]), never=what) is False


def test_never_void_episode_kills_a_table_whose_events_keep_silent():
    assert passed(with_episodes(FARM, end_reason="void"), never="void_episode") is False


@pytest.mark.parametrize(("begin", "end"), list(zip(MARKS[::2], MARKS[1::2], strict=True)))
def test_within_kills_a_log_in_which_the_answer_never_came(begin, end):
    key = {"job": "j1"} if begin == "arrived" else {}
    log = make_log([event(1, MARK_KINDS[begin], "c1", **key), event(4, MARK_KINDS[end], "c1", **key)])
    check = {"from": begin, "to": end, "seconds": 5}
    assert passed(log, within=check) is True
    assert passed(replace(log, events=log.events[:1]), within=check) is False
    assert passed(log, within=check | {"seconds": 2}) is False


@pytest.mark.parametrize(
    ("what", "least", "mutant"),
    [
        ("episodes", 30, {"end_reason": "void"}),
        ("usable_episodes", 30, {"usable": False}),
        ("usable_per_robot_h", 100, {"usable": False}),
    ],
)
def test_at_least_kills_a_log_whose_episodes_count_for_nothing(what, least, mutant):
    assert passed(FARM, at_least={"what": what, "min": least}) is True
    assert passed(with_episodes(FARM, **mutant), at_least={"what": what, "min": least}) is False


def test_at_least_utilisation_kills_a_log_whose_episodes_never_began():
    idle = replace(FARM, events=FARM.events[FARM.events.kind != "episode.start"])
    assert passed(FARM, at_least={"what": "utilisation", "min": 0.3}) is True
    assert passed(idle, at_least={"what": "utilisation", "min": 0.3}) is False


# What is judged, and what is not.


def test_success_is_undecided_where_no_episode_has_a_label():
    assert passed(labelled(), success_rate={"min": 0.1}) is None
    assert passed(labelled(None, None), success_rate={"min": 0.1}) is None


def test_success_counts_labels_only_and_shows_its_interval():
    result = judge(labelled(True, True, False, None), success_rate={"min": 0.5})
    assert result.value == pytest.approx(2 / 3) and result.low < result.value < result.high
    assert result.evidence == ("episode 3",) and "1 without a label" in result.detail


def test_voided_episodes_and_other_tasks_are_not_counted():
    assert passed(labelled(True, end_reason="void"), success_rate={"min": 0.5}) is None
    assert passed(labelled(True, task="stack"), success_rate={"min": 0.5}) is None


def stuck(*moments, **more):
    return make_log([event(t, kind, cell) for t, kind, cell in moments], **more)


WITHIN = {"from": "stuck", "to": "recovered", "seconds": 60}


def test_within_matches_cell_by_cell():
    log = stuck((1, "reset.stuck", "c1"), (2, "reset.done", "c2"), sim_s=100)
    assert passed(log, within=WITHIN) is False


def test_what_is_still_open_and_young_is_counted_and_decides_nothing():
    young = judge(stuck((90, "reset.stuck", "c1")), within=WITHIN)
    assert young.passed is None and "1 still open" in young.detail
    both = stuck((1, "reset.stuck", "c1"), (2, "reset.done", "c1"), (90, "reset.stuck", "c1"))
    assert passed(both, within=WITHIN) is True


def test_what_is_open_and_too_old_fails_and_names_the_event():
    result = judge(stuck((1, "reset.stuck", "c1")), within=WITHIN)
    assert (result.passed, result.value, result.evidence) == (False, 99.0, ("event 0",))


def test_an_answer_before_the_question_does_not_count():
    assert passed(stuck((0, "reset.done", "c1"), (1, "reset.stuck", "c1")), within=WITHIN) is False


def test_where_nothing_was_ever_stuck_nothing_is_shown():
    assert passed(stuck((0, "episode.start", "c1")), within=WITHIN) is None


def test_a_job_that_was_withdrawn_owes_no_assignment():
    check = {"from": "arrived", "to": "assigned", "seconds": 5}
    log = make_log(
        [event(1, "job.arrived", job="a"), event(1, "job.arrived", job="b"), event(3, "job.assigned", "c1", job="b")]
    )
    withdrawn = replace(log, events=pd.concat([log.events, make_log([event(4, "job.cancelled", job="a")]).events]))
    assert (passed(log, within=check), passed(withdrawn, within=check)) == (False, True)


def test_never_is_undecided_on_a_log_without_events():
    assert passed(make_log(), never="job_failed") is None


def test_usable_is_undecided_where_it_was_not_recorded():
    assert passed(labelled(True), at_least={"what": "usable_episodes", "min": 1}) is None


# NaN and nonsense are refused before they are judged.


@pytest.mark.parametrize(
    ("log", "says"),
    [
        (make_log([event(float("nan"), "job.failed")]), r"events: column 't_s', row 0"),
        (make_log(sim_s=float("nan")), "sim_s"),
        (replace(FARM, events=FARM.events.assign(t_s=float("inf"))), "infinity"),
        (replace(FARM, events=FARM.events.drop(columns="kind")), "no column 'kind'"),
        (replace(FARM, events=FARM.events.assign(payload='{"x": NaN}')), r"column 'payload', row 0: NaN"),
        (replace(FARM, episodes=FARM.episodes.assign(label=float("nan"))), r"column 'label', row 0: nan"),
    ],
)
def test_what_cannot_be_judged_is_refused_by_name(log, says):
    with pytest.raises(TableError, match=says):
        evaluate([CheckSpec(never="job_failed")], log)


def test_a_breach_that_no_check_knows_is_refused_and_not_passed_over():
    with pytest.raises(TableError, match="did you mean 'velocity'"):
        judge(with_event(FARM, "filter.breach", what="velocty"), never="velocity_violation")


def test_a_result_survives_its_way_through_json():
    result = judge(FARM, success_rate={"min": 0.6})
    assert CheckResult.from_dict(result.as_dict()) == result
