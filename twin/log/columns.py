"""Arrow schemas of the log's tables, made from the columns in `core/records.py`, and the way between rows and tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.json as pj

from twin.core.records import EPISODE_COLUMNS, EVENT_COLUMNS, RECEIPT_COLUMNS, SCHEMA, Event

ARROW: Final[Mapping[str, Any]] = {
    "int64": pa.int64(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.string(),
    "list<string>": pa.list_(pa.string()),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
_EVENT_TYPES = {"v": "int64", "seq": "int64", "t_s": "float64", "known_s": "float64", "episode": "int64", "cause": "int64"}


def _schema(columns: Mapping[str, str]) -> Any:
    return pa.schema([(name, ARROW[kind]) for name, kind in columns.items()], metadata={"twin.schema": str(SCHEMA)})


EVENTS: Final[Any] = _schema({name: _EVENT_TYPES.get(name, "string") for name in EVENT_COLUMNS})
EPISODES: Final[Any] = _schema(EPISODE_COLUMNS)
RECEIPTS: Final[Any] = _schema(RECEIPT_COLUMNS)


def event_row(event: Event | str) -> dict[str, Any]:
    """An event, or its canonical text, as a row of events.parquet: times in s, the payload as JSON text."""
    fields = json.loads(event) if isinstance(event, str) else event
    seq, t_us, known_us, kind, site, cell, robot, job, episode, cause, payload = fields
    return {
        "v": SCHEMA,
        "seq": seq,
        "t_s": t_us / 1e6,
        "known_s": None if known_us is None else known_us / 1e6,
        "kind": kind,
        "site": site,
        "cell": cell,
        "robot": robot,
        "job": job,
        "episode": episode,
        "cause": cause,
        "payload": json.dumps(payload, separators=(",", ":"), ensure_ascii=False, allow_nan=False),
    }


def typed_row(row: Mapping[str, Any], schema: Any) -> dict[str, Any]:
    """A row with exactly the columns of `schema`, plain values: ISO text becomes a UTC time, NaN null, NumPy's values Python's.

    Raises `ValueError` on an unknown column: a misspelt one would silently be null for ever.
    """
    types = _types(schema)
    if unknown := [name for name in row if name not in types]:
        raise ValueError(f"no column {unknown[0]!r} in this table (columns: {', '.join(types)})")
    return {name: _plain(row.get(name), kind) for name, kind in types.items()}


@lru_cache(maxsize=8)
def _types(schema: Any) -> dict[str, Any]:
    return {field.name: field.type for field in schema}


def _plain(value: Any, kind: Any) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return [str(item) for item in value] if pa.types.is_list(kind) else list(value)
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return None
    if pa.types.is_timestamp(kind):
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    if pa.types.is_integer(kind) and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def parsed(lines: Sequence[str], schema: Any) -> Any:
    """Rows that are JSON objects, one text each, as a table: as `typed_row` does with plain values, at a tenth of the price."""
    moments = [f.name for f in schema if pa.types.is_timestamp(f.type)]
    read = pa.schema([pa.field(f.name, pa.string()) if f.name in moments else f for f in schema])
    block = "\n".join(lines).encode()
    whole, strict = pj.ReadOptions(False, len(block) + 1), pj.ParseOptions(read, unexpected_field_behavior="error")
    try:
        table = pj.read_json(pa.BufferReader(block), whole, strict)
    except pa.ArrowInvalid:  # row by row it is told which column is wrong, or it is right after all
        return pa.Table.from_pylist([typed_row(json.loads(line), schema) for line in lines], schema=schema)
    return table.select(schema.names).cast(schema)


def batches(rows: Iterable[Mapping[str, Any]], schema: Any, size: int) -> Iterator[Any]:
    """Tables of at most `size` rows, so that memory stays flat however long the run."""
    each = iter(rows)
    while block := list(islice(each, size)):
        yield pa.Table.from_pylist(block, schema=schema)


def parsed_batches(lines: Iterable[str], schema: Any, size: int) -> Iterator[Any]:
    """As `batches`, of rows that are JSON texts."""
    each = iter(lines)
    while block := list(islice(each, size)):
        yield parsed(block, schema)


def frame(table: Any) -> pd.DataFrame:
    """A table for pandas without guesses: integers stay integers beside nulls (Int64), flags are `boolean`, lists Python's.

    A null list is None; an empty one is [].
    """
    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    out = table.to_pandas(types_mapper=kinds.get, ignore_metadata=True)
    for field in table.schema:
        if pa.types.is_list(field.type):
            out[field.name] = pd.Series(table[field.name].to_pylist(), index=out.index, dtype=object)
    return out


def records(data: pd.DataFrame, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Rows of a frame as dicts, in order."""
    columns = [data[name].tolist() for name in names]
    return (dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True))
