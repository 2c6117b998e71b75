"""Reading columns of a log: nulls as None, NaN refused before anything is judged."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from twin.core.errors import TableError, nearest
from twin.core.records import Floats, Ints
from twin.log.stored import Stored
from twin.log.tables import RunLog

US = 1_000_000
Answers = npt.NDArray[np.int8]
"""Of a yes/no column: 1 yes, 0 no, −1 not known."""


def column(frame: pd.DataFrame, name: str, *, table: str) -> list[Any]:
    """A column as Python values, null as None. A missing column is refused with the nearest name."""
    _there(frame, name, table)
    held = frame[name]
    if isinstance(held.dtype, pd.CategoricalDtype):  # texts that repeat are one object each
        named = np.array([*held.cat.categories, None], dtype=object)
        return list(named[held.cat.codes.to_numpy()].tolist())
    values = held.astype(object).to_numpy(copy=True)
    values[held.isna().to_numpy()] = None
    return list(values.tolist())


def _there(frame: pd.DataFrame, name: str, table: str) -> None:
    if name not in frame.columns:
        raise TableError(f"{table}: no column {name!r}" + nearest(name, map(str, frame.columns), what="columns"))


def rows(
    frame: pd.DataFrame, names: Sequence[str], *, table: str, kinds: Collection[str] | None = None
) -> Iterator[tuple[Any, ...]]:
    """(row number, values of `names` …) of a table in its order, of events only those of some `kinds`; a table on the disk
    passes by in batches. The name `t_us` is the column `t_s` as integer µs."""
    wanted = tuple("t_s" if name == "t_us" else name for name in names)
    for name in (*wanted, *(() if kinds is None else ("kind",))):
        _there(frame, name, table)
    if isinstance(frame, Stored):
        found = frame.batches(list(dict.fromkeys(wanted)), kinds)
    else:
        found = iter((frame if kinds is None else frame[frame["kind"].isin(list(kinds)).to_numpy(dtype=bool)],))
    for part in found:
        told = (times_us(part, "t_s", table=table).tolist() if n == "t_us" else column(part, n, table=table) for n in names)
        yield from zip(part.index.tolist(), *told, strict=True)


def picked(frame: pd.DataFrame, numbers: Sequence[int]) -> pd.DataFrame:
    """Rows of a table by their numbers, ascending."""
    return frame.rows(numbers) if isinstance(frame, Stored) else frame.iloc[list(numbers)]


def answers(frame: pd.DataFrame, name: str, *, table: str) -> Answers:
    """A yes/no column (n,) in a byte each. A NaN in it is refused."""
    _there(frame, name, table)
    held = frame[name]
    if held.dtype == pd.BooleanDtype():
        told: Answers = held.to_numpy(dtype=np.int8, na_value=-1)
        return told
    return np.array([-1 if v is None else v for v in flags(frame, name, table=table)], dtype=np.int8)


def codes(frame: pd.DataFrame, name: str, *, table: str) -> tuple[Ints, list[str]]:
    """A column of texts as (n,) numbers of the names, which are in their order; null is −1."""
    _there(frame, name, table)
    held = frame[name]
    if not isinstance(held.dtype, pd.CategoricalDtype):
        held = held.astype(object).astype("category")
    order = sorted(range(len(held.cat.categories)), key=lambda i: str(held.cat.categories[i]))
    place = np.full(len(order) + 1, -1, dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place[held.cat.codes.to_numpy()], [str(held.cat.categories[i]) for i in order]


def numbers(frame: pd.DataFrame, name: str, *, table: str) -> Floats:
    """A numeric column (n,) with null as NaN; infinity and text are refused."""
    if name in frame.columns and frame[name].dtype in (np.dtype(np.float64), np.dtype(np.int64), pd.Int64Dtype()):
        out: Floats = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = column(frame, name, table=table)
        out = np.array([_number(value, row, name, table) for row, value in enumerate(values)], dtype=np.float64)
    bad = np.flatnonzero(np.isinf(out))
    if bad.size:
        raise TableError(f"{table}: column {name!r}, row {int(bad[0])}: infinity is no number that can be judged")
    return out


def _number(value: Any, row: int, name: str, table: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TableError(f"{table}: column {name!r}, row {row}: {value!r} where a number or null is expected")
    return float(value)


def flags(frame: pd.DataFrame, name: str, *, table: str) -> list[bool | None]:
    """A yes/no column: True, False or None. A NaN in it is refused: it is neither an answer nor a stated lack of one."""
    if name not in frame.columns:
        column(frame, name, table=table)
    raw = frame[name].astype(object).tolist()
    out: list[bool | None] = []
    for row, value in enumerate(raw):
        if value is None or value is pd.NA:
            out.append(None)
        elif isinstance(value, (bool, np.bool_)):
            out.append(bool(value))
        else:
            raise TableError(f"{table}: column {name!r}, row {row}: {value!r} where true, false or null is expected")
    return out


def lists(frame: pd.DataFrame, name: str, *, table: str) -> list[tuple[str, ...] | None]:
    """A column of lists of names; null as None."""
    if name not in frame.columns:
        column(frame, name, table=table)
    raw = frame[name].astype(object).tolist()
    return [tuple(map(str, v)) if isinstance(v, (list, tuple, np.ndarray)) else None for v in raw]


def times_us(frame: pd.DataFrame, name: str, *, table: str) -> Ints:
    """A column of seconds as integer µs (n,); null or NaN is refused, naming the row."""
    seconds = numbers(frame, name, table=table)
    bad = np.flatnonzero(np.isnan(seconds))
    if bad.size:
        raise TableError(f"{table}: column {name!r}, row {int(bad[0])}: a time is missing or NaN, so nothing can be judged")
    return np.rint(seconds * US).astype(np.int64)


def payload(text: Any, row: int) -> dict[str, Any]:
    """The payload of an event; NaN and infinity inside it are refused."""
    if isinstance(text, dict):
        return text
    try:
        value = json.loads(text, parse_constant=_refuse) if text else {}
    except ValueError as error:
        raise TableError(f"events: column 'payload', row {row}: {error}") from None
    if not isinstance(value, dict):
        raise TableError(f"events: column 'payload', row {row}: {text!r} is no JSON object")
    return value


def duration_us(log: RunLog) -> int:
    """Simulated length of a run in µs, from `sim_s` of its run.json."""
    value = log.meta.get("sim_s")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise TableError(f"run.json: 'sim_s' is {value!r} where a length in seconds is expected")
    return round(value * US)


def cells(log: RunLog) -> list[dict[str, Any]]:
    """The cells of the run as run.json lists them."""
    return list(log.meta.get("cells") or [])


def refuse_nan(log: RunLog) -> None:
    """Raise `TableError` where a value that judging needs is NaN: times, yes/no columns, payloads, run length."""
    duration_us(log)
    for part in parts(log.events, ("t_s",), "events"):
        times_us(part, "t_s", table="events")
    for part in parts(log.episodes, (*YES_NO, *FIGURES), "episodes"):
        for name in YES_NO:
            answers(part, name, table="episodes")
        for name in FIGURES:
            _no_nan(part, name)
    for row, text in rows(log.events, ("payload",), table="events"):
        if isinstance(text, str) and ("NaN" in text or "Infinity" in text):
            payload(text, row)


YES_NO = ("label", "usable")
FIGURES = ("start_s", "duration_s", "peak_speed_mps")


def parts(frame: pd.DataFrame, names: Sequence[str], table: str) -> Iterator[pd.DataFrame]:
    """A table with some columns, in batches where it lies on the disk."""
    for name in names:
        _there(frame, name, table)
    yield from frame.batches(names) if isinstance(frame, Stored) else (frame,)


def _no_nan(frame: pd.DataFrame, name: str) -> None:
    """Refuse NaN where the column's type can tell it from null; in a plain float column NaN *is* null."""
    numbers(frame, name, table="episodes")
    if frame[name].dtype == np.float64:
        return
    for row, value in enumerate(frame[name].astype(object).tolist()):
        if isinstance(value, float) and math.isnan(value):
            raise TableError(f"episodes: column {name!r}, row {row}: NaN where a number or null is expected")


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number that can be judged")
