"""A brake that slips: the arm sags under its weight while a stop holds it without power, and never else."""

from __future__ import annotations

import numpy as np
import pytest

from tests.farm.scenes import begun, jobs, opened, scene
from twin.build import build, strategies
from twin.core.clock import to_us
from twin.core.errors import SpecError
from twin.scenario.arms import arms
from twin.snapshot import freeze, thaw
from twin.world.mujoco import MujocoWorld

SLIP = {"component": "safety", "mode": "brake_slip", "joint": 1, "onset": {"at_s": 0.5}, "duration_s": 6}
PRESSED = {"component": "safety", "mode": "e_stop", "onset": {"at_s": 0.8}, "duration_s": 2}
HEAVY = {"iiwa7": 3, "wx250s": 3}
"""The joint that bears the most where the stop comes; of the others the shoulder."""


def made(tmp_path, *faults, arm="ur3", engine="mujoco", **more):
    robots = {"arm": {"model": arm, "gripper": "g", "control_ms": 100}}
    changes = {"workcells": {"table": {"physics_step_ms": 5}}, "robots": robots, "episode_timeout_s": 30, "duration_s": 10}
    return opened(tmp_path, scene(**changes | more, faults=list(faults)), engine=engine)


def receipt(scenario, until_s=8):
    return begun(scenario, until_s).trouble.receipts()[0]


@pytest.mark.parametrize("arm", arms())
def test_an_arm_without_power_sags_where_its_brake_slips(tmp_path, arm):
    row = receipt(made(tmp_path, SLIP | {"joint": HEAVY.get(arm, 1)}, PRESSED, arm=arm))
    assert (row["status"], row["unit"]) == ("acted", "rad") and 0.01 < row["effect"] < 3.2, row
    assert 1.5 < row["exposed_s"] < 3.5 and row["cleared_s"] == 6.5


CUT = {"component": "safety", "mode": "power_cut", "onset": {"at_s": 0.8}, "duration_s": 4}


@pytest.mark.parametrize("arm", arms())
def test_an_arm_whose_power_is_cut_is_held_by_its_brakes_and_sags_where_one_slips(tmp_path, arm):
    slip = SLIP | {"joint": HEAVY.get(arm, 1)}
    row = receipt(made(tmp_path, slip, CUT, arm=arm))
    assert (row["status"], row["cleared_s"]) == ("acted", 6.5) and 0.01 < row["effect"] < 3.2 and 1.5 < row["exposed_s"] < 4.2
    sound, q = begun(made(tmp_path, CUT, arm=arm), 1.2), []
    for until_s in (1.2, 3):
        while sound.step(to_us(until_s)):
            pass
        q.append(sound.lanes[0].world.truth(np.zeros(1, np.int32)).q[0])
    assert np.abs(q[1] - q[0]).max() < 0.01 and not len(sound.lanes[0].rows)


def test_a_brake_that_begins_to_slip_while_the_power_is_gone_lets_the_arm_sag_then(tmp_path):
    late = SLIP | {"onset": {"at_s": 3}, "duration_s": 1}
    row = receipt(made(tmp_path, late, CUT))
    assert row["status"] == "acted" and row["effect"] > 0.01 and row["exposed_s"] == pytest.approx(1, abs=0.11)


def whole_and_cut(scenario):
    """A farm that was never cut off, and one that went on from a snapshot in the middle of its fault."""
    farm, other = begun(scenario, 8), thaw(build(scenario, "run", 1), freeze(begun(scenario, 1.9)), strategies(scenario))
    while other.step(to_us(8)):
        pass
    return farm, other


def came_of(farm):
    return farm.book.chain.digest, farm.trouble.receipts()


def test_a_farm_with_a_dark_cell_goes_on_from_a_snapshot_as_it_would_have(tmp_path):
    farm, other = whole_and_cut(made(tmp_path, SLIP, CUT))
    assert came_of(farm) == came_of(other)


@pytest.mark.parametrize("change", [{"holds": 0.95}, {"joint": 0}])
def test_a_brake_that_still_bears_the_arm_is_masked(tmp_path, change):
    assert receipt(made(tmp_path, SLIP | change, PRESSED))["status"] == "masked"


def test_a_brake_that_is_never_shut_is_masked(tmp_path):
    row = receipt(made(tmp_path, SLIP))
    assert (row["status"], row["exposed_s"]) == ("masked", 0.0)
    idle = receipt(made(tmp_path, SLIP, PRESSED, jobs=jobs({"at_s": 9, "episodes": 1})))
    assert (idle["status"], idle["exposed_s"]) == ("masked", 0.0)


def test_a_physics_that_lets_no_brake_slip_is_found_out(tmp_path, monkeypatch):
    set_field = MujocoWorld.set_field
    monkeypatch.setattr(MujocoWorld, "set_field", lambda w, rows, name, s: name == "brake" or set_field(w, rows, name, s))
    assert receipt(made(tmp_path, SLIP, PRESSED))["status"] == "inert"


def test_it_clears_exactly_and_goes_on_from_a_snapshot_as_it_would_have(tmp_path):
    scenario = made(tmp_path, SLIP, PRESSED)
    farm, other = whole_and_cut(scenario)
    assert came_of(farm) == came_of(other)
    one, fresh = np.zeros(1, np.int32), build(scenario, "run", 1).lanes[0].world
    assert farm.lanes[0].world.fields_digest(one) == fresh.fields_digest(one)


def test_a_world_without_forces_refuses_it(tmp_path):
    with pytest.raises(SpecError, match=r"scene.yaml:1:[0-9]+: .*brake_slip: its physics has no forces"):
        made(tmp_path, SLIP, engine="kinematic")
