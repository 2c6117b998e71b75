"""A table of a finished run as it lies on the disk: read by columns, or in its order by batches, however long the run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from twin.core.errors import RunFolderError
from twin.log.columns import EPISODES, EVENTS, RECEIPTS, frame

TABLES = {"events": EVENTS, "episodes": EPISODES, "faults": RECEIPTS}
BROKEN = (pa.ArrowException, OSError, UnicodeError)
"""What reading a damaged file raises."""
BATCH = 16_384
"""Rows that are in memory while a table is read in order."""
PLAIN = ("payload", "data_uri", "job")
"""Texts that hardly repeat."""


class Stored:
    """What judges use of a frame, in the memory of a column, or of a batch; texts that repeat come as categories."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path, self.schema = checked(Path(folder), name), TABLES[name]
        self.columns = pd.Index(self.schema.names)

    def __len__(self) -> int:
        return int(pq.read_metadata(self.path).num_rows)

    def __getitem__(self, name: str) -> pd.Series:
        field = self.schema.field(name)
        if not pa.types.is_string(field.type):
            return frame(self._read([name]))[name]
        try:
            return pq.read_table(self.path, columns=[name], read_dictionary=[name]).to_pandas()[name]
        except BROKEN as error:
            raise unreadable(self.path, error) from error

    def rows(self, numbers: Sequence[int]) -> pd.DataFrame:
        """Rows by their numbers (ascending), with all columns."""
        wanted = np.asarray(numbers, dtype=np.int64)
        found = [part.loc[part.index.intersection(wanted)] for part in self.batches(self.schema.names, around=wanted)]
        plain = {f.name: object for f in self.schema if pa.types.is_string(f.type)}
        return pd.concat([part.astype(plain) for part in found]) if found else frame(self.schema.empty_table())

    def batches(
        self, names: Sequence[str], kinds: Collection[str] | None = None, around: np.ndarray[Any, Any] | None = None
    ) -> Iterator[pd.DataFrame]:
        """Frames one after the other, numbered through; only events of some kinds, or only batches that hold some rows."""
        read = list(names) if kinds is None or "kind" in names else [*names, "kind"]
        for first, part in self._parts(read, around):
            index = np.arange(first, first + part.num_rows)
            if kinds is None:
                yield frame(part).set_axis(index)
            elif (mask := pc.is_in(part["kind"], pa.array(sorted(kinds)))).to_numpy().any():
                yield frame(part.filter(mask)).set_axis(index[mask.to_numpy()])

    def _parts(self, names: list[str], around: np.ndarray[Any, Any] | None) -> Iterator[tuple[int, Any]]:
        """Some columns, texts as codes, batch by batch, each after the number of its first row; those that hold some rows."""
        texts = [name for name in names if pa.types.is_string(self.schema.field(name).type) and name not in PLAIN]
        coded = pa.dictionary(pa.int32(), pa.string())
        schema = pa.schema([pa.field(name, coded) if name in texts else self.schema.field(name) for name in names])
        at = 0
        try:
            with pq.ParquetFile(self.path, read_dictionary=texts, pre_buffer=False) as file:
                for batch in file.iter_batches(BATCH, columns=names):
                    first, at = at, at + batch.num_rows
                    if batch.num_rows and (around is None or ((around >= first) & (around < at)).any()):
                        yield first, pa.Table.from_batches([batch]).select(names).cast(schema)
        except BROKEN as error:
            raise unreadable(self.path, error) from error

    def whole(self) -> pd.DataFrame:
        """The table as one frame, in as much memory as it takes."""
        return frame(self._read(self.schema.names))

    def _read(self, names: Sequence[str]) -> Any:
        try:
            table = pq.read_table(self.path, columns=list(names))
            return table.cast(pa.schema([self.schema.field(name) for name in names]))
        except BROKEN as error:
            raise unreadable(self.path, error) from error


def whole(table: pd.DataFrame | Stored) -> pd.DataFrame:
    """A table as a frame, wherever it is."""
    return table.whole() if isinstance(table, Stored) else table


def checked(folder: Path, name: str) -> Path:
    """The path of a table that is there and has all of its columns; raises `RunFolderError`."""
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise RunFolderError(f"{path} is missing; delete {folder / 'run.json'} and repeat the run's command")
    try:
        there = pq.read_schema(path)
    except BROKEN as error:
        raise unreadable(path, error) from error
    if missing := [column for column in TABLES[name].names if column not in there.names]:
        raise RunFolderError(f"{path} lacks the columns {', '.join(missing)}: it was not written by this twin; run again")
    return path


def unreadable(path: Path, error: Exception) -> RunFolderError:
    """The error of a table that does not read."""
    why = str(error).strip().split("\n")[0]
    return RunFolderError(f"{path} cannot be read ({why}); delete {path.parent / 'run.json'} and repeat the run's command")
