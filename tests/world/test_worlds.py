"""What each world does with a grasp, a fault and a thread."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from mujoco.batch import SimulationError

from twin.core.chance import Chance
from twin.world.base import Start
from twin.world.cell import CellModel, build_cell
from twin.world.kinematic import KinematicWorld
from twin.world.mujoco import MujocoWorld
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

DOWN = np.diag([1.0, -1.0, -1.0])
UP = np.array([0.0, 0.0, 0.1])


def cell(arm: str = "ur3") -> CellModel:
    return build_cell(SimpleNamespace(model=arm), GripperSpec(), WorkcellSpec())


def make(engine: str, model: CellModel, n: int) -> tuple[Any, Any, Start]:
    """A world of n rows at task starts."""
    if engine == "resting":
        model = build_cell(model.robot, model.gripper, model.workcell.model_copy(update={"rest": True}))
    world = KinematicWorld(model, n) if engine == "kinematic" else MujocoWorld(model, n, threads=2)
    rows, chance = np.arange(n, dtype=np.int32), Chance(3)
    start = tasks_of(model)["pick_place"].start([chance.stream(f"c{i}", "start") for i in range(n)])
    world.reset(rows, start)
    return world, rows, start


def go(world: Any, q: Any, goal: Any, grip: float, ticks: int = 25) -> Any:
    """Move the tool to `goal`, fingers down, by resolved-rate steps; returns the last joint command."""
    rows = np.arange(world.n, dtype=np.int32)
    for _ in range(ticks):
        tool, turn, jac = world.cell.arm.solve(q)
        off = goal - tool
        off *= np.minimum(1, 0.03 / np.maximum(np.linalg.norm(off, axis=1, keepdims=True), 1e-9))
        tilt = 0.5 * sum(np.cross(turn[:, :, i], DOWN[:, i]) for i in range(3))
        error, across = np.concatenate((off, tilt), axis=1)[:, :, None], jac.transpose(0, 2, 1)
        q = q + (across @ np.linalg.solve(jac @ across + 1e-4 * np.eye(6), error))[:, :, 0]
        world.step(rows, np.concatenate((q, np.full((world.n, 1), grip)), axis=1), 10)
    return q


def pick(world: Any, start: Start, miss: Any = 0.0) -> Any:
    """Grasp where the object is, `miss` m beside it, and lift."""
    wide = world.cell.stroke_m
    q = go(world, start.q, start.objects[:, 0, :3] + miss + UP, wide)
    q = go(world, q, start.objects[:, 0, :3] + miss, wide)
    q = go(world, q, start.objects[:, 0, :3] + miss, 0.0)
    return go(world, q, start.objects[:, 0, :3] + miss + UP, 0.0)


@pytest.fixture(params=["mujoco", "resting", "kinematic"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("arm", ["ur3", "panda"])
def test_a_centred_grasp_carries_the_object_into_the_tray(engine: str, arm: str) -> None:
    world, rows, start = make(engine, cell(arm), 6)
    task = tasks_of(world.cell)["pick_place"]
    q = pick(world, start)
    assert world.truth(rows).held.all() and not task.success(world.truth(rows), start).any()
    goal = start.goal + [0, 0, 0.01]
    q = go(world, go(world, q, goal + UP, 0.0, 40), goal, 0.0)
    go(world, go(world, q, goal, 0.08), goal + UP, 0.08)
    assert task.success(world.truth(rows), start).all() and not world.status(rows).any()


def test_a_grasp_beside_the_object_fails(engine: str) -> None:
    world, rows, start = make(engine, cell(), 3)
    pick(world, start, miss=np.array([0.045, 0, 0]))
    assert not world.truth(rows).held.any() and (world.truth(rows).objects[:, 0, 2] < 0.03).all()


def test_a_slippery_object_falls_out_of_the_fingers(engine: str) -> None:
    world, rows, start = make(engine, cell(), 2)
    q = pick(world, start)
    world.set_field(rows[:1], "friction", np.array([0.0]))
    go(world, q, start.objects[:, 0, :3] + UP, 0.0)
    truth = world.truth(rows)
    assert truth.held[:, 0].tolist() == [False, True] and truth.objects[0, 0, 2] < 0.05 < truth.objects[1, 0, 2]


def test_a_dead_drive_does_not_follow(engine: str) -> None:
    world, rows, start = make(engine, cell(), 2)
    strength = np.ones((2, 6))
    strength[0, 0] = 0
    world.set_field(rows, "actuator_strength", strength)
    go(world, start.q, start.objects[:, 0, :3] + UP, 0.08, ticks=40)
    moved = np.abs(world.observe(rows).q - start.q)[:, 0]
    assert moved[0] < 0.2 * moved[1]


def test_forces_are_felt_at_the_fingers_only_while_they_hold() -> None:
    world, rows, start = make("mujoco", cell(), 2)
    before = world.truth(rows).force
    pick(world, start)
    assert (before == 0).all() and world.truth(rows).force == pytest.approx([40, 40], rel=0.2)


def press(world: Any, start: Start) -> tuple[Any, Any]:
    """What the fingers feel just above the table, and when they press on it."""
    rows = np.arange(world.n, dtype=np.int32)
    world.reset(rows, start)
    q = go(world, start.q, np.array([[0.25, 0.25, 0.03]] * world.n), 0.04, ticks=50)
    above = world.observe(rows)
    go(world, q, np.array([[0.25, 0.25, 0.0]] * world.n), 0.04, ticks=50)
    return above, world.truth(rows)


def test_fingers_that_press_on_the_table_feel_it() -> None:
    world, rows, start = make("mujoco", cell(), 2)
    above, truth = press(world, start)
    assert np.abs(above.force).max() < 0.01 and (world.observe(rows).force[:, 2] > 5).all()
    assert (truth.force > 2).all() and not truth.held.any()


@pytest.mark.parametrize("arm", ["ur3", "panda"])
def test_the_thread_count_changes_nothing(arm: str) -> None:
    model, states = cell(arm), []
    for threads in (1, 2):
        world, rows, start = make("mujoco", model, 7)
        world = MujocoWorld(model, 7, threads)
        world.reset(rows, start)
        go(world, start.q, start.objects[:, 0, :3], 0.03, ticks=20)
        states.append(world.state(rows).tobytes())
    assert states[0] == states[1]


def test_the_jacobian_is_the_engines_own() -> None:
    world, rows, start = make("mujoco", cell("panda"), 3)
    go(world, start.q, start.objects[:, 0, :3] + UP, 0.08, ticks=10)
    body, points = world.cell.model.site("tool").bodyid[0], world.cell.arm.fk(world.observe(rows).q)[0]
    linear, angular = world._batch.jac(body, points)
    np.testing.assert_allclose(world.jac(rows), np.concatenate((linear, angular), axis=1)[:, :, :7], atol=1e-9)


def test_the_tool_point_lags_by_no_more_than_a_physics_step() -> None:
    world, rows, start = make("mujoco", cell(), 3)
    go(world, start.q, start.objects[:, 0, :3] + UP, 0.08, ticks=8)
    seen = world.observe(rows)
    step = np.abs(world.jac(rows)[:, :3] * seen.dq[:, None]).sum(axis=2) * 0.002
    assert (np.abs(seen.tool - world.cell.arm.fk(seen.q)[0]) <= 1.1 * step + 1e-6).all()


def test_a_fake_joint_moves_no_faster_than_its_arm() -> None:
    world, rows, start = make("kinematic", cell("panda"), 1)
    world.step(rows, np.concatenate((start.q + 1.0, np.zeros((1, 1))), axis=1), 10)
    np.testing.assert_allclose(world.observe(rows).dq[0], world.cell.arm.velocity)


def test_the_engine_leaves_no_log_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world, rows, _ = make("mujoco", cell(), 2)
    torn = world.snapshot()
    torn["state"][0, 1] = np.nan
    world.restore(torn)
    world.step(rows, np.zeros((2, 7)), 1)
    assert world.status(rows).tolist() == [True, False] and not list(tmp_path.iterdir())


def test_a_closed_world_lets_its_batch_go() -> None:
    world, _, _ = make("mujoco", cell(), 2)
    world.close()
    assert world._batch is None


def test_an_engine_error_voids_only_the_rows_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    world, rows, _ = make("mujoco", cell(), 3)

    def fail(*_: Any) -> None:
        raise SimulationError(np.array([1]), "stack overflow")

    monkeypatch.setattr(world._batch, "step", fail)
    world.step(rows, np.zeros((3, 7)), 10)
    assert world.status(rows).tolist() == [False, True, False]
