"""Names that a scenario uses and must exist; names that may stand only once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from twin.control.spec import UseSpec
from twin.core.errors import Problem, UseError, nearest
from twin.core.yaml import Document, Loc
from twin.farm.ladder import PersonRung
from twin.farm.shifts import ever_on_duty
from twin.farm.spec import PeopleSpec
from twin.farm.targets import Targets
from twin.farm.workload import JobList
from twin.faults.onset import OF_CELLS
from twin.scenario.arms import arms
from twin.scenario.cells import Cell, expand, matching, only_site, places
from twin.scenario.jobs import Table
from twin.scenario.use import lacking, refused_arguments, resolve
from twin.scenario.view import Named, View
from twin.world.engines import ENGINES
from twin.world.own.spec import is_file
from twin.world.spec import TASKS

Tables = dict[int, Table]
"""Jobs read from CSV, by the index of their entry in `jobs`; a row's column has the path `("jobs", i, "path", row, column)`."""


class Checker:
    """Collects problems about what one part of a scenario says of another."""

    def __init__(self, document: Document, view: View, tables: Tables, folder: Path, engine: str = ENGINES[0]) -> None:
        """engine: the physics that it is to run on."""
        self.document, self.view, self.tables, self.folder = document, view, tables, folder
        self.engine = engine
        self.problems: list[Problem] = []
        self.cells: list[Cell] = list(expand(view.cells, only_site(view.sites)))

    def at(self, loc: Loc, message: str, *, key: bool = False) -> Problem:
        """A problem at a path of the scenario, at its value or its key, or in a row of a table."""
        match loc:
            case ("jobs", int(i), "path", int(k), str(column)):
                return self.tables[i].at(k, column, message)
        return self.document.at(loc, message, key=key)

    def refuse(self, loc: Loc, message: str, *, key: bool = False) -> None:
        """Note a problem at a path."""
        self.problems.append(self.at(loc, message, key=key))

    def fleet(self, *loc: str | int) -> Loc:
        """A path in the fleet as a path of the scenario."""
        return (*self.view.fleet, *loc)

    def name(self, loc: Loc, name: str | None, known: Named[Any], what: str) -> bool:
        """Whether a name exists; None (left out) always does."""
        if name is None or known is None or name in known:
            return True
        self.refuse(loc, f"unknown {what} {name!r}{nearest(name, known)}")
        return False

    def task(self, loc: Loc, name: str) -> bool:
        """Whether there is such a task; in the outcome tier tasks are what the outcomes say."""
        return self.view.tier == "outcome" or self.name(loc, name, dict.fromkeys(TASKS), "task")

    def place(self, loc: Loc) -> str:
        """file:line:column of a path."""
        return str(self.at(loc, "")).removesuffix(": ")


def check_names(check: Checker) -> None:
    """All names of a scenario."""
    _robots(check)
    _cells(check)
    _unique_cells(check)
    _unique_serials(check)
    _people(check)
    _jobs(check)
    _targets(check)
    _checks(check)
    _use(check)
    _releases(check)


def _robots(check: Checker) -> None:
    view, known = check.view, arms()
    for name, robot in (view.robots or {}).items():
        if robot is None:
            continue
        at = check.fleet("robots", name)
        if robot.model not in known and not is_file(robot.model) and view.tier == "physics":
            check.refuse((*at, "model"), f"no arm {robot.model!r} in assets/robots{nearest(robot.model, known, what='arms')}")
        check.name((*at, "gripper"), robot.gripper, view.grippers, "gripper")
        for i, sensor in enumerate(robot.sensors):
            check.name((*at, "sensors", i), sensor, view.sensors, "sensor")
        worn = {(): robot.reliability} | {("components", k): wear for k, wear in robot.reliability.components.items()}
        for where, wear in worn.items():
            check.name((*at, "reliability", *where, "part"), wear.part, view.parts, "spare part")


def _cells(check: Checker) -> None:
    view = check.view
    for i, cell in view.cells:
        at = check.fleet("cells", i)
        check.name((*at, "site"), cell.site, view.sites, "site")
        if cell.site is None and view.sites is not None and len(view.sites) != 1:
            check.refuse(at, f"cell {cell.name!r} names no site, and the fleet has {len(view.sites)}{nearest('', view.sites)}")
        check.name((*at, "workcell"), cell.workcell, view.workcells, "workcell")
        check.name((*at, "link"), cell.link, view.links, "link")
        check.name((*at, "compute"), cell.compute, view.compute, "compute")
        for k, robot in enumerate(cell.robots):
            check.name((*at, "robots", k, "robot"), robot.robot, view.robots, "robot")
        for k, task in enumerate(cell.tasks):
            check.task((*at, "tasks", k), task)


