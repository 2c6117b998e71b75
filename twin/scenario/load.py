"""From a scenario file to a frozen `Scenario`, or to all of its mistakes at once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twin.control.spec import UseSpec
from twin.core.assets import shipped
from twin.core.errors import AssetError, InputError, Problem, SpecError, nearest
from twin.core.quantity import LARGEST
from twin.core.yaml import Document, read
from twin.farm.spec import FleetSpec
from twin.farm.workload import JobList, TableJobs
from twin.scenario import replays, traces
from twin.scenario.arms import files_of
from twin.scenario.cells import Cell, expand, matching, only_site
from twin.scenario.files import Files
from twin.scenario.fit import check_fit
from twin.scenario.guards import check_guards
from twin.scenario.jobs import read_table
from twin.scenario.messages import another, explain
from twin.scenario.refs import Checker, Tables, check_names
from twin.scenario.spec import ScenarioSpec
from twin.scenario.tiers import check_tier
from twin.scenario.use import resolve, source_digest
from twin.scenario.view import partly, whole
from twin.world.engines import need


@dataclass(frozen=True)
class Scenario:
    """A scenario that holds together: what `run` takes. Picklable.

    `spec` has its fleet in place and its tables of jobs read into lists; `cells` are expanded. `digest` covers the
    specification, the engine, the tables and the source of the user's classes, not the seed. `code` and `assets` are sha256
    by `use` and by asset file.
    """

    spec: ScenarioSpec
    path: Path
    name: str
    seed: int
    digest: str
    cells: tuple[Cell, ...]
    engine: str
    code: Mapping[str, str]
    assets: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """Where the scenario's own modules and tables lie."""
        return self.path.parent


def load(
    path: str | Path,
    *,
    seed: int | None = None,
    duration_s: float | None = None,
    engine: str = "mujoco",
    overlay: Path | None = None,
) -> Scenario:
    """A scenario by path, or by name where it ships (`quickstart`).

    `seed` and `duration_s` override the file's; `overlay` is laid over the fleet, after the file's own. Raises `SpecError`
    with all problems, `InputError` for an override that makes no sense.
    """
    need(engine)
    overrides = _overrides(seed, duration_s)
    file = find(path)
    spec, problems = _load(file, os.path.relpath(file) if not Path(path).exists() else str(path), overlay, engine)
    if problems or not isinstance(spec, ScenarioSpec):
        raise SpecError(problems or [Problem(str(path), 0, 0, "this is a fleet; a scenario that names it can be run")])
    spec = spec.model_copy(update=overrides)
    fleet = spec.fleet
    cells = tuple(expand(enumerate(fleet.cells), only_site(fleet.sites)))
    code = {use.use: source_digest(resolve(use.use, file.parent)) for use in _uses(spec)}
    assets = files_of(spec, file.parent)
    return Scenario(spec, file, spec.scenario, spec.seed, _digest(spec, engine, code), cells, engine, code, assets)


def remade(scenario: Scenario, data: Mapping[str, Any]) -> Scenario:
    """The scenario that changed data (as `spec.model_dump(mode="json", by_alias=True)` gives them) describe; names are not
    looked up again. Raises `ValidationError`."""
    spec = ScenarioSpec.model_validate_json(json.dumps(data))
    cells = tuple(expand(enumerate(spec.fleet.cells), only_site(spec.fleet.sites)))
    digest = _digest(spec, scenario.engine, scenario.code)
    return replace(scenario, spec=spec, name=spec.scenario, seed=spec.seed, digest=digest, cells=cells)


def load_fleet(path: str | Path) -> FleetSpec:
    """A fleet that stands in its own file. Raises `SpecError` with all problems."""
    file = find(path)
    spec, problems = _load(file, str(path))
    if problems or not isinstance(spec, FleetSpec):
        raise SpecError(problems or [Problem(str(path), 0, 0, "this is a scenario; a fleet file is wanted")])
    return spec


def check(path: str | Path) -> list[Problem]:
    """All problems of a scenario or fleet file, in the order of files and lines; empty where it is sound."""
    try:
        file = find(path)
    except SpecError as error:
        return list(error.problems)
    return _load(file, str(path) if Path(path).exists() else os.path.relpath(file))[1]


def find(path: str | Path) -> Path:
    """The file of a scenario: a path, a folder that holds `scenario.yaml`, or the name of one that ships."""
    given = Path(path)
    if given.is_file():
        return given.resolve()
    if (given / "scenario.yaml").is_file():
        return (given / "scenario.yaml").resolve()
    known = ships()
    if str(path) in known:
        return known[str(path)]
    if (given / "run.json").is_file():
        raise SpecError([Problem(str(path), 0, 0, "a run that has ended; `twin replay` runs it again, `twin report` shows it")])
    if given.is_dir():
        message = "a folder without a scenario.yaml"
    else:
        message = "no such file" if given.suffix or len(given.parts) > 1 else "no such file or shipped scenario"
    raise SpecError([Problem(str(path), 0, 0, message + nearest(given.stem, known, what="scenarios that ship"))])


