"""From the options of an environment to a farm of cells all alike, whose policy is the caller."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from twin.build import build
from twin.core.errors import InputError, SpecError, nearest
from twin.core.spec import Spec
from twin.farm.farm import Farm
from twin.farm.spec import CellSpec, FleetSpec
from twin.faults.spec import LANE_PORTS
from twin.scenario.cells import Cell, expand
from twin.scenario.load import Scenario, load, load_fleet
from twin.scenario.messages import wording
from twin.world.spec import TASKS

Side = Annotated[int, Field(ge=16, le=1024)]
"""Of a picture, in pixels."""
WANTED = {"camera": "; wanted: (height, width) from 16 to 1024 pixels", "fleet": "; wanted: the path of a fleet file"}
"""Options whose mistakes need a word more."""


def _plain(value: Any) -> Any:
    """NumPy's numbers and Gymnasium's enums as what they say."""
    return value.item() if isinstance(value, np.generic) else getattr(value, "value", value)


class Options(Spec):
    """What an environment takes beside `num_envs`.

    fleet: a fleet file; its first cell that fits (`task`; `cell`, `arm` where given) is repeated, with its link, policy server,
    sensors and workcell. Left out: the arm (ur3) at the task's workcell, without delays. faults, filters: lists as in a
    scenario file; those at a lane's ports only. reward: sparse (1 at success) or dense. control: joint or tool, see
    `twin.control.agent.Actions`. max_episode_steps: None for episodes without end.
    rest: whether things that lie still sleep until they are touched (faster); left out: as the fleet's workcells say, and
    without a fleet they do.
    camera: (height, width) of an image in the observation; left out: none. render_mode: rgb_array, for `render()`.
    """

    task: str = "pick_place"
    arm: str | None = None
    fleet: Path | None = None
    cell: str = "*"
    faults: tuple[Any, ...] = ()
    filters: tuple[Any, ...] | None = None
    reward: Literal["sparse", "dense"] = "sparse"
    control: Literal["joint", "tool"] = "joint"
    control_ms: Annotated[float, Field(gt=0)] = 40.0
    max_episode_steps: Annotated[int, Field(ge=1)] | None = 500
    autoreset: Literal["NextStep", "Disabled"] = "NextStep"
    engine: str = "mujoco"
    threads: Annotated[int, Field(ge=1, le=1024)] = 2
    rest: bool | None = None
    render_mode: Literal["rgb_array"] | None = None
    camera: tuple[Side, Side] | None = None


def options(given: dict[str, Any]) -> Options:
    """Checked options; raises `InputError` that names what is wrong and the nearest of what is known."""
    known = list(Options.model_fields)
    wrong = [f"unknown option {key!r} of a twin environment{nearest(key, known)}" for key in given if key not in known]
    if "task" in given and given["task"] not in TASKS:
        wrong.append(f"task: unknown value {given['task']!r}{nearest(str(given['task']), TASKS)}")
    if not wrong:
        try:
            return Options.model_validate({key: _plain(value) for key, value in given.items()})
        except ValidationError as error:
            told = {str(one["loc"][0]): wording(one) for one in error.errors(include_url=False)}
            wrong = [f"{key}: {words}{WANTED.get(key, '')}" for key, words in told.items()]
    raise InputError("\n".join(wrong))


def farm_of(asked: Options, n: Any, seed: int) -> Farm:
    """A farm of n cells alike, none of which was offered to anybody. Raises `SpecError` or `InputError` for bad options."""
    if not isinstance(n, (int, np.integer)) or n < 1:
        raise InputError(f"num_envs: a whole number of at least 1 is wanted, found {n!r}")
    scenario = _scenario(asked, seed)
    cell = _chosen(scenario, asked).model_copy(update={"count": int(n), "name": "env", "maintenance": (), "duty": None})
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
        "fleet": _fleet(asked) if asked.fleet is None else str(asked.fleet.resolve()),
        "jobs": [{"kind": "list", "jobs": [{"task": asked.task}]}], "faults": list(asked.faults),
    }  # fmt: skip
    if asked.filters is not None:
        described["filters"] = list(asked.filters)
    if asked.fleet is not None:
        load_fleet(asked.fleet)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "options.yaml"
        text = _written(described)
        path.write_text(text)
        try:
            return load(path, engine=asked.engine)
        except SpecError as error:
            told = (p if p.file != str(path) else replace(p, file=_option(text, p.line), line=0) for p in error.problems)
            raise SpecError(list(told)) from None


def _written(described: dict[str, Any]) -> str:
    """The options as a scenario file. Raises `InputError` for what no file can hold."""
    try:
        return json.dumps(described, indent=1)
    except (TypeError, ValueError) as error:
        raise InputError(f"faults, filters: lists and mappings as in a scenario file are wanted: {error}") from None


def _option(text: str, line: int) -> str:
    """Which option is to blame for a mistake in a line of `_written`: `faults[1]`."""
    named = {"model": "arm", "control_ms": "control_ms", "faults": "faults", "filters": "filters"}
    option, entries = "task", -1
    for each in text.splitlines()[:line]:
        key = re.match(r' *"(\w+)": ', each)
        if key and key[1] in named and (option in ("task", "arm", "control_ms") or each.startswith(' "')):
            option, entries = named[key[1]], -1
        entries += re.match("  [^ ]", each) is not None and not each.startswith(("  }", "  ]"))
    return f"{option}[{entries}]" if option in ("faults", "filters") and entries >= 0 else option


def _fleet(asked: Options) -> dict[str, Any]:
    needs = TASKS[asked.task]
    workcell: dict[str, Any] = {"kind": needs.workcell, "rest": asked.rest is not False}
    if needs.objects > 1:
        workcell["objects"] = needs.objects
    return {
        "fleet": "env",
        "workcells": {"there": workcell},
        "grippers": {"wide": {"stroke_mm": 80}},
        "robots": {"arm": {"model": asked.arm or "ur3", "gripper": "wide", "control_ms": asked.control_ms}},
        "cells": [{"name": "env", "workcell": "there", "robots": [{"robot": "arm"}], "tasks": [asked.task]}],
    }


def _chosen(scenario: Scenario, asked: Options) -> CellSpec:
    """The first cell of the fleet that fits."""
    fleet: FleetSpec = scenario.spec.fleet

    def arm_of(cell: Cell) -> str:
        return fleet.robots[cell.spec.robots[0].robot].model

    wanted: dict[str, Callable[[Cell], bool]] = {f"does {asked.task}": lambda cell: asked.task in cell.spec.tasks}
    if asked.cell != "*":
        wanted[f"is called {asked.cell}"] = lambda cell: fnmatchcase(cell.name, asked.cell)
    if asked.arm is not None:
        wanted[f"has the arm {asked.arm}"] = lambda cell: arm_of(cell) == asked.arm
    for cell in scenario.cells:
        if all(fits(cell) for fits in wanted.values()):
            return cell.spec
    there = {f"{cell.name} ({arm_of(cell)}: {', '.join(cell.spec.tasks)})" for cell in scenario.cells}
    raise InputError(f"fleet {fleet.fleet!r} has no cell that {' and '.join(wanted)}; there are {', '.join(sorted(there)[:5])}")
