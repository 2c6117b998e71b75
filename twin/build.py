"""The only builder of farms: a scenario becomes cells, lanes, strategies and one farm."""

from __future__ import annotations

import functools
import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from twin.control.guard import Guarded
from twin.control.inbox import Inbox
from twin.control.links import LinkBank
from twin.control.policy import Setup
from twin.control.releases import Chains, Releases, Versions, role_of
from twin.control.safety.build import build_filter, promised, promises
from twin.control.safety.chain import Chain, Filter, Mapped
from twin.control.safety.limits import Bounds
from twin.control.safety.persons import Persons
from twin.control.safety.promises import BREACHES, Promises
from twin.control.scripted import Scripted
from twin.control.selftest import SelfTest
from twin.control.sensing import Sensors
from twin.control.servers import Machine, Server
from twin.control.spec import KnownPolicy, SeparationFilter, UseSpec
from twin.core.chance import Chance
from twin.core.clock import Clock, to_us
from twin.core.errors import UseError, raised
from twin.core.records import CellInfo, FleetInfo
from twin.farm.assisting import Assisting
from twin.farm.book import Book
from twin.farm.cells import Cell
from twin.farm.curriculum import CURRICULA, NoneSpec
from twin.farm.data import DataDesk
from twin.farm.dispatchers import DISPATCHERS
from twin.farm.drawn import Drawn
from twin.farm.episodes import Episodes
from twin.farm.farm import Farm
from twin.farm.host import Host
from twin.farm.jobs import Arrivals
from twin.farm.lane import Lane
from twin.farm.people import People
from twin.farm.recovery import Recovery
from twin.farm.repair import Repair
from twin.farm.schedulers import SCHEDULERS
from twin.farm.simulated import Simulated
from twin.farm.spec import RobotSpec, SiteSpec
from twin.farm.targets import Targets
from twin.farm.ticks import Ticks
from twin.farm.trouble import Trouble
from twin.farm.wear import Wear
from twin.farm.work import Work
from twin.faults.compute import StrategyFault
from twin.faults.group import Body
from twin.faults.injection import InForce
from twin.faults.ports import Ports
from twin.scenario.arms import located
from twin.scenario.cells import places
from twin.scenario.load import Scenario
from twin.scenario.tiers import policy_name
from twin.scenario.use import resolve
from twin.world.base import World
from twin.world.cell import CellModel, build_cell
from twin.world.compose import Robot
from twin.world.kinematic import KinematicWorld
from twin.world.kinematics import Arm
from twin.world.mujoco import MujocoWorld
from twin.world.spec import GripperSpec
from twin.world.spheres import spheres
from twin.world.tasks import tasks_of


def build(scenario: Scenario, run: str, threads: int) -> Farm:
    """A farm at time zero. `run` names the run in episode rows; `threads` changes no bit of any result."""
    spec, fleet = scenario.spec, scenario.spec.fleet
    clock, chance, in_force = Clock(), Chance(scenario.seed), InForce()
    book = Book(clock, spec.everyday)
    cells, groups = _cells(scenario)
    machines: Machines = {name: Machine(name, server, chance, in_force) for name, server in fleet.compute.items()}
    drawn = spec.tier == "outcome"
    keys = {} if drawn else groups
    lanes = [_lane(scenario, i, key, members, machines, chance, threads) for i, (key, members) in enumerate(keys.items())]
    people = _people(scenario, clock, book, chance, in_force)
    recovery = Recovery(fleet, clock, book, chance, people)
    hosts = [Host(role, make) for role, make in strategies(scenario).items()]
    work = Work(clock, book, cells, recovery, hosts, _not_wired, in_force)
    repair, wear = Repair(fleet, clock, book, chance, recovery), Wear(cells, clock, book, chance)
    plan = _plan(scenario)
    trouble = Trouble(plan, targets(scenario), cells, lanes, to_us(spec.duration_s), clock, book, chance, in_force)
    book.watched = frozenset(trouble.onsets.on)
    work.strategies.watches = any(isinstance(fault, StrategyFault) for fault in plan)
    desk = DataDesk(fleet.store, clock, book, chance, in_force)
    facts = _facts(scenario, run)
    parts = (clock, book, chance, work, recovery, repair, wear, trouble, desk, facts)
    outcomes = fleet.outcomes if drawn else None
    episodes: Episodes
    if outcomes is None:
        episodes = Simulated(cells, lanes, *parts)
        if fleet.assist is not None:
            episodes.assisting = Assisting(fleet.assist, clock, recovery, episodes.operating, lanes)
        episodes.ticks = None if spec.log.ticks is None else Ticks(spec.log.ticks)
    else:
        episodes = Drawn(outcomes, fleet.learning, list(cells.values()), *parts)
    arrivals = Arrivals(spec.jobs, clock, chance)
    return Farm(clock, book, chance, cells, episodes, work, recovery, repair, wear, arrivals, trouble, machines)


