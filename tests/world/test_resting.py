"""Things that sleep while they lie: what wakes them, and how little that changes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from twin.core.chance import Chance
from twin.world.cell import build_cell
from twin.world.mujoco import MujocoWorld
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

ROWS = np.arange(4, dtype=np.int32)


def lying(threads: int = 1, objects: int = 1, rest: bool = True) -> Any:
    """A world whose arms stand at the start while things fall asleep, and what holds them there."""
    workcell = WorkcellSpec(kind="bin" if objects > 1 else "table", objects=objects, rest=rest)
    cell = build_cell(SimpleNamespace(model="ur3"), GripperSpec(), workcell)
    world = MujocoWorld(cell, len(ROWS), threads)
    task = tasks_of(cell)["pick_place" if objects == 1 else "bin_pick"]
    start = task.start([Chance(3).stream(f"c{i}", "start") for i in ROWS])
    world.reset(ROWS, start)
    hold = np.concatenate((start.q, start.grip[:, None]), axis=1)
    world.step(ROWS, hold, 500)
    return world, hold


def asleep(world: Any, row: int) -> int:
    """How many things of a row sleep."""
    return int((world._batch.get_data(row).tree_asleep >= 0).sum())


@pytest.mark.parametrize("objects", [1, 6])
def test_what_lies_sleeps_and_the_arm_never_does(objects):
    world, hold = lying(objects=objects)
    assert [asleep(world, row) for row in ROWS] == [objects] * 4
    moved = world.observe(ROWS).q.copy()
    world.step(ROWS, hold + 0.1, 100)
    assert (np.abs(world.observe(ROWS).q - moved) > 0.05).all()


def test_what_is_moved_or_changed_wakes_alone():
    world, hold = lying()
    world.shift(ROWS[:1], np.array([[0.0, 0.0, 0.05]]))
    world.set_field(ROWS[1:2], "thing_size", np.array([0.9]))
    world.step(ROWS, hold, 5)
    assert [asleep(world, row) for row in ROWS] == [0, 0, 1, 1]
    world.step(ROWS, hold, 500)
    heights = world.truth(ROWS).objects[:, 0, 2]
    assert np.allclose(heights, [0.02, 0.018, 0.02, 0.02], atol=2e-4) and [asleep(world, row) for row in ROWS] == [1] * 4


def test_a_reset_wakes_its_rows_and_the_same_start_goes_on_alike():
    world, hold = lying()
    first = world.state(ROWS).copy()
    start = tasks_of(world.cell)["pick_place"].start([Chance(3).stream(f"c{i}", "start") for i in ROWS])
    world.reset(ROWS[:2], SimpleNamespace(q=start.q[:2], grip=start.grip[:2], objects=start.objects[:2]))
    assert [asleep(world, row) for row in ROWS] == [0, 0, 1, 1]
    world.step(ROWS[:2], hold[:2], 500)
    assert np.array_equal(world.state(ROWS)[:2], first[:2])


def test_threads_change_no_bit():
    worlds = [lying(threads)[0] for threads in (1, 2)]
    assert np.array_equal(*(world.state(ROWS) for world in worlds))


def test_what_sleeps_lies_where_it_would_lie_awake():
    (rested, _), (stepped, _) = lying(), lying(rest=False)
    off = rested.truth(ROWS).objects - stepped.truth(ROWS).objects
    assert 0 < np.abs(off[..., :3]).max() < 1e-4


def test_a_snapshot_wakes_all_and_both_go_on_to_the_same_bits():
    world, hold = lying()
    world.step(ROWS[:2], hold[:2] + 0.2, 3)
    kept = world.snapshot()
    other = MujocoWorld(world.cell, world.n)
    other.restore(kept)
    assert [asleep(world, row) for row in ROWS] == [0] * 4 and np.array_equal(kept["state"], world.snapshot()["state"])
    for one in (world, other):
        one.step(ROWS, hold, 300)
    assert np.array_equal(world.state(ROWS), other.state(ROWS)) and asleep(other, 3) == 1
