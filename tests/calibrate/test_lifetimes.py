"""Times until something happens: laws are found again, bounds stay honest, the simpler law wins."""

import numpy as np
import pytest

from twin.calibrate.stats import belief
from twin.calibrate.stats.families import FAMILIES
from twin.calibrate.stats.lifetimes import Times, choose, fit, kaplan_meier, largest_gap, score
from twin.core.chance import Chance


def stream(name="t", number=0):
    return Chance(7).stream("test", name, number)


def cut(t, at):
    return Times(np.minimum(t, at), t <= at)


DRAWN = {
    "exponential": lambda s, n: s.exponential(5, n),
    "weibull": lambda s, n: 5 * s.weibull(3, n),
    "lognormal": lambda s, n: np.exp(1.5 + 1.4 * s.standard_normal(n)),
    "mixture": lambda s, n: np.where(s.random(n) < 0.4, s.exponential(0.3, n), s.exponential(12, n)),
    "defective": lambda s, n: np.where(s.random(n) < 0.3, 4 * s.weibull(2.5, n), 1e9),
}


@pytest.mark.parametrize("family", DRAWN)
def test_the_law_that_made_the_times_is_chosen(family):
    data = cut(DRAWN[family](stream(family), 300), 25.0)
    assert choose(data, stream("fit"))[0].family == family


def test_nothing_happened_is_a_bound_and_no_zero():
    known = fit("exponential", Times(np.full(20, 50.0), np.zeros(20, bool)), stream()).beliefs["mean"]
    assert known.value == np.inf and known.bounded == "below"
    assert known.low == pytest.approx(1000 / 3.0, rel=0.01)  # the rule of three


def test_all_or_none_is_a_one_sided_bound():
    none, all_ = belief.share(0, 30), belief.share(30, 30)
    assert (none.value, none.low, none.bounded) == (0, 0, "above") and none.high == pytest.approx(1 - 0.05 ** (1 / 30))
    assert (all_.value, all_.high, all_.bounded) == (1, 1, "below") and all_.low == pytest.approx(0.05 ** (1 / 30))


def test_intervals_of_a_censored_weibull_cover_and_ranks_are_even():
    laws = [fit("weibull", cut(5 * stream("w", i).weibull(1.7, 25), 6.0), stream("f", i), 500) for i in range(100)]
    known = [(law.beliefs[name], truth) for law in laws for name, truth in (("shape", 1.7), ("scale", 5.0))]
    assert 0.84 <= np.mean([b.low <= truth <= b.high for b, truth in known]) <= 0.96
    counts = np.bincount([b.rank(truth, 5) for b, truth in known], minlength=5)
    assert ((counts - 40) ** 2 / 40).sum() < 18.5  # 0.1 % of a chi-square with 4 degrees


@pytest.mark.parametrize("number", range(8))
def test_the_mode_of_complete_lognormal_times_is_that_of_the_book(number):
    s = stream("book", number)
    logs = float(s.uniform(-9, 9)) + float(s.uniform(0.05, 2)) * s.standard_normal(int(s.integers(20, 2000)))
    found = fit("lognormal", Times(np.exp(logs), np.ones(logs.size, bool)), s, 0).point
    assert found["median"] == pytest.approx(np.exp(logs.mean()), rel=1e-3)
    assert found["sigma"] == pytest.approx(logs.std(), rel=1e-3)


def test_a_wrong_law_leaves_the_curve_and_the_right_one_does_not():
    data = cut(DRAWN["mixture"](stream("gap"), 400), 60.0)
    gaps = {f: largest_gap(fit(f, data, stream("g")), data) for f in ("exponential", "mixture")}
    assert gaps["mixture"] < 0.05 < gaps["exponential"]


def test_the_curve_of_complete_times_is_one_less_their_distribution():
    curve = kaplan_meier(Times(np.arange(1.0, 11), np.ones(10, bool)))
    assert curve.lasting == pytest.approx(1 - np.arange(1, 11) / 10)


THETA = {"exponential": [0.7], "weibull": [0.6, 1.1], "lognormal": [0.8, -0.3], "mixture": [0.4, 0.1, 1.2]}


@pytest.mark.parametrize("name", THETA)
def test_what_is_left_of_a_time_that_ran_already_has_the_density_of_those_that_last_over_their_mean(name):
    law, theta = FAMILIES[name], np.array(THETA[name])
    t = np.linspace(1e-6, 400, 400_001)
    lasts = np.exp(law.log_survival(theta, t))
    mean, at = float(np.trapezoid(lasts, t)), np.array([500, 2000, 9000])
    left = [float(np.trapezoid(lasts[i:], t[i:])) / mean for i in at]
    ended, runs = (score(law, theta, Times(t[at], np.full(3, e), np.ones(3, bool))) for e in (True, False))
    assert np.exp(runs) == pytest.approx(left, rel=1e-3) and np.exp(ended) == pytest.approx(lasts[at] / mean, rel=1e-3)


def test_robots_that_are_watched_for_less_than_a_life_tell_how_long_it_is():
    s, parts = stream("short"), []
    for _ in range(300):
        at = np.cumsum(5 * s.weibull(2, 60)) - s.uniform(20, 80)
        gaps = np.diff(np.concatenate(([0.0], own := at[(at > 0) & (at < 3)], [3.0])))
        parts.append(Times(gaps, np.arange(gaps.size) < own.size, np.arange(gaps.size) == 0))
    data = Times.joined(parts)
    law = fit("weibull", data, s)
    assert law.beliefs["mean"].value == pytest.approx(5 * np.sqrt(np.pi) / 2, rel=0.1)
    assert law.point["shape"] == pytest.approx(2, rel=0.2)
    assert kaplan_meier(data).t.size <= data.whole.t.size < data.t.size


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_times_that_are_none_are_refused(bad):
    with pytest.raises(ValueError, match="finite and above zero"):
        Times(np.array([1.0, bad]), np.ones(2, bool))


@pytest.mark.parametrize("events", [0, 1, 2])
def test_hardly_any_event_leaves_the_exponential_law(events):
    best = choose(Times(np.linspace(1, 2, 12), np.arange(12) < events), stream("few"))[0]
    assert best.family == "exponential" and best.beliefs["mean"].low < best.beliefs["mean"].high


def test_too_few_events_for_a_law_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fit("weibull", Times(np.ones(5), np.array([True, True, False, False, False])), stream())