def _plan(scenario: Scenario) -> list[Any]:
    """The scenario's faults and those that the fleet has anyway."""
    spec = scenario.spec
    if spec.tier == "outcome":
        return [fault.drawn() for fault in spec.faults]
    return [*spec.faults, *(fault.model_copy(update={"name": name}) for name, fault in spec.fleet.faults.items())]


def targets(scenario: Scenario) -> Targets:
    """What faults can be aimed at."""
    fleet = scenario.spec.fleet
    return Targets(
        places(scenario.cells), fleet.groups, {name: pool.count for name, pool in fleet.people.items()}, fleet.compute
    )


def _not_wired(cell: Cell) -> None:
    raise AssertionError("the farm sets what starts an episode")


def _people(scenario: Scenario, clock: Clock, book: Book, chance: Chance, in_force: InForce) -> People:
    """Everybody, by the clock of their site (of a pool without a site: the first one's)."""
    spec, fleet = scenario.spec, scenario.spec.fleet
    first = next(iter(fleet.sites.values()), SiteSpec())
    homes = {name: fleet.sites[pool.site] if pool.site else first for name, pool in fleet.people.items()}
    zones = {name: ZoneInfo(home.time_zone) for name, home in homes.items()}
    where = {cell.name: i for i, cell in enumerate(scenario.cells)}
    return People(fleet.people, clock, book, chance, zones, datetime.fromisoformat(spec.start_utc), where, in_force)


def _facts(scenario: Scenario, run: str) -> dict[str, Any]:
    """Constants of the run that episode rows carry."""
    spec = scenario.spec
    policy = spec.policy
    name, version = policy_name(policy)
    columns = {
        "source": "sim",
        "schema": 1,
        "run": run,
        "fleet": spec.fleet.fleet,
        "mode": "policy",
        "policy": name,
        "policy_version": version,
    }
    return {
        "columns": columns,
        "start_utc": spec.start_utc.replace("Z", "+00:00"),
        "timeout_s": spec.episode_timeout_s,
        "store": f"{spec.fleet.store.uri}/{run}",
        "made_by": made_by(scenario),
    }


def made_by(scenario: Scenario) -> dict[str, Any]:
    """What besides scenario, seed and the user's code decides the bits of a run: versions, processor, assets."""
    engines = ("numpy", "mujoco", *(("pybullet",) if scenario.engine == "pybullet" else ()))
    versions = {"python": platform.python_version()} | {p: metadata.version(p) for p in engines}
    return {
        "versions": versions | {"twin": _own_version(), "source": source_digest()},
        "cpu_features": cpu_features(),
        "assets": dict(scenario.assets),
    }


DECIDES = ("core", "world", "faults", "control", "farm", "build.py", "snapshot.py", "run.py")
"""The parts of the twin that decide the bits of a run."""


@functools.cache
def source_digest() -> str:
    """Twelve hexadecimal digits over the source of `DECIDES`: a version number does not tell one checkout from another."""
    root, total = Path(__file__).parent, hashlib.sha256()
    for path in sorted(path for part in DECIDES for path in [root / part, *(root / part).rglob("*.py")] if path.is_file()):
        total.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()[:12]


def _own_version() -> str:
    try:
        return metadata.version("robot-farm-twin")
    except metadata.PackageNotFoundError:
        return "not installed"


def cpu_features() -> str:
    """What of the processor can change floating-point results: architecture and the vector extensions NumPy found."""
    found: Mapping[str, bool] = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    return " ".join([platform.machine(), *sorted(name for name, there in found.items() if there)])


Machines = dict[str, Machine]
"""Policy servers by name, shared by all lanes."""
LaneKey = tuple[str, str]
"""Kind of robot and workcell: cells that share both share a lane."""


