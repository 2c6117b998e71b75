"""Compiled loops do what their source says, and never what it said once."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.control.safety.limits import _towards
from twin.core.compiled import compiled
from twin.world.kinematics import frames_of

REACH = """\
from twin.core.compiled import compiled
FACTOR = {factor}
@compiled
def scaled(x):
    return {by} * x
"""
USER = """\
from reach import FACTOR, scaled
from twin.core.compiled import compiled
@compiled
def twice(x):
    return FACTOR * scaled(x)
print(twice(1.0), *twice.stats.cache_hits.values())
"""

angles = st.lists(st.floats(-3, 3), min_size=7, max_size=7).map(np.array)


@given(angles, st.integers(0, 2**32 - 1))
def test_a_loop_gives_the_bits_of_its_source(q, seed):
    fixed, out = np.random.default_rng(seed).normal(size=(8, 3, 4)), np.empty((2, 8, 3, 4))
    frames_of(fixed, np.zeros(7), q, out[0])
    frames_of.py_func(fixed, np.zeros(7), q, out[1])
    assert out[0].tobytes() == out[1].tobytes()


@given(*[st.floats(-1, 1)] * 4)
def test_branches_go_the_way_of_the_source(last, last_v, q, before):
    table = np.array([[-1.0], [1.0], [2.0], [10.0], [0.2]])
    args = table, 0.02, 0, last, last_v, q, before
    assert _towards(*args) == _towards.py_func(*args)


def test_a_loop_that_no_folder_can_keep_is_compiled_all_the_same():
    namespace = {}
    exec("def double(x):\n    return 2 * x", namespace)
    assert compiled(namespace["double"])(4) == 8


@pytest.mark.slow
def test_what_a_loop_uses_of_another_file_counts_when_it_is_kept(tmp_path):
    def run(factor, by):
        (tmp_path / "reach.py").write_text(REACH.format(factor=factor, by=by))
        (tmp_path / "user.py").write_text(USER)
        done = subprocess.run([sys.executable, tmp_path / "user.py"], capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert [run(2, 3), run(2, 3), run(2, 5), run(7, 5)] == [["6.0"], ["6.0", "1"], ["10.0"], ["35.0"]]
