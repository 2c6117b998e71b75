import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.errors import RunFolderError
from twin.suite import results
from twin.suite.plan import plan
from twin.suite.results import STATUS, Results, Row, finished

ROW = Row("a", 0, "kinematic", "a.yaml", "/x/a.yaml", "f" * 64, "k", "pass", (), "twin run a.yaml --seed 0")
rows = st.lists(
    st.builds(
        lambda name, seed, verdict: replace(ROW, scenario=name, seed=seed, verdict=verdict),
        st.sampled_from("abc"),
        st.integers(0, 3),
        st.sampled_from(list(STATUS)),
    ),
    unique_by=lambda row: (row.scenario, row.seed),
)


@given(found=rows, data=st.data())
def test_results_do_not_depend_on_the_order_in_which_units_end(found, data):
    shuffled = Results.of(data.draw(st.permutations(found)))
    assert (shuffled, shuffled.hash) == (Results.of(found), Results.of(found).hash)


@given(found=rows)
def test_a_suite_passes_only_where_every_unit_passes(found):
    passed = bool(found) and all(row.verdict == "pass" for row in found)
    assert (Results.of(found).status == 0) is passed


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("pass void fail undecided", 1),
        ("pass lost", 1),
        ("pass refused void", 2),
        ("undecided void pass", 3),
        ("undecided pass", 4),
        ("", 4),
    ],
)
def test_the_exit_status_is_that_of_the_worst(words, status):
    found = Results.of(replace(ROW, seed=i, verdict=word) for i, word in enumerate(words.split()))
    assert found.status == status


@pytest.mark.parametrize("change", [{"seed": 1}, {"hash": "1"}, {"key": "2"}, {"verdict": "fail"}, {"sha256": "3"}])
def test_the_combined_hash_covers_what_a_unit_is_and_became(change):
    assert Results.of([replace(ROW, **change)]).hash != Results.of([ROW]).hash


@pytest.mark.parametrize("change", [{"folder": "/elsewhere"}, {"wall_s": 3.0}, {"stored": True}])
def test_the_combined_hash_is_the_same_wherever_and_however_fast_it_ran(change):
    assert Results.of([replace(ROW, **change)]).hash == Results.of([ROW]).hash


def test_a_finished_unit_is_met_again(write, here, tmp_path):
    units = plan([write("a")], engine="kinematic")
    (row,) = here(units, tmp_path).rows
    there = finished(units[0], tmp_path)
    assert there == row
    assert there.stored
    assert not row.stored


def test_an_edited_scheduler_never_passes_from_an_old_result(write, here, tmp_path):
    path = write("a", more="scheduler: {use: 'mine:Mine'}")
    here(plan([path], engine="kinematic"), tmp_path)
    Path("mine.py").write_text(Path("mine.py").read_text() + "\nclass Mine(Mine):\n    handle = lambda *_: []\n")
    del sys.modules["mine"]  # a suite is a process of its own
    (edited,) = plan([path], engine="kinematic")
    assert finished(edited, tmp_path) is None
    assert here([edited], tmp_path).verdict == "fail"


def test_code_that_is_edited_while_the_suite_runs_is_refused(write, here, tmp_path):
    units = plan([write("a", more="scheduler: {use: 'mine:Mine'}")], engine="kinematic")
    Path("mine.py").write_text(Path("mine.py").read_text() + "\n# edited\n")
    (row,) = here(units, tmp_path).rows
    assert row.verdict == "refused"
    assert "edited while the suite ran" in row.reasons[0]


@pytest.mark.parametrize(("key", "value"), [("sha256", "0"), ("seed", 7), ("assets", {}), ("schema", 99)])
def test_a_folder_of_another_run_is_no_result_and_is_never_taken_for_one(write, here, tmp_path, key, value):
    units = plan([write("a")], engine="kinematic")
    (row,) = here(units, tmp_path).rows
    path = Path(row.folder) / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    assert finished(units[0], tmp_path) is None
    assert key == "assets" or here(units, tmp_path).verdict == "refused"


def test_what_was_found_before_is_gone_once_a_suite_begins(tmp_path):
    path = results.write(Results.of([ROW]), tmp_path)
    results.begin(tmp_path, {"paths": ["a.yaml"]})
    assert not path.exists()
    assert results.asked_last(tmp_path) == {"paths": ["a.yaml"]}


@pytest.mark.parametrize("text", [None, "{", "[]", '{"schema": 99, "asked": {}}'])
def test_a_suite_that_was_never_begun_cannot_be_resumed(tmp_path, text):
    if text is not None:
        (tmp_path / "asked.json").write_text(text)
    with pytest.raises(RunFolderError, match="name the scenarios"):
        results.asked_last(tmp_path)
