"""Files as columns: one small reader a format. Nothing is unpickled, ever."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from twin.calibrate.logspec import Format, SignalLog
from twin.core.errors import TableError, nearest
from twin.core.records import Floats
from twin.log.delimited import Table, read_columns

ENDINGS: Mapping[str, Format] = {
    ".csv": "csv", ".csv.gz": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet",
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
            return values.astype("datetime64[ns]").astype(np.int64) / 1e9
        if values.dtype.kind == "O" and len(values) and isinstance(values[0], np.ndarray | list):
            return self._stacked(column, values)
        try:
            return values.astype(np.float64)
        except (TypeError, ValueError):
            raise TableError(f"{self.path}: column {column!r} holds {values.dtype}, not numbers") from None

    def _stacked(self, column: str, values: NDArray[Any]) -> Floats:
        """A column of lists."""
        lengths = {len(row) for row in values}
        if len(lengths) > 1:
            raise TableError(f"{self.path}: column {column!r}: its lists are not equally long ({min(lengths)}–{max(lengths)})")
        return np.array([np.asarray(row, np.float64) for row in values])

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
    form = spec.format or _form(path)
    reader = _READERS.get(form)
    if reader is None:
        raise TableError(f"{path}: format {form} cannot be read yet")
    return reader(path, spec, columns)


def _form(path: Path) -> Format:
    name = path.name.lower()
    if name.endswith(PICKLES):
        raise TableError(f"{path}: a pickle runs code when it is read, so it is refused; save the arrays as NPZ or Parquet")
    for ending in sorted(ENDINGS, key=len, reverse=True):
        if name.endswith(ending):
            return ENDINGS[ending]
    raise TableError(f"{path}: unknown ending; say its format in the plan{nearest('', ENDINGS.values(), what='formats')}")


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


def _csv(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    table = read_columns(path, spec, columns, header=spec.header)
    texts = {name: np.array(values, dtype=np.str_) for name, values in table.columns.items()}
    return Raw(path, digest(path), len(table.lines), texts, table)


def _parquet(path: Path, spec: SignalLog, columns: Sequence[str] | None) -> Raw:
    try:
        known = pq.read_schema(path).names
        check_columns(path, columns or (), known)
        table = pq.read_table(path, columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path} is no Parquet file that can be read: {error}") from error
    found = {name: table[name].to_pandas().to_numpy() for name in table.column_names}
    return Raw(path, digest(path), table.num_rows, found)


_READERS: Mapping[Format, Callable[[Path, SignalLog, Sequence[str] | None], Raw]] = {"csv": _csv, "parquet": _parquet}
