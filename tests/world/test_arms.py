"""The arms against what is published of them, and the servos that were chosen for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from twin.core.assets import asset
from twin.core.errors import AssetError
from twin.world.kinematics import Arm

GOLDEN = Path(__file__).parents[1] / "golden"
ARMS = {
    "ur3": ("tool0", 11.0, (56, 56, 28, 12, 12, 12)),
    "panda": ("panda_link8", 18.0, (87, 87, 87, 87, 12, 12, 12)),
    "iiwa7": ("flange", 23.9, (176, 176, 110, 110, 110, 40, 40)),
    "wx250s": ("ee_gripper", 1.99, (4.1, 8.2, 8.2, 4.1, 4.1, 1.4)),
}
"""Flange frame of the golden; mass (kg) and joint torques (Nm) of the data sheet."""


@pytest.fixture(params=ARMS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def load(name: str, gripper: bool = False) -> Any:
    spec = mujoco.MjSpec.from_file(str(asset(f"robots/{name}.xml")))
    if gripper:
        spec.attach(mujoco.MjSpec.from_file(str(asset("robots/parallel.xml"))), site=spec.site("attachment"), prefix="hand_")
    return spec.compile()


def flange(name: str, q: Any) -> tuple[Any, Any]:
    model = load(name)
    data = mujoco.MjData(model)
    data.qpos[:] = q
    mujoco.mj_kinematics(model, data)
    site = data.site(ARMS[name][0])
    return site.xpos.copy(), site.xmat.reshape(3, 3).copy()


def settled(model: Any, at: Any, target: Any, seconds: float) -> Any:
    """Joint angles every step after the servos are told to hold `target`."""
    data = mujoco.MjData(model)
    data.qpos[: len(at)], data.ctrl[: len(at)] = at, target
    path = np.empty((round(seconds / model.opt.timestep), len(at)))
    for i in range(len(path)):
        mujoco.mj_step(model, data)
        path[i] = data.qpos[: len(at)]
    return path


def test_the_flange_is_within_a_millimetre_and_a_tenth_of_a_degree_of_the_golden(name):
    golden = json.loads((GOLDEN / f"fk_{name}.json").read_text())
    assert len(golden["q"]) == 100
    for q, pos, rot in zip(golden["q"], golden["pos"], golden["rot"], strict=True):
        at, turned = flange(name, q)
        angle = np.arccos(np.clip((np.trace(turned.T @ np.reshape(rot, (3, 3))) - 1) / 2, -1, 1))
        assert np.linalg.norm(at - pos) < 1e-3 and np.rad2deg(angle) < 0.1


def test_the_golden_tells_a_link_two_millimetres_too_long(name):
    golden = json.loads((GOLDEN / f"fk_{name}.json").read_text())
    at, turned = flange(name, golden["q"][0])
    assert np.linalg.norm(at + 0.002 * turned[:, 2] - golden["pos"][0]) > 1e-3


def test_the_golden_tells_an_iiwa_14_from_an_iiwa_7():
    """The file kuka_iiwa of pybullet_data has the other's lengths: 360 and 420 mm."""
    golden = json.loads((GOLDEN / "fk_iiwa7.json").read_text())
    spec = mujoco.MjSpec.from_file(str(asset("robots/iiwa7.xml")))
    spec.body("link2").pos, spec.body("link4").pos = [0, 0, 0.36], [0, 0, 0.42]
    model = spec.compile()
    data = mujoco.MjData(model)
    data.qpos[:] = golden["q"][0]
    mujoco.mj_kinematics(model, data)
    assert np.linalg.norm(data.site("flange").xpos - golden["pos"][0]) > 0.02


def test_an_arm_weighs_what_its_data_sheet_says(name):
    assert load(name).body_mass.sum() == pytest.approx(ARMS[name][1], rel=0.05)


def test_drives_have_the_torques_of_the_data_sheet(name):
    assert Arm(load(name, gripper=True), tool="hand_tool").torque == pytest.approx(ARMS[name][2])


def test_at_home_the_tool_points_down_at_the_table_in_front(name):
    arm = Arm(load(name, gripper=True), tool="hand_tool")
    pos, rot = arm.fk(arm.home[None])
    assert rot[0, :, 2] == pytest.approx([0, 0, -1], abs=1e-4)
    assert 0.2 < pos[0, 0] < 0.6 and abs(pos[0, 1]) < 1e-3 and 0.15 < pos[0, 2] < 0.35


def test_an_arm_holds_its_pose_against_gravity(name):
    model = load(name, gripper=True)
    home = Arm(model, tool="hand_tool").home
    assert np.abs(settled(model, home, home, 0.5)[-1] - home).max() < 1e-6


def test_a_servo_reaches_its_target_without_swinging(name):
    model = load(name, gripper=True)
    home = Arm(model, tool="hand_tool").home
    path = settled(model, home, home + 0.05, 1.0) - home
    assert path[-1] == pytest.approx(np.full(len(home), 0.05), abs=1e-3)
    assert path.max() < 0.05 * 1.1


def test_both_fingers_move_alike_and_the_command_is_the_opening():
    model = load("ur3", gripper=True)
    data = mujoco.MjData(model)
    data.qpos[:6], data.ctrl[:6], data.ctrl[6] = Arm(model, tool="hand_tool").home, Arm(model, tool="hand_tool").home, 0.05
    mujoco.mj_step(model, data, nstep=1000)
    assert data.qpos[6:8] == pytest.approx([0.025, 0.025], abs=1e-4)


def test_a_missing_asset_names_the_nearest():
    with pytest.raises(AssetError, match=r"robots/pamda.xml.*did you mean 'robots/panda.xml'"):
        asset("robots/pamda.xml")


def test_an_asset_outside_the_assets_is_refused():
    with pytest.raises(AssetError, match="does not exist"):
        asset("../README.md")
