"""Files as columns: one small reader a format. Nothing is unpickled, ever."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from twin.calibrate import ping
from twin.calibrate.logspec import Format, SignalLog
from twin.core.errors import TableError, nearest
from twin.core.records import Floats
from twin.log.delimited import Table, read_columns
from twin.log.stored import BROKEN

ENDINGS: Mapping[str, Format] = {
    ".csv": "csv", ".csv.gz": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".jsonl": "jsonl",
    ".h5": "hdf5", ".hdf5": "hdf5", ".npz": "npz", ".bag": "rosbag", ".mcap": "rosbag", ".db3": "rosbag",
}  # fmt: skip
PICKLES = (".pkl", ".pickle", ".p", ".joblib", ".pt", ".pth")


@dataclass(frozen=True)
class Raw:
    """Columns of one file as they stand in it: arrays of numbers or of text, all n long."""

    path: Path
    digest: str
    n: int
    columns: Mapping[str, NDArray[Any]]
    table: Table | None = None
    """CSV: the texts, with the line of every row."""

    def place(self, row: int) -> str:
        """File and row (from 1, without the header) for a message."""
        return f"{self.path}:{self.table.lines[row]}: row {row + 1}" if self.table else f"{self.path}: row {row + 1}"

    def numbers(self, column: str) -> Floats:
        """(n,) or (n, k) float64, NaN where there is no value."""
        if self.table is not None:
            return self.table.numbers(column)
        values = self.columns[column]
        if values.dtype.kind in "biuf":
            return values.astype(np.float64)
        if values.dtype.kind == "M":
            return np.where(np.isnat(values), np.nan, values.astype("datetime64[ns]").astype(np.int64) / 1e9)
        if values.dtype.kind == "O" and any(isinstance(value, np.ndarray | list) for value in values[:1000]):
            return self._stacked(column, values)
        try:
            return values.astype(np.float64)
        except (TypeError, ValueError):
            raise TableError(f"{self.path}: column {column!r} holds {values.dtype}, not numbers") from None

    def dated(self, column: str) -> bool:
        """Whether a column holds dates with a time of day, by its type or its first text."""
        values = self.columns[column]
        if values.dtype.kind not in "OU":
            return values.dtype.kind == "M"
        first = next((str(text).strip() for text in values.tolist() if text not in (None, "")), "")
        if not re.match(r"\d{4}-?\d\d-?\d\d\D", first):
            return False
        try:
            return datetime.fromisoformat(first) is not None
        except ValueError:
            return False

    def moments(self, column: str, zone: str | None = None) -> Floats:
        """(n,) s since 1970 of dates with a time of day (ISO 8601; without a zone: of `zone`, else UTC), NaN where there is
        none."""
        values = self.columns[column]
        if values.dtype.kind == "M" and zone is None:
            return self.numbers(column)
        if values.dtype.kind == "M":
            values = np.array([None if np.isnat(v) else str(v.astype("datetime64[us]")) for v in values], dtype=object)
        here = ZoneInfo(zone) if zone else UTC
        out = np.empty(self.n)
        for row, text in enumerate(values.tolist()):
            try:
                moment = datetime.fromisoformat(str(text).strip()) if text not in (None, "") else None
            except ValueError:
                raise TableError(f"{self.place(row)}, column {column!r}: {text!r} is no date and time (ISO 8601)") from None
            if moment is not None and moment.tzinfo is None:
                moment = moment.replace(tzinfo=here)
            out[row] = np.nan if moment is None else moment.timestamp()
        return out

    def _stacked(self, column: str, values: NDArray[Any]) -> Floats:
        """A column of lists; a row without one has no numbers."""
        there = [row if isinstance(row, np.ndarray | list) else None for row in values]
        lengths = {len(row) for row in there if row is not None}
        if len(lengths) > 1:
            raise TableError(f"{self.path}: column {column!r}: its lists are not equally long ({min(lengths)}–{max(lengths)})")
        nothing = np.full(max(lengths), np.nan)
        return np.array([nothing if row is None else np.asarray(row, np.float64) for row in there])

    def values(self, column: str) -> list[Any]:
        """(n,) as they stand in the file; None where there is none."""
        told = self.columns[column].tolist()
        return [
            None if value is None or value == "" or isinstance(value, float) and value != value else value for value in told
        ]

    def texts(self, column: str) -> NDArray[np.str_]:
        """(n,) text."""
        if column not in self.columns:
            raise TableError(f"{self.path}: no column {column!r}{nearest(column, self.columns, what='columns')}")
        return np.array([_text(value) for value in self.columns[column].tolist()], dtype=np.str_)


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)


def read_raw(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    """The columns of a file (None: all). Raises `TableError`: no such file, another format, a column that is not there."""
    if not path.exists():
        raise TableError(f"{path}: no such file")
    if path.is_dir() and spec.format != "rosbag" and not (path / "metadata.yaml").is_file():
        raise TableError(f"{path} is a folder; name the files in it, or a pattern (*.csv)")
    return _READERS[spec.format or _form(path)](path, spec, columns)


def _form(path: Path) -> Format:
    name = path.name.lower()
    if path.is_dir():
        return "rosbag"
    if name.endswith(PICKLES):
        raise TableError(f"{path}: a pickle runs code when it is read, so it is refused; save the arrays as NPZ or Parquet")
    if name.endswith((".txt", ".log")) and ping.is_ping(path):
        return "ping"
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if name.endswith(ending):
            return ENDINGS[ending]
    raise TableError(f"{path}: unknown ending; say its format in the plan{nearest('', ENDINGS.values(), what='formats')}")


def plain(path: Path) -> str:
    """A file's name without the ending that says its format."""
    ending = max((e for e in ENDINGS if path.name.lower().endswith(e)), key=len, default="")
    return path.name[: len(path.name) - len(ending)] or path.name


