"""A scenario that takes a tenth of a second, to write under many names, and units run without worker processes."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from twin.suite.plan import Unit
from twin.suite.results import Results, row
from twin.suite.worker import work

BODY = """\
scenario: {name}
duration_s: {seconds}
episode_timeout_s: 30
jobs: [{{kind: list, jobs: [{{job: sort, task: pick_place, episodes: 20}}]}}]
checks: [{checks}]
{more}
fleet:
  fleet: short
  grippers: {{wide: {{stroke_mm: 85}}}}
  people: {{crew: {{response_s: 2, work_s: 2}}}}
  robots: {{ur3: {{model: ur3, gripper: wide, control_ms: 40}}}}
  resets: [{{kind: automatic, attempts: 5, seconds: 1, success: 1}}, {{kind: person, pool: crew}}]
  cells: [{{name: a, robots: [{{robot: ur3}}]}}]
"""

MINE = """\
import os, signal, time
from twin.farm.schedulers import Fifo

class Mine(Fifo):
    def __init__(self, fleet, do="", weights=""):
        super().__init__(fleet)
        self.do = do

    def handle(self, now_us, events):
        if now_us > 2_000_000 and self.do == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if now_us > 2_000_000 and self.do == "hang":
            time.sleep(600)
        if now_us > 2_000_000 and self.do == "slow":
            time.sleep(0.2)
        print("user code talks")
        return super().handle(now_us, events)
"""


@pytest.fixture
def write(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a scenario `name.yaml` into the place we are in, with `mine.py` beside it for `use: mine:Mine`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]))

    def scenario(name: str, checks: str = "at_least: {what: episodes, min: 1}", more: str = "", seconds: float = 12) -> Path:
        (tmp_path / "mine.py").write_text(MINE)
        each = ", ".join(f"{{{check}}}" for check in checks.split("; "))
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(BODY.format(name=path.stem, checks=each, more=textwrap.dedent(more), seconds=seconds))
        return path

    return scenario


@pytest.fixture
def here() -> Callable[[Sequence[Unit], Path], Results]:
    """Run units in this process, one after the other."""

    def run(units: Sequence[Unit], out: Path) -> Results:
        found = [(unit, work(unit, str(out))) for unit in units]
        return Results.of(row(unit, Path(told["folder"]) if told["folder"] else None, told) for unit, told in found)

    return run
