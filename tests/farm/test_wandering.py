"""Rates and shares that nobody can foretell: every run draws a course of its own, and the same run always the same."""

import pickle

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import special

from tests.farm.scenes import cells, play
from twin.core.chance import Chance
from twin.faults.spec import Onset
from twin.faults.wander import Course

STUCK = {"component": "sensor", "mode": "stuck", "joint": 1, "duration_s": 0.5}


def course(number=0, hours=4.0, **onset):
    return Course(Onset(**onset), 3600 * hours, Chance(5).stream("test", "course", number))


def counted(made, hours=4.0):
    stream, now, n = Chance(5).stream("test", "waits"), 0.0, -1
    while now < 3600 * hours:
        now, n = now + made.wait_s(now, stream), n + 1
    return n


def logs(number_of, hours=4.0, **onset):
    """(runs, steps) logarithm of what the rate is of its start."""
    return np.log([course(i, hours, rate_per_h=1, **onset).factors for i in range(number_of)])


def test_after_four_hours_courses_of_a_rate_have_spread_by_twice_what_they_do_in_one():
    told = logs(400, wanders={"per_sqrt_h": 0.3})[:, [60, 240]]
    assert np.std(told, axis=0) == pytest.approx([0.3, 0.6], rel=0.12)


def test_a_course_that_returns_spreads_no_further_than_it_is_told_and_forgets_where_it_was():
    told = logs(400, hours=12, wanders={"per_sqrt_h": 0.8, "returns_h": 0.5})
    assert np.std(told[:, [60, 360, 720]], axis=0) == pytest.approx([0.397, 0.4, 0.4], rel=0.12)  # 0.8 √(0.5 / 2)
    assert np.corrcoef(told[:, 360], told[:, [390, 480]].T)[0, 1:] == pytest.approx([np.exp(-1), 0], abs=0.15)


@pytest.mark.parametrize("returns", [None, 1.0])
def test_on_average_over_runs_a_rate_and_a_share_are_what_their_onset_says(returns):
    way = {"wanders": {"per_sqrt_h": 0.6, "returns_h": returns}, "varies": {"at_h": (0, 4), "times": (1, 3)}}
    rates, shares = ([course(i, **kind, **way) for i in range(1500)] for kind in ({"rate_per_h": 50}, {"per_episode": 0.1}))
    assert np.mean([c.expected[-2] for c in rates]) == pytest.approx(400, rel=0.07)
    assert np.mean([c.share(4 * 3600.0) for c in shares]) == pytest.approx(0.3, abs=0.02)


def test_a_course_that_comes_back_within_a_minute_spreads_as_it_is_told():
    told = logs(60, hours=2, wanders={"per_sqrt_h": 8, "returns_h": 0.01})
    assert told.shape[1] > 700 and np.std(told) == pytest.approx(8 * np.sqrt(0.005), rel=0.05)


def test_of_lists_each_run_draws_one_place_the_same_in_all():
    told = logs(60, wanders={"per_sqrt_h": (0, 2), "times": (3, 1)})
    stays = told[:, -1] == told[:, 0]
    assert 0.3 < stays.mean() < 0.7 and np.exp(told[:, 0]) == pytest.approx(np.where(stays, 3, 1))


def test_onsets_come_as_often_as_their_course_adds_up_to():
    made = course(3, rate_per_h=200, wanders={"per_sqrt_h": 1.0}, varies={"at_h": (0, 4), "times": (1, 2)})
    assert abs(counted(made) - made.expected[-2]) < 4 * np.sqrt(made.expected[-1])
    assert abs(made.expected[-1] - 1200) > 100  # it has wandered


def test_a_share_wanders_on_its_log_odds_and_begins_where_it_is():
    made = [course(i, per_episode=0.2, wanders={"per_sqrt_h": 0.5}) for i in range(400)]
    assert all(c.share(0) == pytest.approx(0.2) for c in made)
    assert np.std(special.logit([c.share(4 * 3600.0) for c in made])) == pytest.approx(1.0, rel=0.12)


def test_a_course_that_stays_is_the_rate_itself():
    assert abs(counted(course(rate_per_h=100, wanders={"per_sqrt_h": 0.0})) - 400) < 80


@pytest.mark.parametrize(
    ("onset", "said"),
    [
        ({"at_s": 3, "wanders": {"per_sqrt_h": 1}}, "'wanders' goes only with rate_per_h or per_episode"),
        ({"rate_per_h": 3, "wanders": {"per_sqrt_h": (1, 2), "times": (1, 2, 3)}}, "lists must be of one length"),
        ({"rate_per_h": 3, "wanders": {"per_sqrt_h": -1}}, "per_sqrt_h must be zero or more"),
        ({"rate_per_h": 3, "wanders": {"per_sqrt_h": 1, "returns_h": (0,)}}, "returns_h must be at least"),
    ],
)
def test_a_course_that_cannot_be_is_refused(onset, said):
    with pytest.raises(ValidationError, match=said):
        Onset(**onset)


@pytest.mark.parametrize("way", [{"rate_per_h": 240}, {"per_episode": 0.5}])
def test_runs_of_other_seeds_take_other_courses_and_cells_of_one_run_the_same(tmp_path, way):
    fault = STUCK | {"onset": way | {"wanders": {"per_sqrt_h": 30}}}
    runs = [play(tmp_path, cells=cells("a", "b"), faults=[fault], duration_s=200, seed=seed) for seed in (1, 2, 1)]
    first, other, again = ([e.t_us for e in run.of("fault.onset")] for run in runs)
    assert first == again != other
    onsets = runs[0].farm.trouble.onsets
    assert len(onsets.courses) == 1 and pickle.loads(pickle.dumps(onsets)).courses == {}
