import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.chance import Chance, uniforms

KEYS = st.tuples(st.text(max_size=6), st.text(max_size=6), st.integers(0, 10**6))


def draws(chance, key, n=4):
    return chance.stream(*key).standard_normal(n).tolist()


@given(st.integers(0, 2**63), st.lists(KEYS, unique=True, min_size=2, max_size=5), st.randoms())
def test_a_stream_does_not_care_when_it_is_asked_for(seed, keys, shuffler):
    forward = {key: draws(Chance(seed), key) for key in keys}
    shuffler.shuffle(keys)
    chance = Chance(seed)
    assert {key: draws(chance, key) for key in keys} == forward


@given(st.lists(KEYS, unique=True, min_size=2, max_size=5))
def test_other_keys_give_other_draws(keys):
    keys = [key for key in keys if "\x1f" not in key[0] + key[1]]
    assert len({tuple(draws(Chance(1), key)) for key in keys}) == len(keys)


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_seeds_are_told_apart(left, right):
    key = ("c01", "start", 3)
    assert (draws(Chance(left), key) == draws(Chance(right), key)) == (left == right)


def test_asking_twice_gives_the_same_draws_again():
    chance = Chance(7)
    assert draws(chance, ("c01", "start")) == draws(chance, ("c01", "start"))


KNOWN = [(("c01", "start", 1), 0.8549086029686254), (("link:wifi", "loss", 0), 0.7325180564415301)]


@pytest.mark.parametrize(("key", "expected"), KNOWN)
def test_the_first_draws_are_known_so_that_old_runs_stay_repeatable(key, expected):
    assert Chance(42).stream(*key).random() == expected


def test_streams_of_neighbours_are_not_correlated():
    streams = np.array([Chance(0).stream(f"c{i:02d}", "camera").standard_normal(2000) for i in range(12)])
    others = np.corrcoef(streams)[~np.eye(12, dtype=bool)]
    assert np.abs(others).max() < 0.1


@given(KEYS, st.integers(0, 10**9))
def test_one_number_of_a_series_is_what_the_array_of_them_holds(key, n):
    chance = Chance(5)
    assert chance.uniform(key[0], key[1], n) == uniforms(np.array([chance.key(key[0], key[1])], np.uint64), n)[0]
