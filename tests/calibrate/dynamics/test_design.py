"""The linear system against what it stands for: torques of an arm whose hand is welded on."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from twin.calibrate.dynamics.design import Layout, Rows, prior, rigid_torque, rows
from twin.calibrate.dynamics.fit import corrected
from twin.calibrate.dynamics.friction import basic
from twin.calibrate.dynamics.regression import Fitted
from twin.calibrate.dynamics.signals import Motion
from twin.core.chance import Chance

HANDY = """<mujoco><worldbody><body name="a"><joint name="j" axis="0 1 0"/><geom size=".05" mass="1" pos="0 0 .3"/>
  <body name="b" pos="0 0 .5"><joint name="k" axis="1 0 0"/><geom size=".05" mass="1" pos="0 .1 .3"/>
    <body name="hand" pos="0 0 .4"><geom size=".05" mass="2"/></body></body></body></worldbody></mujoco>"""


def arm(gravity=(0, 0, -9.81), **more):
    model = mujoco.MjModel.from_xml_string(HANDY)
    model.opt.gravity[:] = gravity
    return Layout(model, (1, 2), True, (1e-3, 1e-3), (*basic(0, 1e-3), *basic(1, 1e-3)), **more)


def moved(layout):
    q, v, a = Chance(2).stream("test", "motion").normal(size=(3, 200, 2))
    motion = Motion("run", 0.01, q, v, a, np.zeros_like(q))
    return replace(motion, tau=rigid_torque(layout, motion, prior(layout)))


def columns(layout, motion, group) -> tuple[Rows, np.ndarray]:
    made = rows(layout, motion, 1e3, None, whole=True)  # a cut-off beyond the rate: no filter
    return made, made.A[:, :, layout.at(group)]


@pytest.mark.parametrize(("gravity", "axes"), [((0, 0, -9.81), (0, 1)), ((9.81, 0, 0), (1, 2)), ((0, 0, 9.81), (0, 1))])
def test_a_tilt_is_gravity_turned_for_all_that_hangs_on_the_arm(gravity, axes):
    layout = arm(gravity, sensors=("tilt",))
    motion = moved(layout)
    turned = np.array(gravity, float)
    turned[axes[1]] += 0.02 * 9.81
    after = rigid_torque(arm(turned), motion, prior(layout))
    assert layout.sideways == axes
    assert np.allclose(columns(layout, motion, "tilt")[1] @ [0, 0.02], after - motion.tau, atol=1e-9)


def test_a_gain_and_a_load_count_the_hand_that_is_welded_on():
    layout = arm(sensors=("gain",), reference=1)
    motion = moved(layout)
    assert np.allclose(columns(layout, motion, "gain")[1][:, 0, 0], motion.tau[:, 0])


def test_without_its_tilt_a_motion_has_the_torques_of_a_level_arm():
    layout = arm(sensors=("tilt",))
    motion = moved(layout)
    tipped = replace(motion, tau=rigid_torque(arm((0.03 * 9.81, 0, -9.81)), motion, prior(layout)))
    x = np.zeros(layout.width)
    x[: layout.rigid], x[layout.at("tilt")] = prior(layout), (0.03, 0.0)
    nothing = np.zeros((layout.width, layout.width))
    found = Fitted(layout, x, nothing, np.ones(2), nothing, nothing, 0, (), 8.0)
    assert np.allclose(corrected(found, tipped).tau, motion.tau, atol=1e-9)