def _unique_cells(check: Checker) -> None:
    first: dict[str, int] = {}
    told: set[tuple[int, int]] = set()
    for cell in check.cells:
        other = first.setdefault(cell.name, cell.entry)
        if other != cell.entry and (other, cell.entry) not in told:
            told.add((other, cell.entry))
            where = check.place(check.fleet("cells", other, "name"))
            check.refuse(check.fleet("cells", cell.entry, "name"), f"duplicate cell {cell.name!r}, also at {where}")


def _unique_serials(check: Checker) -> None:
    first: dict[str, tuple[int, int]] = {}
    told: set[tuple[tuple[int, int], tuple[int, int]]] = set()
    written = dict(check.view.cells)
    for cell in check.cells:
        for k, robot in enumerate(cell.spec.robots):
            if written[cell.entry].robots[k].serial is None:
                continue  # made from the cell's name, which is looked at by itself
            here = (cell.entry, k)
            there = first.setdefault(str(robot.serial), here)
            if there != here and (there, here) not in told:
                told.add((there, here))
                where = check.place(check.fleet("cells", there[0], "robots", there[1], "serial"))
                message = f"duplicate serial {robot.serial!r}, also at {where}"
                check.refuse(check.fleet("cells", cell.entry, "robots", k, "serial"), message)


def _people(check: Checker) -> None:
    view = check.view
    for name, pool in (view.people or {}).items():
        if pool is not None:
            check.name(check.fleet("people", name, "site"), pool.site, view.sites, "site")
            _shifts(check, name, pool)
    for i, rung in view.resets:
        if isinstance(rung, PersonRung):
            _pool(check, check.fleet("resets", i, "pool"), rung.pool)
    if view.assist is not None:
        _pool(check, check.fleet("assist", "pool"), view.assist.pool)


def _pool(check: Checker, at: Loc, name: str) -> None:
    """Somebody of a pool that is called can come and help."""
    pool = (check.view.people or {}).get(name)
    if not check.name(at, name, check.view.people, "pool of people") or pool is None:
        return
    if pool.count == 0:
        check.refuse(at, f"pool {name!r} is empty (count: 0), so nobody would come")
    elif pool.site is not None and all(cell.spec.site != pool.site for cell in check.cells):
        check.refuse(at, f"pool {name!r} stays at {pool.site!r}, where no cell stands: nobody could come")
    elif "reset" not in pool.skills:
        check.refuse(at, f"pool {name!r} lacks the skill 'reset' (skills: {', '.join(pool.skills) or 'none'})")


def _shifts(check: Checker, name: str, pool: PeopleSpec) -> None:
    """Somebody must be there at some time of the run."""
    if check.view.window is None or not pool.shifts or not check.view.sites:
        return
    start, seconds = datetime.fromisoformat(check.view.window[0]), check.view.window[1]
    home = check.view.sites.get(pool.site or next(iter(check.view.sites)))
    zone = home.time_zone if home is not None else "UTC"
    if not ever_on_duty(pool.shifts, pool.count, ZoneInfo(zone), start, start + timedelta(seconds=seconds)):
        run = f"from {start.isoformat()} on for {seconds / 3600:g} h ({zone})"
        check.refuse(check.fleet("people", name, "shifts"), f"nobody of {name!r} is there {run}: no shift falls into it")


def written_jobs(check: Checker) -> Iterable[tuple[Loc, Any]]:
    """Every job with a place: listed ones, kinds of streams, rows of tables."""
    for i, load in check.view.jobs:
        if isinstance(load, JobList):
            yield from ((("jobs", i, "jobs", k), job) for k, job in enumerate(load.jobs))
        elif i in check.tables:
            yield from ((("jobs", i, "path", k), job) for k, job in enumerate(check.tables[i].jobs))
        elif load.kind == "poisson":
            yield ("jobs", i), load


def _jobs(check: Checker) -> None:
    """Tasks and cells that jobs ask for; names of jobs. A mistake that a list or a table repeats is told once."""
    able = {task for cell in check.cells for task in cell.spec.tasks}
    first: dict[str, Loc] = {}
    told: dict[tuple[Loc, Any, Any], None] = {}
    for at, job in written_jobs(check):
        name, on = getattr(job, "job", None), getattr(job, "on", None)
        if name is not None and name in first:
            check.refuse((*at, "job"), f"duplicate job {name!r}, also at {check.place((*first[name], 'job'))}")
        elif name is not None:
            first[name] = at
        if (at[:2], job.task, on) in told:
            continue
        told[at[:2], job.task, on] = None
        if check.task((*at, "task"), job.task) and check.view.cells_whole and job.task not in able:
            check.refuse((*at, "task"), f"no cell can do the task {job.task!r}: name it in the tasks of a cell")
        elif on is not None:
            found = _matched(check, (*at, "on"), on)
            if found and not any(job.task in cell.spec.tasks for cell in found):
                check.refuse((*at, "on"), f"no cell that matches {on!r} can do the task {job.task!r}")


