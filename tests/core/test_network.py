"""Link models: whether they follow their law, remember as they should, and are the same for faults and links."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from twin.core.network import GilbertElliott, Latency, Loss, Regimes, Trace, along, delay_ms, first_state, lost

U = np.random.default_rng(0).random((20_000, 3))
BURSTS = GilbertElliott(kind="gilbert_elliott", good_to_bad=0.02, bad_to_good=0.2)
TRACE = Trace(kind="trace", path="", values_ms=(1.0, 5.0, 2.0, 900.0))
TWO = Regimes.model_validate(
    {"kind": "regimes", "regimes": [{"latency_ms": 5, "messages": 90}, {"latency_ms": 300, "messages": 10}]}
)


def states(model):
    return along(model, U[:, 1], int(first_state(model, U[:1, 2])[0]))[0]


def test_losses_come_in_bursts_as_long_and_as_many_as_the_chain_says():
    gone = lost(BURSTS, U[:, 0], states(BURSTS))
    ends = np.flatnonzero(np.diff(gone.astype(int)) == -1).size
    assert gone.mean() == pytest.approx(BURSTS.mean, rel=0.15) and gone.sum() / ends == pytest.approx(1 / 0.2, rel=0.1)


def test_a_trace_is_played_in_its_order_and_begins_again():
    assert delay_ms(TRACE, U[:6, 0], along(TRACE, U[:6, 1], 2)[0]).tolist() == [2, 900, 1, 5, 2, 900]


def test_half_of_a_round_trip_goes_each_way():
    both = Trace.model_validate(TRACE.model_dump() | {"round_trip": True})
    at = along(TRACE, U[:6, 1], 0)[0]
    assert delay_ms(both, U[:6, 0], at).tolist() == (delay_ms(TRACE, U[:6, 0], at) / 2).tolist()


def test_regimes_last_as_long_as_they_say():
    found = delay_ms(TWO, U[:, 0], states(TWO))
    assert (found == 300).mean() == pytest.approx(0.1, abs=0.03)
    assert np.flatnonzero(np.diff(found) < 0).size == pytest.approx(len(U) / 100, rel=0.15)


@pytest.mark.parametrize("given", [3, {"kind": "lognormal", "median": 4, "sigma": 1}, {"kind": "trace", "path": "a"}])
def test_a_latency_is_a_quantity_or_a_model(given):
    assert TypeAdapter(Latency).validate_python(given) is not None


@pytest.mark.parametrize("given", [1.0, -0.1, {"kind": "gilbert_elliott", "good_to_bad": 0, "bad_to_good": 1}])
def test_a_loss_that_is_none_is_refused(given):
    with pytest.raises(ValidationError):
        TypeAdapter(Loss).validate_python(given)
