"""Episode tables as files, Parquet or CSV: how real logs and runs of others come to report and compare."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from twin.core.errors import InputError, StorageError, TableError, nearest
from twin.core.records import EPISODE_COLUMNS, SCHEMA
from twin.log.columns import EPISODES, batches, frame, records, typed_row
from twin.log.tables import ROWS, replacing

SUFFIXES = (".parquet", ".csv")


def episode_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows (dicts; a column left out is null) as the episode table in pandas."""
    tables = list(batches((typed_row(row, EPISODES) for row in rows), EPISODES, ROWS))
    return frame(pa.concat_tables(tables) if tables else EPISODES.empty_table())


def write_episodes(data: pd.DataFrame, path: Path) -> Path:
    """An episode table as .parquet or .csv (lists as JSON, null empty), with what `attrs["import"]` says beside it in Parquet.

    Raises `TableError` on a missing column, `InputError` on another suffix, `StorageError`.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: an episode table is written as .parquet or .csv")
    _complete(path, list(data.columns))
    rows = [typed_row(row, EPISODES) for row in records(data, EPISODES.names)]
    table = pa.Table.from_pylist(rows, schema=EPISODES)
    told = {"twin.import": json.dumps(data.attrs["import"])} if "import" in data.attrs else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temp:
            if path.suffix == ".parquet":
                pq.write_table(table.replace_schema_metadata({"twin.schema": str(SCHEMA)} | told), temp, compression="zstd")
            else:
                texts = [{name: _text(value) for name, value in row.items()} for row in rows]
                pd.DataFrame(texts, columns=EPISODES.names, dtype=object).to_csv(temp, index=False)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def read_episodes(path: Path) -> pd.DataFrame:
    """An episode table from .parquet or .csv, typed as `RunLog.episodes`.

    Raises `TableError` where columns are missing, a value has the wrong type, or the table is empty or of another schema.
    """
    path = Path(path)
    if not path.exists():
        raise TableError(f"{path}: there is no such file; expected an episode table, .parquet or .csv")
    if path.suffix not in SUFFIXES:
        raise TableError(f"{path}: an episode table is .parquet or .csv; a foreign log becomes one by `twin import`")
    try:
        table = _from_parquet(path) if path.suffix == ".parquet" else _from_csv(path)
    except (OSError, UnicodeError, pd.errors.ParserError, pd.errors.EmptyDataError, pa.ArrowException) as error:
        mend = "an episode table is wanted; a foreign log becomes one by `twin import`"
        raise TableError(f"{path} cannot be read: {str(error).splitlines()[0]}; {mend}") from error
    if not table.num_rows:
        raise TableError(f"{path} holds no episode")
    versions = set(table["schema"].to_pylist()) - {None, SCHEMA}
    if versions:
        raise TableError(f"{path}: episodes of schema {min(versions)}, this twin reads schema {SCHEMA}; import the log again")
    out = frame(table)
    told = (table.schema.metadata or {}).get(b"twin.import")
    if told:
        out.attrs["import"] = json.loads(told)
    return out


def _complete(path: Path, there: list[str]) -> None:
    missing = [name for name in EPISODE_COLUMNS if name not in there]
    if missing:
        extra = [name for name in there if name not in EPISODE_COLUMNS]
        hint = nearest(missing[0], extra, what="columns it has besides") if extra else ""
        raise TableError(
            f"{path} is no episode table: it lacks {', '.join(missing)}{hint}; what a log does not know is a column of nulls, "
            "and `twin import` makes them all"
        )


def _from_parquet(path: Path) -> Any:
    _complete(path, pq.read_schema(path).names)
    table = pq.read_table(path, columns=EPISODES.names)
    columns = []
    for field in EPISODES:
        column = table[field.name]
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowException as error:
            raise TableError(f"{path}: column {field.name!r} is {column.type}, {field.type} is wanted ({error})") from error
        if pa.types.is_floating(field.type) and (endless := pc.is_inf(columns[-1]).to_pylist()).count(True):
            raise TableError(f"{path}: row {endless.index(True) + 1}, column {field.name!r}: infinite")
        if pa.types.is_floating(field.type):  # NaN is null
            columns[-1] = pc.if_else(pc.is_nan(columns[-1]), pa.scalar(None, field.type), columns[-1])
    return pa.Table.from_arrays(columns, schema=EPISODES.with_metadata(table.schema.metadata))


def _from_csv(path: Path) -> Any:
    data = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    _complete(path, list(data.columns))
    rows = []
    for number, row in enumerate(records(data, EPISODES.names)):
        typed: dict[str, Any] = {}
        for name, text in row.items():
            kind = EPISODE_COLUMNS[name]
            try:
                typed[name] = _PARSE[kind](text) if text != "" else None
            except (ValueError, TypeError) as error:
                raise TableError(f"{path}:{number + 2}: column {name!r}: {text[:60]!r} is no {kind}") from error
        rows.append(typed_row(typed, EPISODES))
    return pa.Table.from_pylist(rows, schema=EPISODES)


def _list(text: str) -> list[str]:
    value = json.loads(text)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("a JSON list of texts is wanted")
    return value


def _float(text: str) -> float:
    value = float(text)
    if value - value != 0:
        raise ValueError("not finite")
    return value


def _bool(text: str) -> bool:
    if text.lower() not in ("true", "false", "1", "0"):
        raise ValueError("true or false is wanted")
    return text.lower() in ("true", "1")


_PARSE: Final[Mapping[str, Callable[[str], Any]]] = {
    "int64": int,
    "float64": _float,
    "bool": _bool,
    "string": str,
    "list<string>": _list,
    "timestamp": datetime.fromisoformat,
}


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
