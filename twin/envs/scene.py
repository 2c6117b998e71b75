"""From the options of an environment to a farm of cells all alike, whose policy is the caller."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from twin.build import build
from twin.core.errors import InputError, nearest
from twin.farm.farm import Farm
from twin.farm.spec import CellSpec, FleetSpec
from twin.faults.spec import LANE_PORTS
from twin.scenario.cells import expand
from twin.scenario.load import Scenario, load, load_fleet
from twin.world.spec import TASKS


@dataclass(frozen=True)
class Options:
    """What an environment takes beside `num_envs`.

    fleet: a fleet file; its first cell that fits (`cell`, `task`, `arm`) is repeated, with its link, policy server, sensors and
    workcell. Left out: the arm at the task's workcell, without delays. faults, filters: lists as in a scenario file; those at
    a lane's ports only. reward: sparse (1 at success) or dense. control: joint or tool, see `twin.control.agent.Actions`.
    rest: whether things that lie still sleep until they are touched (faster); left out: as the fleet's workcells say, and
    without a fleet they do.
    camera: (height, width) of an image in the observation; left out: none. render_mode: rgb_array, for `render()`.
    """

    task: str = "pick_place"
    arm: str = "ur3"
    fleet: str | None = None
    cell: str = "*"
    faults: Sequence[Any] = ()
    filters: Sequence[Any] | None = None
    reward: str = "sparse"
    control: str = "joint"
    control_ms: float = 40.0
    max_episode_steps: int = 500
    autoreset: str = "NextStep"
    engine: str = "mujoco"
    threads: int = 2
    rest: bool | None = None
    render_mode: str | None = None
    camera: tuple[int, int] | None = None


def options(given: dict[str, Any]) -> Options:
    """Checked options; raises `InputError` that names the nearest of an unknown one."""
    known = [field.name for field in fields(Options)]
    for key in given:
        if key not in known:
            raise InputError(f"unknown option {key!r} of a twin environment{nearest(key, known)}")
    made = Options(**given)
    choices = {"reward": ("sparse", "dense"), "autoreset": ("NextStep", "Disabled"), "task": tuple(TASKS)}
    for key, allowed in choices.items():
        if getattr(made, key) not in allowed:
            raise InputError(f"{key}: {getattr(made, key)!r} is none of its values{nearest(str(getattr(made, key)), allowed)}")
    if made.render_mode not in (None, "rgb_array"):
        raise InputError(f"render_mode: {made.render_mode!r} is none of its values{nearest(made.render_mode, ['rgb_array'])}")
    if made.camera is not None:
        sides: tuple[Any, ...] = tuple(made.camera)
        if len(sides) != 2 or not all(side in range(16, 1025) for side in sides):
            raise InputError(f"camera: expected (height, width) from 16 to 1024 pixels, found {made.camera!r}")
    if made.max_episode_steps < 1:
        raise InputError(f"max_episode_steps: expected at least 1, found {made.max_episode_steps!r}")
    return made


def farm_of(asked: Options, n: int, seed: int) -> Farm:
    """A farm of n cells alike, none of which was offered to anybody. Raises `SpecError` or `InputError` for bad options."""
    if n < 1:
        raise InputError(f"num_envs: at least 1, found {n}")
    scenario = _scenario(asked, seed)
    cell = _chosen(scenario, asked).model_copy(update={"count": n, "name": "env", "maintenance": (), "duty": None})
    fleet = scenario.spec.fleet.model_copy(update={"cells": (cell,)})
    if asked.rest is not None and asked.fleet is not None:
        tables = {name: table.model_copy(update={"rest": asked.rest}) for name, table in fleet.workcells.items()}
        fleet = fleet.model_copy(update={"workcells": tables})
    cells = tuple(expand([(0, cell)], cell.site or next(iter(fleet.sites))))
    alike = replace(scenario, spec=scenario.spec.model_copy(update={"fleet": fleet}), cells=cells)
    farm = build(alike, "env", asked.threads)
    for fault in farm.trouble.injections:
        if fault.spec.PORT not in LANE_PORTS:
            raise InputError(f"fault {fault.name}: {fault.spec.component} faults need a farm; an environment has a lane only")
    return farm


def _scenario(asked: Options, seed: int) -> Scenario:
    described: dict[str, Any] = {
        "scenario": "env", "duration_s": 1e9, "seed": seed, "policy": {"use": "twin.control.agent:Agent"},
        "fleet": _fleet(asked) if asked.fleet is None else str(Path(asked.fleet).resolve()),
        "jobs": [{"kind": "list", "jobs": [{"task": asked.task}]}], "faults": list(asked.faults),
    }  # fmt: skip
    if asked.filters is not None:
        described["filters"] = list(asked.filters)
    if asked.fleet is not None:
        load_fleet(asked.fleet)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "options.yaml"
        path.write_text(json.dumps(described, indent=1))
        return load(path, engine=asked.engine)


def _fleet(asked: Options) -> dict[str, Any]:
    needs = TASKS[asked.task]
    workcell: dict[str, Any] = {"kind": needs.workcell, "rest": asked.rest is not False}
    if needs.objects > 1:
        workcell["objects"] = needs.objects
    return {
        "fleet": "env",
        "workcells": {"there": workcell},
        "grippers": {"wide": {"stroke_mm": 80}},
        "robots": {"arm": {"model": asked.arm, "gripper": "wide", "control_ms": asked.control_ms}},
        "cells": [{"name": "env", "workcell": "there", "robots": [{"robot": "arm"}], "tasks": [asked.task]}],
    }


def _chosen(scenario: Scenario, asked: Options) -> CellSpec:
    """The first cell of the fleet that fits."""
    fleet: FleetSpec = scenario.spec.fleet
    for cell in scenario.cells:
        spec = cell.spec
        model = fleet.robots[spec.robots[0].robot].model
        if asked.task in spec.tasks and fnmatchcase(cell.name, asked.cell) and (asked.cell != "*" or model == asked.arm):
            return spec
    there = {f"{c.name} ({fleet.robots[c.spec.robots[0].robot].model}: {', '.join(c.spec.tasks)})" for c in scenario.cells}
    wanted = f"does {asked.task} with {asked.arm}" if asked.cell == "*" else f"is called {asked.cell} and does {asked.task}"
    raise InputError(f"fleet {fleet.fleet!r} has no cell that {wanted}; there are {', '.join(sorted(there)[:5])}")
