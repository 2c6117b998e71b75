import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core import errors
from twin.core.errors import Interrupted, Problem, SpecError, TwinError, nearest


def tree(base):
    return {base, *(kind for sub in base.__subclasses__() for kind in tree(sub))}


def test_the_example_in_nearest_holds():
    assert doctest.testmod(errors).failed == 0


@given(st.lists(st.text(min_size=1, max_size=5), max_size=30), st.text(max_size=5))
def test_nearest_does_not_depend_on_the_order_of_names(names, name):
    assert nearest(name, names) == nearest(name, reversed(names))


@pytest.mark.parametrize(
    ("name", "known", "tail"),
    [
        ("c7", ["c2", "c1"], " (cells: c1, c2); did you mean 'c1'?"),
        ("zzz", ["c1"], " (cells: c1)"),
        ("x", [], " (cells: none)"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(name, known, tail):
    assert nearest(name, known, what="cells") == tail


def test_a_long_list_of_names_is_cut_but_the_nearest_is_still_found():
    tail = nearest("robot_499x", [f"robot_{i:03d}" for i in range(500)])
    assert len(tail) < 300
    assert tail.endswith("did you mean 'robot_499'?")


def test_a_problem_names_its_place():
    assert str(Problem("fleet.yaml", 3, 7, "no robot 'x'")) == "fleet.yaml:3:7: no robot 'x'"


def test_a_problem_without_a_place_names_its_file():
    assert str(Problem("fleet.yaml", 0, 0, "is empty")) == "fleet.yaml: is empty"


def test_a_refused_file_tells_all_its_problems_at_once():
    problems = [Problem("f.yaml", i, 1, f"wrong {i}") for i in (1, 2, 3)]
    assert str(SpecError(problems)).count("\n") == 2


def test_every_refusal_has_an_exit_status():
    assert {kind.exit_status for kind in tree(TwinError) - {Interrupted}} == {2}
    assert Interrupted.exit_status == 130


def test_the_tree_drawn_at_the_top_is_the_tree():
    assert all(kind.__name__ in errors.__doc__ for kind in tree(TwinError))
