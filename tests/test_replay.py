import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.farm.scenes import breaks, cells, opened, scene
from twin.cli import main
from twin.core.errors import RunFolderError
from twin.run import replay, run

CHECKS = [{"at_least": {"what": "episodes", "min": 3}}, {"success_rate": {"task": "pick_place", "min": 0.1}}]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A run with something in every table."""
    folder = tmp_path_factory.mktemp("stored")
    made = scene(
        cells=cells("a", "b", detector={"false_positive": 0.5}), faults=[breaks(3, "b")], checks=CHECKS, duration_s=15,
        scheduler={"use": "strategies:LockedLifo"},
    )  # fmt: skip
    return run(opened(folder, made), folder / "out").folder


@pytest.fixture
def copy(stored, tmp_path):
    return Path(shutil.copytree(stored, tmp_path / stored.name))


def edit(folder, table, row, **values):
    """Change some columns of one row of a stored table."""
    path = folder / f"{table}.parquet"
    rows = pq.read_table(path)
    listed = rows.to_pylist()
    assert any(listed[row][k] != v for k, v in values.items())
    listed[row] |= values
    pq.write_table(pa.Table.from_pylist(listed, rows.schema), path)


def edit_meta(folder, **values):
    meta = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(meta | values))


def test_a_stored_run_comes_out_again(stored):
    found = replay(stored, threads=1)
    assert found.equal and found.differences == ()
    assert found.hash == json.loads((stored / "run.json").read_text())["hash"]


@pytest.mark.parametrize(
    ("column", "value"),
    [("t_s", 0.5), ("known_s", None), ("kind", "job.done"), ("cell", "b"), ("robot", None), ("job", "x"), ("episode", 99),
     ("cause", 1), ("site", "moon"), ("payload", "{}"), ("seq", 999)],
)  # fmt: skip
def test_one_event_edited_is_found(copy, column, value):
    events = pd.read_parquet(copy / "events.parquet")
    row = int(events.index[events.kind == "episode.end"][0])
    edit(copy, "events", row, **{column: value})
    found = replay(copy)
    assert not found.equal and f"events.parquet row {row}" in found.differences[0]


@pytest.mark.parametrize(
    ("column", "value"), [("label", None), ("truth", None), ("duration_s", 1.0), ("symptoms", ["grip_loss"])]
)
def test_one_episode_edited_is_found(copy, column, value):
    edit(copy, "episodes", 1, **{column: value})
    (difference,) = replay(copy).differences
    assert "episodes.parquet row 1" in difference and column in difference


def test_a_receipt_edited_is_found(copy):
    edit(copy, "faults", 0, status="masked")
    assert "faults.parquet" in replay(copy).differences[0]


SEED = 999_999
META = dict.fromkeys(("hash", "verdict", "robot_s", "ticks", "sim_s"), "edited")
META |= {"checks": [{"name": "edited"}], "cells": [{"name": "edited"}]}
META |= {"reasons": ["edited"], "pending": ["edited"], "seed": SEED}


@pytest.mark.parametrize("key", META)
def test_a_line_of_run_json_edited_is_found(copy, key):
    edit_meta(copy, **{key: META[key]})
    (difference,) = replay(copy).differences
    assert difference.startswith(("hash:", f"run.json, {key}:")) and re.search(f"edited|{SEED}", difference)


def test_a_dropped_event_is_found(copy):
    table = pq.read_table(copy / "events.parquet")
    pq.write_table(table.slice(0, len(table) - 1), copy / "events.parquet")
    assert not replay(copy).equal


def test_another_scenario_under_the_same_tables_is_found(copy):
    meta = json.loads((copy / "run.json").read_text())
    meta["stored"]["spec"]["episode_timeout_s"] = 3
    edit_meta(copy, stored=meta["stored"])
    assert not replay(copy).equal


def test_the_command_tells_by_its_status(copy, capsys):
    assert main(["replay", str(copy)]) == 0
    edit(copy, "episodes", 1, label=None)
    assert main(["replay", str(copy)]) == 1
    assert "episodes.parquet row 1" in capsys.readouterr().out


def test_a_replay_with_other_code_of_the_users_is_refused(copy, stored):
    module = stored.parent.parent / "strategies.py"
    before = module.read_text()
    try:
        module.write_text(before + "\nMORE = 1\n")
        with pytest.raises(RunFolderError, match="strategies:LockedLifo"):
            replay(copy)
    finally:
        module.write_text(before)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cpu_features": "abacus"}, "another kind of processor"),
        ({"schema": 0}, "schema 0"),
        ({"stored": {}}, "no scenario that this version can run"),
    ],
)
def test_a_run_that_cannot_be_proven_here_is_refused(copy, values, message):
    edit_meta(copy, **values)
    with pytest.raises(RunFolderError, match=message):
        replay(copy)


def test_a_replay_with_other_assets_is_refused(copy):
    meta = json.loads((copy / "run.json").read_text())
    meta["stored"]["assets"]["robots/ur3.xml"] = "0" * 64
    edit_meta(copy, stored=meta["stored"])
    with pytest.raises(RunFolderError, match=r"robots/ur3\.xml is not what it was"):
        replay(copy)


def test_a_run_that_has_not_ended_is_no_run_to_replay(copy):
    (copy / "run.json").unlink()
    with pytest.raises(RunFolderError, match="has not ended"):
        replay(copy)
