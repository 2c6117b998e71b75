import errno
import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.errors import RunFolderError, StorageError
from twin.core.records import EPISODE_COLUMNS, EVENT_COLUMNS, RECEIPT_COLUMNS, Event, blank_episode
from twin.log import tables
from twin.log.columns import event_row
from twin.log.journal import Journal
from twin.log.tables import compare_episodes, compare_events, compare_receipts, read_meta, read_run, write_meta, write_tables

CHAIN = b"c" * 16
EVENTS = [
    Event(0, 0, 0, "job.arrived", None, None, None, "j1", None, None, {"episodes": 2}),
    Event(1, 1_000_001, None, "fault.onset", "hall", "c1", "r1", None, 7, 0, {"strength": 0.1, "note": "µ"}),
    Event(2, 2_500_000, 2_600_000, "episode.end", "hall", "c1", "r1", "j1", 7, None, {"symptoms": ["grip_loss"]}),
]
EPISODES = [
    blank_episode() | {"episode": 7, "source": "sim", "schema": 1, "start_utc": "2026-01-05T08:00:00.000001Z",
                       "duration_s": 2.5, "symptoms": ["grip_loss"], "injected": [], "label": False, "resets": 0},
    blank_episode() | {"episode": 8},
]  # fmt: skip
RECEIPTS = [{"fault": "f1", "status": "acted", "effect": 0.25, "must_act": True}]
META = {"scenario": "quickstart", "seed": 3, "verdict": "pass"}


def write_run(folder, journal, receipts, meta):
    write_tables(folder, journal, receipts)
    write_meta(folder, meta)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "run") as opened:
        opened.commit(1, EVENTS[:2], EPISODES[:1], b"", CHAIN)
        opened.commit(2, EVENTS[2:], EPISODES[1:], b"", CHAIN)
        yield opened


@pytest.fixture
def run(journal):
    write_run(journal.folder, journal, RECEIPTS, META)
    return journal.folder


def test_a_run_reads_back_as_it_was_written(run):
    log = read_run(run)
    assert log.meta == {"schema": 1, **META}
    assert tuple(log.events.columns) == EVENT_COLUMNS
    assert list(log.episodes.columns) == list(EPISODE_COLUMNS)
    assert list(log.receipts.columns) == list(RECEIPT_COLUMNS)
    assert log.events["t_s"].tolist() == [0.0, 1.000001, 2.5]
    assert json.loads(log.events["payload"][1]) == {"strength": 0.1, "note": "µ"}


def test_what_is_not_known_is_null_and_never_zero(run):
    log = read_run(run)
    assert log.events["known_s"].isna().tolist() == [False, True, False]
    assert log.events["cause"].isna().tolist() == [True, False, True]
    blank = log.episodes.iloc[1]
    assert blank.drop("episode").isna().all()
    assert log.episodes["resets"][0] == 0


def test_integers_flags_and_lists_keep_their_types_beside_nulls(run):
    row = read_run(run).episodes.iloc[0]
    assert (row["symptoms"], row["injected"], row["robots"]) == (["grip_loss"], [], None)
    assert row["label"] == False  # noqa: E712  numpy's or pandas' flag, not an object
    assert row["start_utc"].isoformat() == "2026-01-05T08:00:00.000001+00:00"
    kinds = read_run(run).episodes.dtypes
    assert (str(kinds["label"]), str(kinds["resets"])) == ("boolean", "Int64")


@given(st.integers(0, 2**50), st.none() | st.integers(0, 2**50))
def test_microseconds_survive_the_way_through_seconds(t_us, known_us):
    row = event_row(EVENTS[0]._replace(t_us=t_us, known_us=known_us))
    assert round(row["t_s"] * 1e6) == t_us
    assert row["known_s"] is None if known_us is None else round(row["known_s"] * 1e6) == known_us


def test_an_event_and_its_canonical_text_make_the_same_row():
    assert [event_row(e) for e in EVENTS] == [event_row(e.canonical()) for e in EVENTS]


