"""Tables of episodes of other labs, one row an episode, as the episode table: their columns, their words, their units."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twin.calibrate.files import found
from twin.calibrate.logspec import EpisodeColumn, EpisodeLog, SignalLog
from twin.calibrate.readers import Raw, read_raw
from twin.calibrate.result import Finding
from twin.calibrate.units import UNITS
from twin.core.errors import TableError
from twin.core.records import EPISODE_COLUMNS, SCHEMA, Floats
from twin.log.episodes import episode_frame
from twin.log.mapspec import Dialect

OVERLAP = 0.05
"""With a larger share of episodes that end after the next one of their cell began, something is wrong with times or units."""
USUAL_S = 0.2, 6 * 3600.0
"""Between these lies the median duration of an episode, or its unit is suspected."""


def read_table(name: str, spec: EpisodeLog, folder: Path) -> tuple[pd.DataFrame, str, tuple[Finding, ...]]:
    """The episodes of log `name` in the order in which they began, the digest of its files, and what looks wrong.

    Raises `TableError`: file, row and column named.
    """
    dialect = {key: getattr(spec, key) for key in Dialect.model_fields}
    as_signals = SignalLog(path=spec.path, format=spec.format, **dialect)
    wanted = list(dict.fromkeys(column.column for column in (*spec.columns.values(), *spec.extra.values())))
    frames, digests = [], []
    for file in found(spec.path, folder):
        raw = read_raw(file, as_signals, wanted)
        frames.append(_frame(raw, spec))
        digests.append(raw.digest)
    table = pd.concat(frames, ignore_index=True)
    table, twice = _once(table, spec)
    if "start_s" in spec.columns:
        table["start_s"] -= table["start_s"].min()
        table = table.sort_values("start_s", kind="stable").reset_index(drop=True)
    if "episode" not in spec.columns:
        table["episode"] = pd.array(np.arange(1, len(table) + 1), dtype="Int64")
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    findings = [*([f"{twice} rows say the same episode again; each is counted once"] if twice else []), *_suspected(table)]
    return table, digest, tuple(Finding("warning", f"log {name!r}: {text}") for text in findings)


def _frame(raw: Raw, spec: EpisodeLog) -> pd.DataFrame:
    """The rows of one file."""
    told: dict[str, Sequence[Any]] = {name: _column(raw, EPISODE_COLUMNS[name], c) for name, c in spec.columns.items()}
    if "start_s" in told and spec.columns["start_s"].unit == "iso8601" and "start_utc" not in told:
        told["start_utc"] = [None if t != t else datetime.fromtimestamp(t, UTC) for t in told["start_s"]]
    if "label" in told and "label_source" not in told:
        told["label_source"] = [None if label is None else "operator" for label in told["label"]]
    known = {"source": "real", "schema": SCHEMA}
    out = episode_frame(known | dict(zip(told, row, strict=True)) for row in zip(*told.values(), strict=True))
    return out.assign(**{name: _extra(raw, column) for name, column in spec.extra.items()})


def _column(raw: Raw, kind: str, column: EpisodeColumn) -> Sequence[Any]:
    """(n,) values of one column of the episode table; None where there is none."""
    if kind == "bool":
        return _flags(raw, column)
    if kind == "timestamp" or column.unit == "iso8601":
        at = raw.moments(column.column, column.zone)
        return [None if t != t else datetime.fromtimestamp(t, UTC) for t in at] if kind == "timestamp" else at.tolist()
    if kind in ("float64", "int64"):
        return _numbers(raw, kind, column)
    texts = [_words(value, column) for value in raw.values(column.column)]
    return texts if kind == "list<string>" else [" / ".join(words) or None for words in texts]


def _words(value: Any, column: EpisodeColumn) -> list[str]:
    """What one cell holds: a list, or a text of several."""
    parts = value if isinstance(value, list | tuple | np.ndarray) else [] if value is None else [value]
    texts = [part.strip() for one in parts for part in str(_whole(one)).split(column.separator)]
    return [column.values.get(text, text) for text in texts if text]


def _whole(value: Any) -> Any:
    """A name that a file holds as a number: 7.0 is 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _numbers(raw: Raw, kind: str, column: EpisodeColumn) -> list[Any]:
    values: Floats = raw.numbers(column.column) * column.scale * (UNITS[column.unit][1] if column.unit else 1.0)
    known = ~np.isnan(values)
    if kind == "int64" and (broken := known & (values != np.round(values))).any():
        row = int(np.argmax(broken))
        raise TableError(f"{raw.place(row)}, column {column.column!r}: {values[row]:g} is no whole number")
    if column.unit in ("s", "ms", "us", "min", "h") and kind == "float64" and (values[known] < 0).any():
        row = int(np.argmax(known & (values < 0)))
        text = f"{values[row]:g} s is less than no time; where it stands for none, say it under blank_values"
        raise TableError(f"{raw.place(row)}, column {column.column!r}: {text}")
    return [None if not there else int(v) if kind == "int64" else float(v) for v, there in zip(values, known, strict=True)]


def _flags(raw: Raw, column: EpisodeColumn) -> list[bool | None]:
    if column.above is not None:
        return [None if v != v else bool(v > column.above) for v in raw.numbers(column.column).tolist()]
    known = {text.casefold(): False for text in column.down_values} | {text.casefold(): True for text in column.up_values}
    out: list[bool | None] = []
    for row, value in enumerate(raw.values(column.column)):
        text = str(value).strip().casefold()
        if value is not None and text not in known:
            place = f"{raw.place(row)}, column {column.column!r}"
            raise TableError(
                f"{place}: {str(value)[:60]!r} is neither yes nor no; say up_values and down_values, or above: 0.5"
            )
        out.append(None if value is None else known[text])
    return out


def _extra(raw: Raw, column: EpisodeColumn) -> list[Any]:
    """A covariate: numbers where they are meant, else texts."""
    values = raw.values(column.column)
    if column.unit or column.scale != 1.0 or all(v is None or isinstance(v, int | float) for v in values):
        return _numbers(raw, "float64", column)
    return [" / ".join(_words(value, column)) or None for value in values]


def _once(table: pd.DataFrame, spec: EpisodeLog) -> tuple[pd.DataFrame, int]:
    """The table without rows that say the same episode again, and how many did: alike in all, its number or moment too."""
    if not {"episode", "start_s", "start_utc"} & set(spec.columns):
        return table, 0
    again = table.astype(str).duplicated()
    return table[~again].reset_index(drop=True), int(again.sum())


def _suspected(table: pd.DataFrame) -> list[str]:
    """Times that episodes do not have."""
    out = []
    lasts, start = (table[name].to_numpy(float) for name in ("duration_s", "start_s"))
    known = lasts[~np.isnan(lasts)]
    if known.size and not USUAL_S[0] <= np.median(known) <= USUAL_S[1]:
        out.append(f"half of all episodes take more than {np.median(known):.3g} s: is the duration in another unit than said?")
    order = np.lexsort((start, table["cell"].astype(str).to_numpy()))
    same = table["cell"].astype(str).to_numpy()[order][1:] == table["cell"].astype(str).to_numpy()[order][:-1]
    over = same & ((start + lasts)[order][:-1] > start[order][1:] + 1.0)
    if same.any() and over.sum() > OVERLAP * same.sum():
        text = f"{over.sum()} of {same.sum()} episodes end after the next one of their cell began"
        out.append(f"{text}: is the duration in another unit, or does `cell` not tell robots apart?")
    return out