def _matched(check: Checker, at: Loc, pattern: str) -> list[Cell]:
    found = matching(check.cells, pattern)
    if not found and check.view.cells_whole:
        check.refuse(at, f"no cell matches {pattern!r}{nearest(pattern, [c.name for c in check.cells], what='cells')}")
    return found


def targets(cells: Iterable[Cell], view: View) -> Targets:
    """What faults can be aimed at."""
    pools = {name: 0 if pool is None else pool.count for name, pool in (view.people or {}).items()}
    return Targets(places(cells), {k: g for k, g in (view.groups or {}).items() if g is not None}, pools, view.compute or {})


def _aimed(check: Checker, at: Loc, fault: Any) -> None:
    """Whether a fault has a target, and an onset that its kind of target can have."""
    known, aim = targets(check.cells, check.view), getattr(fault, "AIM", "cell")
    if not known.of(fault) and check.view.cells_whole:
        hint = nearest(fault.target, known.known(aim), what="targets")
        check.refuse((*at, "target"), f"no {WORDS[aim]} matches {fault.target!r}{hint}")
    for way in OF_CELLS if aim != "cell" else ():
        if getattr(fault.onset, way) is not None:
            check.refuse((*at, "onset", way), f"{way} counts a robot's episodes or hours, and the target is a {WORDS[aim]}")


WORDS = {"cell": "cell", "group": "cell", "pool": "pool", "server": "server", "strategy": "strategy"}
"""What the target of a fault is called."""


def _targets(check: Checker) -> None:
    first: dict[str, Loc] = {}
    for at, fault in check.view.faults:
        _aimed(check, at, fault)
        check.name((*at, "release"), getattr(fault, "release", None), check.view.releases, "release")
        standing = at[0] != "faults" or len(check.view.fleet) == 0
        name = str(at[-1]) if standing else fault.name
        where = at if standing else (*at, "name")
        if name is not None and first.setdefault(name, where) != where:
            check.refuse(where, f"duplicate fault {name!r}, also at {check.place(first[name])}")


def _releases(check: Checker) -> None:
    """A release changes something."""
    for name, release in (check.view.releases or {}).items():
        if release is not None and release.policy is None and release.filters is None and release.scheduler is None:
            check.refuse(("releases", name), "it changes nothing: give it a policy, filters or a scheduler")


def _checks(check: Checker) -> None:
    asked = [job.task for _, job in written_jobs(check)]
    sure = check.view.jobs_whole and (check.view.tier == "outcome" or all(task in TASKS for task in asked))
    named = [part.run for _, item in check.view.checks for part in (item.not_worse_than, item.no_effect) if part is not None]
    for i, item in check.view.checks:
        part = getattr(item, item.kind)
        task = getattr(part, "task", None)
        at: Loc = ("checks", i, item.kind, "task")
        if task is not None and check.task(at, task) and sure and task not in asked:
            check.refuse(at, f"no job asks for the task {task!r}, so this check could never be decided")
        robots = [robot for robot in (check.view.robots or {}).values() if robot is not None]
        if "jerk_violation" in (item.never, getattr(part, "of", None)) and all(r.limits.jerk_radps3 is None for r in robots):
            check.refuse(("checks", i, item.kind), "no robot has limits.jerk_radps3: there is no limit of jerk to violate")
        if item.no_effect is not None and not any(named):
            mend = "write no_effect: {run: …, on: […]}, or give the scenario a not_worse_than"
            check.refuse(("checks", i, "no_effect"), f"no check names the baseline run: {mend}")


def _use(check: Checker) -> None:
    view = check.view
    roles: list[tuple[Loc, Any, str]] = [
        (("scheduler",), view.scheduler, "Strategy"),
        (("dispatch",), view.dispatch, "Strategy"),
        (("idle",), view.idle, "Strategy"),
        (("policy",), view.policy, "Policy"),
    ]
    roles += [(("filters", i), item, "Filter") for i, item in view.filters]
    for name, release in (view.releases or {}).items():
        if release is not None:
            of: Loc = ("releases", name)
            roles += [((*of, "policy"), release.policy, "Policy"), ((*of, "scheduler"), release.scheduler, "Strategy")]
            roles += [((*of, "filters", i), item, "Filter") for i, item in enumerate(release.filters or ())]
    for at, spec, role in roles:
        if not isinstance(spec, UseSpec):
            continue
        try:
            cls = resolve(spec.use, check.folder)
        except UseError as error:
            check.refuse((*at, "use"), str(error))
            continue
        if missing := lacking(cls, role):
            check.refuse((*at, "use"), f"{spec.use} lacks {', '.join(f'{m}()' for m in missing)}, which a {role} needs")
        for name, tail in refused_arguments(cls, spec.with_):
            check.refuse((*at, "with", name), f"{spec.use} takes no argument {name!r}{tail}", key=True)
