"""`ticks.parquet`, what cells did at every tick: rows to the journal's bytes, these to the table, and an episode of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from twin.core.errors import RunFolderError
from twin.log.stored import BROKEN

_LIST = pa.list_(pa.float32())
TICKS: Final[Any] = pa.schema(
    [
        ("t_s", pa.float64()), ("cell", pa.string()), ("episode", pa.int64()), ("q", _LIST), ("dq", _LIST),
        ("grip_m", pa.float32()), ("tool_m", _LIST), ("objects", _LIST), ("command", _LIST), ("filter", pa.int16()),
    ]
)  # fmt: skip
"""t_s the end of a control period; q rad, dq rad/s, grip_m, tool_m as they then were; objects 7 numbers a thing (m, unit
quaternion); command (rad, the opening in m) as filters let it through; filter which one changed it, 0 none."""
FILE = "ticks.parquet"


def packed(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as the journal keeps them; empty where there are none."""
    listed = list(rows)
    if not listed:
        return b""
    columns = {name: [row[name] for row in listed] for name in TICKS.names}
    table = pa.table({name: pa.array(values, TICKS.field(name).type) for name, values in columns.items()}, TICKS)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, TICKS, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def unpacked(blobs: Iterable[bytes]) -> Iterator[Any]:
    """Tables, one a blob."""
    for blob in blobs:
        with pa.ipc.open_stream(blob) as reader:
            yield reader.read_all()


def latest(folder: Path, until_s: float) -> dict[str, dict[str, Any]]:
    """The last tick of each cell up to a time, by the cell's name; a batch in memory at a time."""
    found: dict[str, dict[str, Any]] = {}
    with pq.ParquetFile(Path(folder) / FILE) as table:
        for batch in table.iter_batches():
            cells, times = batch.column("cell").to_pylist(), batch.column("t_s").to_pylist()
            last = {cell: i for i, (cell, t_s) in enumerate(zip(cells, times, strict=True)) if t_s <= until_s}
            found |= {cell: batch.slice(i, 1).to_pylist()[0] for cell, i in last.items()}
    return found


def of_episode(folder: Path, episode: int) -> Any:
    """The ticks of an episode as Arrow, in order; None where the run kept none of it. Raises `RunFolderError`."""
    path = Path(folder) / FILE
    if not path.is_file():
        return None
    try:
        found = pq.read_table(path, filters=[("episode", "=", episode)])
    except BROKEN as error:
        raise RunFolderError(f"{path} cannot be read ({error}); delete it, and the run is replayed instead") from error
    return found if len(found) else None
