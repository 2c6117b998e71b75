"""Log odds that may lie either way, and shares that are right on average."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from twin.core.shares import centred

GRID = np.linspace(-12, 12, 20_001)
DENSITY = np.exp(-(GRID**2) / 2) / np.exp(-(GRID**2) / 2).sum()


@given(share=st.floats(1e-6, 1 - 1e-6), variance=st.floats(0, 25))
def test_shares_are_on_average_what_they_are_centred_for(share, variance):
    at = centred(np.array([share]), variance)[0]
    assert special.expit(at + np.sqrt(variance) * GRID) @ DENSITY == pytest.approx(share, rel=0.01)


def test_none_and_all_stay_none_and_all_and_a_half_stays_in_the_middle():
    assert centred(np.array([0.0, 0.5, 1.0]), 4.0) == pytest.approx([-np.inf, 0, np.inf])
    assert np.isfinite(centred(np.array([1e-12, 1 - 1e-9]), 100.0)).all()


def test_uncentred_a_share_that_may_go_either_way_comes_out_nearer_to_a_half():
    assert special.expit(special.logit(0.1) + 1.5 * GRID) @ DENSITY > 0.15
