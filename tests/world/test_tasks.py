"""Where episodes start, and what counts as done."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.poses import lying
from twin.core.chance import Chance
from twin.core.records import Truth
from twin.world.base import Start
from twin.world.cell import build_cell
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import YAW_RAD, tasks_of

CELL = build_cell(SimpleNamespace(model="ur3"), GripperSpec(), WorkcellSpec())
TASK = tasks_of(CELL)["pick_place"]
GOAL, HOME = TASK.goal, np.array([0.33, -0.12, 0.02])


def truth(place: object, held: bool = False) -> Truth:
    row = np.asarray(place, dtype=float)[None]
    return Truth(CELL.arm.home[None], np.zeros((1, 6)), row, lying(row), np.array([[held]]), np.zeros(1))


def began() -> Start:
    return TASK.start([Chance(0).stream("a", "start")])


def turn(start: Start) -> Any:
    return 2 * np.arctan2(start.objects[:, 0, 6], start.objects[:, 0, 3])


@given(seed=st.integers(0, 2**32), n=st.integers(1, 4))
def test_every_start_lies_in_the_start_area_at_rest(seed: int, n: int) -> None:
    start = TASK.start([Chance(seed).stream(f"c{i}", "start") for i in range(n)])
    place, area = start.objects[:, 0, :3], CELL.areas["start"]
    assert (place[:, :2] >= area.low[:2]).all() and (place[:, :2] <= area.high[:2]).all()
    np.testing.assert_array_equal(place[:, 2], CELL.floor(place))
    assert (np.abs(turn(start)) <= YAW_RAD + 1e-9).all()
    assert (start.grip == CELL.stroke_m).all() and (start.q == CELL.arm.home).all()


@given(seed=st.integers(0, 2**32))
def test_a_start_depends_on_its_own_stream_only(seed: int) -> None:
    two = TASK.start([Chance(seed).stream("a", "start"), Chance(seed).stream("b", "start")])
    one = TASK.start([Chance(seed).stream("b", "start")])
    assert all((pair[0][1] == pair[1][0]).all() for pair in zip(vars(two).values(), vars(one).values(), strict=True))


def test_starts_fill_the_start_area() -> None:
    start = TASK.start([Chance(1).stream(f"c{i}", "start") for i in range(200)])
    size = CELL.areas["start"].high[:2] - CELL.areas["start"].low[:2]
    assert (np.ptp(start.objects[:, 0, :2], axis=0) > 0.95 * size).all() and np.ptp(turn(start)) > 1.9 * YAW_RAD


def test_no_streams_give_no_starts() -> None:
    assert TASK.start([]).objects.shape == (0, 1, 7)


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
    assert TASK.success(truth(place, held), began()).tolist() == [success]


@pytest.mark.parametrize(
    ("place", "near"),
    [(HOME, True), (GOAL, True), (HOME + [0.3, 0, 0], False), (HOME - [0, 0, 0.5], False), (HOME * np.nan, False)],
)
def test_an_object_off_the_table_is_out_of_reach(place: object, near: bool) -> None:
    assert TASK.in_reach(truth(place)).tolist() == [near]
