"""Logs of calls for people, a row each: when somebody was called, came, and was done. They become events as a farm has them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa

from twin.calibrate.episodelog import Episodes
from twin.calibrate.files import found
from twin.calibrate.logs import moments, numbers
from twin.calibrate.logspec import CallLog, ColumnMap, SignalLog, TimeMap
from twin.calibrate.readers import Raw, read_raw
from twin.calibrate.result import Finding
from twin.core.clock import to_us
from twin.core.errors import TableError
from twin.core.records import Event, Floats
from twin.log.columns import EVENTS, event_row, frame
from twin.log.episodes import episode_frame
from twin.log.mapspec import Dialect

APART_S = 86_400.0
"""Calls of which nobody says when they were made are laid so far apart that none waits for another."""


def read_calls(name: str, spec: CallLog, folder: Path) -> Episodes:
    """The log called `name`: no episode, and events of every call. Raises `TableError`: someone came before being called."""
    dialect = {key: getattr(spec, key) for key in Dialect.model_fields}
    as_signals = SignalLog(path=spec.path, format=spec.format, **dialect)
    maps = [m for m in (spec.sent, spec.answered, spec.response, spec.done, spec.work) if m is not None]
    wanted = [*(column for one in maps for column in one.names), *(c for c in (spec.pool_column, spec.person) if c)]
    rows: list[tuple[float, float, float, str, str]] = []
    digests = []
    for file in found(spec.path, folder):
        raw = read_raw(file, as_signals, list(dict.fromkeys(wanted)))
        apart = APART_S * (len(rows) + np.arange(raw.n, dtype=np.float64))
        sent: Floats = apart if spec.sent is None else moments(raw, spec.sent)
        came = _later(raw, sent, spec.answered, spec.response)
        done = came if spec.done is None and spec.work is None else _later(raw, came, spec.done, spec.work)
        pools = [spec.pool] * raw.n if spec.pool_column is None else raw.texts(spec.pool_column).tolist()
        people = [str(len(rows) + i) for i in range(raw.n)] if spec.person is None else raw.texts(spec.person).tolist()
        rows += zip(sent.tolist(), came.tolist(), done.tolist(), pools, people, strict=True)
        digests.append(raw.digest)
    known = [row for row in rows if row[0] == row[0] and (row[1] == row[1] or row[2] == row[2])]
    text = f"log {name!r}: {len(rows) - len(known)} of {len(rows)} calls have no answer and no end, and are left out"
    told = (Finding("warning", text),) if len(known) < len(rows) else ()
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    return Episodes(name, folder, digest, episode_frame([]), _events(known), findings=told)


def _later(raw: Raw, since: Floats, at: TimeMap | None, lasts: ColumnMap | None) -> Floats:
    """(n,) s of what is told as a moment, or as how long it took."""
    out = moments(raw, at) if at is not None else since + numbers(raw, lasts) if lasts is not None else since
    if (early := out < since).any():
        column = (at or lasts).names[0]  # type: ignore[union-attr]
        raise TableError(f"{raw.place(int(np.argmax(early)))}, column {column!r}: earlier than what came before it")
    return np.asarray(out)


def _events(rows: list[tuple[float, float, float, str, str]]) -> object:
    """The table of events; a call that was ended without an answer expired."""
    first = min((row[0] for row in rows), default=0.0)
    told = []
    for page, (sent, came, done, pool, person) in enumerate(rows):
        payload: dict[str, object] = {"page": page, "pool": pool, "why": "reset", "person": person}
        ends = "page.done" if came == came else "page.expired"
        kinds = (("page.sent", sent), ("page.answered", came), (ends, done))
        told += [(to_us(t - first), kind, payload) for kind, t in kinds if t == t]
    events = [Event(i, t, t, kind, None, None, None, None, None, None, payload)
              for i, (t, kind, payload) in enumerate(sorted(told, key=lambda e: e[0]))]  # fmt: skip
    return frame(pa.Table.from_pylist([event_row(event) for event in events], schema=EVENTS))
