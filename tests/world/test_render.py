"""A floor can be drawn where the machine can draw, and says what is missing where it cannot."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from twin.core.errors import AssetError
from twin.world import render
from twin.world.cell import CellModel, build_cell
from twin.world.spec import GripperSpec, WorkcellSpec


def posed(arm: str) -> tuple[CellModel, Any]:
    model = build_cell(SimpleNamespace(model=arm), GripperSpec(), WorkcellSpec())
    qpos = np.array(model.model.qpos0)
    qpos[model.arm_q] = model.arm.home
    return model, qpos


def test_a_floor_of_both_arms_is_drawn(tmp_path: Path) -> None:
    try:
        path = render.render_floor([posed("ur3"), posed("panda"), posed("ur3")], tmp_path / "floor.png", (160, 80))
    except AssetError as error:
        pytest.skip(str(error))
    with Image.open(path) as picture:
        assert picture.size == (160, 80) and np.ptp(np.asarray(picture)) > 100


def test_the_hall_behind_a_cell_is_drawn_without_dots() -> None:
    model, qpos = posed("ur3")
    try:
        with render.Painter([model], (320, 240)) as painter:
            corner = np.asarray(painter.picture([qpos]))[:45, :125].astype(float)
    except AssetError as error:
        pytest.skip(str(error))
    assert np.abs(np.diff(corner.sum(axis=2), axis=1)).mean() < 1.0


def test_a_machine_that_cannot_draw_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render.importlib, "import_module", lambda name: SimpleNamespace())
    with pytest.raises(AssetError, match="install libegl1"):
        render.render_floor([posed("ur3")], tmp_path / "floor.png", (160, 80))


def test_an_empty_floor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without cells"):
        render.render_floor([], tmp_path / "floor.png")


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (2, 2), (7, 4), (12, 4), (64, 8)])
def test_a_floor_is_about_twice_as_wide_as_deep(n: int, columns: int) -> None:
    assert render._columns(n) == columns
