import shutil

import pytest

from twin.core.errors import InputError, SpecError
from twin.suite import code
from twin.suite.plan import plan

USE = "scheduler: {use: 'mine:Mine'}\n"


def keys(*paths, **more):
    return [unit.key for unit in plan(paths, engine="kinematic", **more)]


def test_seeds_count_from_the_scenarios_own(write):
    write("a", more="seed: 5")
    assert [unit.name for unit in plan(["a.yaml"], seeds=3)] == ["a-5", "a-6", "a-7"]


def test_seeds_can_be_named(write):
    write("a")
    assert [unit.scenario.spec.seed for unit in plan(["a.yaml"], seeds=[9, 2, 9])] == [9, 2]


def test_two_scenarios_of_one_name_are_refused_and_both_files_named(write):
    write("a")
    write("other/a")
    with pytest.raises(InputError, match=r"a\.yaml and other/a\.yaml"):
        plan(["."])


def test_mistakes_of_all_files_are_told_at_once(write):
    for name in ("a", "b"):
        path = write(name)
        path.write_text(path.read_text() + "extra: 1\n")
    with pytest.raises(SpecError) as refused:
        plan(["."])
    assert sorted(problem.file for problem in refused.value.problems) == ["a.yaml", "b.yaml"]


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("tiny", "twin run tiny --seed 0 --engine kinematic"),
        ("a b.yaml", "twin run 'a b.yaml' --seed 0 --engine kinematic"),
    ],
)
def test_the_reproducing_command_can_be_typed_here(write, path, command):
    write("x").rename("a b.yaml")
    assert plan([path], engine="kinematic")[0].reproduce == command


def test_every_unit_of_a_suite_has_its_own_key(write):
    write("a")
    write("b")
    found = keys(".", seeds=2) + [unit.key for unit in plan(["."], seeds=2)]
    assert len(set(found)) == len(found) == 8


@pytest.mark.parametrize("edit", ["mine.py", "helper.py", "late.py", "weights.txt", "a.yaml"])
def test_whatever_of_the_users_is_edited_gives_another_key(write, tmp_path, edit):
    path = write("a", more="scheduler: {use: 'mine:Mine', with: {weights: weights.txt}}")
    with open("mine.py", "a") as file:
        file.write("\nimport helper\n")
    (tmp_path / "helper.py").write_text("def load():\n    import late\n")
    (tmp_path / "late.py").write_text("X = 1\n")
    (tmp_path / "weights.txt").write_text("1 2 3\n")
    before = keys(path)
    with open(edit, "a") as file:
        file.write(
            "\n# edited\n"
            if edit != "a.yaml"
            else "episode_timeout_s: 31\n".replace("episode_timeout_s", "start_utc").replace("31", "'2026-01-06T08:00:00Z'")
        )
    assert keys(path) != before


@pytest.mark.parametrize("part", ["own_digest", "code_digest"])
def test_the_twin_itself_is_part_of_the_key(write, monkeypatch, part):
    path = write("a")
    before = keys(path)
    monkeypatch.setattr(code, part, lambda *_: "another")
    assert keys(path) != before


def test_another_baseline_gives_another_key(write, tmp_path):
    path = write("a", "not_worse_than: {run: main, margin: 0.1}")
    found = [keys(path)]
    for content in ("{}", '{"hash": 1}'):
        (tmp_path / "main" / "a-1").mkdir(parents=True, exist_ok=True)
        (tmp_path / "main" / "a-1" / "run.json").write_text(content)
        found.append(keys(path))
    assert len(set(map(tuple, found))) == 3


def test_a_file_that_is_not_used_changes_no_key(write, tmp_path):
    path = write("a", more=USE)
    before = keys(path)
    (tmp_path / "unused.py").write_text("X = 1\n")
    assert keys(path) == before


def test_a_checkout_elsewhere_has_the_same_keys(write, tmp_path, monkeypatch):
    path = write("here/a", more=USE)
    shutil.copy("mine.py", "here/mine.py")
    before = keys(path)
    shutil.copytree("here", "there")
    assert keys("there/a.yaml") == before


def test_what_is_installed_counts_by_its_version(write, tmp_path):
    path = write("a", more=USE)
    with open("mine.py", "a") as file:
        file.write("\nimport numpy, yaml\n")
    found = code._closure(["mine"], tmp_path)
    assert sorted(found) == ["mine.py", "numpy", "yaml"]
    assert keys(path)


BOTH = "at_least: {what: episodes, min: 1}; success_rate: {min: 0.3}, engines: both"


def test_a_check_for_both_engines_brings_its_scenario_on_the_other_with_that_check_alone(write):
    pytest.importorskip("pybullet")
    write("a", BOTH)
    write("b")
    units = plan(["."])
    assert [(unit.name, unit.scenario.engine) for unit in units] == [
        ("a-0", "mujoco"), ("b-0", "mujoco"), ("a-pybullet-0", "pybullet"),
    ]  # fmt: skip
    assert [check.kind for check in units[2].scenario.spec.checks] == ["success_rate"]


def test_the_engines_of_a_check_are_part_of_what_decides_a_result(write):
    pytest.importorskip("pybullet")
    path = write("a", BOTH)
    marked = plan([path])
    whole = plan([path], engine="both")
    path.write_text(path.read_text().replace(", engines: both", ""))
    assert len({unit.scenario.digest for unit in (*marked, *plan([path]), whole[1])}) == 4
