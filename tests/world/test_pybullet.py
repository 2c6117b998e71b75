"""The second physics is the same cell: what Bullet loads has the masses, inertia, limits, kinematics, contacts and drives of
the MuJoCo model, and moves as it does. Frames of links come out of Bullet in single precision."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from tests.world.test_worlds import press
from twin.core.errors import InputError
from twin.core.records import Floats
from twin.scenario.arms import arms
from twin.scenario.load import load
from twin.world import engines
from twin.world.base import Start
from twin.world.cell import CellModel, build_cell
from twin.world.mujoco import MujocoWorld
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import at_rest

p = pytest.importorskip("pybullet")
from benchmarks.engines import CLEAR_M, moved  # noqa: E402
from benchmarks.pressing import on_bullet, on_mujoco  # noqa: E402
from twin.world.pybullet.parts import SHARE, SLICK, units  # noqa: E402
from twin.world.pybullet.row import Row  # noqa: E402
from twin.world.pybullet.world import PybulletWorld  # noqa: E402

ONE = np.zeros(1, np.int32)
CELLS = [*((arm, "table") for arm in sorted(arms())), ("panda", "bin"), ("ur3", "drawer")]


@pytest.fixture(params=CELLS, ids="-".join)
def world(request: pytest.FixtureRequest) -> PybulletWorld:
    return PybulletWorld(cell(*request.param), 1)


def cell(arm: str, kind: str = "table") -> CellModel:
    return build_cell(SimpleNamespace(model=arm), GripperSpec(), WorkcellSpec(kind=kind))


def resting(model: CellModel) -> Start:
    return at_rest(model, model.poses(model.model.qpos0[None]), np.zeros((1, 3)))


def loaded(row: Row) -> dict[str, tuple[float, Floats, Floats]]:
    """Mass (kg), centre (3,) m and inertia (3, 3) kg m² in its own frame of every link that a tree of Bullet's has."""
    found = {}
    for name, (body, at) in row.ids.items():
        info = p.getDynamicsInfo(body, at, physicsClientId=row.client)
        turn = np.array(p.getMatrixFromQuaternion(info[4])).reshape(3, 3)
        found[name] = (info[0], np.array(info[3]), (turn * np.array(info[2])) @ turn.T)
    return found


def test_masses_and_inertia_are_those_of_the_model_with_the_armature_in_the_link(world: PybulletWorld) -> None:
    model, links = world.cell.model, loaded(world.rows[0])
    for name, (mass, centre, inertia) in links.items():
        if name in ("base", "world") or name.endswith(SLICK):
            continue
        other = links.get(name + SLICK, (0.0, centre, 0.0 * inertia))
        body, turn = model.body(name), np.empty(9)
        mujoco.mju_quat2Mat(turn, body.iquat)
        wanted = (turn.reshape(3, 3) * body.inertia) @ turn.reshape(3, 3).T
        for joint in (model.joint(int(j)) for j in range(model.njnt) if model.jnt_bodyid[j] == body.id):
            wanted += (int(joint.type[0]) == 3) * joint.armature[0] * np.outer(joint.axis, joint.axis)
        assert mass + other[0] == pytest.approx(body.mass[0], rel=1e-12)
        np.testing.assert_allclose(centre, body.ipos, atol=1e-12)
        np.testing.assert_allclose(inertia + other[2], wanted, rtol=1e-9, atol=1e-12)
        assert other[0] in (0.0, pytest.approx(SHARE * body.mass[0]))


def test_joint_limits_are_those_of_the_model(world: PybulletWorld) -> None:
    row = world.rows[0]
    for name, (body, at) in row.joints.items():
        info = p.getJointInfo(body, at, physicsClientId=row.client)
        np.testing.assert_allclose(info[8:10], world.cell.model.joint(name).range, atol=1e-12)


