import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import equivalence_power as bench
from twin.core.chance import Chance
from twin.judge import equivalence as eq
from twin.judge import stats

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def gap(sim, real):
    return eq.difference_of_shares(sim=eq.share(k=sim[0], n=sim[1]), real=eq.share(k=real[0], n=real[1]))


def test_exact_limits_of_a_share_agree_with_a_table():
    low, high = eq.beta_limits(81, 263, 0.025)
    assert (round(low, 4), round(high, 4)) == (0.2527, 0.3676)
    assert eq.beta_limits(0, 10, 0.05)[0] == 0 and round(eq.beta_limits(0, 10, 0.05)[1], 4) == 0.2589


@given(counts, counts)
def test_swapping_the_sides_turns_the_gap_round_and_keeps_the_decision(a, b):
    one, other = gap(a, b), gap(b, a)
    assert np.allclose(one.limits(0.05), -np.array(other.limits(0.05))[::-1])
    assert eq.decide(one, 0.1) == pytest.approx(eq.decide(other, 0.1), rel=1e-6)


@given(counts, counts, st.floats(0.01, 0.9))
def test_two_things_are_never_both_equal_and_different(a, b, margin):
    told = eq.decide(gap(a, b), margin)
    assert min(told) >= 0 and max(told) <= 1 and not (told.agrees < 0.5 and told.differs < 0.5)


@given(counts, counts, st.floats(0.01, 0.4))
def test_a_wider_margin_makes_agreement_easier_and_difference_harder(a, b, margin):
    narrow, wide = eq.decide(gap(a, b), margin), eq.decide(gap(a, b), 2 * margin)
    assert wide.agrees <= narrow.agrees + 1e-9 and wide.differs >= narrow.differs - 1e-9


@given(counts, counts, st.floats(0.02, 0.5))
def test_the_p_values_are_those_of_limits_that_touch_the_margin(a, b, margin):
    told, g = eq.decide(gap(a, b), margin), gap(a, b)
    low, high = g.limits(eq.ALPHA / eq.CAUTION)
    assert (told.agrees <= eq.ALPHA) == (-margin < low and high < margin)
    low, high = g.limits(eq.ALPHA / 2)
    assert (told.differs <= eq.ALPHA) == (low > margin or high < -margin)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (50, 50), (100, 100), (240, 240), (240, 20), (1000, 50)])
@pytest.mark.parametrize("margin", [0.05, 0.1, 0.2])
def test_equivalence_is_claimed_wrongly_at_most_in_one_case_of_twenty(n, m, margin):
    told = bench.shares(n, m, margin, grid=100)
    assert told["size"] <= eq.ALPHA and told["size_differs"] <= eq.ALPHA


def test_power_grows_with_n_and_with_the_margin():
    power = [bench.shares(n, n, 0.2, grid=2)["power"] for n in bench.SIZES]
    assert power == sorted(power) and power[0] < 0.05 and power[-1] > 0.99


def test_the_benchmarks_rule_is_the_one_that_judges():
    agrees, differs = bench.claims(30, 20, 0.3)
    for k, j in ((15, 10), (30, 20), (2, 18), (29, 17), (0, 0), (12, 9)):
        told = eq.decide(gap((k, 30), (j, 20)), 0.3)
        assert (told.agrees <= eq.ALPHA, told.differs <= eq.ALPHA) == (agrees[k, j], differs[k, j])


def test_the_benchmark_is_the_same_each_time_and_names_what_it_misses():
    told = {n: bench.drawn(n, bench.durations, 0.1, 40) for n in (50, 240)}
    assert told[240] == bench.drawn(240, bench.durations, 0.1, 40) and told[240]["power"] > told[50]["power"]
    assert list(bench.missed({"x, exact": {"c": {"size": 0.06, "power": 1.0}}}, 100)) == ["x, exact, c: size 0.0600"]


@pytest.mark.parametrize("margin", [0.1, 0.2])
def test_as_many_episodes_as_are_asked_for_have_the_power_that_is_promised(margin):
    n, power = bench.asked(margin)
    assert 0.75 <= power <= 0.9 and n > 50


def test_a_gap_beyond_the_margin_asks_for_as_many_as_show_it():
    far = gap((30, 50), (44, 50))
    n = eq.needed(far, 0.1)
    assert eq.decide(far, 0.1).differs > eq.ALPHA and n > 50
    assert eq.decide(gap((round(0.6 * 2 * n), 2 * n), (round(0.88 * 2 * n), 2 * n)), 0.1).differs < eq.ALPHA


def test_a_gap_on_the_margin_asks_for_no_number():
    assert eq.needed(eq.Gap(0.1 + 1e-9, lambda tail: (0.0, 0.2), False, 0.05, 50, 50), 0.1) is None
    assert eq.needed(eq.Gap(0.0, lambda tail: (-math.inf, math.inf), False, math.inf, 50, 50), 0.1) is None


def test_episodes_that_hang_together_count_for_fewer():
    alone, bursts = eq.share(k=80, n=100), eq.share(k=80, n=100, dispersion=4.0)
    assert bursts.limits(0.05) == eq.beta_limits(20, 25, 0.05) and np.ptp(bursts.limits(0.05)) > np.ptp(alone.limits(0.05))


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=60), st.sampled_from([0.1, 0.5, 0.9]))
def test_a_quantile_has_the_limits_of_its_order_statistics(values, q):
    low, high = eq.quantile(np.sort(values), q).limits(0.025)
    told = stats.quantile(values, q)
    assert (told.low or -math.inf, told.high or math.inf) == (low, high)


def test_a_ratio_of_rates_without_events_on_one_side_has_one_limit():
    g = eq.ratio_of_rates(sim=(0, 10.0), real=(12, 10.0), n=(100, 100))
    assert g.value == -math.inf and g.limits(0.05)[0] == -math.inf and g.limits(0.05)[1] < math.log(0.5)
    assert eq.decide(g, 0.25).differs < 0.01
    assert eq.ratio_of_rates(sim=(0, 10.0), real=(0, 10.0), n=(9, 9)) is None


def test_the_ratio_of_equal_rates_is_one_whatever_the_exposure():
    g = eq.ratio_of_rates(sim=(300, 100.0), real=(30, 10.0), n=(1000, 100))
    assert g.value == pytest.approx(0) and g.limits(0.05)[0] < 0 < g.limits(0.05)[1]


def test_neighbours_that_hang_together_widen_a_ratio_of_sums():
    stream = Chance(1).stream("test", "sums")
    mixed = stream.permutation(np.repeat([10.0, 30.0], 100))
    even, blocks = (eq.ratio_of_sums(np.ones(200), x) for x in (mixed, np.sort(mixed)))
    assert even.value == pytest.approx(blocks.value) == pytest.approx(1 / 20)
    assert np.ptp(blocks.limits(0.05)) > 3 * np.ptp(even.limits(0.05))


def test_a_side_that_is_zero_has_no_ratio():
    none, some = eq.quantile(np.zeros(20), 0.5), eq.quantile(np.ones(20), 0.5)
    assert eq.ratio(sim=none, real=some) is None and eq.ratio(sim=some, real=some).value == 0
