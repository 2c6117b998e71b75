"""What every World must keep, over both engines and both arms."""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.core.chance import Chance
from twin.world.base import Start, World
from twin.world.cell import CellModel, build_cell
from twin.world.kinematic import KinematicWorld
from twin.world.mujoco import MujocoWorld
from twin.world.pybullet.world import PybulletWorld
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

pybullet = pytest.param("pybullet", marks=pytest.mark.skipif(find_spec("pybullet") is None, reason="needs PyBullet"))
ENGINES = ["mujoco", "kinematic", pybullet]
N = 5
ALL = np.arange(N, dtype=np.int32)


def cell(arm: str, kind: str = "table") -> CellModel:
    return build_cell(SimpleNamespace(model=arm), GripperSpec(), WorkcellSpec(kind=kind))


def make(engine: str, model: CellModel, n: int = N) -> Any:
    if engine == "pybullet":
        return PybulletWorld(model, n)
    return MujocoWorld(model, n, threads=2) if engine == "mujoco" else KinematicWorld(model, n)


def start(model: CellModel, names: Any = range(N)) -> Start:
    chance = Chance(7)
    return next(iter(tasks_of(model).values())).start([chance.stream(f"c{i}", "start") for i in names])


def command(world: World, rows: Any) -> Any:
    """A policy with feedback that never saturates: a step towards the object, closing the gripper on the way."""
    seen = world.observe(rows)
    way = seen.objects[:, 0, :3] - seen.tool
    way *= 0.02 / np.sqrt((way * way).sum(axis=1, keepdims=True))
    turn = (world.jac(rows)[:, :3] * way[:, :, None]).sum(axis=1)
    return np.concatenate((seen.q + turn, 0.05 + 0.1 * way[:, 2:]), axis=1)


def drive(world: World, ticks: int, rows: Any = ALL) -> None:
    for _ in range(ticks):
        world.step(rows, command(world, rows), 10)


def everything(world: World, rows: Any) -> list[Any]:
    """All arrays that a world lets one read."""
    values = [*vars(world.observe(rows)).values(), *vars(world.truth(rows)).values(), world.status(rows), world.jac(rows)]
    return [value for value in values if len(value) == len(rows)]


def bits(world: World, rows: Any = ALL) -> list[bytes]:
    """Everything that can be read of rows, one entry a row."""
    read = [world.state(rows), *everything(world, rows)]
    return [b"".join(np.ascontiguousarray(a[i]).tobytes() for a in read) for i in range(len(rows))]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[("ur3", "table"), ("panda", "table"), ("panda", "bin"), ("ur3", "drawer")], ids="-".join)
def world(request: pytest.FixtureRequest, engine: str) -> Any:
    model = cell(*request.param)
    made = make(engine, model)
    made.reset(ALL, start(model))
    return made


@given(chosen=st.sets(st.integers(0, N - 1), min_size=1, max_size=N - 1), ticks=st.integers(1, 3))
@settings(max_examples=12)
@pytest.mark.parametrize("engine", ENGINES)
def test_stepping_some_rows_leaves_the_others_bit_identical(engine: str, chosen: set[int], ticks: int) -> None:
    world = make(engine, cell("ur3"))
    world.reset(ALL, start(world.cell))
    drive(world, 2)
    before = bits(world)
    drive(world, ticks, np.array(sorted(chosen), dtype=np.int32))
    same = [a == b for a, b in zip(before, bits(world), strict=True)]
    assert same == [i not in chosen for i in range(N)]


def test_snapshot_and_restore_are_exact_mid_episode(world: Any) -> None:
    drive(world, 12)
    kept = pickle.loads(pickle.dumps(world.snapshot()))
    drive(world, 12)
    other = type(world)(world.cell, N)
    other.restore(kept)
    drive(other, 12)
    assert bits(other) == bits(world)


def test_a_snapshot_is_not_touched_by_what_happens_next(world: Any) -> None:
    kept = world.snapshot()
    before = pickle.dumps(kept)
    drive(world, 2)
    assert pickle.dumps(kept) == before


def test_a_pickled_world_goes_on_where_it_was(world: Any) -> None:
    world.set_field(ALL, "friction", np.full(N, 0.3))
    drive(world, 5)
    other = pickle.loads(pickle.dumps(world))
    drive(world, 5)
    drive(other, 5)
    assert bits(other) == bits(world)
    assert other.fields_digest(ALL) == world.fields_digest(ALL)


def test_a_row_alone_does_what_it_does_among_others(engine: str) -> None:
    model = cell("panda")
    many, one = make(engine, model), make(engine, model, 1)
    many.reset(ALL, start(model))
    one.reset(ALL[:1], start(model, [3]))
    drive(many, 8)
    drive(one, 8, ALL[:1])
    assert bits(one, ALL[:1]) == bits(many)[3:4]


def test_reset_restores_model_fields(world: Any) -> None:
    nominal = world.fields_digest(ALL)
    world.set_field(ALL[1:3], "actuator_strength", np.full((2, world.nq), 0.5))
    world.set_field(ALL[2:], "friction", np.full(3, 0.1))
    changed = world.fields_digest(ALL)
    world.reset(ALL[1:], start(world.cell, range(1, N)))
    assert changed != nominal and world.fields_digest(ALL) == nominal


