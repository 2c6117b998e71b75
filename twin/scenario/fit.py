"""Whether the parts of a scenario fit: periods and steps, joints and arms, grippers and objects, breakage and repair."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twin.core.errors import nearest
from twin.core.yaml import Loc
from twin.farm.spec import ReliabilitySpec, RobotSpec
from twin.faults.joint import JointBreaks
from twin.faults.spec import Bench
from twin.scenario.arms import arms, located, mounted
from twin.scenario.cells import Cell
from twin.scenario.refs import Checker, targets
from twin.world.engines import CANNOT
from twin.world.own.markup import read
from twin.world.own.spec import is_file
from twin.world.spec import TASKS, WorkcellSpec


def check_fit(check: Checker) -> None:
    """Everything that has to fit."""
    _robots(check)
    pairs: dict[tuple[str, str], int] = {}
    for i, cell in check.view.cells:
        if len(cell.robots) > 1:
            at = check.fleet("cells", i, "robots", 1)
            check.refuse(at, f"cell {cell.name!r} has {len(cell.robots)} robots; tasks are of one arm so far: one robot a cell")
        for robot in cell.robots:
            pairs.setdefault((robot.robot, cell.workcell), i)
    for (kind, workcell), i in pairs.items():
        robot_spec, table = _get(check.view.robots, kind), _get(check.view.workcells, workcell)
        if robot_spec is not None and table is not None and check.view.tier == "physics":
            _period(check, kind, robot_spec, workcell, table)
            _grip(check, i, kind, robot_spec, workcell, table)
            _own(check, kind, robot_spec, table)
    for i, cell in check.view.cells:
        table = _get(check.view.workcells, cell.workcell)
        for k, task in enumerate(cell.tasks if table else ()):
            _task(check, check.fleet("cells", i, "tasks", k), task, cell.workcell, table)
    _faults(check)
    _repair(check)


def _get(named: Any, name: str) -> Any:
    return (named or {}).get(name)


def _robots(check: Checker) -> None:
    """Limits that are given one a joint need as many numbers as the arm has joints."""
    for name, robot in (check.view.robots or {}).items():
        joints = arms().get(robot.model) if robot else None
        if robot is not None and joints is not None:
            _per_joint(check, name, robot, joints)


def _per_joint(check: Checker, name: str, robot: RobotSpec, joints: int) -> None:
    for key in ("velocity_radps", "acceleration_radps2", "jerk_radps3"):
        value = getattr(robot.limits, key)
        if isinstance(value, tuple) and len(value) != joints:
            at = check.fleet("robots", name, "limits", key)
            check.refuse(at, f"{len(value)} numbers, but {robot.model} has {joints} joints")


def _own(check: Checker, name: str, robot: RobotSpec, table: WorkcellSpec) -> None:
    """A robot of the user's own is read and, where nothing is wrong with it, compiled in a process of its own."""
    gripper = _get(check.view.grippers, robot.gripper or "")
    if gripper is None:
        return
    if robot.own is None:
        if gripper.kind == "own" and not is_file(robot.model):
            at = check.fleet("robots", name, "gripper")
            check.refuse(at, f"gripper {robot.gripper!r} is the robot's own, and {robot.model} ships with none: kind: parallel")
        return
    file = located(robot, check.folder)
    found = read(file, robot.own.meshes, os.path.normpath(Path(check.document.file).parent / robot.model))
    new = [problem for problem in found.problems if problem not in check.problems]
    check.problems += new
    came = None if found.problems else mounted(robot, check.folder, gripper, table)
    if came is not None and came.error:
        check.refuse(check.fleet("robots", name, "own" if came.at else "model", *came.at), came.error)
    elif came is not None:
        _per_joint(check, name, robot, came.joints)


def _whole_us(ms: float) -> int | None:
    """Milliseconds as whole microseconds, or None where they are not."""
    us = round(ms * 1000)
    return us if us > 0 and abs(ms * 1000 - us) < 1e-6 else None


