"""Robots borrow strength from one another as far as they are alike."""

import numpy as np
import pytest
from scipy import special

from twin.calibrate.stats.pooling import patterns, pool
from twin.core.chance import Chance


def fleet(good, tries):
    robots = np.repeat([f"r{i}" for i in range(len(tries))], tries)
    return pool(
        patterns(np.concatenate([np.arange(n) < k for k, n in zip(good, tries, strict=True)]).astype(float), robots, {})
    )


def test_a_robot_with_few_episodes_leans_on_the_others():
    known = fleet([9, 80, 78, 82, 79], [9, 100, 100, 100, 100])
    few, many = known.share(0), known.share(1)
    assert 0.75 < few.value < 0.9 and few.high - few.low < 0.25
    assert many.value == pytest.approx(0.8, abs=0.02)


def test_robots_that_differ_keep_their_own_shares():
    known = fleet([20, 180], [200, 200])
    assert known.share(0).value == pytest.approx(0.1, abs=0.03) and known.share(1).value == pytest.approx(0.9, abs=0.03)


def test_a_robot_not_seen_yet_is_less_sure_than_any_that_was():
    known = fleet([50, 90, 70, 85], [100, 100, 100, 100])
    new, seen = known.share(None), known.share(1)
    assert new.high - new.low > seen.high - seen.low


def test_intervals_cover_over_fleets():
    s, hits = Chance(1).stream("test", "pooling"), []
    for _ in range(40):
        p = special.expit(s.normal(1, 0.8, 6))
        n = np.array([9, 20, 40, 80, 120, 200])
        known = fleet(s.binomial(n, p), n)
        hits += [known.share(i).low <= p[i] <= known.share(i).high for i in range(6)]
    assert 0.84 <= np.mean(hits) <= 0.95


def test_the_effect_of_a_covariate_is_found():
    s = Chance(2).stream("test", "effect")
    x = s.standard_normal(3000)
    good = (s.random(3000) < special.expit(0.5 + 0.8 * np.round(x, 1))).astype(float)
    told = pool(patterns(good, ["a", "b", "c"] * 1000, {"load": np.round(x, 1)})).effect(1)
    assert told.low < 0.8 < told.high and told.low > 0.5
