import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.chance import Chance
from twin.judge import stats
from twin.judge.stats import Interval

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


def test_wilson_agrees_with_the_example_of_newcombe_1998():
    share = stats.proportion(k=81, n=263)
    assert (round(share.low, 4), round(share.high, 4)) == (0.2553, 0.3662)


def test_the_difference_agrees_with_the_example_of_newcombe_1998():
    gap = stats.difference(sim=stats.proportion(k=56, n=70), real=stats.proportion(k=48, n=80))
    assert np.round(gap[:3], 4).tolist() == [0.2, 0.0524, 0.3339]


def test_a_poisson_rate_has_garwoods_interval():
    rate = stats.rate(count=10, exposure=2.0)
    assert np.round(rate[:3], 2).tolist() == [5.0, 2.4, 9.2]
    assert stats.rate(count=0, exposure=1.0).low == 0


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_lies_in_its_interval_and_its_interval_in_zero_to_one(k, n):
    value, low, high, _ = stats.proportion(k=min(k, n), n=n)
    assert 0 <= low <= value <= high <= 1


@given(values, st.floats(0.05, 0.95), st.randoms())
def test_a_quantile_lies_in_its_interval_whatever_the_order(sample, q, random):
    value, low, high, n = stats.quantile(sample, q)
    assert (low is None or low <= value) and (high is None or value <= high) and n == len(sample)
    random.shuffle(sample)
    assert stats.quantile(sample, q) == (value, low, high, n)


def test_five_values_bound_no_median_and_six_do():
    assert stats.median(range(5))[1:3] == (None, None)
    assert stats.median(range(6))[1:3] == (0, 5)


def test_the_median_interval_covers_the_truth_as_often_as_it_says():
    stream = Chance(1).stream("test", "coverage")
    found = [stats.median(stream.exponential(size=25)) for _ in range(400)]
    assert np.mean([i.low <= np.log(2) <= i.high for i in found]) >= 0.93


def test_an_unknown_is_none_and_never_zero():
    assert stats.proportion(k=0, n=0).value is None
    assert stats.rate(count=0, exposure=0.0).value is None
    assert stats.median([]).value is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nan_is_refused_before_it_is_sorted(bad):
    with pytest.raises(ValueError, match="finite"):
        stats.median([1.0, bad])


def test_a_ratio_over_cells_is_the_same_each_time_and_lies_in_its_interval():
    top, bottom = np.array([3.0, 5, 9, 4]), np.ones(4)
    first, second = (stats.ratio(top, bottom, stream=Chance(0).stream("a", "b")) for _ in range(2))
    assert first == second
    assert first.low < first.value == 21 / 4 < first.high


def test_one_cell_gives_a_ratio_without_interval():
    assert stats.ratio(np.array([3.0]), np.array([2.0]), stream=Chance(0).stream("a", "b")) == (1.5, None, None, 1)


def test_equal_samples_have_no_distance_and_separate_ones_all_of_it():
    assert stats.kolmogorov_smirnov(sim=[1, 2, 3], real=[1, 2, 3]) == (0, 1)
    assert stats.kolmogorov_smirnov(sim=[1, 2, 3], real=[7, 8, 9]).gap == 1
    assert stats.kolmogorov_smirnov(sim=[], real=[1.0]) is None


def test_intervals_that_share_a_value_overlap():
    low, high = Interval(1, 0, 2, 9), Interval(4, 3, 5, 9)
    assert stats.overlap(low, low) and not stats.overlap(low, high)
    assert stats.overlap(low, Interval(4, None, 5, 9)) is None