def test_the_same_events_give_the_same_bytes_however_they_were_committed(run, tmp_path):
    with Journal(tmp_path / "other") as other:
        other.commit(9, EVENTS, EPISODES, b"another state", CHAIN)
        write_run(other.folder, other, RECEIPTS, META)
    for name in ("events.parquet", "episodes.parquet", "faults.parquet", "run.json"):
        assert (run / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_long_tables_are_written_in_row_groups(journal, monkeypatch):
    monkeypatch.setattr(tables, "ROWS", 2)
    write_run(journal.folder, journal, RECEIPTS, META)
    with pq.ParquetFile(journal.folder / "events.parquet") as file:
        assert file.num_row_groups == 2
    assert compare_events(journal.folder, EVENTS) == []


def test_a_run_without_events_or_faults_still_has_its_columns(tmp_path):
    with Journal(tmp_path) as journal:
        write_run(tmp_path, journal, [], {})
    log = read_run(tmp_path)
    assert (len(log.events), len(log.receipts)) == (0, 0)
    assert tuple(log.events.columns) == EVENT_COLUMNS


def test_equal_tables_have_no_difference(run):
    assert compare_events(run, EVENTS) == compare_events(run, (e.canonical() for e in EVENTS)) == []
    assert compare_episodes(run, EPISODES) == []
    assert compare_receipts(run, RECEIPTS) == []


@pytest.mark.parametrize(
    ("column", "value", "shown"),
    [("t_us", 1_000_002, "t_s: stored 1.000001"), ("known_us", 3, "known_s: stored None, replayed 3e-06"),
     ("kind", "fault.cleared", "kind"), ("episode", 8, "episode"), ("cause", None, "cause"), ("payload", {}, "payload")],
)  # fmt: skip
def test_one_edited_event_is_found_and_named(run, column, value, shown):
    edited = [EVENTS[0], EVENTS[1]._replace(**{column: value}), EVENTS[2]]
    (difference,) = compare_events(run, edited)
    assert str(difference).startswith(f"events.parquet row 1 (seq 1), {shown}")


def test_an_event_edited_in_the_stored_file_is_found(run):
    table = pq.read_table(run / "events.parquet").to_pylist()
    table[2]["payload"] = table[2]["payload"].replace("grip_loss", "object_lost")
    pq.write_table(pa.Table.from_pylist(table, schema=tables.EVENTS), run / "events.parquet")
    assert "object_lost" in compare_events(run, EVENTS)[0].stored


def test_a_missing_and_a_further_event_are_found(run):
    assert str(compare_events(run, EVENTS[:2])[0]) == "events.parquet row 2 (seq 2): stored only"
    assert str(compare_events(run, [*EVENTS, EVENTS[0]])[0]) == "events.parquet row 3 (seq 0): replayed only"


def test_a_changed_label_is_found_in_the_episodes(run):
    (difference,) = compare_episodes(run, [EPISODES[0] | {"label": True}, EPISODES[1]])
    assert (difference.key, difference.column, difference.stored, difference.replayed) == (7, "label", False, True)


def test_a_misspelt_column_is_a_bug(journal):
    journal.commit(3, [], [blank_episode() | {"duraton_s": 1.0}], None, CHAIN)
    with pytest.raises(ValueError, match="no column 'duraton_s'"):
        write_run(journal.folder, journal, [], META)


def test_a_folder_that_is_no_run_is_refused_and_says_where_runs_are(run, tmp_path):
    with pytest.raises(RunFolderError, match=r"no run\.json; runs in it: run"):
        read_run(tmp_path)
    with pytest.raises(RunFolderError, match="no such run folder"):
        read_run(tmp_path / "nowhere")


def test_an_unfinished_run_is_refused_with_the_way_to_finish_it(journal):
    with pytest.raises(RunFolderError, match="has not ended; repeat the command"):
        read_run(journal.folder)


@pytest.mark.parametrize("version", ["2", "null", "true", '"1"'])
def test_a_run_of_another_schema_is_refused(run, version):
    (run / "run.json").write_text(f'{{"schema": {version}}}')
    with pytest.raises(RunFolderError, match="this twin reads schema 1"):
        read_run(run)


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_broken_run_json_is_refused(run, text):
    (run / "run.json").write_text(text)
    with pytest.raises(RunFolderError):
        read_meta(run)


ODD = [{"seed": "x"}, {"stored": []}, {"stored": {"spec": 1}}, {"cells": -1}, {"cells": [1]}, {"checks": {}}]


@pytest.mark.parametrize("odd", ODD)
def test_a_run_json_that_somebody_bent_is_refused_by_its_key(run, odd):
    (run / "run.json").write_text(json.dumps({"schema": 1, **META, **odd}))
    with pytest.raises(RunFolderError, match=f"{next(iter(odd))!r} is not what a twin writes there"):
        read_meta(run)


@pytest.mark.parametrize("name", ["events", "episodes", "faults"])
def test_a_missing_or_cut_table_is_refused_by_name(run, name):
    path = run / f"{name}.parquet"
    whole = path.read_bytes()
    for damaged in (whole[:-9], whole.replace(b"t_", b"\xc4_")):
        path.write_bytes(damaged)
        with pytest.raises(RunFolderError, match=rf"{name}\.parquet cannot be read|lacks the columns"):
            read_run(run)
    path.unlink()
    with pytest.raises(RunFolderError, match=rf"{name}\.parquet is missing"):
        read_run(run)


def test_a_table_that_lacks_a_column_is_refused(run):
    table = pq.read_table(run / "episodes.parquet").drop_columns(["label"])
    pq.write_table(table, run / "episodes.parquet")
    with pytest.raises(RunFolderError, match="lacks the columns label"):
        read_run(run)


def test_a_full_disk_leaves_no_half_written_table_and_no_run_json(journal, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tables.pq.ParquetWriter, "write_table", full)
    with pytest.raises(StorageError, match="No space left on device; make room"):
        write_run(journal.folder, journal, RECEIPTS, META)
    assert [p.name for p in journal.folder.iterdir() if not p.name.startswith("journal")] == []


def test_a_finished_run_needs_no_journal(run, tmp_path):
    shutil.copytree(run, tmp_path / "copy", ignore=shutil.ignore_patterns("journal*"))
    assert len(read_run(tmp_path / "copy").events) == 3
