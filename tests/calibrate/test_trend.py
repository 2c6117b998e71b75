"""Tests of trend and clusters find what is there, and little more often than they say where nothing is."""

import numpy as np
import pytest

from twin.calibrate.stats import trend
from twin.calibrate.stats.shared import common_cause
from twin.core.chance import Chance


def stream(name, number=0):
    return Chance(3).stream("test", name, number)


def steady(s, until=100.0, mean=25):
    return trend.Watched(np.sort(s.uniform(0, until, s.poisson(mean))), until)


def worse(s, shape=3.0, until=100.0, mean=40):
    return trend.Watched(np.sort(until * s.random(s.poisson(mean)) ** (1 / shape)), until)


TESTS = {
    "laplace": trend.laplace, "mil": trend.mil_hdbk_189, "robinson": trend.lewis_robinson,
    "poisson": lambda w: trend.poisson(w, stream("p"), trend=False, repeats=60),
}  # fmt: skip


@pytest.mark.parametrize("name", TESTS)
def test_a_steady_process_is_seldom_refused(name):
    said = [TESTS[name]([steady(stream(name, i)), steady(stream(name, 1000 + i))]).p for i in range(80)]
    assert np.mean(np.array(said) < 0.05) <= 0.12


@pytest.mark.parametrize("name", ["laplace", "mil", "robinson"])
def test_a_robot_that_gets_worse_is_found(name):
    told = TESTS[name]([worse(stream("w", 1)), worse(stream("w", 2))])
    assert told.p < 0.001 and told.statistic > 0


def test_the_shape_of_a_power_law_lies_in_its_interval():
    told = [trend.power_law([worse(stream("s", i))]) for i in range(100)]
    assert 0.82 <= np.mean([law.low <= 3.0 <= law.high for law in told]) <= 0.97


def clusters(s):
    at = (s.uniform(0, 100, 10)[:, None] + s.exponential(0.2, (10, 4))).ravel()
    return trend.Watched(np.sort(at[at < 100]), 100.0)


def test_clusters_are_no_poisson_process_and_no_trend():
    systems = [clusters(stream("c", i)) for i in range(4)]
    assert trend.poisson(systems, stream("p"), trend=True).p < 0.01
    assert trend.lewis_robinson(systems).p > 0.01


@pytest.mark.parametrize("means", [[2] * 30, [1, 2, 4, 8, 16, 32, 64]])
def test_robots_that_fail_seldom_or_at_rates_of_their_own_have_no_trend_more_often_than_said(means):
    told = [trend.lewis_robinson([steady(stream("own", 100 * i + k), mean=m) for k, m in enumerate(means)]) for i in range(400)]
    share = np.mean([t.p < 0.05 for t in told if t is not None])
    assert 0.025 < share < 0.08 and sum(t.p < 0.001 for t in told if t is not None) <= 3


def test_moments_that_come_evenly_are_even_whatever_their_robots_rates():
    even = [trend.Watched((np.arange(n) + stream("even", n).uniform(0.3, 0.7, n)) * 100 / n, 100.0) for n in (3, 10, 80)]
    told = trend.poisson(even, stream("p"), trend=False)
    assert told.p < 0.01 and told.statistic < -0.5


def test_a_trend_in_cycles_is_found_and_a_shuffled_one_is_not():
    s = stream("cycles")
    had = (s.random(240) < np.linspace(0.1, 0.6, 240)).astype(float)
    assert trend.of_cycles(had).p < 0.001
    assert trend.of_cycles(s.permutation(had)).p > 0.01
    assert trend.halves(had, 120).p < 0.001


@pytest.mark.parametrize("had", [np.zeros(50), np.ones(50), np.array([0.0, 1, 0])])
def test_one_outcome_only_or_too_few_cycles_say_nothing_of_a_trend(had):
    assert trend.of_cycles(had) is None


def test_no_moment_says_nothing():
    empty = [trend.Watched(np.zeros(0), 10.0)]
    assert trend.laplace(empty) is trend.mil_hdbk_189(empty) is trend.poisson(empty, stream("e"), trend=False) is None


def test_robots_that_fail_together_are_found_and_alone_they_are_not():
    s = stream("together")
    alone = [np.sort(s.uniform(0, 1000, 15)) for _ in range(4)]
    cause = s.uniform(0, 1000, 12)
    tied = [np.sort(np.concatenate((m, cause + s.uniform(0, 1, 12)))) for m in alone]
    assert common_cause(alone, 1000, 2.0, stream("a")).p > 0.01
    told = common_cause(tied, 1000, 2.0, stream("b"))
    assert told.p < 0.01 and told.low <= 48 / 108 <= told.high


def test_the_share_of_a_cause_that_hits_many_at_once_lies_in_its_interval():
    inside = []
    for i in range(60):
        s = stream("cause", i)
        causes = s.uniform(0, 1e5, s.poisson(5))
        hit = s.random((20, causes.size)) < 0.6
        moments = [np.sort(np.concatenate((s.uniform(0, 1e5, s.poisson(10)), causes[h]))) for h in hit]
        told = common_cause(moments, 1e5, 60.0, stream("beta", i), repeats=100)
        inside.append(told.low <= 60 / 260 <= told.high)
    assert np.mean(inside) >= 0.72
