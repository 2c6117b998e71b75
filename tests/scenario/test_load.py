"""From files to a frozen scenario: names, overrides, cells, digest, tables."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from twin.core.errors import InputError, RunFolderError, SpecError
from twin.scenario.load import check, load, ships
from twin.scenario.stored import revive, stored


@pytest.mark.parametrize("name", ["quickstart", "tiny", "ur3_cobotops"])
def test_what_ships_is_sound_and_has_a_name_of_its_own(name):
    assert check(name) == []
    assert load(name).name == name


def test_nothing_ships_that_is_not_checked():
    assert [problem for name in ships() for problem in check(name)] == []
    assert len(ships()) >= 3


def test_a_run_rests_on_the_files_of_its_own_parts_alone():
    parts = {"robots/panda.xml", "robots/parallel.xml", "robots/ur3.xml", "workcells/table.xml"}
    assert set(load("quickstart").assets) == parts


def test_quickstart_has_twelve_robots_of_two_kinds():
    cells = load("quickstart").cells
    assert [cell.name for cell in cells][5:7] == ["ur3-06", "panda-01"]
    assert [cell.index for cell in cells] == list(range(12))
    assert len({cell.spec.robots[0].serial for cell in cells}) == 12


def test_a_fleet_file_can_be_checked_by_itself(folder):
    assert check("fleet.yaml") == []
    with pytest.raises(SpecError, match="this is a fleet"):
        load("fleet.yaml")


def test_an_unknown_name_is_told_what_ships():
    with pytest.raises(SpecError, match=r"no such file or shipped scenario .*did you mean 'quickstart'\?"):
        load("quikstart")


def test_load_raises_all_mistakes(mistakes):
    mistakes("joint: 1", "joint: 8", "duration_s: 60", "duration_s: -1")
    with pytest.raises(SpecError) as error:
        load("s.yaml")
    assert [problem.line for problem in error.value.problems] == [3, 7]


def test_a_scenario_is_frozen_and_pickles(folder):
    scenario = load("s.yaml")
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    with pytest.raises(AttributeError):
        scenario.seed = 3
    with pytest.raises(ValidationError):
        scenario.spec.duration_s = 3


def test_a_kept_scenario_is_the_same(folder):
    scenario = load("s.yaml", seed=4)
    assert revive(stored(scenario)) == scenario
    for bent in ({"code": 5}, {"assets": None}, {"spec": {}}, {"digest": 1}):
        with pytest.raises(RunFolderError, match="holds no scenario"):
            revive(stored(scenario) | bent)


def test_the_digest_is_that_of_what_decides_a_run(folder, mistakes):
    base = load("s.yaml").digest
    assert load("s.yaml", seed=9).digest == base
    assert load("s.yaml", duration_s=9).digest != base
    assert load("s.yaml", engine="kinematic").digest != base
    mistakes("target: a", "target: b")
    assert load("s.yaml").digest != base


def test_the_digest_does_not_see_comments_order_and_own_keys(folder, mistakes):
    base = load("s.yaml")
    mistakes(
        "links: {wifi: {latency_ms: 5}}\n", "", "grippers:", "x-note: 3\nlinks: {wifi: {latency_ms: 5.0}} # a remark\ngrippers:"
    )
    assert (load("s.yaml").digest, load("s.yaml").spec) == (base.digest, base.spec)


def test_overrides_are_taken_and_nonsense_is_refused(folder):
    scenario = load("s.yaml", seed=7, duration_s=12.5)
    assert (scenario.seed, scenario.spec.seed, scenario.spec.duration_s) == (7, 7, 12.5)
    for wrong in ({"seed": -1}, {"duration_s": 0}, {"duration_s": float("nan")}, {"engine": "mojoco"}):
        with pytest.raises(InputError):
            load("s.yaml", **wrong)


def test_cells_that_count_get_names_and_serials(folder, mistakes):
    mistakes("name: b", "name: b, count: 3", "{robot: panda, serial: S2}", "{robot: panda, serial: P}")
    assert [(c.name, c.spec.robots[0].serial) for c in load("s.yaml").cells] == [
        ("a", "S1"),
        ("b01", "P-01"),
        ("b02", "P-02"),
        ("b03", "P-03"),
    ]


def test_a_robot_without_serial_gets_one_and_a_cell_without_site_the_only_one(folder, mistakes):
    mistakes("site: hall, robots: [{robot: panda, serial: S2}]", "robots: [{robot: panda}]")
    spec = load("s.yaml").cells[1].spec
    assert (spec.site, spec.robots[0].serial) == ("hall", "b-r1")


def test_a_scenario_is_found_from_another_folder(folder, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert load(folder / "s.yaml").folder == folder


def test_five_hundred_robots_load(folder):
    cells = "\n".join(f"  - name: c{i}\n    robots:\n      - robot: ur3\n        serial: S{i}" for i in range(500))
    text = (folder / "fleet.yaml").read_text()
    (folder / "fleet.yaml").write_text(text[: text.index("  - {name: a")] + cells + "\n")
    (folder / "s.yaml").write_text((folder / "s.yaml").read_text().replace("target: a", "target: c7"))
    assert len(load("s.yaml").cells) == 500


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("calibrate: mine\nlogs: {}\nparts: []\n", "1:1: this is a calibration plan: `twin calibrate` reads it"),
        ("map: mine\ntime: {column: t}\n", "1:1: this is a map for foreign logs"),
        ("overlay: mine\nmade: {date: 2026-01-05}\n", "2:1: this is an overlay"),
    ],
)
def test_a_file_of_another_kind_is_told_to_be_one(tmp_path, text, told):
    (tmp_path / "file.yaml").write_text(text)
    (problem,) = check(tmp_path / "file.yaml")
    assert told in str(problem)
