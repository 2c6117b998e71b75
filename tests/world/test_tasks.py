"""Where episodes start, and what counts as done."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.chance import Chance
from twin.core.records import Truth
from twin.world.cell import build_cell
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import YAW_RAD, PickPlace

CELL = build_cell(SimpleNamespace(model="ur3"), GripperSpec(), WorkcellSpec())
TASK = PickPlace(CELL)
GOAL, HOME = TASK.goal, np.array([0.33, -0.12, 0.02])


def truth(place: object, held: bool = False) -> Truth:
    row = np.asarray(place, dtype=float)[None]
    return Truth(CELL.arm.home[None], np.zeros((1, 6)), row, row, np.array([held]), np.zeros(1))


@given(seed=st.integers(0, 2**32), n=st.integers(1, 4))
def test_every_start_lies_in_the_start_area_at_rest(seed: int, n: int) -> None:
    start = TASK.start([Chance(seed).stream(f"c{i}", "start") for i in range(n)])
    assert (start.object[:, :2] >= CELL.start.low[:2]).all() and (start.object[:, :2] <= CELL.start.high[:2]).all()
    np.testing.assert_array_equal(start.object[:, 2], CELL.floor(start.object))
    assert (np.abs(start.yaw) <= YAW_RAD).all() and (start.grip == CELL.stroke_m).all() and (start.q == CELL.arm.home).all()


@given(seed=st.integers(0, 2**32))
def test_a_start_depends_on_its_own_stream_only(seed: int) -> None:
    two = TASK.start([Chance(seed).stream("a", "start"), Chance(seed).stream("b", "start")])
    one = TASK.start([Chance(seed).stream("b", "start")])
    assert all((pair[0][1] == pair[1][0]).all() for pair in zip(vars(two).values(), vars(one).values(), strict=True))


def test_starts_fill_the_start_area() -> None:
    start = TASK.start([Chance(1).stream(f"c{i}", "start") for i in range(200)])
    size = CELL.start.high[:2] - CELL.start.low[:2]
    assert (np.ptp(start.object[:, :2], axis=0) > 0.95 * size).all() and np.ptp(start.yaw) > 1.9 * YAW_RAD


def test_no_streams_give_no_starts() -> None:
    assert TASK.start([]).object.shape == (0, 3)


@pytest.mark.parametrize(
    ("place", "held", "success"),
    [
        (GOAL, False, True),
        (GOAL + [0.04, -0.04, 0.001], False, True),
        (GOAL, True, False),
        (GOAL + [0, 0, 0.02], False, False),
        (GOAL + [0.08, 0, 0], False, False),
        (HOME, False, False),
        (GOAL + [np.nan, 0, 0], False, False),
        (GOAL + [0, 0, np.nan], False, False),
    ],
)
def test_success_is_an_object_that_lies_free_in_the_tray(place: object, held: bool, success: bool) -> None:
    assert TASK.success(truth(place, held)).tolist() == [success]


@pytest.mark.parametrize(
    ("place", "near"),
    [(HOME, True), (GOAL, True), (HOME + [0.3, 0, 0], False), (HOME - [0, 0, 0.5], False), (HOME * np.nan, False)],
)
def test_an_object_off_the_table_is_out_of_reach(place: object, near: bool) -> None:
    assert TASK.in_reach(truth(place)).tolist() == [near]