def _cells(scenario: Scenario) -> tuple[dict[str, Cell], dict[LaneKey, list[Cell]]]:
    cells: dict[str, Cell] = {}
    groups: dict[LaneKey, list[Cell]] = {}
    for placed in scenario.cells:
        robot = placed.spec.robots[0]
        kind = scenario.spec.fleet.robots[robot.robot]
        members = groups.setdefault((robot.robot, placed.spec.workcell), [])
        lane = list(groups).index((robot.robot, placed.spec.workcell))
        cell = Cell(placed.name, placed.spec.site or "", robot.serial or placed.name, robot.robot, placed.spec, kind,
                    robot.stack_version or kind.stack_version, lane, len(members))  # fmt: skip
        members.append(cell)
        cells[cell.name] = cell
    return cells, groups


def model_of(scenario: Scenario, key: LaneKey) -> CellModel:
    """The cell model of a lane."""
    fleet = scenario.spec.fleet
    robot = fleet.robots[key[0]]
    gripper = fleet.grippers[robot.gripper] if robot.gripper else GripperSpec()
    model = robot.model if robot.own is None else str(located(robot, scenario.folder))
    return build_cell(Robot(model, robot.own), gripper, fleet.workcells[key[1]])


def _lane(
    scenario: Scenario, index: int, key: LaneKey, members: Sequence[Cell], machines: Machines, chance: Chance, threads: int
) -> Lane:
    spec, fleet = scenario.spec, scenario.spec.fleet
    model, robot = model_of(scenario, key), fleet.robots[key[0]]
    n, arm, period_us = len(members), model.arm, to_us(robot.control_ms / 1000)
    world = make_world(scenario.engine, model, n, threads)
    ports, names = Ports(n, Body(arm, model.stroke_m, period_us, model.beyond)), [c.name for c in members]
    links = LinkBank([fleet.links[c.spec.link] if c.spec.link else None for c in members], names, chance, ports.link)
    by_server: dict[str | None, Any] = {}
    for row, cell in enumerate(members):
        by_server.setdefault(cell.spec.compute, np.zeros(n, bool))[row] = True
    in_the_cell = Machine("", None, chance)
    servers = [Server(machines[name] if name else in_the_cell, rows) for name, rows in by_server.items()]
    policy = _policy(scenario, spec.policy, model, period_us / 1e6)
    others = list(spec.releases.values())
    if any(other.policy for other in others):
        named = [other.policy or spec.policy for other in others]
        policy = Versions([policy, *(_policy(scenario, one, model, period_us / 1e6) for one in named)])
    inbox = Inbox(policy, links, servers, n, arm.nq, model.things)
    box = np.stack((model.workspace.low, model.workspace.high))
    bounds = _bounds(arm, robot, period_us / 1e6)
    chains = [
        Chain([_filter(scenario, f, model, bounds, n) for f in filters], bounds)
        for filters in (spec.filters, *(other.filters or () for other in others))
    ]
    chain = Chains(chains, n) if others else chains[0]
    sensors = Sensors([fleet.sensors[name] for name in robot.sensors], names, arm.nq, model.things, period_us, chance)
    test = SelfTest(n, arm, model.stroke_m, period_us / 1e6, fleet.self_test)
    lane = Lane(index, world, arm, inbox, chain, ports, sensors, test, period_us, tasks_of(model),
                model.things, float(model.width_m[0]), box, bounds)  # fmt: skip
    if isinstance(chain, Chains):
        lane.releases = Releases(spec.releases, inbox, chain, ports.process.rolled)
    lane.stops.limit_us = to_us(robot.stops.limit_s)
    lane.persons = _persons(spec.filters, model, n)
    lane.promises = _promises(scenario, model, bounds, lane.persons, n)
    return lane


def make_world(engine: str, model: CellModel, n: int, threads: int) -> World:
    """n rows of a cell on an engine."""
    match engine:
        case "mujoco":
            return MujocoWorld(model, n, threads)
        case "pybullet":
            from twin.world.pybullet.world import PybulletWorld

            return PybulletWorld(model, n)
    return KinematicWorld(model, n)


