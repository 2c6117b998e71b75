"""A fitted arm works in a farm: the overlay names its file, and the robot runs with it."""

import json

import mujoco
import numpy as np
import pytest
import yaml

from tests.scenario.test_own_robots import SIDECAR, written
from twin.calibrate.dynamics.fleet import of_shipped
from twin.calibrate.dynamics.models import robot
from twin.calibrate.overlay import Made, as_data, write
from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.assets import asset
from twin.core.chance import Chance
from twin.core.errors import InputError
from twin.scenario.load import load
from twin.world.cell import build_cell
from twin.world.compose import Robot
from twin.world.own.spec import OwnSpec
from twin.world.spec import GripperSpec, WorkcellSpec

PLAN = """\
calibrate: mine
fleet: fleet.yaml
logs: {run: {path: log.npz, time: {column: t}, columns: {q: q, tau: tau}}}
parts:
  - {kind: dynamics, log: run, model: mine.xml, cutoff_hz: 8, friction: [], sensors: [], rollout: null,
     save: fitted.xml, robot: mine}
"""


@pytest.fixture
def folder(tmp_path):
    """A fleet of a UR3 brought as a file, and a log of it; its third joint has 3 Nm of friction that the file lacks."""
    written(tmp_path, model="mine.xml", text=asset("robots/ur3.xml").read_text(), sidecar=SIDECAR)
    whole = (tmp_path / "scenario.yaml").read_text()
    fleet = "".join(f"{line[2:]}\n" for line in whole.splitlines() if line.startswith("  "))
    (tmp_path / "fleet.yaml").write_text(fleet)
    rest = "".join(f"{line}\n" for line in whole.splitlines() if not line.startswith((" ", "fleet")))
    (tmp_path / "scenario.yaml").write_text(rest + "fleet: fleet.yaml\noverlay: overlay.yaml\n")
    (tmp_path / "plan.yaml").write_text(PLAN)
    model, stream, t = robot("ur3", tmp_path, None, 6).model, Chance(1).stream("test", "excitation"), np.arange(0, 12, 0.01)
    a, f, p = stream.uniform(0.2, 0.5, (3, 6)), 2 * np.pi * stream.uniform(0.2, 1.0, (3, 6)), stream.uniform(0, 6, (3, 6))
    angle = f * t[:, None, None] + p
    q, v, acceleration = (x.sum(axis=1) for x in (a * np.sin(angle), a * f * np.cos(angle), -a * f**2 * np.sin(angle)))
    data, tau = mujoco.MjData(model), np.empty_like(q)
    for i in range(len(t)):
        data.qpos[:], data.qvel[:], data.qacc[:] = q[i], v[i], acceleration[i]
        mujoco.mj_inverse(model, data)
        tau[i] = data.qfrc_inverse
    tau[:, 2] += 3 * np.sign(v[:, 2])
    np.savez(tmp_path / "log.npz", t=t, q=q, tau=tau)
    return tmp_path


def test_a_farm_under_the_overlay_runs_with_the_fitted_arm(folder):
    write(as_data(calibrate(load_plan(folder / "plan.yaml")).results, Made("mine", "2026-01-05")), folder / "overlay.yaml")
    mine = load(folder / "scenario.yaml").spec.fleet.robots["mine"]
    assert mine.model == "fitted.xml" and mine.own is not None and len(mine.own.home_rad) == 6
    told = robot("fitted.xml", folder, None, 6).model.dof_frictionloss
    assert told[2] == pytest.approx(3, rel=0.1) and told[[0, 1, 3, 4, 5]].max() < 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("robot: mine", "robot: mien", "no robot 'mien'.*did you mean 'mine'"),
        ("save: fitted.xml, ", "", "say `save: mine-fitted.xml`"),
        ("model: mine.xml", "model: acrobot", "acrobot works in no cell"),
    ],
)
def test_what_a_farm_cannot_run_with_is_refused_before_the_fit(folder, old, new, message):
    (folder / "plan.yaml").write_text(PLAN.replace(old, new))
    with pytest.raises(InputError, match=message):
        calibrate(load_plan(folder / "plan.yaml"))


def test_an_arm_that_ships_runs_with_its_fitted_model(folder):
    (folder / "plan.yaml").write_text(PLAN.replace("model: mine.xml", "model: ur3"))
    write(as_data(calibrate(load_plan(folder / "plan.yaml")).results, Made("mine", "2026-01-05")), folder / "overlay.yaml")
    mine = load(folder / "scenario.yaml").spec.fleet.robots["mine"]
    assert mine.model == "fitted.xml" and mine.own is not None and len(mine.own.home_rad) == 6


@pytest.mark.parametrize("name", ["ur3", "panda", "iiwa7", "wx250s"])
def test_the_sidecar_of_an_arm_that_ships_makes_it_the_same_arm(tmp_path, name):
    (tmp_path / "own.xml").write_text(asset(f"robots/{name}.xml").read_text())
    own = OwnSpec.model_validate_json(json.dumps(yaml.safe_load(of_shipped(asset(f"robots/{name}.xml")))))
    file = Robot(str(tmp_path / "own.xml"), own)
    mine, ships = (build_cell(robot, GripperSpec(), WorkcellSpec()).arm for robot in (file, Robot(name)))
    poses = mine.home + np.linspace(-0.5, 0.5, 5)[:, None]
    (at, turned), (ships_at, ships_turned) = mine.fk(poses)[:2], ships.fk(poses)[:2]
    assert at - own.base_m == pytest.approx(ships_at, abs=1e-6) and turned == pytest.approx(ships_turned, abs=1e-6)
    assert mine.velocity == pytest.approx(ships.velocity) and mine.torque == pytest.approx(ships.torque)
