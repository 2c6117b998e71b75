import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.calibrate.dynamics.physical import Problem, is_possible, parameters, possible, pseudo
from twin.calibrate.dynamics.regressor import body_parameters, check_tree, movable_bodies, regressor
from twin.core.assets import asset
from twin.core.chance import Chance
from twin.core.errors import InputError

TREE = """<mujoco><worldbody><body pos="0 0 1" euler="20 30 40">
  <joint type="hinge" axis=".3 .5 1" pos=".1 .2 .3" ref=".3" stiffness="3" springref=".2"/>
  <geom size=".1 .2 .3" type="box" pos=".1 0 .1"/>
  <body pos=".1 .2 .3" euler="10 20 80">
    <joint type="slide" axis="1 2 3"/><joint axis="0 1 1" pos="0 .1 0" armature=".2"/>
    <geom size=".1 .2 .3" type="box" pos=".1 .1 .1" euler="10 20 30"/>
    <body pos=".2 .1 .3"><geom size=".1" mass="2"/></body></body>
</body></worldbody></mujoco>"""


@pytest.mark.parametrize("source", ["tree", "panda"])
def test_the_regressor_agrees_with_mujocos_inverse_dynamics(source):
    xml = TREE if source == "tree" else asset("robots/panda.xml").read_text()
    model = mujoco.MjModel.from_xml_string(xml)
    model.body_gravcomp[:] = 0
    model.dof_damping[:] = 0
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT) | int(mujoco.mjtDisableBit.mjDSBL_LIMIT)
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_ACTUATION)
    q, v, a = Chance(1).stream("test", source).normal(size=(3, 20, model.nv))
    data, expected = mujoco.MjData(model), []
    for i in range(len(q)):
        data.qpos[:], data.qvel[:], data.qacc[:] = q[i], v[i], a[i]
        mujoco.mj_inverse(model, data)
        expected.append(data.qfrc_inverse - a[i] * model.dof_armature)
    Y, known = regressor(model, q, v, a)
    pi = np.concatenate([body_parameters(model, b) for b in movable_bodies(model)])
    assert np.allclose(Y @ pi + known, expected, atol=1e-9)


def test_a_ball_joint_is_refused():
    body = '<body><joint name="b" type="ball"/><geom size="1"/></body>'
    model = mujoco.MjModel.from_xml_string(f"<mujoco><worldbody>{body}</worldbody></mujoco>")
    with pytest.raises(InputError, match="'b' is neither a hinge nor a slide"):
        check_tree(model)


@given(st.lists(st.floats(-2, 2), min_size=10, max_size=10))
def test_the_nearest_possible_body_is_possible(p):
    assert is_possible(possible(np.array(p)))


@given(st.lists(st.floats(-2, 2), min_size=10, max_size=10))
def test_a_pseudo_inertia_keeps_its_parameters(p):
    assert np.allclose(parameters(pseudo(np.array(p))), p)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_a_fit_never_leaves_the_bodies_that_can_exist(seed):
    stream = Chance(seed).stream("test", "physical")
    A, b = stream.normal(size=(40, 10)), stream.normal(size=40) * 10
    start = possible(np.array([1.0, 0, 0, 0, 0.1, 0, 0, 0.1, 0, 0.1]))
    x = Problem(A.T @ A, A.T @ b, start, (0,), (), np.zeros(10)).solve()
    assert is_possible(x)
