"""The chain: order, who changed what, and a user's filter that answers nonsense."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest

from tests.control.rig import robot_bounds, seen, with_grip
from twin.control.safety.chain import Chain, Mapped
from twin.control.safety.limits import JointLimits
from twin.control.safety.tracking import Tracking
from twin.core.errors import UseError
from twin.core.records import Certified


def answer(command, **more):
    n = len(command)
    return Certified(command, np.zeros(n, np.int64), more.get("margin", np.ones(n)), more.get("stop", np.zeros(n, bool)))


class Shift:
    """Adds to a joint, multiplies it, in place or not, without saying so in `changed`."""

    def __init__(self, name, add=0.0, times=1.0, where=slice(None)):
        self.name, self.add, self.times, self.where = name, add, times, where

    def certify(self, seen, command):
        command[self.where, 0] = (command[self.where, 0] + self.add) * self.times
        return answer(command)


class Says:
    """Answers what it was made with."""

    name = "says"

    def __init__(self, make):
        self.make = make

    def certify(self, seen, command):
        return self.make(command)


class Picky:
    """Cannot stand nines."""

    name = "picky"

    def certify(self, seen, command):
        assert not (command == 9).any()
        return answer(command)


class Counts:
    """A single-row filter: adds how often it was asked; sevens break it."""

    name, single_row = "counts", True

    def __init__(self):
        self.calls = 0

    def certify(self, seen, command):
        assert command.ndim == seen.q.ndim == 1
        self.calls += 1
        return command + self.calls / float(command[0] != 7)


def cut(command):
    return answer(command[:, :-1])


def torn(command):
    return answer(np.full_like(command, np.nan))


def silent(command):
    return None


def raising(command):
    raise ZeroDivisionError("no time left")


def short_margin(command):
    return answer(command, margin=np.ones(3), stop=np.zeros(1, bool))


def run(filters, command, **more):
    command = np.array(command, dtype=np.float64)
    return Chain(filters).certify(seen(more.get("last", np.zeros_like(command)), np.zeros_like(command[:, :-1])), command)


def test_filters_act_in_order():
    one, two = Shift("add", add=1), Shift("double", times=2)
    assert run([one, two], [[1, 0]]).command[0, 0] == 4 and run([two, one], [[1, 0]]).command[0, 0] == 3


def test_it_records_the_last_filter_that_changed_each_row():
    out = run([Shift("a", 1, where=[0, 1]), Shift("b", 1, where=[1]), Shift("c")], [[0, 0]] * 3)
    assert out.changed.tolist() == [1, 2, 0]
    assert [Chain([Shift("a"), Shift("b")]).label(k) for k in (1, 2, 3)] == ["a", "b", "not_a_number"]


def test_a_filter_that_edits_its_argument_does_not_reach_what_the_policy_asked():
    asked = np.zeros((2, 2))
    Chain([Shift("a", 1)]).certify(seen(np.zeros((2, 2)), np.zeros((2, 1))), asked)
    assert not asked.any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e9])
def test_a_command_that_is_no_number_holds_its_row_only(bad):
    out = run([], [[0.1, 0.2], [bad, 0.3]], last=np.full((2, 2), 0.5))
    assert out.command.tolist() == [[0.1, 0.2], [0.5, 0.5]] and out.changed.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (cut, r"returned commands of shape \(1, 1\); expected \(1, 2\)"),
        (torn, "returned numbers that are not finite"),
        (silent, "returned NoneType; expected"),
        (raising, "raised ZeroDivisionError: no time left"),
        (short_margin, r"returned margin \(3,\) and stop \(1,\); expected"),
    ],
)
def test_a_filter_that_answers_nonsense_is_named_and_its_rows_stay_where_they_are(make, word):
    out = run([Says(make)], [[0, 0]] * 2, last=np.full((2, 2), 0.5))
    assert [place for place, *_ in out.failed] == [0, 1] and all(re.match(word, why) for *_, why in out.failed)
    assert (out.command == 0.5).all() and out.changed.tolist() == [1, 1] and {name for _, name, _ in out.failed} == {"says"}


def test_nonsense_about_one_row_leaves_the_others_alone():
    out = run([Picky()], [[1, 0], [9, 0], [2, 0]])
    assert out.command[:, 0].tolist() == [1, 0, 2] and [place for place, *_ in out.failed] == [1]


def test_a_single_row_filter_is_mapped_over_rows_each_with_its_own_instance():
    chain = Chain([Mapped(Counts, 3)])
    observed = seen(np.zeros((2, 2)), np.zeros((2, 1)))
    observed.rows = np.array([0, 2], np.int32)
    out = [chain.certify(observed, np.ones((2, 2))) for _ in range(2)][-1]
    assert chain.names == ("counts",) and out.command[:, 0].tolist() == [3, 3] and out.changed.tolist() == [1, 1]
    assert [each.calls for each in chain.filters[0].each] == [2, 0, 2]


def test_a_single_row_filter_that_fails_on_a_row_stops_that_row_only():
    out = run([Mapped(Counts, 2)], [[7, 0], [1, 0]])
    assert [(at, name) for at, name, _ in out.failed] == [(0, "counts")] and "ZeroDivision" in out.failed[0][2]
    assert out.command[1, 0] > 1


def test_a_filter_that_cannot_be_kept_over_a_kill_is_refused_at_once():
    with pytest.raises(UseError, match="'says' does not pickle"):
        Chain([Says(lambda command: answer(command))])


def test_stops_and_margins_of_all_filters_count():
    late = Tracking(0.1, 0.0, 0.02, 2)
    observed = seen(np.zeros((2, 2)), np.zeros((2, 1)), q=np.array([[0.0], [0.2]]))
    out = Chain([Shift("a"), late]).certify(observed, np.zeros((2, 2)))
    assert out.stop.tolist() == [False, True] and out.margin.tolist() == [1.0, -1.0]


def test_every_filter_that_counts_is_told_of_a_new_episode():
    late, limits = Tracking(0.1, 1.0, 0.02, 2), JointLimits(robot_bounds("ur3"), 2)
    late.late[:], limits.pursuit[:] = 3, True
    Chain([Shift("a"), late, limits]).begin(1)
    assert late.late.tolist() == [3, 0] and limits.pursuit.tolist() == [True, False]


def test_nothing_wrong_costs_no_copy():
    bounds = robot_bounds("ur3")
    q = np.tile(0.5 * (bounds.low + bounds.high), (4, 1))
    command, chain = with_grip(q), Chain([JointLimits(bounds, 4), Tracking(0.1, 0.1, 0.02, 4)])
    assert chain.certify(seen(with_grip(q), 0 * q), command).command is command


def test_a_pickled_chain_is_the_same_chain():
    chain = pickle.loads(pickle.dumps(Chain([Shift("a", 1), Tracking(0.1, 0.1, 0.02, 2)])))
    assert chain.names == ("a", "tracking") and chain.filters[0].add == 1
