import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from twin.core.clock import Chain

PARTS = st.lists(st.binary(max_size=20), max_size=8)


def chained(parts, chain=None):
    chain = chain or Chain()
    for part in parts:
        chain.add(part)
    return chain


@given(PARTS, PARTS)
def test_a_chain_goes_on_from_its_sixteen_bytes(before, after):
    half = chained(before)
    assert len(half.digest) == 16
    assert chained(after, Chain(half.digest)).hex() == chained(before + after).hex()


@given(PARTS, PARTS)
def test_chains_are_equal_exactly_where_their_parts_are(left, right):
    assert (chained(left).digest == chained(right).digest) == (left == right)


@given(PARTS.filter(len), st.integers(0, 7), st.integers(0, 255))
def test_one_changed_byte_changes_the_chain(parts, where, byte):
    edited = list(parts)
    index = where % len(parts)
    edited[index] += bytes([byte])
    assert chained(edited).digest != chained(parts).digest


def test_an_array_is_chained_by_its_bits():
    chains = [Chain() for _ in range(3)]
    for chain, value in zip(chains, (0.1, 0.1, np.nextafter(0.1, 1)), strict=True):
        chain.add_array(np.full((2, 3), value))
    assert chains[0].digest == chains[1].digest != chains[2].digest


def test_the_chain_of_two_words_is_known():
    assert chained([b"one", b"two"]).hex() == "e3f54a3a8073f5755f551d75a7562e4a"
