"""Friction beyond MuJoCo's own: it travels in the model's file and acts in roll-outs."""

import mujoco
import numpy as np
import pytest

from twin.calibrate.dynamics import dry
from twin.calibrate.dynamics.rollouts import windows
from twin.calibrate.dynamics.signals import Motion

WHEEL = (
    "<mujoco><worldbody><body><joint name='wheel' axis='0 0 1'/><geom type='cylinder' size='.1 .02' mass='1'/></body>"
    "</worldbody></mujoco>"
)


def wheel(**values):
    spec = mujoco.MjSpec.from_string(WHEEL)
    shape = {key: np.zeros(1) for key in dry.KEYS} | {"speed": np.ones(1)} | {k: np.array([v]) for k, v in values.items()}
    dry.write(spec, ("wheel",), dry.Dry(**shape))
    return mujoco.MjModel.from_xml_string(spec.to_xml())


def turned(model, torque, speed=0.0, seconds=1.0, slow=1.0):
    n = round(seconds / 0.01) + 1
    rest = np.zeros((n, 1))
    drive = np.linspace(slow, 1, n)[:, None] * torque
    motion = Motion("run", 0.01, rest, rest + speed, rest, drive)
    return windows(model, [motion], horizon_s=seconds - 0.01, every_s=9.0, step_s=0.001)[0].simulated[:, 0]


def test_a_push_below_friction_turns_by_what_presliding_yields():
    path = turned(wheel(presliding=0.2, distance=0.01, viscous=0.05), 0.1, seconds=4.0, slow=0.0)
    assert path[-1] == pytest.approx(-0.01 * np.log(1 - 0.1 / 0.2), rel=0.05)  # Dahl's state at half the level


def test_stribeck_holds_what_stands_and_lets_go_what_turns():
    model = wheel(coulomb=0.1, stribeck=0.1, speed=0.5)
    assert abs(turned(model, 0.15)[-1]) < 0.05 < 1 < turned(wheel(coulomb=0.1), 0.15)[-1]  # MuJoCo's own creeps a little
    assert turned(model, 0.15, speed=5.0)[-1] > 5


def test_load_makes_friction_and_without_load_there_is_none():
    model = wheel(load=1.5)
    assert abs(turned(model, 0.3)[-1]) < 0.1 < 1 < turned(wheel(load=0.5), 0.3)[-1]


def test_a_model_keeps_its_friction_through_its_file_and_a_plain_one_has_none():
    shape = dry.read(wheel(coulomb=0.1, stribeck=0.2, speed=0.3))
    assert shape.shaped and shape.level(np.zeros(1), np.zeros(1)) == pytest.approx(0.3)
    assert dry.read(mujoco.MjModel.from_xml_string(WHEEL)) is None
