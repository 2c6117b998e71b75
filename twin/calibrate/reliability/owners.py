"""Whose life it is: robots of a log as kinds of the fleet, or one by one by their serials."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from twin.calibrate.episodelog import Episodes
from twin.calibrate.found import Found
from twin.calibrate.given import Given
from twin.calibrate.reliability.history import keys
from twin.calibrate.reliability.spec import ReliabilitySpec
from twin.calibrate.result import Finding, Path
from twin.core.errors import nearest
from twin.farm.spec import FleetSpec, RobotInCell
from twin.judge.columns import lists
from twin.scenario.cells import expand, only_site


@dataclass(frozen=True)
class Owner:
    """Robots that share a life: their cells, what they are called, and where their reliability stands."""

    label: str
    path: Path
    cells: tuple[str, ...]


def owners(spec: ReliabilitySpec, given: Given, log: Episodes, found: Found) -> list[Owner]:
    """The robots of a log by their kind in the fleet, or each by its serial. A log names a robot by its serial or its cell."""
    known = {} if given.fleet is None else _robots(given.fleet)
    groups: dict[tuple[str, Path], list[str]] = {}
    strangers = []
    for cell, serial in _serials(log.frame).items():
        robot = known.get(serial) or known.get(cell.rpartition("/")[2])
        if given.fleet is not None and robot is None:
            strangers.append(serial)
        if robot is not None and spec.per == "all":
            key: tuple[str, Path] = (robot.robot, ("robots", robot.robot, "reliability"))
        elif spec.per == "all" or given.fleet is not None and robot is None:
            key = ("all robots" if given.fleet is None else "other robots", ("models", given.name(spec)))
        else:
            own = robot.serial if robot is not None and robot.serial is not None else serial
            key = (own, ("serials", own, "reliability"))
        groups.setdefault(key, []).append(cell)
    if strangers:
        text = f"the fleet has no robot with the serial or in a cell {strangers[0]!r}{nearest(strangers[0], known)}"
        more = f", nor {len(strangers) - 1} more of the log" if len(strangers) > 1 else ""
        found.findings.append(Finding("warning", f"{text}{more}: what they tell stands under `models`, which no farm reads"))
    return [Owner(label, path, tuple(cells)) for (label, path), cells in groups.items()]


def _robots(fleet: FleetSpec) -> dict[str, RobotInCell]:
    """Every robot of the fleet by its serial, and the first of each cell by the cell's name."""
    cells = list(expand(enumerate(fleet.cells), only_site(fleet.sites)))
    by_cell = {cell.name: cell.spec.robots[0] for cell in cells}
    return by_cell | {robot.serial: robot for cell in cells for robot in cell.spec.robots if robot.serial is not None}


def _serials(frame: pd.DataFrame) -> dict[str, str]:
    """Cell → the serial of its robot, where the log tells it; else the cell's own name."""
    told = dict(zip(keys(frame).tolist(), lists(frame, "robots", table="episodes"), strict=True))
    return {cell: robots[0] if robots else cell.rpartition("/")[2] for cell, robots in sorted(told.items())}
