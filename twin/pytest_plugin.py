"""Scenarios as tests: `pytest scenarios/` collects scenario files, and `twin_run` runs one from a test in Python.

Loaded by every pytest that runs where the twin is installed, so nothing but pytest is imported before a scenario is met.
`-p no:twin.pytest_plugin` turns it off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from twin.world.engines import ENGINES

if TYPE_CHECKING:
    from twin.log.tables import RunLog
    from twin.suite.plan import Unit

MARK = "twin"
_OUT: pytest.StashKey[Path] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--twin-seeds`, `--twin-engine`, `--twin-out`."""
    group = parser.getgroup("twin", "scenarios of the robot-farm twin")
    group.addoption("--twin-seeds", type=_seeds, default=1, metavar="K", help="run each scenario with K seeds, from its own on")
    group.addoption("--twin-engine", choices=ENGINES, default=ENGINES[0], help="the physics of scenarios (default: mujoco)")
    group.addoption(
        "--twin-out", type=Path, metavar="DIR", help="keep run folders here (default: in pytest's own temporary folder)"
    )


def _seeds(text: str) -> int:
    if (value := int(text)) < 1:
        raise ValueError("at least one seed")
    return value


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", f"{MARK}: runs a scenario of the robot-farm twin; select with -m {MARK}")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A scenario file is a file of tests; other YAML files are none of ours and are not even parsed without the word."""
    if file_path.suffix not in (".yaml", ".yml"):
        return None
    try:
        if b"scenario" not in file_path.read_bytes():
            return None
    except OSError:
        return None
    from twin.suite.find import is_scenario

    return ScenarioFile.from_parent(parent, path=file_path) if is_scenario(file_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that use `twin_run` carry the marker, too."""
    for item in items:
        if "twin_run" in getattr(item, "fixturenames", ()):
            item.add_marker(MARK)


class ScenarioFile(pytest.File):
    """A scenario file: one test a seed."""

    def collect(self) -> Iterator[pytest.Item]:
        """The tests of this file; a file with mistakes is an error that lists them with their places."""
        from twin.core.errors import TwinError

        try:
            first = _unit(self.path, self.config)
        except TwinError as error:
            raise self.CollectError(str(error)) from error
        for seed in range(first.scenario.seed, first.scenario.seed + self.config.getoption("--twin-seeds")):
            unit = first.seeded(seed)
            yield ScenarioItem.from_parent(self, name=f"{unit.scenario.name}[seed={seed}]", unit=unit)


class ScenarioItem(pytest.Item):
    """A scenario with a seed: passes where the run's verdict is `pass`, and nowhere else."""

    def __init__(self, *, unit: Unit, **rest: Any) -> None:
        super().__init__(**rest)
        self.unit = unit
        self.add_marker(MARK)

    def runtest(self) -> None:
        """Run it and judge it."""
        ran = _run(self.unit, _out(self.config))
        for key in ("seed", "hash"):
            self.user_properties.append((key, ran.meta[key]))
        self.user_properties += [("run_folder", str(ran.folder)), ("reproduce", ran.reproduce)]
        ran.expect()

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What failed, what led to it and how to see it again; a traceback only for what is a bug."""
        from twin.core.errors import TwinError

        if isinstance(excinfo.value, (NotPassed, TwinError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the test stands."""
        return self.path, 0, f"scenario {self.name}"


class NotPassed(AssertionError):
    """A run whose verdict is not `pass`."""


@dataclass(frozen=True)
class TwinRun:
    """A finished run, as `twin_run` gives it: `verdict` (pass, fail, void, undecided), `folder`, `meta` (run.json), `log`."""

    folder: Path
    verdict: str
    meta: Mapping[str, Any]
    reproduce: str

    @property
    def passed(self) -> bool:
        """Whether the verdict is `pass`."""
        return self.verdict == "pass"

    @property
    def checks(self) -> dict[str, Mapping[str, Any]]:
        """The results of the checks, by name."""
        return {check["name"]: check for check in self.meta["checks"]}

    @cached_property
    def log(self) -> RunLog:
        """The tables of the run: `log.events`, `log.episodes`, `log.receipts`."""
        from twin.log.tables import read_run

        return read_run(self.folder)

    def expect(self, verdict: str = "pass") -> TwinRun:
        """Itself, where the verdict is the one expected; else a failure that tells the story."""
        if self.verdict != verdict:
            raise NotPassed(self.explain())
        return self

    def explain(self) -> str:
        """The verdict and its reasons, the last events before the first thing that went wrong, the command to see it again."""
        from twin.suite.story import story

        failing = [check for check in self.meta["checks"] if check.get("passed") is not True]
        lines = [
            f"{self.meta['scenario']}, seed {self.meta['seed']}: {self.verdict}",
            *map(_indented, self.meta.get("reasons") or ()),
        ]
        for check in failing:
            evidence = ", ".join(check.get("evidence") or ()) or "none"
            word = "undecided" if check["passed"] is None else "FAILS"
            lines.append(f"  {word}: {check['name']}, bound {check['bound']}: {check['detail']} (evidence: {evidence})")
        lines += ["the last events before it (simulated time, where, what):", *story(self.folder, failing)]
        return "\n".join([*lines, f"reproduce:  {self.reproduce}", f"look at it: twin report {self.folder}"])


def _indented(text: str) -> str:
    return f"  {text}"


@pytest.fixture
def twin_run(request: pytest.FixtureRequest) -> Callable[..., TwinRun]:
    """Run a scenario from a test: `twin_run("scenario.yaml", seed=3)` gives a `TwinRun`; `.expect()` fails with the story.

    A path is looked for beside the test's file first; names of scenarios that ship work as well. `engine` and `duration_s`
    are as on the command line. The same scenario and seed run once a session.
    """

    def run(
        path: str | Path, *, seed: int | None = None, engine: str | None = None, duration_s: float | None = None
    ) -> TwinRun:
        beside = request.path.parent / path
        unit = _unit(beside if beside.exists() else path, request.config, seed=seed, engine=engine, duration_s=duration_s)
        return _run(unit, _out(request.config))

    return run


def _unit(path: str | Path, config: pytest.Config, **rest: Any) -> Unit:
    from twin.scenario.load import load
    from twin.suite.plan import unit_of

    return unit_of(load(path, **rest | {"engine": rest.get("engine") or config.getoption("--twin-engine")}))


def _run(unit: Unit, out: Path) -> TwinRun:
    from twin.suite.worker import run_unit

    result = run_unit(unit, out)
    return TwinRun(result.folder, result.verdict, result.meta, unit.reproduce)


def _out(config: pytest.Config) -> Path:
    """Where run folders go: one folder a session and worker, unless told."""
    given: Path | None = config.getoption("--twin-out")
    if given is not None:
        return Path(given)
    if _OUT not in config.stash:
        factory = getattr(config, "_tmp_path_factory")  # noqa: B009 - the factory behind tmp_path, which items cannot request
        config.stash[_OUT] = factory.mktemp("twin-runs")
    return config.stash[_OUT]
