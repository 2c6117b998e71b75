"""What a suite consists of: units, each with the folder in which its result lies or will lie."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twin.core.errors import InputError, Problem, SpecError, UseError
from twin.scenario.load import Scenario, find, load, remade, ships
from twin.suite.code import surroundings
from twin.suite.find import scenario_files
from twin.world.engines import BOTH


@dataclass(frozen=True, eq=False)
class Unit:
    """One scenario with one seed. `shown` is how a user names its file from here; `around` the digest of its surroundings,
    `key` the digest of all that decides its result."""

    scenario: Scenario
    shown: str
    around: str

    @property
    def name(self) -> str:
        """`scenario-seed`, unique within a suite."""
        return f"{self.scenario.name}-{self.scenario.seed}"

    @property
    def key(self) -> str:
        """sha256 of scenario, engine, seed and surroundings."""
        return hashlib.sha256(f"{self.scenario.digest} {self.scenario.seed} {self.around}".encode()).hexdigest()

    @property
    def reproduce(self) -> str:
        """The command that runs this unit alone, from here."""
        engine = self.scenario.engine
        return f"twin run {shlex.quote(self.shown)} --seed {self.scenario.seed}" + f" --engine {engine}" * (engine != "mujoco")

    def seeded(self, seed: int) -> Unit:
        """The same with another seed."""
        spec = self.scenario.spec.model_copy(update={"seed": seed})
        return replace(self, scenario=replace(self.scenario, seed=seed, spec=spec))

    def home(self, out: Path) -> Path:
        """The folder that holds its run folder."""
        return out / self.around[:12]


def plan(
    paths: Sequence[str | Path], *, seeds: int | Sequence[int] = 1, engine: str = "mujoco", duration_s: float | None = None
) -> list[Unit]:
    """The units of a suite, scenarios in the order given, each with its seeds. On engine "both" every scenario comes twice, the
    second time as `NAME-pybullet`: what is asked of it must hold on either. On one engine, only those with checks that say
    `engines: both` do, with nothing else asked the second time.

    `seeds`: how many, from the scenario's own on; or which. Raises `SpecError` with the problems of all files at once, and
    `InputError` for two scenarios with the same name.
    """
    units: list[Unit] = []
    files = scenario_files(paths)
    loaded = [scenario for each in (BOTH if engine == "both" else (engine,)) for scenario in _load(files, each, duration_s)]
    if engine == "both":
        loaded = [s if s.engine == BOTH[0] else _renamed(s, f"{s.name}-{s.engine}") for s in loaded]
    else:
        loaded += _beside(loaded, engine, duration_s)
    for scenario in loaded:
        first = unit_of(scenario)
        wanted = range(scenario.seed, scenario.seed + seeds) if isinstance(seeds, int) else dict.fromkeys(seeds)
        units += [first.seeded(seed) for seed in wanted]
    return units


def unit_of(scenario: Scenario) -> Unit:
    """The unit of a scenario with the seed that it has."""
    return Unit(scenario, named(scenario.path), surroundings(scenario))


def _beside(loaded: Sequence[Scenario], engine: str, duration_s: float | None) -> list[Scenario]:
    """On the other of `BOTH`, what has checks that must hold there too, with these alone: its digest is one of its own."""
    files = [scenario.path for scenario in loaded if any(check.engines for check in scenario.spec.checks)]
    found = []
    for scenario in (s for other in BOTH if files and other != engine for s in _load(files, other, duration_s)):
        data = scenario.spec.model_dump(mode="json", by_alias=True)
        checks = [check for check in data["checks"] if check["engines"]]
        found.append(remade(scenario, data | {"scenario": f"{scenario.name}-{scenario.engine}", "checks": checks}))
    return found


def _renamed(scenario: Scenario, name: str) -> Scenario:
    return replace(scenario, name=name, spec=scenario.spec.model_copy(update={"scenario": name}))


def _load(files: Iterable[Path], engine: str, duration_s: float | None) -> list[Scenario]:
    found: dict[str, Scenario] = {}
    problems: list[Problem] = []
    for file in files:
        try:
            scenario = load(named(file), engine=engine, duration_s=duration_s)
        except SpecError as error:
            problems += error.problems
            continue
        except UseError as error:
            problems.append(Problem(named(file), 0, 0, str(error)))
            continue
        other = found.setdefault(scenario.name, scenario)
        if other is not scenario:
            raise InputError(
                f"two scenarios are called {scenario.name!r}: {named(other.path)} and {named(file)}; "
                "results are told apart by name: rename one"
            )
    if problems:
        raise SpecError(problems)
    return list(found.values())


def named(file: Path) -> str:
    """How to name a scenario's file on a command line given here: by its shipped name, or by a path."""
    here = Path.cwd()
    if file.is_relative_to(here):
        return str(file.relative_to(here))
    shipped = {path.resolve(): name for name, path in ships().items()}
    name = shipped.get(file.resolve())
    if name is not None and find(name) == file:  # nothing here is called the same
        return name
    return min(str(file), os.path.relpath(file), key=len)
