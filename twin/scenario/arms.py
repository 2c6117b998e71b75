"""What a scenario needs to know of arms, those that ship and the user's own, without loading a physics engine."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

from twin.core.assets import names
from twin.farm.spec import RobotSpec
from twin.scenario.spec import ScenarioSpec
from twin.world.own.markup import own_files
from twin.world.own.trial import Tried, tried
from twin.world.spec import GripperSpec, WorkcellSpec


@lru_cache(maxsize=1)
def arms() -> dict[str, int]:
    """The arms in assets/robots with their number of joints (a file without joint velocities is no arm)."""
    counted = {name: _joints(path) for name, path in names("robots", ".xml").items()}
    return {name: joints for name, joints in counted.items() if joints}


def _joints(path: Path) -> int:
    numeric = ElementTree.parse(path).find("./custom/numeric[@name='velocity']")
    return 0 if numeric is None else len(numeric.get("data", "").split())


def located(robot: RobotSpec, folder: Path) -> Path:
    """The file of a robot of the user's own; `folder` is the scenario's."""
    return Path(os.path.normpath(folder / robot.model))


def files_of(spec: ScenarioSpec, folder: Path) -> dict[str, str]:
    """sha256 of the files that the fleet's cells are made of: assets by their name there, the user's as `own/…`."""
    fleet, robots = spec.fleet, robots_of(spec)
    tables = {fleet.workcells[cell.workcell].kind for cell in fleet.cells}
    parts: set[str] = {fleet.grippers[robot.gripper].kind for robot in robots if robot.gripper is not None}
    parts |= {robot.model for robot in robots if robot.own is None}
    used = {f"workcells/{name}.xml": path for name, path in names("workcells", ".xml").items() if name in tables}
    used |= {f"robots/{name}.xml": path for name, path in names("robots", ".xml").items() if name in parts}
    for robot in robots:
        if robot.own is not None:
            used |= own_files(located(robot, folder), robot.own.meshes)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in sorted(used.items())}


def robots_of(spec: ScenarioSpec) -> list[RobotSpec]:
    """The kinds of robots that stand in the fleet's cells."""
    kinds = dict.fromkeys(robot.robot for cell in spec.fleet.cells for robot in cell.robots)
    return [spec.fleet.robots[kind] for kind in kinds]


def mounted(robot: RobotSpec, folder: Path, gripper: GripperSpec, workcell: WorkcellSpec) -> Tried | None:
    """What came of compiling a robot of the user's own into a cell; None of one that ships."""
    return None if robot.own is None else tried(located(robot, folder), robot.own, gripper, workcell)
