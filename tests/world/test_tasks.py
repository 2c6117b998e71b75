"""Where episodes start, and what counts as done."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.poses import lying
from twin.control.scripted import Scripted
from twin.control.spec import ScriptedPolicy
from twin.core.chance import Chance
from twin.core.records import Truth
from twin.world.base import Start
from twin.world.cell import build_cell
from twin.world.kinematic import KinematicWorld
from twin.world.mujoco import MujocoWorld
from twin.world.spec import TASKS, GripperSpec, WorkcellSpec
from twin.world.tasks import YAW_RAD, tasks_of

KINDS = {kind: WorkcellSpec(kind=kind, objects=count) for kind, count in (("table", 2), ("bin", 3), ("drawer", None))}


def bench(task: str, arm: str = "ur3") -> Any:
    """A cell in which a task can be done."""
    return build_cell(SimpleNamespace(model=arm), GripperSpec(), KINDS[TASKS[task].workcell])


def played(world: Any, task: Any, period_s: float = 0.1, left: Truth | None = None) -> tuple[Start, Truth]:
    """How an episode of every row of a world began and ended, by the script."""
    rows, chance = np.arange(world.n, dtype=np.int32), Chance(3)
    policy = Scripted(world.cell, ScriptedPolicy(perception_error_mm=0), period_s)
    start = task.start([chance.stream(f"r{i}", "start") for i in rows], left)
    world.reset(rows, start)
    asked = {"goal": start.goal, "task": np.full(world.n, list(tasks_of(world.cell)).index(task.name))}
    memory, done = policy.memory(world.n), np.zeros(1, bool)
    policy.begin(memory, replace(world.observe(rows), **asked), [chance.stream(f"r{i}", "policy") for i in rows])
    while not done.all():
        actions, done = vars(policy.act(replace(world.observe(rows), **asked), memory)).values()
        for now in range(actions.shape[1]):
            world.step(rows, actions[:, now], round(1e6 * period_s) // world.step_us)
    return start, world.truth(rows)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_begins_ready_and_undone(name: str) -> None:
    world, task = KinematicWorld(bench(name), 40), tasks_of(bench(name))[name]
    start = task.start([Chance(1).stream(f"c{i}", "start") for i in range(40)])
    world.reset(np.arange(40, dtype=np.int32), start)
    truth = world.truth(np.arange(40, dtype=np.int32))
    assert task.ready(truth).all() and task.in_reach(truth).all() and not task.success(truth, start).any()


@pytest.mark.parametrize("name", TASKS)
def test_a_task_and_its_reverse_name_each_other_in_one_workcell(name: str) -> None:
    there = tasks_of(bench(name))
    assert there[there[name].reverse].reverse == name


@pytest.mark.parametrize("name", TASKS)
def test_the_script_does_its_task_without_dynamics_and_the_reverse_can_begin(name: str) -> None:
    task = tasks_of(bench(name))[name]
    start, end = played(KinematicWorld(bench(name), 4), task)
    assert task.success(end, start).all() and tasks_of(bench(name))[task.reverse].ready(end).all()


@pytest.mark.parametrize("name", [name for name in TASKS if name != "pick_place"])
def test_the_script_does_its_task_in_physics(name: str) -> None:
    arm = ("ur3", "panda", "iiwa7", "wx250s")[list(TASKS).index(name) % 4]
    task = tasks_of(bench(name, arm))[name]
    start, end = played(MujocoWorld(bench(name, arm), 8, 2), task, period_s=0.04)
    assert task.success(end, start).sum() >= 7


@pytest.mark.parametrize("name", TASKS)
def test_an_episode_can_begin_with_things_as_they_lie(name: str) -> None:
    world, task = KinematicWorld(bench(name), 3), tasks_of(bench(name))[name]
    _, end = played(world, task)
    again = task.start([Chance(8).stream(f"c{i}", "start") for i in range(3)], end)
    np.testing.assert_array_equal(again.objects, end.objects)
    assert (again.q == world.cell.arm.home).all()


def test_a_bin_empties_object_by_object() -> None:
    task, world = tasks_of(bench("bin_pick"))["bin_pick"], KinematicWorld(bench("bin_pick"), 2)
    start, left = played(world, task)
    goals = [start.goal]
    while task.ready(left).all():
        start, left = played(world, task, left=left)
        assert task.success(left, start).all()
        goals.append(start.goal)
    assert len(np.unique(np.array(goals)[:, 0], axis=0)) == len(goals) == 3


CELL = build_cell(SimpleNamespace(model="ur3"), GripperSpec(), WorkcellSpec())
TASK = tasks_of(CELL)["pick_place"]
GOAL, HOME = TASK.start([Chance(0).stream("a", "start")]).goal[0], np.array([0.33, -0.12, 0.02])


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
