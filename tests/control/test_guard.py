"""A user's policy that does what it must not: one message that names it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from twin.control.guard import Guarded
from twin.control.policy import PolicySpec
from twin.core.errors import UseError
from twin.core.records import Chunk


class Sound:
    def spec(self):
        return PolicySpec({}, 2, 3, 1, "1")

    def memory(self, n):
        return {"k": np.zeros(n)}

    def begin(self, memory, seen, streams):
        memory["k"][:] = 1

    def act(self, seen, memory):
        return Chunk(np.zeros((1, 3, 2)), np.zeros(1, bool))


def broken(method, answer):
    made = Sound()
    made.__class__ = type("Broken", (Sound,), {method: answer})
    return made


def raises(*_):
    raise ValueError("no weights")


def leaves(*_):
    raise SystemExit(0)


def guarded(policy):
    made = object.__new__(Guarded)
    made.policy, made.use, made.nu = policy, "pol:P", 2
    return made


CALLS = {"spec": (), "memory": (4,), "begin": ({}, None, []), "act": (None, {})}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("answer", [raises, leaves])
def test_a_policy_that_raises_or_leaves_is_named_with_the_method(method, answer):
    with pytest.raises(UseError, match=rf"policy pol:P: {method}\(\) failed: .*test_guard.py:\d+"):
        getattr(guarded(broken(method, answer)), method)(*CALLS[method])


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("spec", lambda self: {"nu": 2}),
        ("spec", lambda self: PolicySpec({}, 9, 3, 1, "1")),
        ("memory", lambda self, n: None),
        ("memory", lambda self, n: {"k": np.zeros(n + 1)}),
        ("act", lambda self, seen, memory: None),
    ],
)
def test_an_answer_of_another_form_is_refused(method, answer):
    with pytest.raises(UseError, match=r"^policy pol:P: "):
        getattr(guarded(broken(method, answer)), method)(*CALLS[method])


def test_a_policy_that_does_not_pickle_is_refused_at_once():
    made = Sound()
    made.model = lambda x: x
    with pytest.raises(UseError, match="does not pickle"):
        Guarded(made, "pol:P", 2)


def test_a_sound_policy_passes_and_keeps_its_state_over_a_snapshot():
    made = Sound()
    made.calls = 7
    again = pickle.loads(pickle.dumps(Guarded(made, "pol:P", 2)))
    assert again.policy.calls == 7 and again.spec().horizon == 3 and again.memory(4)["k"].shape == (4,)