def _period(check: Checker, kind: str, robot: RobotSpec, workcell: str, table: WorkcellSpec) -> None:
    """A control period is a whole number of physics steps, and both are whole microseconds."""
    step = _whole_us(table.physics_step_ms)
    if step is None:
        at = check.fleet("workcells", workcell, "physics_step_ms")
        check.refuse(at, f"{table.physics_step_ms:g} ms is no whole number of microseconds")
        return
    period = robot.control_ms * 1000
    if abs(period - round(period)) < 1e-6 and round(period) % step == 0:
        return
    below = int(period // step) * step
    valid = " and ".join(f"{us / 1000:g}" for us in (below, below + step) if us > 0)
    check.refuse(
        check.fleet("robots", kind, "control_ms"),
        f"the control period of {robot.control_ms:g} ms is no multiple of the physics step of {table.physics_step_ms:g} ms "
        f"(workcell {workcell!r}); nearest: {valid} ms",
    )


def _task(check: Checker, at: Loc, task: str, workcell: str, table: WorkcellSpec) -> None:
    """A task needs the right workcell, with enough in it."""
    needs = TASKS.get(task)
    if needs is None:
        return
    if needs.workcell != table.kind:
        there = [name for name, other in TASKS.items() if other.workcell == table.kind]
        kind = f"a workcell of kind {needs.workcell!r}, and {workcell!r} is a {table.kind}"
        check.refuse(at, f"{task} needs {kind}{nearest(task, there, what='tasks there')}")
    elif needs.objects > table.count:
        short = f"workcell {workcell!r} has {table.count}: set its `objects`"
        check.refuse(at, f"{task} needs {needs.objects} objects, and {short}")


def _grip(check: Checker, i: int, kind: str, robot: RobotSpec, workcell: str, table: WorkcellSpec) -> None:
    """A cell's tasks need a gripper that goes round the object."""
    at, tasks = check.fleet("cells", i, "tasks"), " or ".join(dict(check.view.cells)[i].tasks)
    if robot.gripper is None:
        check.refuse(at, f"robot {kind!r} has no gripper and cannot do {tasks}: give it one of grippers")
        return
    gripper = _get(check.view.grippers, robot.gripper)
    if gripper is not None and gripper.stroke_mm <= table.object_mm:
        message = f"gripper {robot.gripper!r} opens {gripper.stroke_mm:g} mm, too little for {table.object_mm:g} mm of object"
        check.refuse(check.fleet("grippers", robot.gripper, "stroke_mm"), f"{message} in workcell {workcell!r}")


def _faults(check: Checker) -> None:
    """What a cell cannot have is refused: a fault that does nothing, and nobody hears of it, is worse than none."""
    for at, fault in check.view.faults:
        found: dict[tuple[str, str], list[Cell]] = {}
        hit = _hit(check, fault)
        for cell in hit:
            bench = _bench(check, cell)
            why = None if bench is None else fault.cannot(bench)
            if why is not None:
                found.setdefault(why, []).append(cell)
        for (key, reason), cells in found.items():
            names = "cell " + repr(cells[0].name) if len(cells) == 1 else f"{len(cells)} cells, such as {cells[0].name!r},"
            check.refuse((*at, key), f"{names} cannot have {fault.component}/{fault.mode}: {reason}")


def _bench(check: Checker, cell: Cell) -> Bench | None:
    """What decides which faults a cell can have; None where it is not known yet."""
    robot, table = _get(check.view.robots, cell.spec.robots[0].robot), _get(check.view.workcells, cell.spec.workcell)
    server = _get(check.view.compute, cell.spec.compute) if cell.spec.compute else None
    if robot is None or table is None:
        return None
    things, timeout = table.count + (table.kind == "drawer"), None if server is None else server.timeout_ms
    joints, link = _joints(check, robot, table), cell.spec.link is not None
    return Bench(robot.model, joints, things, table.count, robot.control_ms, timeout, link, CANNOT[check.engine])


def _joints(check: Checker, robot: RobotSpec, table: WorkcellSpec) -> int | None:
    """Of an arm; None where it is unknown."""
    gripper = _get(check.view.grippers, robot.gripper or "")
    if robot.own is None or gripper is None:
        return arms().get(robot.model)
    came = mounted(robot, check.folder, gripper, table)
    return None if came is None or came.error else came.joints


def _hit(check: Checker, fault: Any) -> list[Cell]:
    """The cells that a fault is aimed at."""
    if getattr(fault, "AIM", "cell") != "cell":
        return []
    named = targets(check.cells, check.view).cells(fault.target)
    return [cell for cell in check.cells if cell.name in named]


def _first_law(reliability: ReliabilitySpec) -> Loc | None:
    """Where it is said that a robot, or a component of it, can break."""
    worn: dict[Loc, Any] = {(): reliability} | {("components", k): wear for k, wear in reliability.components.items()}
    found = ((*at, law) for at, wear in worn.items() for law in ("fails_h", "fails_cycles") if getattr(wear, law) is not None)
    return next(found, None)


def _repair(check: Checker) -> None:
    """Whatever can break needs somebody who repairs at its site."""
    people = check.view.people
    if people is None or None in people.values():
        return
    pools = [pool for pool in people.values() if pool is not None and pool.count > 0 and "repair" in pool.skills]

    def unattended(cells: list[Cell]) -> list[str]:
        sites = dict.fromkeys(cell.spec.site for cell in cells)
        return [str(site) for site in sites if not any(pool.site in (None, site) for pool in pools)]

    mend = f"give a pool of people the skill 'repair'{nearest('', people, what='pools')}"
    for name, robot in (check.view.robots or {}).items():
        law = None if robot is None else _first_law(robot.reliability)
        if law is None:
            continue
        if sites := unattended([cell for cell in check.cells if any(r.robot == name for r in cell.spec.robots)]):
            at = check.fleet("robots", name, "reliability", *law)
            check.refuse(at, f"robot {name!r} can break, but nobody at site {sites[0]!r} can repair: {mend}")
    for at, fault in check.view.faults:
        if isinstance(fault, JointBreaks) and (sites := unattended(_hit(check, fault))):
            check.refuse(at, f"this breaks robots, but nobody at site {sites[0]!r} can repair: {mend}")