def _persons(filters: Sequence[Any], model: CellModel, n: int) -> Persons:
    """Whoever will be in n cells, and what a scanner tells of them."""
    scanner = next((f for f in filters if isinstance(f, SeparationFilter)), SeparationFilter(kind="separation"))
    return Persons(n, spheres(model), scanner.scanner_ms / 1000, scanner.clearance_m)


def _promises(scenario: Scenario, model: CellModel, bounds: Bounds, persons: Persons, n: int) -> Promises | None:
    """The judge of promises that the scenario's checks ask for; None: of none."""
    spec = scenario.spec
    named = [check.never or (check.rate.of if check.rate else "") for check in spec.checks]
    asked = promised(spec.filters, [what for what in BREACHES if what in named])
    return promises(asked, model, bounds, persons, n, spec.filters) if asked else None


def _policy(scenario: Scenario, spec: Any, model: CellModel, period_s: float) -> Any:
    assert not isinstance(spec, KnownPolicy), "the scenario's check lets it pass in the outcome tier only"
    if isinstance(spec, UseSpec):
        setup = Setup(model.arm, tuple(tasks_of(model)), model.things, model.object_m, model.stroke_m, period_s)
        return Guarded(make(spec, scenario, setup), spec.use, model.nq + 1)
    return Scripted(model, spec, period_s)


def _filter(scenario: Scenario, spec: Any, model: CellModel, bounds: Bounds, n: int) -> Filter:
    if not isinstance(spec, UseSpec):
        return build_filter(spec, model, bounds, n)
    if getattr(resolve(spec.use, scenario.folder), "single_row", False):
        return Mapped(lambda: make(spec, scenario), n)
    used: Filter = make(spec, scenario)
    return used


def _bounds(arm: Arm, robot: RobotSpec, period_s: float) -> Bounds:
    """The data sheet's limits, lowered where the fleet says so."""
    limits = robot.limits
    velocity = np.minimum(arm.velocity, np.inf if limits.velocity_radps is None else limits.velocity_radps)
    acceleration = np.minimum(arm.acceleration, np.inf if limits.acceleration_radps2 is None else limits.acceleration_radps2)
    bounds = Bounds(arm.limits, velocity, acceleration, period_s, limits.position_margin_rad)
    if limits.jerk_radps3 is not None:
        bounds.jerk = np.broadcast_to(limits.jerk_radps3, arm.nq).astype(np.float64)
    return bounds


def make(spec: UseSpec, scenario: Scenario, *first: Any) -> Any:
    """The user's class with its arguments; whatever it raises is told as one message."""
    cls = resolve(spec.use, scenario.folder)
    try:
        return cls(*first, **spec.with_)
    except (Exception, SystemExit) as error:
        given = "".join(f" (it is given a {type(value).__name__} first, then what stands under with:)" for value in first)
        raise UseError(f"{spec.use} could not be made: {raised(error)}{given}") from error


def strategies(scenario: Scenario) -> Mapping[str, Any]:
    """How to make each strategy afresh, by its role."""
    spec = scenario.spec
    info = FleetInfo(
        tuple(_info(scenario, cell) for cell in scenario.cells),
        {name: pool.count for name, pool in spec.fleet.people.items()},
        {name: pool.skills for name, pool in spec.fleet.people.items()},
        {name: pool.site for name, pool in spec.fleet.people.items()},
    )
    built_in = {
        **SCHEDULERS,
        **DISPATCHERS,
        **{kind: functools.partial(cls, seed=scenario.seed) for kind, cls in CURRICULA.items()},
    }
    asked: dict[str, Any] = {"scheduler": spec.scheduler, "dispatch": spec.dispatch, "idle": spec.idle}
    asked |= {role_of(name): other.scheduler for name, other in spec.releases.items() if other.scheduler is not None}

    def maker(role: str, item: Any) -> Any:
        return lambda: make(item, scenario, info) if isinstance(item, UseSpec) else built_in[type(item)](info, item)

    return {role: maker(role, item) for role, item in asked.items() if not isinstance(item, NoneSpec)}


def _info(scenario: Scenario, cell: Any) -> CellInfo:
    serials = tuple(robot.serial or cell.name for robot in cell.spec.robots)
    model = scenario.spec.fleet.robots[cell.spec.robots[0].robot].model
    return CellInfo(cell.name, cell.spec.site or "", serials, model, cell.spec.tasks)
