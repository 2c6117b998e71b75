"""`Arm` against MuJoCo's own kinematics, and its promise that rows do not touch each other."""

from __future__ import annotations

import pickle
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.assets import asset
from twin.core.errors import AssetError
from twin.world.cell import build_cell
from twin.world.kinematics import Arm
from twin.world.spec import GripperSpec, WorkcellSpec

CELLS = {name: build_cell(SimpleNamespace(model=name), GripperSpec(), WorkcellSpec()) for name in ("ur3", "panda")}
DOWN = np.diag((1.0, -1.0, -1.0))
arms = st.sampled_from([cell.arm for cell in CELLS.values()])


def angles(arm: Arm, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(arm.limits[:, 0], arm.limits[:, 1], (n, arm.nq))


@pytest.mark.parametrize("name", CELLS)
def test_tool_pose_and_jacobian_are_mujocos(name):
    model, arm = CELLS[name].model, CELLS[name].arm
    data = mujoco.MjData(model)
    q = angles(arm, 50)
    for row, pos, rot, jac in zip(q, *arm.solve(q), strict=True):
        data.qpos[: arm.nq] = row
        mujoco.mj_forward(model, data)
        linear, angular = np.zeros((2, 3, model.nv))
        mujoco.mj_jacSite(model, data, linear, angular, model.site("tool").id)
        assert np.abs(data.site("tool").xpos - pos).max() < 1e-9
        assert np.abs(data.site("tool").xmat - rot.ravel()).max() < 1e-9
        assert np.abs(np.vstack((linear, angular))[:, : arm.nq] - jac).max() < 1e-9


@given(arms, st.integers(1, 70), st.integers(0, 100), st.data())
def test_a_row_has_the_same_bits_whatever_stands_beside_it(arm, n, seed, data):
    q = angles(arm, n, seed)
    rows = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1)))
    assert all(np.array_equal(part, whole[rows]) for part, whole in zip(arm.solve(q[rows]), arm.solve(q), strict=True))


@given(arms, st.integers(1, 9), st.integers(0, 100))
def test_the_point_alone_is_that_of_the_pose(arm, n, seed):
    q = angles(arm, n, seed)
    assert arm.point(q) == pytest.approx(arm.fk(q)[0], abs=1e-12)
    assert np.array_equal(arm.point(q[-1:]), arm.point(q)[-1:])


@given(arms, st.integers(1, 9), st.integers(0, 100))
def test_reaching_gives_the_same_bits_alone(arm, n, seed):
    points = np.random.default_rng(seed).uniform((0.25, -0.2, 0.02), (0.4, 0.2, 0.2), (n, 3))
    homes = np.repeat(arm.home[None], n, axis=0)
    q, miss = arm.reach(points, DOWN, homes)
    alone = [arm.reach(points[i : i + 1], DOWN, homes[:1]) for i in range(n)]
    assert np.array_equal(np.concatenate([a[0] for a in alone]), q) and np.array_equal([a[1][0] for a in alone], miss)


@given(arms, st.floats(0.31, 0.38), st.floats(-0.15, 0.15), st.floats(0.02, 0.2))
def test_a_point_in_reach_is_reached_exactly(arm, x, y, z):
    q, miss = arm.reach(np.array([[x, y, z]]), DOWN, arm.home[None], rounds=20)
    pos, rot = arm.fk(q)
    assert miss[0] < 1e-6
    assert pos[0] == pytest.approx([x, y, z], abs=1e-6) and np.abs(rot[0] - DOWN).max() < 1e-6


@pytest.mark.parametrize("name", CELLS)
def test_a_point_out_of_reach_is_missed_and_limits_hold(name):
    arm = CELLS[name].arm
    q, miss = arm.reach(np.array([[2.0, 0.0, 0.1]]), DOWN, arm.home[None], rounds=20)
    assert miss[0] > 0.5
    assert (q >= arm.limits[:, 0]).all() and (q <= arm.limits[:, 1]).all()


@pytest.mark.parametrize("name", CELLS)
def test_an_arm_pickles(name):
    arm = CELLS[name].arm
    again = pickle.loads(pickle.dumps(arm))
    assert np.array_equal(again.jac(arm.home[None]), arm.jac(arm.home[None])) and again.names == arm.names


@pytest.mark.parametrize("name", CELLS)
def test_home_and_limits_are_the_models(name):
    arm = CELLS[name].arm
    assert arm.names == tuple(f"j{i}" for i in range(1, arm.nq + 1))
    assert ((arm.limits[:, 0] < arm.home) & (arm.home < arm.limits[:, 1])).all()
    assert (arm.velocity > 0).all() and (arm.acceleration > arm.velocity).all()


def test_an_arm_without_a_tool_is_refused():
    with pytest.raises(AssetError, match="no site 'tool'"):
        Arm(mujoco.MjModel.from_xml_path(str(asset("robots/ur3.xml"))))


def test_a_slide_in_the_chain_is_refused():
    sled = "<body><joint name='rail' type='slide'/><geom size='.1'/><site name='tool'/></body>"
    xml = f"<mujoco><worldbody><body name='base'>{sled}</body></worldbody></mujoco>"
    with pytest.raises(AssetError, match=r"'rail' .* is no hinge"):
        Arm(mujoco.MjModel.from_xml_string(xml))


def test_limits_of_another_length_are_refused():
    xml = asset("robots/ur3.xml").read_text().replace('name="acceleration" data="10 ', 'name="acceleration" data="')
    with pytest.raises(AssetError, match="'acceleration'> has 5 values; the arm has 6"):
        Arm(mujoco.MjModel.from_xml_string(xml), tool="tool0")
