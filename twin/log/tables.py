"""A finished run as tables: events, episodes, fault receipts in Parquet, and run.json, which is written last.

A folder with run.json is a whole run. The same journal always gives the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from twin.core.errors import RunFolderError, StorageError
from twin.core.records import SCHEMA, Event
from twin.log.columns import EPISODES, EVENTS, RECEIPTS, batches, event_row, frame, parsed_batches, typed_row
from twin.log.journal import FILE as JOURNAL
from twin.log.journal import Journal
from twin.log.stored import BROKEN, TABLES, Stored, checked, unreadable
from twin.log.ticks import FILE as TICKS_FILE
from twin.log.ticks import TICKS, unpacked

LONG = 100_000
"""Rows beyond which judges read a table from the disk, by columns and batches."""
ROWS = 16_384
"""Rows of a row group, and what the export holds in memory."""


@dataclass(frozen=True)
class RunLog:
    """A finished run as judges read it.

    `meta` is run.json; `events`, `episodes`, `receipts` have the columns of `core/records.py`, with pandas' nullable Int64
    and boolean, times in s, `start_utc` in UTC, lists as lists (None: not known); an event's `payload` is JSON text. Where
    `open_run` leaves a long table on the disk, `Stored` stands for the frame.
    """

    meta: dict[str, Any]
    events: pd.DataFrame
    episodes: pd.DataFrame
    receipts: pd.DataFrame
    folder: Path


@dataclass(frozen=True)
class Difference:
    """Where a stored table and a fresh one part: row (from 0), its seq or episode, column, and both values."""

    table: str
    row: int
    key: Any
    column: str
    stored: Any
    replayed: Any

    def __str__(self) -> str:
        name = {"events": "seq", "episodes": "episode"}.get(self.table, "fault")
        place = f"{self.table}.parquet row {self.row} ({name} {self.key})"
        if self.column:
            return f"{place}, {self.column}: stored {self.stored!r}, replayed {self.replayed!r}"
        return f"{place}: {'stored' if self.stored is not None else 'replayed'} only"


def write_tables(folder: Path, journal: Journal, receipts: Iterable[Mapping[str, Any]], keeps_ticks: bool = False) -> None:
    """The Parquet files of a run, not yet finished: `write_meta` does that. Raises `StorageError`."""
    with _explained(Path(folder)):
        events, faults = map(event_row, journal.events()), (typed_row(row, RECEIPTS) for row in receipts)
        write_table(folder / "events.parquet", batches(events, EVENTS, ROWS), EVENTS)
        write_table(folder / "episodes.parquet", parsed_batches(journal.episode_lines(), EPISODES, ROWS), EPISODES)
        write_table(folder / "faults.parquet", batches(faults, RECEIPTS, ROWS), RECEIPTS)
        if keeps_ticks:
            write_table(folder / TICKS_FILE, unpacked(journal.ticks()), TICKS)


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """run.json, which makes a folder a finished run. Raises `StorageError`."""
    text = json.dumps({"schema": SCHEMA, **meta}, indent=2, ensure_ascii=False, allow_nan=False)
    with _explained(Path(folder)), replacing(folder / "run.json") as temp:
        temp.write_text(text + "\n", encoding="utf-8")


def unfinished(folder: Path, meta: Mapping[str, Any]) -> RunLog:
    """The tables of a run whose run.json is still to be written, as its judges will read them."""
    events, episodes = (_opened(folder, name) for name in ("events", "episodes"))
    return RunLog({"schema": SCHEMA, **meta}, events, episodes, frame(read_table(folder, "faults")), folder)


def _opened(folder: Path, name: str) -> Any:
    """A table as judges read it: in memory where it is short."""
    long = pq.read_metadata(checked(folder, name)).num_rows > LONG
    return Stored(folder, name) if long else frame(read_table(folder, name))


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageError(
            f"{folder}: the tables cannot be written: {error.strerror or error}; make room and give the same command again: "
            "the journal has everything"
        ) from error


def write_table(path: Path, parts: Iterable[Any], schema: Any) -> None:
    """Tables, one after the other, as one Parquet file: all or nothing."""
    with replacing(path) as temp, pq.ParquetWriter(temp, schema, compression="zstd") as writer:
        for table in parts:
            writer.write_table(table)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file that takes the place of `path` once its block has ended well and the disk holds it."""
    temp = path.with_name(f".{path.name}.part")
    try:
        yield temp
        with temp.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temp, path)
    finally:
        temp.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a finished run."""
    return (Path(folder) / "run.json").is_file()


SHAPES: Mapping[str, type] = {
    "seed": int,
    **dict.fromkeys(("versions", "assets", "code", "fleet", "stored"), dict),
    **dict.fromkeys(("cells", "checks", "pending", "reasons"), list),
}
"""What judges and pages take for granted of a run.json, where it is there."""


def read_meta(folder: Path) -> dict[str, Any]:
    """run.json of a finished run; raises `RunFolderError` and says what the folder is instead."""
    folder = Path(folder)
    path = folder / "run.json"
    if not path.is_file():
        raise RunFolderError(_not_a_run(folder))
    try:
        meta = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{path} cannot be read ({error}); delete {folder} and run again") from error
    version = meta.get("schema") if isinstance(meta, dict) else None
    if version != SCHEMA or isinstance(version, bool):
        raise RunFolderError(
            f"{folder}: run folder of schema {version!r}, this twin reads schema {SCHEMA}; "
            "read it with the twin that wrote it, or run the scenario again"
        )
    for key, kind in SHAPES.items():
        value = meta.get(key)
        rows = value or () if key in ("cells", "checks") else ()
        if not isinstance(value, kind | None) or not all(isinstance(each, dict) for each in rows):
            raise RunFolderError(f"{path}: {key!r} is not what a twin writes there; delete {folder} and run again")
    spec = (meta.get("stored") or {}).get("spec", {})
    if not isinstance(spec, dict) or not isinstance(spec.get("fleet", {}), dict):
        raise RunFolderError(f"{path}: 'stored' is not what a twin writes there; delete {folder} and run again")
    return dict(meta)


def _not_a_run(folder: Path) -> str:
    if not folder.exists():
        return f"{folder}: no such run folder"
    if not folder.is_dir():
        return f"{folder} is a file; a run folder is wanted (the folder that holds run.json)"
    if (folder / JOURNAL).exists():
        return f"{folder}: this run has not ended; repeat the command that began it and it resumes from its last snapshot"
    runs = sorted(child.parent.name for child in folder.glob("*/run.json"))
    hint = f"; runs in it: {', '.join(runs[:10])}" if runs else ""
    return f"{folder} is not a run folder: it holds no run.json{hint}"


def read_table(folder: Path, name: str) -> Any:
    """One table of a run (`events`, `episodes`, `faults`) as Arrow; raises `RunFolderError`."""
    path = checked(Path(folder), name)
    try:
        return pq.read_table(path, columns=TABLES[name].names).cast(TABLES[name])
    except BROKEN as error:
        raise unreadable(path, error) from error


def read_run(folder: Path) -> RunLog:
    """A finished run, its tables in memory. Raises `RunFolderError`: no run, not ended, another schema, a table that does not
    read."""
    folder = Path(folder)
    meta = read_meta(folder)
    events, episodes, receipts = (frame(read_table(folder, name)) for name in TABLES)
    return RunLog(meta, events, episodes, receipts, folder)


def open_run(folder: Path) -> RunLog:
    """As `read_run`, but long tables stay on the disk (`Stored`): for judges, which read columns and batches."""
    folder = Path(folder)
    return unfinished(folder, read_meta(folder))


def compare_events(folder: Path, events: Iterable[Event | str]) -> list[Difference]:
    """Stored events against fresh ones, row for row; empty where equal, else the columns of the first row that differs."""
    return _compare(Path(folder), "events", (event_row(event) for event in events))


def compare_episodes(folder: Path, rows: Iterable[Mapping[str, Any]]) -> list[Difference]:
    """As `compare_events`, for the episode table."""
    return _compare(Path(folder), "episodes", (typed_row(row, EPISODES) for row in rows))


def compare_receipts(folder: Path, rows: Iterable[Mapping[str, Any]]) -> list[Difference]:
    """As `compare_events`, for the receipts of the fault plan."""
    return _compare(Path(folder), "faults", (typed_row(row, RECEIPTS) for row in rows))


def _compare(folder: Path, name: str, fresh: Iterable[dict[str, Any]]) -> list[Difference]:
    key = TABLES[name].names[1 if name == "events" else 0]
    # Fresh rows go through Arrow as the stored ones did, so that both sides are the same Python types.
    again = (row for table in batches(fresh, TABLES[name], 8192) for row in table.to_pylist())
    for number, (left, right) in enumerate(zip_longest(_stored(folder, name), again)):
        if left == right:
            continue
        if left is None or right is None:
            return [Difference(name, number, (left or right)[key], "", left, right)]
        return [
            Difference(name, number, left[key], column, left[column], right[column])
            for column in TABLES[name].names
            if left[column] != right[column]
        ]
    return []


def _stored(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    path = checked(folder, name)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(8192, columns=TABLES[name].names):
                yield from pa.Table.from_batches([batch]).cast(TABLES[name]).to_pylist()
    except BROKEN as error:
        raise unreadable(path, error) from error
