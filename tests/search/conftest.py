"""A short farm in which searches are cheap, and a search without worker processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from twin.scenario.load import load
from twin.search.asked import axes_of, check_of
from twin.search.envelope import Options, Search
from twin.suite.results import Results, row
from twin.suite.worker import work

SHORT = """\
scenario: short
duration_s: 24
jobs: [{kind: poisson, per_hour: 300, at_start: 1, episodes: 9}]
checks: [{success_rate: {min: 0.5}}, {never: object_lost}, {never: grip_loss}]
fleet:
  fleet: short
  grippers: {wide: {stroke_mm: 85}}
  links: {wifi: {latency_ms: 5}}
  people: {crew: {response_s: 2, work_s: 2}}
  robots: {ur3: {model: ur3, gripper: wide, control_ms: 80}}
  resets: [{kind: automatic, attempts: 1, seconds: 1, success: 0.5}, {kind: person, pool: crew}]
  cells: [{name: a, count: 2, robots: [{robot: ur3}], link: wifi}]
"""


def here(units, out: Path, seen) -> Results:
    """Run units in this process."""
    rows = []
    for unit in units:
        told = work(unit, str(out))
        rows.append(row(unit, Path(told["folder"]) if told["folder"] else None, told))
        seen(rows[-1])
    return Results.of(rows)


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.yaml"
    path.write_text(SHORT)
    return path


@pytest.fixture
def search(short: Path, tmp_path: Path) -> Callable[..., Search]:
    def make(*vary: str, check: str = "success_rate", **options) -> Search:
        scenario = load(short, engine="kinematic")
        asked = Options(**{"seeds": 2, "points": 3, "tolerance": 0.2} | options)
        workers = SimpleNamespace(run=here)
        return Search(scenario, axes_of(vary, scenario), check_of(check, scenario), asked, tmp_path / "out", workers)

    return make