def test_every_link_is_where_the_model_has_it(world: PybulletWorld) -> None:
    model, data, row = world.cell.model, mujoco.MjData(world.cell.model), world.rows[0]
    limits = world.cell.arm.limits
    for q in np.random.default_rng(0).uniform(limits[:, 0], limits[:, 1], (3, world.nq)):
        start = resting(world.cell)
        start.q[0] = data.qpos[world.cell.arm_q] = q
        data.qpos[world.cell.grip_q] = 0.5 * world.cell.stroke_m
        world.reset(ONE, start)
        mujoco.mj_kinematics(model, data)
        for name, (body, at) in row.ids.items():
            if at >= 0 and not name.endswith(SLICK):
                state = p.getLinkState(body, at, computeForwardKinematics=1, physicsClientId=row.client)
                np.testing.assert_allclose(state[4], data.body(name).xpos, atol=1e-6, err_msg=name)
                turn = np.array(p.getMatrixFromQuaternion(state[5]))
                np.testing.assert_allclose(turn, data.body(name).xmat, atol=1e-6, err_msg=name)


def test_what_stands_is_where_the_model_has_it(world: PybulletWorld) -> None:
    model, row = world.cell.model, world.rows[0]
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    boxes = {geom: body for geom, (body, _) in row.solid.items() if model.body_weldid[model.geom_bodyid[geom]] == 0}
    assert boxes
    for geom, body in boxes.items():
        where, turn = p.getBasePositionAndOrientation(body, physicsClientId=row.client)
        np.testing.assert_allclose(where, data.geom_xpos[geom], atol=1e-12)
        np.testing.assert_allclose(p.getMatrixFromQuaternion(turn), data.geom_xmat[geom], atol=1e-12)


def test_those_touch_that_the_model_pairs_and_no_others(world: PybulletWorld) -> None:
    model, found = world.cell.model, units(world.cell.model)
    ours = {frozenset((a, b)) for unit in found for other in unit.touches for a in unit.geoms for b in found[other].geoms}
    theirs = {frozenset(map(int, pair)) for pair in zip(model.pair_geom1, model.pair_geom2, strict=True)}
    assert ours == theirs
    slick = {frozenset((a, b)) for u in found if u.slick for i in u.touches for a in u.geoms for b in found[i].geoms}
    ends = zip(model.pair_geom1, model.pair_geom2, model.pair_dim, strict=True)
    assert slick == {frozenset((int(a), int(b))) for a, b, dim in ends if dim == 1}


def test_two_that_rub_have_the_friction_of_their_pair(world: PybulletWorld) -> None:
    mu = world.cell.workcell.object_friction
    np.testing.assert_allclose(np.square(world.rows[0].rubs()), mu, rtol=1e-12)
    world.set_field(ONE, "friction", np.array([0.25]))
    np.testing.assert_allclose(np.square(world.rows[0].rubs()), 0.25 * mu, rtol=1e-12)


@pytest.mark.parametrize("arm", sorted(arms()))
@pytest.mark.parametrize("way", ["smooth", "hardest"])
def test_free_motion_of_both_engines_agrees_within_5_mrad_over_2_s(arm: str, way: str) -> None:
    model = cell(arm)
    first, second = MujocoWorld(model, 1), PybulletWorld(model, 1)
    seed = next(seed for seed in range(99) if model.arm.point(moved(first, seed, way))[:, 2].min() > CLEAR_M)
    assert np.abs(moved(first, seed, way) - moved(second, seed, way)).max() < 0.005