def digest(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_columns(path: Path, wanted: Sequence[str], known: Sequence[str]) -> None:
    """Refuse columns that are not there, all at once."""
    missing = [name for name in wanted if name not in known]
    if missing:
        tail = nearest(missing[0], known, what="columns")
        more = f"; nor {', '.join(map(repr, missing[1:]))}" if len(missing) > 1 else ""
        raise TableError(f"{path}: no column {missing[0]!r}{tail}{more}")


def picks(path: Path, wanted: Sequence[str] | None, known: Sequence[str]) -> dict[str, tuple[str, int | None]]:
    """Each wanted column (None: all): its name in the file, and the place in its lists: `action.3` is the fourth number of
    `action`. Refuses columns that are not there, all at once."""
    if wanted is None:
        return {name: (name, None) for name in known}
    out: dict[str, tuple[str, int | None]] = {}
    for name in wanted:
        base, _, place = name.rpartition(".")
        out[name] = (base, int(place)) if name not in known and base in known and place.isdecimal() else (name, None)
    check_columns(path, [name for name, _ in out.values()], known)
    return out


def picked(
    path: Path, found: Mapping[str, NDArray[Any]], wanted: Mapping[str, tuple[str, int | None]]
) -> dict[str, NDArray[Any]]:
    """Columns out of arrays and their lists. Raises `TableError` for a place that no list has."""
    raw, out = Raw(path, "", 0, found), {}
    lists = {name: raw.numbers(name) for name in dict.fromkeys(name for name, place in wanted.values() if place is not None)}
    for column, (name, place) in wanted.items():
        values = found[name] if place is None else lists[name]
        if place is not None and (values.ndim != 2 or place >= values.shape[1]):
            has = f"has {values.shape[1]} numbers a row, the first is .0" if values.ndim == 2 else "holds no lists"
            raise TableError(f"{path}: no column {column!r}: {name!r} {has}")
        out[column] = values if place is None else values[:, place]
    return out


def _csv(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    table = read_columns(path, spec, columns, header=spec.header)
    texts = {name: np.array(values, dtype=np.str_) for name, values in table.columns.items()}
    return Raw(path, digest(path), len(table.lines), texts, table)


def _arrays(path: Path, found: Mapping[str, NDArray[Any]]) -> Raw:
    """Arrays that must all be as long as one another."""
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise TableError(f"{path}: arrays of one log must be equally long ({told}); map those that are, or split the log")
    return Raw(path, digest(path), next(iter(lengths.values()), 0), found)


def _npz(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    try:
        with np.load(path, allow_pickle=False) as file:
            wanted = picks(path, columns, file.files)
            return _arrays(path, picked(path, {name: np.atleast_1d(file[name]) for name, _ in wanted.values()}, wanted))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        pickled = "; arrays of objects are pickles, which are refused" if "pickle" in str(error).lower() else ""
        raise TableError(f"{path} is no NPZ file that can be read: {error}{pickled}") from error


def _hdf5(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    h5py = extra("h5py", path)
    try:
        with h5py.File(path, "r") as file:
            known: list[str] = []
            file.visititems(lambda name, item: known.append(name) if isinstance(item, h5py.Dataset) and item.shape else None)
            wanted = picks(path, None if columns is None else [name.strip("/") for name in columns], known)
            found = {name: np.asarray(file[name]) for name, _ in wanted.values()}
            found = picked(path, {name: v.astype(str) if v.dtype.kind in "SO" else v for name, v in found.items()}, wanted)
            return _arrays(path, found if columns is None else {name: found[name.strip("/")] for name in columns})
    except OSError as error:
        raise TableError(f"{path} is no HDF5 file that can be read: {error}") from error


def _lerobot(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    from twin.calibrate import lerobot

    return _parquet_columns(path, lambda known: lerobot.picks(path, known if columns is None else columns, known))


def _rosbag(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    from twin.calibrate import rosbag

    return Raw(path, rosbag.digest(path), *rosbag.read(path, extra("rosbags.highlevel", path), columns or ()))


def extra(module: str, path: Path) -> Any:
    """A package that only some logs need. Raises `TableError` where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        raise TableError(f"{path}: reading it needs the package {package}: pip install 'robot-farm-twin[logs]'") from error


def _parquet(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    return _parquet_columns(path, lambda known: picks(path, columns, known))


def _parquet_columns(path: Path, choose: Callable[[Sequence[str]], Mapping[str, tuple[str, int | None]]]) -> Raw:
    try:
        wanted = choose(pq.read_schema(path).names)
        table = pq.read_table(path, columns=list(dict.fromkeys(name for name, _ in wanted.values())))
    except BROKEN as error:
        raise TableError(f"{path} is no Parquet file that can be read: {error}") from error
    found = {name: _array(table[name]) for name in table.column_names}
    return Raw(path, digest(path), table.num_rows, picked(path, found, wanted))


def _array(column: pa.ChunkedArray) -> NDArray[Any]:
    """A column of a table; moments with a zone as those of UTC."""
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp(column.type.unit))
    out: NDArray[Any] = column.to_pandas().to_numpy()
    return out


def _ping(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    check_columns(path, columns or (), ping.COLUMNS)
    return _arrays(path, {name: values for name, values in ping.read(path).items() if name in (columns or ping.COLUMNS)})


def _jsonl(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    try:
        rows = [json.loads(line) for line in path.read_text(encoding=spec.encoding).splitlines() if line.strip()]
    except (ValueError, OSError) as error:
        raise TableError(f"{path} is no JSON of one object a line: {error}") from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise TableError(f"{path} is no JSON of one object a line")
    known = list(dict.fromkeys(key for row in rows for key in row))
    wanted = picks(path, columns, known)
    found = {}
    for name, _ in wanted.values():
        found[name] = np.empty(len(rows), dtype=object)
        found[name][:] = [row.get(name) for row in rows]
    return Raw(path, digest(path), len(rows), picked(path, found, wanted))


_READERS: Mapping[Format, Callable[[Path, SignalLog, Sequence[str] | None], Raw]] = {
    "csv": _csv,
    "parquet": _parquet,
    "jsonl": _jsonl,
    "ping": _ping,
    "npz": _npz,
    "hdf5": _hdf5,
    "lerobot": _lerobot,
    "rosbag": _rosbag,
}
