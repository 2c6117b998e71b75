"""Checks beside a baseline run: not worse than it, and no effect against it."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from tests.judge.synthetic import event, farm, make_log
from tests.judge.test_checks import with_episodes
from twin.core.errors import InputError, RunFolderError
from twin.judge.checks import evaluate
from twin.judge.spec import CheckSpec
from twin.log.columns import EPISODES, EVENTS, RECEIPTS, batches, records, typed_row
from twin.log.tables import write_meta, write_table

FARM = farm(cells=12, sim_s=1200.0, seed=7)
AGAIN = farm(cells=12, sim_s=1200.0, seed=8)
WORSE = {"run": "main", "margin": 0.1}
SAME = {"run": "main", "on": [{"of": "success", "margin": 0.2}, {"of": "duration_s", "margin": 0.2}]}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Write the baseline's log as a finished run folder; its tables are written once."""
    kept = tmp_path_factory.mktemp("kept")
    tables = (("events", AGAIN.events, EVENTS), ("episodes", AGAIN.episodes, EPISODES), ("faults", AGAIN.receipts, RECEIPTS))
    for name, frame, schema in tables:
        rows = (typed_row(row, schema) for row in records(frame, schema.names))
        write_table(kept / f"{name}.parquet", batches(rows, schema, 1000), schema)

    def store(folder, **meta):
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        write_meta(folder, AGAIN.meta | meta)

    return store


@pytest.fixture
def beside(tmp_path, store):
    """Judge a log beside the baseline that lies in `main`, as if it were in the same folder of runs."""
    store(tmp_path / "main")

    def judge(log, *checks, **check):
        here = replace(log, folder=tmp_path / "here")
        return evaluate([*map(CheckSpec.model_validate, checks), CheckSpec.model_validate(check)], here)[-1]

    return judge


def test_not_worse_than_kills_a_log_whose_labels_were_turned(beside):
    found = beside(FARM, not_worse_than=WORSE)
    assert found.passed is True and found.low > -0.1 and "main (1 run, hash abababab)" in found.detail
    assert beside(with_episodes(FARM, label=False), not_worse_than=WORSE).passed is False


def test_a_small_log_cannot_show_that_it_is_not_worse(beside):
    few = replace(FARM, episodes=FARM.episodes[:30])
    found = beside(few, not_worse_than=WORSE)
    assert found.passed is None and "episodes a side would do" in found.detail


def test_better_is_not_worse(beside):
    assert beside(with_episodes(FARM, label=True), not_worse_than=WORSE).passed is True


@pytest.mark.parametrize("mutant", [{"label": False}, {"duration_s": 30.0}])
def test_no_effect_kills_a_log_in_which_a_statistic_moved(beside, mutant):
    assert beside(FARM, no_effect=SAME).passed is True
    found = beside(with_episodes(FARM, **mutant), no_effect=SAME)
    assert found.passed is False and "differs" in found.detail and found.value > 1


def test_no_effect_kills_a_log_in_which_something_happens_more_often(beside):
    check = {"run": "main", "on": [{"of": "failed_reset", "margin": 0.9}]}
    twice = pd.concat([FARM.events, FARM.events[FARM.events.kind == "reset.failed"]])
    often = replace(FARM, events=pd.concat([twice, twice[twice.kind == "reset.failed"]], ignore_index=True))
    assert beside(FARM, no_effect=check).passed is True
    assert beside(often, no_effect=check).passed is False


def test_no_effect_cannot_tell_within_a_margin_that_the_log_is_too_small_for(beside):
    found = beside(FARM, no_effect={"run": "main", "on": [{"of": "success", "margin": 0.001}, "page"]})
    assert found.passed is None and found.detail.count("cannot tell") == 2


def test_a_better_log_has_an_effect_all_the_same(beside):
    tight = {"run": "main", "on": [{"of": "success", "margin": 0.05}]}
    assert beside(with_episodes(FARM, label=True), no_effect=tight).passed is False


def test_the_short_form_takes_the_run_that_another_check_names(beside):
    named = {"not_worse_than": WORSE}
    assert "success" in beside(FARM, named, no_effect=["success", "duration_s"]).detail
    with pytest.raises(InputError, match="names no run"):
        beside(FARM, no_effect=["success"])


def test_a_statistic_that_a_side_never_measured_decides_nothing(beside):
    found = beside(FARM, no_effect={"run": "main", "on": ["success", "peak_force_N"]})
    assert found.passed is not True and "peak_force_N was not measured on both sides" in found.detail


# The baseline itself.


@pytest.mark.parametrize("meta", [{"engine": "kinematic"}, {"tier": "outcome"}, {"verdict": "void"}])
def test_a_baseline_of_another_kind_leaves_the_check_open(beside, store, tmp_path, meta):
    store(tmp_path / "main", **meta)
    assert beside(FARM, not_worse_than=WORSE).passed is None


def test_a_missing_baseline_leaves_the_check_open_and_is_named(beside):
    found = beside(FARM, not_worse_than=WORSE | {"run": "mian"})
    assert found.passed is None and "no folder 'mian'" in found.detail


def test_a_run_is_no_baseline_of_itself(beside, store, tmp_path):
    store(tmp_path / "here")
    assert beside(FARM, not_worse_than=WORSE | {"run": "here"}).passed is None


def test_a_baseline_of_another_schema_is_refused(beside, tmp_path):
    (tmp_path / "main" / "run.json").write_text(json.dumps(AGAIN.meta | {"schema": 99}))
    with pytest.raises(RunFolderError, match="schema 99"):
        beside(FARM, not_worse_than=WORSE)


def test_a_folder_of_runs_is_pooled_and_runs_of_other_scenarios_are_not(beside, store, tmp_path):
    for name, meta in (("a", {}), ("b", {}), ("c", {"scenario": "another"})):
        store(tmp_path / "pool" / name, **meta)
    found = beside(FARM, not_worse_than=WORSE | {"run": "pool"})
    assert found.passed is True and "pool (2 runs" in found.detail


def test_a_baseline_lies_beside_the_scenario_or_beside_the_run(beside, store, tmp_path):
    store(tmp_path / "scenarios" / "kept")
    log = replace(FARM, meta=FARM.meta | {"scenario_path": str(tmp_path / "scenarios" / "s.yaml")})
    assert beside(log, not_worse_than=WORSE | {"run": "kept"}).passed is True
    assert beside(log, not_worse_than=WORSE | {"run": "main"}).passed is True


def test_a_log_without_labels_shows_nothing(beside):
    empty = make_log([event(0, "episode.start", "c1")], [{"end_reason": "done"}])
    assert beside(empty, not_worse_than=WORSE).passed is None