@pytest.mark.parametrize("arm", ["ur3", "iiwa7"])
def test_springs_that_keep_their_torque_for_some_steps_move_the_arm_as_those_that_follow_every_step(
    arm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = cell(arm)
    kept = moved(PybulletWorld(model, 1), 0, "hardest")
    monkeypatch.setattr("twin.world.pybullet.world.HOLD", 1)
    assert 0.0 < np.abs(kept - moved(PybulletWorld(model, 1), 0, "hardest")).max() < 1e-3


@pytest.mark.parametrize("arm", sorted(arms()))
def test_an_arm_that_touches_nothing_moves_as_it_was_meant(arm: str) -> None:
    model, other, torque = cell(arm), [], []
    world = PybulletWorld(model, 1)
    world.reset(ONE, resting(model))
    for tick in range(60):
        asked = model.arm.home + 0.2 * (1.0 - np.cos(0.1 * tick))
        world.step(ONE, np.append(asked, model.stroke_m)[None], 10)
        other.append(world.servos.rest[0].copy())
        torque.append(world.servos.put[0, 0].copy())
    assert np.max(np.abs(other)) < 0.005 * np.max(np.abs(torque))


@pytest.mark.parametrize("force", [5.0, 60.0])
def test_fingers_that_are_pushed_aside_give_way_as_those_of_the_model_do(force: float) -> None:
    first, second = (on(cell("panda"), force, 25) for on in (on_mujoco, on_bullet))
    assert first[-1] < 0.0595
    np.testing.assert_allclose(second, first, atol=2e-3)


def test_fingers_shut_as_fast_as_those_of_the_model() -> None:
    model, found = cell("ur3"), []
    for world in (MujocoWorld(model, 1), PybulletWorld(model, 1)):
        world.reset(ONE, replace(resting(model), grip=np.array([model.stroke_m])))
        for _ in range(40):
            world.step(ONE, np.append(model.arm.home, 0.0)[None], 10)
            found.append(world.observe(ONE).grip[0])
    np.testing.assert_allclose(found[40:], found[:40], atol=1.5e-3)


def test_no_drive_gives_more_than_its_limit_when_the_command_jumps() -> None:
    model = cell("ur3")
    world = PybulletWorld(model, 1)
    world.reset(ONE, resting(model))
    command = np.append(model.arm.home + 0.3, model.stroke_m)[None]
    shares = []
    for _ in range(50):
        world.step(ONE, command, 10)
        shares.append(world.effort(ONE)[0])
    assert np.max(shares) == 1.0 and world.observe(ONE).q[0] == pytest.approx(command[0, :-1], abs=0.02)


def test_without_power_the_brakes_hold_and_without_brakes_the_arm_falls() -> None:
    model = cell("ur3")
    world = PybulletWorld(model, 2)
    both = np.arange(2, dtype=np.int32)
    start = resting(model)
    world.reset(both, Start(*(np.repeat(part, 2, axis=0) for part in (start.q, start.grip, start.objects, start.goal))))
    world.set_field(both, "power", np.zeros(2))
    world.set_field(both[1:], "brake", np.zeros((1, model.nq)))
    for _ in range(25):
        world.step(both, np.tile(np.append(model.arm.home, model.stroke_m), (2, 1)), 10)
    fell = np.abs(world.observe(both).q - model.arm.home).max(axis=1)
    assert fell[0] < 1e-3 and fell[1] > 0.1


def test_a_fault_that_bullet_cannot_realise_is_refused_where_it_stands() -> None:
    for name in ("workcell-bin_jam", "gripper-object_sticks"):
        path = f"scenarios/faults/{name}.yaml"
        load(path)
        with pytest.raises(InputError, match=r"yaml:\d+:\d+: .*Bullet's contacts push and rub but never hold on"):
            load(path, engine="pybullet")


def test_a_field_that_bullet_cannot_scale_is_refused_unless_it_is_nominal() -> None:
    world = PybulletWorld(cell("ur3"), 1)
    world.set_field(ONE, "jam", np.ones(1))
    with pytest.raises(ValueError, match="cannot scale 'tack'"):
        world.set_field(ONE, "tack", np.array([2.0]))


def test_a_smaller_thing_is_loaded_in_its_place_and_falls_to_the_table() -> None:
    model = cell("ur3")
    world = PybulletWorld(model, 1)
    world.reset(ONE, resting(model))
    command = np.append(model.arm.home, model.stroke_m)[None]
    world.step(ONE, command, 100)
    before = world.observe(ONE)
    world.set_field(ONE, "thing_size", np.array([0.5]))
    assert world.get_field(ONE, "thing_size") == 0.5 and np.array_equal(world.observe(ONE).dq, before.dq)
    world.step(ONE, command, 200)
    assert world.observe(ONE).objects[0, 0, 2] == pytest.approx(0.25 * model.object_m, abs=1e-3)
    world.set_field(ONE, "thing_size", np.ones(1))
    assert world.get_field(ONE, "thing_size") == 1.0


def test_a_missing_pybullet_is_named_with_its_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'robot-farm-twin\[pybullet\]'"):
        load("tiny", engine="pybullet")


def test_fingers_that_press_on_the_table_feel_it() -> None:
    world = PybulletWorld(cell("ur3"), 1)
    above, truth = press(world, resting(world.cell))
    assert (
        np.abs(above.force).max() < 0.01 and world.observe(ONE).force[0, 2] > 5 and truth.force[0] > 2 and not truth.held.any()
    )
