import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from twin.core.chance import Chance
from twin.core.quantity import NonNegative, Quantity, draw, lowest, mean, nominal, quantile
from twin.core.spec import Spec


class Holder(Spec):
    """As a fleet file holds them."""

    any: Quantity = 0.0
    positive: NonNegative = 0.0


def read(value):
    return Holder(any=value).any


def read_non_negative(value):
    return Holder(positive=value).positive


def named(value):
    return str(value.get("kind", "estimate")) if isinstance(value, dict) else "scalar"


SOME = [
    2.5,
    {"value": 3.0, "low": 2.0, "high": 5.0, "n": 12, "source": "a log"},
    {"kind": "lognormal", "median": 20, "sigma": 0.4},
    {"kind": "exponential", "mean": 4},
    {"kind": "uniform", "low": 1, "high": 3},
    {"kind": "normal", "mean": 5, "sd": 2},
    {"kind": "weibull", "shape": 1.5, "scale": 100},
    {"kind": "empirical", "values": [1, 2, 9]},
]
every = pytest.mark.parametrize("given_value", SOME, ids=named)


def sample(quantity, n=2000):
    stream = Chance(3).stream("any", "test")
    return np.array([draw(quantity, stream) for _ in range(n)])


@every
def test_no_draw_lies_below_the_lowest(given_value):
    quantity = read(given_value)
    assert sample(quantity).min() >= min(lowest(quantity), nominal(quantity))


@every
def test_the_nominal_value_lies_among_the_draws(given_value):
    drawn = sample(read(given_value))
    assert drawn.min() <= nominal(read(given_value)) <= drawn.max()


@every
def test_the_same_stream_gives_the_same_draws(given_value):
    assert sample(read(given_value), 5).tolist() == sample(read(given_value), 5).tolist()


@every
def test_a_quantity_survives_being_written_and_read(given_value):
    quantity = read(given_value)
    assert read(quantity if isinstance(quantity, float) else quantity.model_dump()) == quantity


@pytest.mark.parametrize(
    ("given_value", "mean"),
    [
        ({"kind": "exponential", "mean": 4}, 4.0),
        ({"kind": "uniform", "low": 1, "high": 3}, 2.0),
        ({"kind": "lognormal", "median": 20, "sigma": 0.4}, 20 * np.exp(0.08)),
        ({"kind": "weibull", "shape": 2, "scale": 100}, 100 * np.sqrt(np.pi) / 2),
        ({"kind": "empirical", "values": [1, 2, 9]}, 4.0),
    ],
)
def test_draws_have_the_mean_of_their_law(given_value, mean):
    drawn = sample(read(given_value), 4000)
    assert abs(drawn.mean() - mean) < 4 * drawn.std() / np.sqrt(4000)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_scalar_is_its_own_nominal_lowest_and_draw(value):
    stream = Chance(0).stream("any", "test")
    assert nominal(value) == lowest(value) == draw(value, stream) == value


def test_an_estimate_is_drawn_as_its_value_for_its_interval_is_ignorance_not_spread():
    assert set(sample(read({"value": 3, "low": 1, "high": 9}))) == {3.0}


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"value": 9, "low": 1, "high": 3}, "outside its interval"),
        ({"kind": "uniform", "low": 3, "high": 1}, "high 1.0 is below low 3.0"),
        ({"kind": "lognormal", "median": 0, "sigma": 1}, "greater than 0"),
        ({"kind": "empirical", "values": []}, "at least 1"),
        ({"kind": "normal", "mean": 1, "sd": 1, "mode": 2}, "mode"),
        ({"kind": "gauss", "mean": 1}, "gauss"),
        (float("nan"), "finite"),
    ],
)
def test_nonsense_is_refused_with_its_reason(bad, says):
    with pytest.raises(ValidationError, match=says):
        read(bad)


@pytest.mark.parametrize("bad", [-1, {"kind": "uniform", "low": -1, "high": 1}, {"value": 1, "low": -1, "high": 2}])
def test_times_and_rates_cannot_be_negative(bad):
    with pytest.raises(ValidationError, match=r"must not be negative, but (is|can be) -1"):
        read_non_negative(bad)


@every
def test_all_that_is_positive_is_accepted_where_nothing_negative_is(given_value):
    assert read_non_negative(given_value) == read(given_value)


@every
def test_quantiles_are_what_draws_are_distributed_like(given_value):
    quantity = read(given_value)
    even = np.array([quantile(quantity, (i + 0.5) / 2000) for i in range(2000)])
    drawn = sample(quantity)
    assert np.all(np.diff(even) >= 0)
    assert abs(even.mean() - drawn.mean()) < 5 * drawn.std() / 2000**0.5 + 1e-9
    assert even.mean() == pytest.approx(mean(quantity), rel=0.01)
