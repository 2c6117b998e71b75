"""The fitted model as the robot of a fleet: its file, the sidecar of the model that was given, and a line of the overlay."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from twin.calibrate.dynamics.spec import DynamicsSpec
from twin.calibrate.given import Given
from twin.calibrate.result import Estimate
from twin.core.assets import names
from twin.core.errors import InputError, StorageError, nearest
from twin.core.records import Floats


def check(spec: DynamicsSpec, given: Given) -> str | None:
    """The sidecar (YAML) of the robot that is to run with the fitted model; None where none is to. Raises `InputError`."""
    if spec.robot is None:
        return None
    if given.fleet is None:
        raise InputError(f"`robot: {spec.robot}` is one of a fleet, and the plan names none: say `fleet: fleet.yaml`")
    if spec.robot not in given.fleet.robots:
        raise InputError(f"the fleet has no robot {spec.robot!r}{nearest(spec.robot, given.fleet.robots, what='robots')}")
    if spec.save is None:
        raise InputError(f"`robot: {spec.robot}` needs a file to run with: say `save: {spec.robot}-fitted.xml`")
    ships = names("robots", ".xml")
    if not (given.folder / spec.model).is_file() and spec.model in ships:
        return of_shipped(ships[spec.model])
    sidecar = (given.folder / spec.model).with_suffix(".yaml")
    if not sidecar.is_file():
        raise InputError(f"`robot: {spec.robot}` needs a sidecar {sidecar.name!r} beside {spec.model!r} (docs/robots.md)")
    return sidecar.read_text(encoding="utf-8")


def of_shipped(file: Path) -> str:
    """The sidecar with which an arm that ships can be brought as a file. Raises `InputError` where it is no arm of a cell."""
    model = mujoco.MjModel.from_xml_path(str(file))
    known = {model.numeric(i).name: np.array(model.numeric(i).data) for i in range(model.nnumeric)}
    site = mujoco.mj_name2id(model, int(mujoco.mjtObj.mjOBJ_SITE), "attachment")
    if "home" not in known or site < 0:
        raise InputError(f"{file.stem} works in no cell: no fleet runs with it")
    x, y, z = model.site_pos[site]
    turned = Rotation.from_quat(model.site_quat[site], scalar_first=True).as_euler("xyz", suppress_warnings=True)
    link = model.body(model.site_bodyid[site]).name
    stand = known.get("stand", np.zeros(3))
    return "".join(
        (
            f"# What {file.stem}, which ships, says of itself; its fitted model runs with it.\n",
            f"home_rad: {_list(known['home'])}\n",
            f"tool: {{link: {link}, at_m: {_list([x, y, z])}, rpy_rad: {_list(turned)}}}\n",
            f"base_m: {_list(-stand)}\n",
            f"limits: {{velocity_radps: {_list(known['velocity'])}, acceleration_radps2: {_list(known['acceleration'])}}}\n",
        )
    )


def _list(values: Sequence[float] | Floats) -> str:
    return f"[{', '.join(f'{float(v) + 0.0:.9g}' for v in values)}]"


def estimates(spec: DynamicsSpec, given: Given, sidecar: str | None, source: str) -> list[Estimate]:
    """The line that gives the fleet's robot the fitted model; its sidecar is put beside it. Raises `StorageError`."""
    if sidecar is None or spec.robot is None or spec.save is None:
        return []
    file = given.folder / spec.save
    if not file.with_suffix(".yaml").exists():
        try:
            file.with_suffix(".yaml").write_text(sidecar, encoding="utf-8")
        except OSError as error:
            raise StorageError(f"{file.with_suffix('.yaml')} cannot be written: {error.strerror or error}") from error
    named = os.path.relpath(file.resolve(), given.fleet_folder.resolve())
    return [Estimate(("robots", spec.robot, "model"), named, source=source, method="the fitted model")]
