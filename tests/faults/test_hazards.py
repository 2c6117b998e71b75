"""Hazard laws: what is drawn follows the law that is told."""

import math

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from scipy.integrate import quad
from scipy.stats import kstest

from twin.core.chance import Chance
from twin.faults.hazards import Law, draw_life, surviving

LAWS = {
    "exponential": {"kind": "exponential", "mean": 800},
    "weibull": {"kind": "weibull", "shape": 1.8, "scale": 1200},
    "bathtub": {"kind": "bathtub", "early_shape": 0.5, "early_scale": 9e3, "mean": 2e3, "late_shape": 4, "late_scale": 3e3},
    "kaplan_meier": {"kind": "kaplan_meier", "at": [100, 400, 900], "surviving": [0.9, 0.6, 0]},
}


def law(name, **changes):
    return TypeAdapter(Law).validate_python(LAWS[name] | changes)


def lives(found, n=4000):
    stream = Chance(3).stream("robot", "failure")
    return np.array([draw_life(found, stream) for _ in range(n)])


@pytest.mark.parametrize("name", ["exponential", "weibull", "bathtub"])
def test_drawn_lives_follow_the_law(name):
    assert kstest(lives(law(name)), lambda age: 1 - surviving(law(name), age)).pvalue > 0.01


@pytest.mark.parametrize("name", LAWS)
def test_the_mean_of_drawn_lives_is_the_area_under_the_law(name):
    marks = {"points": LAWS[name].get("at"), "limit": 300}
    area = quad(lambda t: float(surviving(law(name), np.array([t]))[0]), 0, 9e3, **marks)[0]
    assert lives(law(name)).mean() == pytest.approx(area, rel=0.05)


def test_a_table_gives_each_age_its_share_and_ends_without_a_guess():
    found = law("kaplan_meier", surviving=[0.9, 0.6, 0.2])
    drawn = lives(found)
    shares = [np.mean(drawn == age) for age in (100, 400, 900, math.inf)]
    assert shares == pytest.approx([0.1, 0.3, 0.4, 0.2], abs=0.03)


def test_a_bathtub_s_hazard_falls_and_rises():
    ages = np.array([1.0, 10, 1000, 1010, 5000, 5010])
    log = np.log(surviving(law("bathtub"), ages))
    young, grown, old = -np.diff(log)[::2] / np.diff(ages)[::2]
    assert young > 2 * grown and old > 2 * grown


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"at": [100, 90, 900]}, "entry 2 is 90 after 100"),
        ({"surviving": [0.9, 0.95, 0]}, "entry 2 is 0.95 after 0.9"),
        ({"at": [1, 2]}, "at has 2 entries and surviving 3"),
    ],
)
def test_a_table_that_is_no_survival_curve_is_refused(changes, says):
    with pytest.raises(ValidationError, match=says):
        law("kaplan_meier", **changes)
