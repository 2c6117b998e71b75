"""Whether filters contradict the cells that they are to guard: an arm that stands where it must not, before anything moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from twin.control.spec import BarrierFilter, KeepOutFilter, WorkspaceFilter
from twin.core.records import Floats
from twin.core.yaml import Loc
from twin.farm.spec import RobotSpec
from twin.scenario.arms import arms, located
from twin.scenario.refs import Checker

Home = tuple[str, Any]
"""A kind of robot and the model of a cell that it stands in."""
MEND = "nothing could move from there"


def check_guards(check: Checker) -> None:
    """Limits, boxes and volumes that leave a robot no place, or not the one where it begins: its home pose."""
    _once(check)
    if check.view.tier != "physics":
        return
    guards = [(at, guard) for at, guard in _filters(check) if _places(guard)]
    narrow = ["position_margin_rad" in robot.limits.model_fields_set for robot in (check.view.robots or {}).values() if robot]
    if not guards and not any(narrow):
        return
    told: set[Loc] = set()
    for kind, cell in list(_homes(check)):
        found = list(_margin(check, kind, cell))
        for at, guard in guards:
            found += _contradicts(at, guard, kind, cell)
        for at, message in found:
            if at not in told:  # once, however many robots stand there
                told.add(at)
                check.refuse(at, message)


def _filters(check: Checker) -> Iterator[tuple[Loc, Any]]:
    yield from ((("filters", i), guard) for i, guard in check.view.filters)
    for name, release in (check.view.releases or {}).items():
        yield from ((("releases", name, "filters", i), guard) for i, guard in enumerate((release and release.filters) or ()))


def _once(check: Checker) -> None:
    """A second filter of a kind in a chain: what is promised would be judged by one of them only."""
    first: dict[tuple[Loc, str], Loc] = {}
    for at, guard in _filters(check):
        kind = getattr(guard, "kind", "use")
        if kind != "use" and first.setdefault((at[:-1], kind), at) != at:
            index = first[at[:-1], kind][-1]
            check.refuse((*at, "kind"), f"a second {kind!r} in one chain: say all of it in the first (filters[{index}])")


def _places(guard: Any) -> bool:
    """Whether a filter names places of its own."""
    boxed = isinstance(guard, (WorkspaceFilter, BarrierFilter)) and (guard.low_m or guard.high_m)
    return bool(boxed or (isinstance(guard, (KeepOutFilter, BarrierFilter)) and guard.volumes))


def _homes(check: Checker) -> Iterator[Home]:
    """Every kind of robot on every workcell that it stands in, as far as they are sound."""
    from twin.world.cell import build_cell  # loads the physics engine, which reading most scenarios does without
    from twin.world.compose import Robot

    view, pairs = check.view, {}
    for _, cell in view.cells:
        pairs.update(dict.fromkeys((robot.robot, cell.workcell) for robot in cell.robots))
    for kind, workcell in pairs:
        robot, table = (view.robots or {}).get(kind), (view.workcells or {}).get(workcell)
        gripper = None if robot is None else (view.grippers or {}).get(robot.gripper or "")
        if robot is None or table is None or gripper is None or gripper.stroke_mm <= table.object_mm:
            continue
        if robot.model in arms() if robot.own is None else not check.problems:
            yield kind, build_cell(Robot(_model(check, robot), robot.own), gripper, table)


def _model(check: Checker, robot: RobotSpec) -> str:
    return robot.model if robot.own is None else str(located(robot, check.folder))


def _margin(check: Checker, kind: str, cell: Any) -> Iterator[tuple[Loc, str]]:
    """Position limits that are kept away from."""
    assert check.view.robots is not None
    robot, arm = check.view.robots[kind], cell.arm
    margin = 0.0 if robot is None else robot.limits.position_margin_rad
    for k, room in enumerate(np.minimum(arm.home - arm.limits[:, 0], arm.limits[:, 1] - arm.home)):
        if room < margin:
            at = check.fleet("robots", kind, "limits", "position_margin_rad")
            most = f"its home pose is {max(room, 0.0):.3f} rad from the end of joint {k}"
            yield at, f"a margin of {margin:g} rad leaves {kind!r} no place to begin: {most}"
            return


def _contradicts(at: Loc, guard: Any, kind: str, cell: Any) -> Iterator[tuple[Loc, str]]:
    """What a filter says against a robot in its home pose."""
    from twin.control.safety.watch import Watch  # as above
    from twin.world.spheres import spheres

    home = cell.arm.home[None]
    if isinstance(guard, (WorkspaceFilter, BarrierFilter)):
        yield from _outside(at, guard, kind, cell.arm.fk(home)[0][0])
    body = spheres(cell)
    for k, volume in enumerate(getattr(guard, "volumes", ())):
        gap = float(Watch(body, np.array([[volume.low_m, volume.high_m]]), False, 0).gaps(home)[0])
        if gap <= 0:
            yield (*at, "volumes", k), f"robot {kind!r} stands in this volume in its home pose, by {-1000 * gap:.0f} mm: {MEND}"


def _outside(at: Loc, guard: Any, kind: str, tool: Floats) -> Iterator[tuple[Loc, str]]:
    """Sides of a box that leave the tool outside."""
    for key, sign in (("low_m", 1), ("high_m", -1)):
        side = getattr(guard, key)
        if side is not None and (sign * (tool - np.array(side)) < 0).any():
            here = ", ".join(f"{x:.2f}" for x in tool)
            yield (*at, key), f"the tool of robot {kind!r} is at [{here}] m in its home pose, out of this box: {MEND}"