def ships() -> dict[str, Path]:
    """The scenarios that ship with the twin, by name."""
    try:
        folder = shipped("scenarios")
    except AssetError:
        return {}
    found = {path.stem: path for path in folder.glob("*.yaml")}
    found |= {path.parent.name: path for path in folder.glob("*/scenario.yaml")}
    found |= {path.stem: path for path in folder.glob("published/*.yaml")}
    return dict(sorted(found.items()))


def _overrides(seed: int | None, duration_s: float | None) -> dict[str, Any]:
    if seed is not None and seed < 0:
        raise InputError(f"the seed must be at least 0, is {seed}")
    if duration_s is not None and not 0 < duration_s <= LARGEST:
        raise InputError(f"the duration must be greater than 0 s and at most {LARGEST:g} s, is {duration_s:g}")
    given = {"seed": seed, "duration_s": duration_s}
    return {key: value for key, value in given.items() if value is not None}


def _load(
    file: Path, shown: str, over: Path | None = None, engine: str = "mujoco"
) -> tuple[ScenarioSpec | FleetSpec | None, list[Problem]]:
    document = read(file, shown)
    if not isinstance(document.data, dict):
        return None, document.problems
    if (other := another(document, "scenario", "cells")) is not None:
        return None, [other]
    files = Files(document, file, shown, over)
    files.gather()
    traces.fill(document)
    replays.fill(document)
    root: type[ScenarioSpec] | type[FleetSpec] = FleetSpec if files.alone else ScenarioSpec
    problems = list(document.problems)
    spec: ScenarioSpec | FleetSpec | None = None
    try:
        spec = root.model_validate_json(json.dumps(document.data, sort_keys=True), strict=True)
        view = whole(spec)
    except ValidationError as error:
        problems += explain(error.errors(include_url=False), document, root)
        view = partly(document.data, fleet_only=files.alone)
    tables, wrong = _tables(view.jobs, document, file.parent)
    view.jobs_whole = view.jobs_whole and not wrong
    checker = Checker(document, view, tables, file.parent, engine)
    check_names(checker)
    check_fit(checker)
    check_tier(checker)
    check_guards(checker)
    problems += [*wrong, *checker.problems]
    if isinstance(spec, ScenarioSpec) and spec.log.ticks is not None and not matching(checker.cells, spec.log.ticks):
        known = nearest(spec.log.ticks, [cell.name for cell in checker.cells], what="cells")
        problems.append(document.at(("log", "ticks"), f"no cell's name matches {spec.log.ticks!r}{known}"))
    if isinstance(spec, ScenarioSpec) and not problems:
        jobs = (JobList(kind="list", jobs=tables[i].jobs) if i in tables else load for i, load in enumerate(spec.jobs))
        spec = spec.model_copy(update={"jobs": tuple(jobs)})
    return spec, _in_order(problems, document.file)


def _tables(jobs: list[tuple[int, Any]], document: Document, folder: Path) -> tuple[Tables, list[Problem]]:
    tables: Tables = {}
    problems: list[Problem] = []
    for i, load in jobs:
        if not isinstance(load, TableJobs):
            continue
        if (folder / load.path).is_file():
            shown = os.path.normpath(Path(document.file).parent / load.path)
            tables[i], wrong = read_table(folder / load.path, shown)
            problems += wrong
        else:
            tail = nearest(load.path, [path.name for path in folder.glob("*.csv")])
            problems.append(document.at(("jobs", i, "path"), f"no table {load.path!r} beside the scenario{tail}"))
    return tables, problems


def _uses(spec: ScenarioSpec) -> list[UseSpec]:
    named: list[Any] = [spec.scheduler, spec.dispatch, spec.idle, spec.policy, *spec.filters]
    for other in spec.releases.values():
        named += [other.scheduler, other.policy, *(other.filters or ())]
    return [item for item in named if isinstance(item, UseSpec)]


def _digest(spec: ScenarioSpec, engine: str, code: Mapping[str, str]) -> str:
    """sha256 of the canonical JSON of what decides a run, the seed excepted."""
    parts = {"spec": spec.model_dump(mode="json", by_alias=True, exclude={"seed"}), "engine": engine, "code": dict(code)}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _in_order(problems: list[Problem], first: str) -> list[Problem]:
    files = list(dict.fromkeys([first, *(problem.file for problem in problems)]))
    return sorted(dict.fromkeys(problems), key=lambda p: (files.index(p.file), p.line, p.column))
