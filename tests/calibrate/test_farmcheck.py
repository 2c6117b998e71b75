"""Is the farm like its log? What lies outside is told; what no log tells is found so that a summary agrees."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.calibrate.farmcheck.adjust import adjust, put, uncertain
from twin.calibrate.farmcheck.fit import judge
from twin.calibrate.farmcheck.perturb import drawn
from twin.calibrate.farmcheck.spec import AdjustSpec
from twin.calibrate.farmcheck.summaries import recorded, summarise
from twin.core.chance import Chance
from twin.core.errors import InputError
from twin.log.episodes import episode_frame

SPEED = AdjustSpec(summary="duration 50% (s)", low=0.1, high=1.0)


def rng(name="draws", number=0):
    return Chance(3).stream("test", name, number)


def frame(lasts):
    """Episodes of one cell, one after the other."""
    known = {"source": "real", "schema": 1, "cell": "a", "censored": False}
    return episode_frame(known | {"episode": i, "start_s": 30.0 * i, "duration_s": d} for i, d in enumerate(lasts, start=1))


def test_a_number_that_no_log_tells_is_found_from_what_runs_do_with_it():
    found = adjust("policy.speed", SPEED, 24.0, 1.2, lambda speed: 6.0 + 7.2 / speed)
    assert found.value == pytest.approx(0.4, rel=0.01)
    assert found.error == pytest.approx(1.2 / 18, rel=0.1)  # 7.2 / 0.4 s go as one over the speed


def test_where_no_value_makes_runs_like_the_log_that_is_said():
    with pytest.raises(InputError, match=r"no policy.speed in \[0.1, 1\] makes runs like the log"):
        adjust("policy.speed", SPEED, 5.0, 0.1, lambda speed: 6.0 + 7.2 / speed)


def test_a_path_that_the_scenario_lacks_is_refused():
    assert put({"policy": {"speed": 1.0}}, {"policy.speed": 0.4}) == {"policy": {"speed": 0.4}}
    with pytest.raises(InputError, match=r"the scenario has no number 'policy\.sped'"):
        put({"policy": {"speed": 1.0}}, {"policy.sped": 0.4})


def test_the_error_of_a_summary_is_that_of_episodes_drawn_again():
    lasts = 20 + 2 * rng().standard_normal(400)
    assert uncertain(frame(lasts), "duration 50% (s)", [], rng("blocks")) == pytest.approx(1.25 * 2 / 20, rel=0.4)


def test_intervals_of_runs_hold_what_was_drawn_alike_and_not_what_lies_beyond():
    sims = [{"a": value, "b": value} for value in rng("sims").standard_normal(39)]
    rows = {row["summary"]: row for row in judge({"a": 0.1, "b": 4.0, "c": 1.0}, sims, {"b"})}
    assert rows["a"]["inside"] and not rows["b"]["inside"] and rows["b"]["adjusted"] and "c" not in rows


def test_what_a_recorder_cannot_tell_apart_is_the_same():
    sims = [{"lasts (s)": 24.12}] * 19
    cases = ((24.5, 0.5), (24.5, 0.0), (25.2, 0.5))
    assert [judge({"lasts (s)": real}, sims, (), blur)[0]["inside"] for real, blur in cases] == [True, False, False]


def test_a_recorder_sees_an_episode_from_its_first_sample_to_its_last():
    seen = recorded(frame([24.4, 24.4, 0.3]).assign(start_s=[0.0, 24.7, 49.2]), 1.0)
    assert seen["start_s"].tolist() == [0, 25, 50] and seen["duration_s"].tolist()[:2] == [24, 24]
    assert np.isnan(seen["duration_s"].iloc[2]) and recorded(seen, None) is seen


def test_episodes_without_symptoms_have_a_mean_of_their_own():
    told = frame([20.0] * 19 + [90.0]).assign(symptoms=[[] for _ in range(19)] + [["grip_loss"]])
    assert summarise(told, ["grip_loss"])["duration without symptoms (s)"] == 20


def test_nine_of_ten_logs_that_are_alike_lie_inside():
    draws = (rng("alike", i).standard_normal(20) for i in range(300))
    told = [judge({"a": real}, [{"a": v} for v in sims])[0]["inside"] for real, *sims in draws]
    assert 0.86 <= np.mean(told) <= 0.94


def test_every_run_draws_what_is_believed_and_keeps_what_is_known():
    node = {"a": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}, "b": {"value": 2.0}, "c": [3]}
    values = [drawn(node, rng("drawn", i)) for i in range(200)]
    assert np.quantile([v["a"]["value"] for v in values], [0.05, 0.95]) == pytest.approx([0.4, 0.6], abs=0.02)
    assert all(v["b"] == {"value": 2.0} and v["c"] == [3] for v in values)
    surer = [drawn(node, rng("drawn", i), 0.99)["a"]["value"] for i in range(200)]
    assert np.quantile(surer, [0.005, 0.995]) == pytest.approx([0.4, 0.6], abs=0.03) and np.std(surer) < 0.045


@given(st.sampled_from([19, 39, 99]), st.integers(-10, 10), st.integers(0, 99))
def test_what_lies_between_the_ends_that_are_told_is_inside_and_nothing_else(n, real, number):
    sims = rng("ends", number).integers(-8, 9, n)
    (row,) = judge({"a": float(real)}, [{"a": float(value)} for value in sims])
    assert row["inside"] == (round(row["low"], 6) <= real <= round(row["high"], 6))


def test_too_few_runs_judge_nothing():
    assert judge({"a": 0.0}, [{"a": float(v)} for v in range(18)]) == []


def test_what_is_not_known_of_a_level_is_not_drawn_twice_where_an_onset_has_courses_of_its_own():
    share = {"value": 0.2, "low": 0.1, "high": 0.4}
    node = {"onset": {"per_episode": share, "after_s": share}}
    plain, courses = (drawn({"onset": node["onset"] | more}, rng())["onset"] for more in ({}, {"wanders": {"times": [1, 2]}}))
    assert plain["per_episode"]["value"] != 0.2 == courses["per_episode"]["value"] != courses["after_s"]["value"]
