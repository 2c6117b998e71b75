"""What happened to cells, in order: a log's events, and what a log that keeps exceptions leaves to the episode table.

Such a log (`log_events: exceptions` in run.json) has no events of episodes that went well and of resets that worked at once.
Their rows say when they began and ended and how long the reset took, to the µs: here they become events again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from twin.judge.columns import US, column, flags, numbers, times_us
from twin.log.tables import RunLog


class Happening(NamedTuple):
    """An event of a cell: when, its kind, the cell and episode, and its payload as JSON text; `row` in the table of events."""

    t_us: int
    kind: str
    cell: Any
    episode: Any
    text: Any
    row: int


def keeps_all(log: RunLog) -> bool:
    """Whether the events tell everything by themselves."""
    return log.meta.get("log_events") != "exceptions"


def happenings(log: RunLog) -> Iterator[Happening]:
    """All of them: as the events stand, or, in a log that keeps exceptions, one cell after the other, each in order of time."""
    when = times_us(log.events, "t_s", table="events").tolist()
    names = ("kind", "cell", "episode", "payload")
    told = zip(when, *(column(log.events, name, table="events") for name in names), range(len(when)), strict=True)
    if keeps_all(log):
        yield from map(Happening._make, told)
        return
    kept: dict[Any, list[Happening]] = {}
    for item in map(Happening._make, told):
        kept.setdefault(item.cell, []).append(item)
    for cell, rows in _by_cell(log).items():
        usual = _usual(log, cell, rows)
        merged = [(item.t_us, 3, n, item) for n, item in enumerate(kept.pop(cell, ()))] + usual
        yield from (entry[3] for entry in sorted(merged, key=lambda entry: entry[:3]))
    for items in kept.values():
        yield from items


def _by_cell(log: RunLog) -> dict[Any, list[int]]:
    """Rows of the episode table by cell, in order of time."""
    where = column(log.episodes, "cell", table="episodes")
    begun = times_us(log.episodes, "start_s", table="episodes")
    out: dict[Any, list[int]] = {}
    for row in np.argsort(begun, kind="stable").tolist():
        out.setdefault(where[row], []).append(row)
    return out


def _usual(log: RunLog, cell: Any, rows: list[int]) -> list[tuple[int, int, int, Happening]]:
    """(t, place among what happens at t, number, happening): an episode ends before what it leads to, and begins last."""
    frame = log.episodes.iloc[rows]
    number = column(frame, "episode", table="episodes")
    reasons = column(frame, "end_reason", table="episodes")
    kinds = column(frame, "reset_kind", table="episodes")
    labels = flags(frame, "label", table="episodes")
    start, spent, reset = (
        np.rint(np.nan_to_num(numbers(frame, name, table="episodes")) * US).astype(np.int64).tolist()
        for name in ("start_s", "duration_s", "reset_s")
    )
    out: list[tuple[int, int, int, Happening]] = []
    for k in range(len(rows)):
        ended = start[k] + spent[k]
        out.append((start[k], 4, k, Happening(start[k], "episode.start", cell, number[k], None, -1)))
        if reasons[k] is None:  # the end of the run cut it off
            continue
        said = json.dumps({"label": labels[k], "end_reason": reasons[k]})
        out.append((ended, 0, k, Happening(ended, "episode.end", cell, number[k], said, -1)))
        if reasons[k] in ("crash", "void"):
            continue
        out.append((ended, 1, k, Happening(ended, "reset.start", cell, None, None, -1)))
        if k + 1 < len(rows) and kinds[k + 1] == "automatic":
            done = ended + reset[k + 1]
            out.append((done, 2, k, Happening(done, "reset.done", cell, None, None, -1)))
    return out