def test_restore_brings_back_scaled_fields_and_takes_them_away(world: Any) -> None:
    nominal = world.snapshot(), world.fields_digest(ALL)
    world.set_field(ALL[:1], "actuator_strength", np.full((1, world.nq), 0.25))
    scaled = world.snapshot(), world.fields_digest(ALL)
    for snapshot, digest in (nominal, scaled, nominal):
        world.restore(snapshot)
        assert world.fields_digest(ALL) == digest


def test_a_field_scaled_by_one_changes_no_bit(world: Any) -> None:
    other = pickle.loads(pickle.dumps(world))
    other.set_field(ALL, "actuator_strength", np.ones((N, world.nq)))
    other.set_field(ALL, "friction", np.ones(N))
    drive(world, 6)
    drive(other, 6)
    assert bits(other) == bits(world)


def test_a_weak_drive_of_one_row_is_felt_by_that_row_alone(world: Any) -> None:
    other = pickle.loads(pickle.dumps(world))
    other.set_field(ALL[2:3], "actuator_strength", np.full((1, world.nq), 0.02))
    drive(world, 6)
    drive(other, 6)
    assert [a == b for a, b in zip(bits(other), bits(world), strict=True)] == [True, True, False, True, True]


def test_an_unknown_field_is_refused_by_name(world: Any) -> None:
    with pytest.raises(ValueError, match=r"'gravity' \(fields: actuator_strength, .*, friction"):
        world.set_field(ALL, "gravity", np.ones(N))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_command_that_is_not_finite_voids_only_its_row(world: Any, bad: float) -> None:
    drive(world, 3)
    asked, other = command(world, ALL), pickle.loads(pickle.dumps(world))
    other.step(ALL, asked, 10)
    asked[2, 1] = bad
    world.step(ALL, asked, 10)
    assert world.status(ALL).tolist() == [False, False, True, False, False]
    assert [a == b for a, b in zip(bits(world), bits(other), strict=True)] == [True, True, False, True, True]


def test_a_state_that_is_not_finite_voids_only_its_row(world: Any) -> None:
    drive(world, 3)
    other, torn = pickle.loads(pickle.dumps(world)), world.snapshot()
    torn["state"][4, 1] = np.nan
    world.restore(torn)
    asked = command(other, ALL)
    world.step(ALL, asked, 10)
    other.step(ALL, asked, 10)
    assert world.status(ALL).tolist() == [False] * 4 + [True]
    assert bits(world)[:4] == bits(other)[:4]


def test_a_void_row_stands_still_until_its_reset(world: Any) -> None:
    asked = command(world, ALL)
    world.step(ALL[:1], np.full((1, world.nu), np.nan), 10)
    stuck = world.state(ALL)[0].tobytes()
    world.step(ALL, asked, 10)
    assert world.state(ALL)[0].tobytes() == stuck and world.status(ALL)[0]
    world.reset(ALL[:1], start(world.cell, [0]))
    drive(world, 1)
    assert world.state(ALL)[0].tobytes() != stuck and not world.status(ALL).any()


def test_a_start_that_is_not_finite_voids_its_row(world: Any) -> None:
    torn = start(world.cell)
    torn.q[1, 0] = np.nan
    world.reset(ALL, torn)
    assert world.status(ALL).tolist() == [False, True, False, False, False]


def test_what_is_read_is_a_copy(world: Any) -> None:
    before = bits(world)
    for read in everything(world, ALL):
        read[...] = 1
    assert bits(world) == before


def test_reset_puts_rows_where_the_task_says(world: Any) -> None:
    asked = start(world.cell, [8, 9])
    world.reset(ALL[2:4], asked)
    seen = world.observe(ALL[2:4])
    for got, wanted in ((seen.q, asked.q), (seen.grip, asked.grip), (seen.objects, asked.objects), (seen.dq, 0 * asked.q)):
        np.testing.assert_array_equal(got, wanted)
    np.testing.assert_allclose(seen.tool, world.cell.arm.fk(asked.q)[0], atol=1e-9)


def test_the_same_start_forgets_what_went_before(world: Any) -> None:
    fresh = bits(world)
    drive(world, 7)
    world.reset(ALL, start(world.cell))
    assert bits(world) == fresh


def test_no_rows_and_no_steps_change_nothing(world: Any) -> None:
    before = bits(world)
    world.step(ALL[:0], np.zeros((0, world.nu)), 10)
    world.step(ALL, command(world, ALL), 0)
    world.reset(ALL[:0], start(world.cell, []))
    assert bits(world) == before


def test_state_is_contiguous_for_all_rows_and_for_some(world: Any) -> None:
    for rows in (ALL, ALL[1:3]):
        assert world.state(rows).flags.c_contiguous and len(world.state(rows)) == len(rows)


def test_a_world_without_rows_is_refused(engine: str) -> None:
    with pytest.raises(ValueError, match="at least one row"):
        make(engine, cell("ur3"), 0)
