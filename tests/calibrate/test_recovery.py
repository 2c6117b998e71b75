"""A farm with hidden parameters plays the real one: they are found again."""

import pytest

from benchmarks.recovery import WHERE, hidden, pooled, recover


@pytest.fixture(scope="module")
def farms():
    return [recover(1, hours=2.0)]


@pytest.mark.slow
def test_hidden_parameters_lie_in_their_intervals(farms):
    told = pooled(farms)
    assert told["n"] >= 12 and told["coverage"] >= 0.7


@pytest.mark.slow
def test_intervals_are_no_wider_than_the_data_ask_for(farms):
    found = farms[0]
    assert all(
        one["high"] - one["low"] < one["truth"] for name, one in found.items() if name in ("works", "good", "long", "work")
    )


def test_every_hidden_parameter_has_a_place_in_the_overlay():
    assert set(WHERE) == set(hidden(1))


def test_a_wrong_truth_is_noticed():
    row = {"truth": 1.0, "low": 2.0, "high": 3.0, "covered": 0.0, "rank": 0.0}
    told = pooled([{"shape": row}] * 100)
    assert told["coverage"] == 0 and told["p"] < 1e-6
