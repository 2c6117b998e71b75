"""Links: whose draws are whose, whether they follow their law, and what a fault adds."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.links import measure
from twin.control.links import BLOCK, LinkBank
from twin.control.spec import LinkSpec
from twin.core.chance import Chance
from twin.core.quantity import Empirical, Estimate, Exponential, Lognormal, Normal, Uniform, Weibull, draw, draws, quantiles
from twin.faults.messages import NEVER

WIFI = LinkSpec(latency_ms=Lognormal(kind="lognormal", median=20, sigma=0.5), loss=0.1)
ONE = np.zeros(1, np.int32)


def bank(*names, spec=WIFI, seed=3):
    made = LinkBank([spec] * len(names), names, Chance(seed))
    for row in range(len(names)):
        made.begin(row, 1)
    return made


def sends(links, row, n, at_us=0):
    """Arrival of n messages on a row, all sent at once; -1 for those that are lost."""
    rows, at = np.array([row], np.int32), np.array([at_us])
    arrivals = np.array([links.send(rows, at)[0] for _ in range(n)])
    return np.where(arrivals >= NEVER, -1, arrivals)


@given(st.permutations(range(12)), st.integers(0, 99))
@settings(max_examples=15)
def test_a_rows_messages_do_not_depend_on_others_nor_on_order(order, seed):
    alone = {name: sends(bank(name, seed=seed), 0, 4) for name in "abc"}
    links, got = bank("a", "b", "c", seed=seed), {name: [] for name in "abc"}
    for turn in order:
        got["abc"[turn % 3]].append(sends(links, turn % 3, 1)[0])
    assert all(np.array_equal(got[name], alone[name]) for name in "abc")


def test_rows_sent_together_fare_as_each_by_itself():
    links, alone = bank("a", "b"), bank("a", "b")
    together = np.array([links.send(np.array([0, 1], np.int32), np.array([0, 50])) for _ in range(3 * BLOCK)])
    for row, at in ((0, 0), (1, 50)):
        assert np.array_equal(np.where(together[:, row] >= NEVER, -1, together[:, row]), sends(alone, row, 3 * BLOCK, at))


def test_every_episode_has_draws_of_its_own_and_the_same_ones_again():
    links, runs = bank("a"), []
    for episode in (1, 2, 1):
        links.begin(0, episode)
        runs.append(sends(links, 0, BLOCK + 9))
    assert np.array_equal(runs[0], runs[2]) and not np.array_equal(runs[0], runs[1])


def test_blocks_follow_one_another_without_repeating():
    arrivals = sends(bank("a", spec=LinkSpec(latency_ms=WIFI.latency_ms)), 0, 4 * BLOCK)
    assert len(np.unique(arrivals)) > 3.9 * BLOCK


def test_delays_follow_their_law():
    arrivals = sends(bank("a", spec=LinkSpec(latency_ms=WIFI.latency_ms)), 0, 4000) / 1000
    assert stats.kstest(np.log(arrivals), "norm", (np.log(20), 0.5)).pvalue > 0.01
    np.testing.assert_allclose(
        np.quantile(arrivals, [0.05, 0.5, 0.95]), 20 * np.exp(0.5 * stats.norm.ppf([0.05, 0.5, 0.95])), rtol=0.08
    )


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.5])
def test_as_many_are_lost_as_the_law_says(loss):
    lost = (sends(bank("a", spec=LinkSpec(latency_ms=5, loss=loss)), 0, 4000) < 0).sum()
    low, high = stats.binom.interval(0.999, 4000, loss)
    assert low <= lost <= high


def test_a_latency_of_one_value_is_that_value_to_the_microsecond():
    assert (sends(bank("a", spec=LinkSpec(latency_ms=12.345)), 0, 9, at_us=5) == 12_350).all()


def test_without_a_link_messages_arrive_at_once():
    assert (sends(bank("a", spec=None), 0, 2 * BLOCK, at_us=7) == 7).all()


def test_messages_are_counted_over_blocks_and_episodes():
    links = bank("a", "b")
    sends(links, 0, 3 * BLOCK)
    links.begin(0, 2)
    sends(links, 0, 5)
    assert (links.exchanges(0), links.exchanges(1)) == (3 * BLOCK + 5, 0)


def test_a_pickled_bank_goes_on_where_it_was():
    links = bank("a")
    sends(links, 0, BLOCK - 3)
    other = pickle.loads(pickle.dumps(links))
    assert np.array_equal(sends(links, 0, BLOCK), sends(other, 0, BLOCK))


@pytest.mark.parametrize(
    "quantity",
    [
        3.0,
        Estimate(value=2.0),
        Lognormal(kind="lognormal", median=20, sigma=0.5),
        Exponential(kind="exponential", mean=4),
        Uniform(kind="uniform", low=1, high=2),
        Normal(kind="normal", mean=1, sd=2),
        Weibull(kind="weibull", shape=1.5, scale=2),
        Empirical(kind="empirical", values=(1, 2, 5)),
    ],
    ids=lambda q: type(q).__name__,
)
def test_drawing_many_is_drawing_one_after_the_other(quantity):
    one, many = Chance(1).stream("a", "b"), Chance(1).stream("a", "b")
    np.testing.assert_allclose(draws(quantity, many, 50), [draw(quantity, one) for _ in range(50)], rtol=1e-14)


@pytest.mark.parametrize(
    "quantity",
    [
        Lognormal(kind="lognormal", median=20, sigma=0.5),
        Exponential(kind="exponential", mean=4),
        Uniform(kind="uniform", low=1, high=2),
        Normal(kind="normal", mean=1, sd=2),
        Weibull(kind="weibull", shape=1.5, scale=2),
    ],
)
def test_quantiles_are_those_of_the_draws(quantity):
    drawn = np.sort(draws(quantity, Chance(1).stream("a", "b"), 20_000))
    np.testing.assert_allclose(quantiles(quantity, np.array([0.5, 0.9])), drawn[[10_000, 18_000]], rtol=0.06)


@pytest.mark.real
def test_a_real_trace_keeps_its_tail_in_a_link_and_a_lognormal_does_not(real_data):
    trace = np.loadtxt(real_data / "robot_rtt" / "tyrell_roundtrip036.csv")
    models = measure(trace, cells=20, exchanges=250, episodes=40)["models"]
    assert np.abs([models[f"trace, {order}"]["error"] for order in ("replayed", "shuffled")]).max() < 0.05
    assert models["lognormal"]["error"][1] < -0.5
