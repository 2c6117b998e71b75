"""`use:`: the user's class is found beside the scenario, checked, and part of the digest."""

from __future__ import annotations

import pickle
import sys

import pytest

from tests.farm.scenes import Played
from twin.core.errors import UseError
from twin.scenario.load import load
from twin.scenario.use import METHODS, lacking, resolve

STRATEGY = """\
class Mine:
    def __init__(self, fleet, patience_s=3):
        self.patience_s = patience_s
    def handle(self, now_us, events):
        return []
    def wake_at(self):
        return None
"""


@pytest.fixture
def use(folder, mistakes):
    """Write a module beside the scenario, use it as scheduler, return the mistakes."""

    def write(source: str, use: str = "mine:Mine", more: str = "") -> list[str]:
        (folder / "mine.py").write_text(source)
        return mistakes("duration_s: 60", f'duration_s: 60\nscheduler: {{use: "{use}"{more}}}')

    return write


def test_a_class_with_its_methods_is_taken(use):
    assert use(STRATEGY, more=", with: {patience_s: 5}") == []


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        (STRATEGY.replace("wake_at", "wake_up"), "mine:Mine", "s.yaml:4:18: mine:Mine lacks wake_at(), which a Strategy needs"),
        (STRATEGY, "mine:Mini", "s.yaml:4:18: module 'mine' has no class 'Mini' (classes: Mine); did you mean 'Mine'?"),
        (STRATEGY, "mien:Mine", "s.yaml:4:18: module 'mien' is neither beside the scenario nor installed (beside it: mine)"),
        (STRATEGY, "mine.Mine", "s.yaml:4:18: 'mine.Mine' names no class; write it as 'package.module:Class'"),
        ("import nowhere", "mine:Mine", "s.yaml:4:18: importing 'mine' failed at mine.py:1: ModuleNotFoundError"),
        ("1 +", "mine:Mine", "s.yaml:4:18: importing 'mine' failed at mine.py:1: SyntaxError: invalid syntax"),
        ("raise SystemExit(3)", "mine:Mine", "s.yaml:4:18: importing 'mine' failed at mine.py:1: SystemExit: 3"),
        ("Mine = 3", "mine:Mine", "s.yaml:4:18: mine:Mine is a int, not a class"),
    ],
)
def test_a_class_that_cannot_be_used_is_refused_in_its_place(use, source, name, message):
    (found,) = use(source, name)
    assert found.startswith(message)


def test_an_argument_that_the_class_does_not_take_is_refused(use):
    (found,) = use(STRATEGY, more=", with: {patience: 5}")
    assert (
        found == "s.yaml:4:38: mine:Mine takes no argument 'patience' (it takes: fleet, patience_s); did you mean 'patience_s'?"
    )


@pytest.mark.parametrize("role", METHODS)
def test_every_role_names_what_a_class_lacks(role):
    assert lacking(int, role) == list(METHODS[role])


def test_modules_of_one_name_in_two_folders_are_two(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same_name.py").write_text(f"class C:\n    where = {name!r}\n")
    assert [resolve("same_name:C", tmp_path / name).where for name in ("one", "two", "one")] == ["one", "two", "one"]


def test_a_module_beside_the_scenario_never_replaces_the_standard_library(tmp_path):
    (tmp_path / "json.py").write_text("class C: ...\n")
    with pytest.raises(UseError, match="no class 'C'"):
        resolve("json:C", tmp_path)
    assert hasattr(sys.modules["json"], "dumps")


def test_the_source_of_a_class_is_part_of_the_digest(use, folder):
    assert use(STRATEGY) == []
    first = load("s.yaml")
    (folder / "mine.py").write_text(STRATEGY.replace("return []", "return list()"))
    assert load("s.yaml").digest != first.digest
    assert load("s.yaml").code.keys() == {"mine:Mine"}


def test_what_a_class_makes_pickles(use, folder):
    assert use(STRATEGY) == []
    made = resolve("mine:Mine", folder)(None, patience_s=9)
    assert pickle.loads(pickle.dumps(made)).patience_s == 9


def test_the_example_of_ones_own_code_gives_short_jobs_their_cells_first(root):
    played = Played(load(root / "examples" / "own", duration_s=100, engine="kinematic"))
    at_once = {e.job: e.payload["episodes"] for e in played.of("job.arrived") if not e.t_us}
    first = played.of("job.assigned")[0].job
    assert at_once[first] == min(at_once.values()) < max(at_once.values())
    assert len(played.of("episode.end")) > 10 and played.of("filter.acted")
    assert not played.of("filter.failed", "authority.refused")
