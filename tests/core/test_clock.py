import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.clock import US, Clock, to_us

WHEN = st.integers(0, 20)
ENTRIES = st.lists(st.tuples(WHEN, st.integers(0, 3)), max_size=30)


def filled(entries: list[tuple[int, int]]) -> tuple[Clock, list[int]]:
    clock = Clock()
    return clock, [clock.at(when, "k", str(i), rank=rank) for i, (when, rank) in enumerate(entries)]


def drained(clock: Clock) -> list[tuple[int, int, int, str]]:
    popped = iter(clock.pop, None)
    return [(when, rank, order, entity) for when, rank, order, _kind, entity, _payload in popped]


@given(ENTRIES)
def test_entries_come_by_time_then_rank_then_order_of_entry(entries):
    clock, orders = filled(entries)
    expected = sorted((when, rank, order, str(i)) for i, ((when, rank), order) in enumerate(zip(entries, orders, strict=True)))
    assert drained(clock) == expected


@given(ENTRIES, st.data())
def test_what_is_cancelled_never_happens_and_the_rest_does(entries, data):
    clock, orders = filled(entries)
    gone = data.draw(st.lists(st.sampled_from(orders), unique=True)) if orders else []
    for order in gone:
        clock.cancel(order)
    assert len(clock) == len(orders) - len(gone)
    assert sorted(entry[2] for entry in drained(clock)) == sorted(set(orders) - set(gone))


@given(ENTRIES, WHEN)
def test_a_pickled_clock_goes_on_exactly(entries, until):
    clock, orders = filled(entries)
    for order in orders[::3]:
        clock.cancel(order)
    clock.run({"k": lambda *_: None}, until)
    twin = pickle.loads(pickle.dumps(clock))
    assert (twin.now_us, twin.at(99, "k")) == (clock.now_us, clock.at(99, "k"))
    assert drained(twin) == drained(clock)


@given(ENTRIES, WHEN)
def test_running_in_two_goes_is_running_in_one(entries, cut):
    whole, parts = [], []
    filled(entries)[0].run({"k": lambda *seen: whole.append(seen)}, 30)
    clock, _ = filled(entries)
    clock.run({"k": lambda *seen: parts.append(seen)}, cut)
    clock.run({"k": lambda *seen: parts.append(seen)}, 30)
    assert parts == whole


@given(ENTRIES)
def test_clocks_that_hold_the_same_have_the_same_snapshot(entries):
    straight, _ = filled(entries)
    detour, _ = filled(entries)
    order = detour.at(7, "k")
    detour.cancel(order)
    straight._order = order
    assert pickle.dumps(detour) == pickle.dumps(straight)


def test_discrete_entries_come_before_lanes_and_lanes_by_index():
    clock = Clock()
    for rank in (2, 1, 0):
        clock.at(5, "k", str(rank), rank=rank)
    assert [entry[3] for entry in drained(clock)] == ["0", "1", "2"]


def test_a_handler_may_enter_more_at_the_very_same_time():
    clock, seen = Clock(), []
    clock.at(5, "first")
    clock.run({"first": lambda t, *_: clock.at(t, "second"), "second": lambda *got: seen.append(got)}, 5)
    assert seen == [(5, "", None)]


def test_a_handler_may_cancel_what_is_due_at_the_same_time():
    clock, seen = Clock(), []
    clock.at(5, "cancel")
    victim = clock.at(5, "victim")
    clock.run({"cancel": lambda *_: clock.cancel(victim), "victim": seen.append}, 5)
    assert not seen


def test_the_time_after_a_run_is_its_end_and_what_lies_beyond_waits():
    clock, _ = filled([(10, 0), (31, 0)])
    assert clock.run({"k": lambda *_: None}, 30) == 1
    assert (clock.now_us, len(clock)) == (30, 1)


def test_nothing_may_be_entered_in_the_past():
    clock, _ = filled([])
    clock.run({}, 10)
    with pytest.raises(ValueError, match=r"reset for 'c1' at 9 µs lies before now, 10 µs"):
        clock.at(9, "reset", "c1")


def test_cancelling_what_has_happened_changes_nothing():
    clock, (first, _) = filled([(1, 0), (2, 0)])
    clock.pop()
    clock.cancel(first)
    assert len(clock) == len(drained(clock)) == 1


def test_cancelling_what_has_happened_again_and_again_keeps_no_memory():
    clock = Clock()
    for when in range(1000):
        order = clock.at(when, "k")
        clock.pop()
        clock.cancel(order)
    assert len(clock._cancelled) <= 1


def test_an_empty_clock_has_nothing_to_show():
    clock = Clock()
    assert (clock.peek(), clock.pop(), len(clock), clock.entries()) == (None, None, 0, [])


def test_peeking_takes_nothing():
    clock, _ = filled([(3, 0)])
    assert clock.peek() == clock.peek() == clock.pop()


@given(st.integers(0, 10**12))
def test_whole_microseconds_survive_the_way_through_seconds(us):
    assert to_us(us / US) == us


def test_after_counts_from_now():
    clock, _ = filled([])
    clock.run({}, 250)
    clock.after(1.5, "k")
    assert clock.peek()[0] == 1_500_250
