"""Cells compose, say what is wrong with their parts, and pickle."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
import pytest

from twin.core.errors import AssetError, InputError
from twin.world import cell as module
from twin.world import compose
from twin.world.cell import CellModel, build_cell
from twin.world.spec import GripperSpec, WorkcellSpec

UR3 = SimpleNamespace(model="ur3")


def build(arm: str = "ur3", gripper: dict[str, Any] | None = None, **workcell: Any) -> CellModel:
    return build_cell(SimpleNamespace(model=arm), GripperSpec(**gripper or {}), WorkcellSpec(**workcell))


@pytest.fixture(params=["ur3", "panda"])
def cell(request: pytest.FixtureRequest) -> CellModel:
    return build(request.param)


@pytest.fixture
def swapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replaces one asset by a text for the length of a test."""

    def swap(name: str, change: Any) -> Path:
        real, file = compose.asset, tmp_path / Path(name).name
        file.write_text(change(real(name).read_text()))
        monkeypatch.setattr(compose, "asset", lambda path: file if path == name else real(path))
        module._build.cache_clear()
        return file

    yield swap
    module._build.cache_clear()


def test_the_tool_at_home_is_inside_the_workspace(cell: CellModel) -> None:
    assert cell.workspace.holds(cell.arm.fk(cell.arm.home[None])[0]).all()


def test_home_is_the_same_point_for_engine_and_arm(cell: CellModel) -> None:
    data = mujoco.MjData(cell.model)
    data.qpos[cell.arm_q] = cell.arm.home
    mujoco.mj_forward(cell.model, data)
    np.testing.assert_allclose(cell.arm.fk(cell.arm.home[None])[0][0], data.site("tool").xpos, atol=1e-9)


def test_start_area_and_tray_lie_in_reach(cell: CellModel) -> None:
    corners = np.array([cell.areas["start"].low, cell.areas["start"].high, cell.areas["tray"].centre]) + [0, 0, 0.02]
    assert cell.reach.holds(corners).all() and cell.workspace.holds(corners).all()


def test_nothing_touches_but_the_object_on_the_table(cell: CellModel) -> None:
    data = mujoco.MjData(cell.model)
    data.qpos[cell.arm_q] = cell.arm.home
    mujoco.mj_forward(cell.model, data)
    names = {cell.model.geom(i).name for pair in data.contact.geom for i in pair}
    assert names <= {"cell_table", "cell_object"}


def test_the_engine_never_resets_by_itself(cell: CellModel) -> None:
    assert cell.model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)


def test_the_object_is_as_the_workcell_says() -> None:
    cell = build(object_mm=30, object_kg=0.2, object_friction=0.5)
    model, thing = cell.model, cell.model.geom("cell_object").id
    assert model.geom_size[thing].tolist() == [0.015] * 3 and cell.object_m == 0.03
    assert model.body("cell_object").mass[0] == pytest.approx(0.2)
    assert (model.pair_friction[cell.thing_pairs, 0] == 0.5).all() and cell.thing_pairs.sum() == 8


def test_the_gripper_is_as_its_spec_says() -> None:
    cell = build(gripper={"stroke_mm": 60, "force_N": 25})
    grip = cell.model.actuator("hand_grip")
    assert grip.ctrlrange.tolist() == [0, 0.06] and grip.forcerange.tolist() == [-25, 25] and cell.stroke_m == 0.06


def test_the_same_specs_give_the_same_object() -> None:
    assert build() is build() and build() is not build(object_mm=41)


def test_a_pickled_cell_is_the_cell_built_from_its_specs() -> None:
    cell = build("panda", object_mm=35)
    blob = pickle.dumps(cell)
    assert pickle.loads(blob) is cell and len(blob) < 2000
    module._build.cache_clear()
    assert pickle.loads(blob).digest == cell.digest


def test_a_pickled_cell_whose_assets_changed_is_refused(swapped: Any) -> None:
    blob = pickle.dumps(build())
    swapped("robots/ur3.xml", lambda text: text.replace('mass="3.42"', 'mass="3.5"'))
    with pytest.raises(AssetError, match="assets of ur3 on table changed"):
        pickle.loads(blob)


def test_an_unknown_arm_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(AssetError, match=r"did you mean 'robots/ur3\.xml'"):
        build("ur4")


@pytest.mark.parametrize("name", ["robots/ur3.xml", "robots/parallel.xml", "workcells/table.xml"])
def test_a_broken_model_is_refused_with_its_file(swapped: Any, name: str) -> None:
    file = swapped(name, lambda text: text.replace("<worldbody>", "<worldbody><geom sizze='1'/>", 1))
    with pytest.raises(AssetError, match=rf"{file.name}.*sizze"):
        build()


@pytest.mark.parametrize(
    ("name", "old", "missing"),
    [
        ("robots/ur3.xml", 'name="attachment"', "site named 'attachment'"),
        ("robots/parallel.xml", 'name="pad_left"', "geom named 'pad_left'"),
        ("robots/parallel.xml", 'name="tool"', "site named 'tool'"),
        ("workcells/table.xml", '<geom name="object"', "geom named 'object'"),
        ("workcells/table.xml", '<site name="reach"', "site named 'reach'"),
    ],
)
def test_a_part_without_what_a_cell_needs_is_named(swapped: Any, name: str, old: str, missing: str) -> None:
    file = swapped(name, lambda text: text.replace(old, old.replace('="', '="my_'), 1))
    with pytest.raises(AssetError, match=rf"{file.name}: has no {missing}"):
        build()


def test_an_object_wider_than_the_gripper_is_refused() -> None:
    with pytest.raises(InputError, match="80 does not fit between fingers that open 80 mm"):
        build(object_mm=80)


@pytest.mark.parametrize(("step", "near"), [(0.0001, "0.001"), (1.2345, "1.234")])
def test_a_physics_step_of_broken_microseconds_is_refused(step: float, near: str) -> None:
    with pytest.raises(InputError, match=rf"no whole number of µs; the nearest is {near}"):
        build(physics_step_ms=step)
