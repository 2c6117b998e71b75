import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.records import (
    END_REASONS,
    EPISODE_COLUMNS,
    EVENT_COLUMNS,
    EVENT_KINDS,
    RECEIPT_COLUMNS,
    Event,
    Observation,
    blank_episode,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.none() | st.text(max_size=8)
EVENTS = st.builds(
    Event,
    seq=st.integers(0),
    t_us=st.integers(0),
    known_us=st.none() | st.integers(0),
    kind=st.sampled_from(sorted(EVENT_KINDS)),
    site=NAMES,
    cell=NAMES,
    robot=NAMES,
    job=NAMES,
    episode=st.none() | st.integers(1),
    cause=st.none() | st.integers(0),
    payload=st.dictionaries(st.text(), JSON, max_size=3),
)


@given(EVENTS)
def test_an_event_survives_its_canonical_text(event):
    assert Event(*json.loads(event.canonical())) == event


@given(EVENTS, EVENTS)
def test_events_are_equal_exactly_where_their_texts_are(left, right):
    assert (left.canonical() == right.canonical()) == (json.dumps(left) == json.dumps(right))


def test_the_canonical_text_is_known():
    event = Event(3, 1_500_000, None, "episode.truth", "hall", "c01", "arm-1", "j1", 7, 2, {"truth": True, "x_m": 0.1})
    assert event.canonical() == '[3,1500000,null,"episode.truth","hall","c01","arm-1","j1",7,2,{"truth":true,"x_m":0.1}]'


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_an_event_cannot_carry_what_is_not_a_number(bad):
    event = Event(1, 0, 0, "job.arrived", None, None, None, None, None, None, {"x": bad})
    with pytest.raises(ValueError, match="not JSON compliant"):
        event.canonical()


def test_a_blank_episode_has_every_column_and_knows_nothing():
    assert blank_episode() == dict.fromkeys(EPISODE_COLUMNS)


def test_every_column_has_a_type_that_tables_know():
    types = {"int64", "float64", "string", "bool", "timestamp", "list<string>"}
    assert {*EPISODE_COLUMNS.values(), *RECEIPT_COLUMNS.values()} <= types


def test_event_columns_are_the_fields_of_an_event_with_times_in_seconds():
    fields = {"t_us": "t_s", "known_us": "known_s"}
    assert ("v", *(fields.get(name, name) for name in Event._fields)) == EVENT_COLUMNS


def test_event_kinds_are_a_room_a_dot_and_a_word():
    assert all(kind.replace("_", "").replace(".", "", 1).isalpha() for kind in EVENT_KINDS)


def test_no_end_reason_is_named_twice():
    assert len(set(END_REASONS)) == len(END_REASONS)


def test_some_rows_of_an_observation_are_copies_of_those_rows():
    arrays = [np.arange(12.0).reshape(4, 3), np.ones((4, 3)), np.arange(4.0), np.zeros((4, 3)), np.ones((4, 3))]
    seen = Observation(*arrays)
    some = seen.take(np.array([1, 3]))
    some.q[:] = -1
    assert (some.grip.tolist(), seen.q[1].tolist()) == ([1.0, 3.0], [3.0, 4.0, 5.0])
