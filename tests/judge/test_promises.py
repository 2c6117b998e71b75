"""Checks that ask for confidence, rates, quantiles, and what holds always: each passes, fails, or is undecided, and each has a
mutant that it kills."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.judge.synthetic import event, farm, make_log
from tests.judge.test_checks import judge, labelled, passed, with_episodes, with_event
from twin.judge.checks import NEVER_KINDS
from twin.judge.checks.episodes import exact
from twin.judge.checks.result import decide
from twin.judge.spec import BREACHES, NEVER, CheckSpec
from twin.judge.stats import Interval

FARM = farm(cells=4, sim_s=300.0)
QUIET = make_log([event(0, "episode.start", "c1")], [{"end_reason": "done", "duration_s": 10.0}], sim_s=36_000)


def of(n, good):
    return labelled(*[True] * good, *[False] * (n - good))


# Thresholds with confidence: the interval decides, not the value.


@pytest.mark.parametrize(("n", "good", "says"), [(20, 18, None), (200, 180, True), (20, 17, None), (200, 140, False)])
def test_success_with_confidence_passes_fails_or_asks_for_more(n, good, says):
    assert passed(of(n, good), success_rate={"min": 0.8, "confidence": 0.95}) is says


def test_without_confidence_the_value_itself_is_held_against_the_bound():
    assert passed(of(20, 17), success_rate={"min": 0.8}) is True


def test_an_undecided_success_says_about_how_many_episodes_would_do():
    said = judge(of(20, 18), success_rate={"min": 0.8, "confidence": 0.95})
    assert "too few to be sure, about 71 would do" in said.detail and said.bound == "≥ 80 %, 95 % sure"
    assert "too near to the bound" in judge(of(20, 16), success_rate={"min": 0.8, "confidence": 0.95}).detail


def test_more_confidence_decides_less():
    assert [passed(of(60, 55), success_rate={"min": 0.8, "confidence": c}) for c in (0.8, 0.95, 0.999)] == [True, True, None]


def test_exact_intervals_are_those_of_the_books():
    low, high = exact(k=8, n=10, confidence=0.95)[1:3]  # Clopper and Pearson, as tabulated
    assert (round(low, 4), round(high, 4)) == (0.4439, 0.9748)
    assert exact(k=0, n=10, confidence=0.95)[1:3] == (0.0, pytest.approx(1 - 0.025 ** (1 / 10)))


limits = st.floats(0, 1)


@given(limits, limits, limits, limits)
def test_a_decision_is_one_of_three_and_never_passes_what_its_value_fails(a, b, c, bound):
    low, value, high = sorted((a, b, c))
    said = decide(Interval(value, low, high, 9), at_least=bound)
    assert said is (True if low >= bound else False if high < bound else None)
    assert not (said is True and decide(Interval(value, low, high, 9), at_least=bound, sure=False) is not True)


@given(limits, limits)
def test_an_interval_without_an_end_never_passes_on_that_side(value, bound):
    open_ = Interval(value, None, None, 3)
    assert decide(open_, at_least=bound) is None and decide(open_, at_most=bound) is None
    assert decide(Interval(None, None, None, 0), at_least=bound, sure=False) is None


# Rates an hour.


@pytest.mark.parametrize("what", NEVER)
def test_a_rate_kills_a_log_in_which_it_happens_too_often(what):
    payload = {"what": what} if what in BREACHES else {}
    assert passed(QUIET, rate={"of": what, "max_per_h": 0.05}) is True
    assert passed(with_event(QUIET, NEVER_KINDS[what], **payload), rate={"of": what, "max_per_h": 0.05}) is False


def test_a_rate_kills_a_log_in_which_it_happens_too_seldom():
    assert passed(FARM, rate={"of": "failed_reset", "min_per_h": 5}) is True
    assert passed(QUIET, rate={"of": "failed_reset", "min_per_h": 5}) is False


def test_a_rate_is_over_robot_hours_or_hours_in_episodes():
    log = with_event(replace(QUIET, episodes=QUIET.episodes.assign(duration_s=7200.0)), "page.sent")
    assert judge(log, rate={"of": "page", "max_per_h": 1}).value == pytest.approx(0.1)
    assert judge(log, rate={"of": "page", "max_per_h": 1, "per": "episode_h"}).value == pytest.approx(0.5)


@pytest.mark.parametrize(("most", "says"), [(0.3, None), (0.4, True)])
def test_no_event_in_ten_hours_shows_a_rate_below_four_tenths_and_not_less(most, says):
    found = judge(QUIET, rate={"of": "page", "max_per_h": most, "confidence": 0.95})
    assert found.passed is says and found.high == pytest.approx(0.3689, abs=1e-4)  # Garwood: 3.689 in all


def test_a_rate_with_confidence_fails_only_when_its_lower_bound_is_above():
    log = make_log([event(t, "page.sent", "c1") for t in range(20)], sim_s=3600)
    assert [passed(log, rate={"of": "page", "max_per_h": m, "confidence": 0.95}) for m in (10, 15, 40)] == [False, None, True]
    assert "would do" in judge(log, rate={"of": "page", "max_per_h": 15, "confidence": 0.95}).detail


def test_a_rate_without_events_or_hours_is_undecided():
    assert passed(make_log(), rate={"of": "page", "max_per_h": 1}) is None
    assert passed(replace(QUIET, meta=QUIET.meta | {"cells": []}), rate={"of": "page", "max_per_h": 1}) is None


# Quantiles.


def lasting(*seconds, **columns):
    return make_log((), [{"duration_s": s, "end_reason": "done"} | columns for s in seconds])


LASTS = lasting(*range(1, 101))


@pytest.mark.parametrize("of", ["duration_s", "wait_s", "reset_s", "obs_age_p99_s", "peak_speed_mps", "filtered_ticks"])
def test_a_quantile_kills_a_log_in_which_everything_takes_longer(of):
    rows = [{of: v, "end_reason": "done"} for v in range(1, 101)]
    log = make_log((), rows)
    assert passed(log, quantile={"of": of, "q": 0.9, "max": 95}) is True
    assert passed(with_episodes(log, **{of: log.episodes[of] * 2}), quantile={"of": of, "q": 0.9, "max": 95}) is False


def test_a_quantile_that_episodes_cut_off_leave_open_says_so():
    log = with_episodes(LASTS, censored=True)
    said = judge(log, quantile={"of": "duration_s", "q": 0.9, "max": 1e6})
    assert said.passed is None and said.detail.endswith("which may yet have taken longer than the bound")


def test_a_quantile_kills_a_log_in_which_everything_is_too_quick():
    assert passed(LASTS, quantile={"of": "duration_s", "q": 0.1, "min": 5}) is True
    assert passed(with_episodes(LASTS, duration_s=1.0), quantile={"of": "duration_s", "q": 0.1, "min": 5}) is False


def test_a_quantile_with_confidence_is_judged_by_its_order_statistics():
    check = {"of": "duration_s", "q": 0.9, "confidence": 0.95}
    found = judge(LASTS, quantile=check | {"max": 92})
    assert (found.passed, found.low, found.high) == (None, 84.0, 96.0)
    assert [passed(LASTS, quantile=check | {"max": m}) for m in (83, 96)] == [False, True]


def test_too_few_episodes_have_no_upper_bound_and_decide_nothing():
    check = {"of": "duration_s", "q": 0.9, "max": 1000, "confidence": 0.95}
    assert (passed(lasting(*range(20)), quantile=check), passed(LASTS, quantile=check)) == (None, True)


def test_an_episode_that_was_cut_off_lasted_at_least_so_long():
    rows = [{"duration_s": 10.0, "end_reason": "done"}] * 8 + [{"duration_s": 1.0, "censored": True}] * 2
    log = make_log((), rows)
    assert passed(log, quantile={"of": "duration_s", "q": 0.5, "max": 12}) is True
    found = judge(log, quantile={"of": "duration_s", "q": 0.95, "max": 12})
    assert found.passed is None and "2 of them cut off" in found.detail


def test_a_quantile_of_nothing_is_undecided_and_names_what_is_missing():
    assert passed(lasting(None, None), quantile={"of": "duration_s", "q": 0.5, "max": 1}) is None
    assert "1 without the figure" in judge(lasting(1.0, None), quantile={"of": "duration_s", "q": 0.5, "max": 3}).detail


def test_a_failed_quantile_names_the_longest_episodes_first():
    found = judge(LASTS, quantile={"of": "duration_s", "q": 0.9, "max": 80})
    assert found.evidence[:2] == ("episode 100", "episode 99") and len(found.evidence) == 20


# Always.


@pytest.mark.parametrize("of", ["duration_s", "peak_speed_mps", "peak_force_N", "obs_age_p99_s"])
def test_always_kills_a_log_with_one_episode_beyond_its_bound(of):
    log = make_log((), [{of: v, "end_reason": "done"} for v in (1.0, 2.0, 3.0)])
    assert [passed(log, always={"of": of, "max": m}) for m in (3.0, 2.9)] == [True, False]
    assert [passed(log, always={"of": of, "min": m}) for m in (1.0, 1.1)] == [True, False]


@pytest.mark.parametrize("of", ["label", "usable"])
def test_always_kills_a_log_with_one_episode_that_says_no(of):
    yes, no = ({of: value, "end_reason": "done"} for value in (True, False))
    assert passed(make_log((), [yes, yes]), always={"of": of}) is True
    found = judge(make_log((), [yes, no]), always={"of": of})
    assert (found.passed, found.evidence) == (False, ("episode 2",))


def test_always_is_undecided_where_one_episode_does_not_tell():
    assert passed(lasting(1.0, None), always={"of": "duration_s", "max": 5}) is None
    assert passed(lasting(9.0, None), always={"of": "duration_s", "max": 5}) is False
    assert passed(lasting(), always={"of": "duration_s", "max": 5}) is None


def test_always_takes_what_was_cut_off_for_at_least_so_long():
    cut = {"duration_s": 3.0, "censored": True}
    whole = {"duration_s": 1.0, "end_reason": "done"}
    assert passed(make_log((), [whole, cut]), always={"of": "duration_s", "max": 5}) is True
    assert passed(make_log((), [whole, cut]), always={"of": "duration_s", "max": 2}) is False
    assert passed(make_log((), [cut]), always={"of": "duration_s", "max": 5}) is None


# What is no check is refused before anything runs.


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ({"success_rate": {"confidence": 0.95}}, "needs min or max"),
        ({"success_rate": {"min": 0.9, "max": 0.1}}, "upper bound 0.1 is below the lower one, 0.9"),
        ({"success_rate": {"min": 0.9, "confidence": 95}}, "less than 1"),
        ({"rate": {"of": "page"}}, "needs max_per_h or min_per_h"),
        ({"quantile": {"of": "duration_s", "q": 0.9}}, "needs min or max"),
        ({"quantile": {"of": "duration_s", "q": 1.5, "max": 1}}, "less than 1"),
        ({"always": {"of": "label", "min": 1}}, "takes neither"),
        ({"always": {"of": "duration_s"}}, "needs min or max"),
        ({"no_effect": ["success", "success"]}, "names 'success' twice"),
        ({"no_effect": []}, "at least 1"),
        ({"not_worse_than": {"run": "main", "margin": 0}}, "greater than 0"),
        ({"rate": {"of": "page", "max_per_h": float("nan")}}, "finite"),
        ({}, "give exactly one of"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(check, says):
    with pytest.raises(ValidationError, match=says):
        CheckSpec.model_validate(check)


@pytest.mark.parametrize(("n", "good", "bound"), [(20, 18, 0.8), (25, 20, 0.6), (40, 39, 0.9), (12, 0, 0.1), (9, 7, 0.95)])
def test_as_many_episodes_as_would_do_do(n, good, bound):
    asked = {"success_rate": {"min": bound, "confidence": 0.95}}
    more = int(judge(of(n, good), **asked).detail.partition("about ")[2].split()[0])
    assert more > n and passed(of(more, round(more * good / n)), **asked) is (good / n > bound)
