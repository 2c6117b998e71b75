"""A sound scenario to spoil: `mistakes("old", "new", …)` replaces text in its two files and tells what is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from twin.scenario.load import check

SCENARIO = """\
scenario: base
fleet: fleet.yaml
duration_s: 60
jobs:
  - {kind: list, jobs: [{job: first, episodes: 3}]}
faults:
  - {name: stuck, component: sensor, mode: stuck, target: a, joint: 1, onset: {at_s: 3}}
checks:
  - success_rate: {task: pick_place, min: 0.5}
"""
FLEET = """\
fleet: base
sites: {hall: {}}
links: {wifi: {latency_ms: 5}}
grippers: {wide: {stroke_mm: 85}}
people: {crew: {count: 1}}
robots:
  ur3: {model: ur3, gripper: wide, control_ms: 40}
  panda: {model: panda, gripper: wide, control_ms: 20}
resets:
  - {kind: automatic}
  - {kind: person, pool: crew}
cells:
  - {name: a, site: hall, robots: [{robot: ur3, serial: S1}], link: wifi}
  - {name: b, site: hall, robots: [{robot: panda, serial: S2}]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the sound scenario s.yaml and fleet.yaml, and the place we are in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SCENARIO)
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return tmp_path


@pytest.fixture
def mistakes(folder: Path) -> Callable[..., list[str]]:
    """Replace text in the files and return what `check` finds."""

    def spoil(*pairs: str) -> list[str]:
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            found = [path for path in (folder / "s.yaml", folder / "fleet.yaml") if old in path.read_text()]
            assert found, f"{old!r} stands in neither file"
            found[0].write_text(found[0].read_text().replace(old, new))
        return [str(problem) for problem in check("s.yaml")]

    return spoil
