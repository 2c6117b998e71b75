"""What happened to cells, in order: a log's events, and what a log that keeps exceptions leaves to the episode table.

Such a log (`log_events: exceptions` in run.json) has no events of episodes that went well and of resets that worked at once.
Their rows say when they began and ended and how long the reset took, to the µs: here they become events again, or one `quiet`
for an end, a reset and the next beginning between which nothing else happened. Both tables are read side by side and once, so
that a year takes no more memory than a day.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from itertools import chain
from typing import Any, NamedTuple

from twin.core.errors import TableError
from twin.judge.columns import US, rows
from twin.log.tables import RunLog

UNTIDY = (None, "crash", "void")
"""Ends of episodes after which nobody tidies up at once."""
SAID: dict[tuple[Any, str], dict[str, Any]] = {}
"""Payloads of the ends of episodes, one for each label and reason."""


class Quiet(NamedTuple):
    """How a cell's last episode ended (µs) and was labelled, and when it was tidied up; then the next one began."""

    ended_us: int
    done_us: int
    label: bool | None


class Happening(NamedTuple):
    """An event of a cell: when, its kind, the cell and episode, and its payload (JSON text or read; a `Quiet` of a `quiet`);
    `row` in the table of events."""

    t_us: int
    kind: str
    cell: Any
    episode: Any
    text: Any
    row: int


def spelt(quiet: Happening, before: Any) -> tuple[Happening, ...]:
    """The four events that a `quiet` stands for. before: the episode that ended."""
    told: Quiet = quiet.text
    end = Happening(told.ended_us, "episode.end", quiet.cell, before, {"label": told.label}, -1)
    start = Happening(told.ended_us, "reset.start", quiet.cell, None, None, -1)
    done = Happening(told.done_us, "reset.done", quiet.cell, None, None, -1)
    return end, start, done, quiet._replace(kind="episode.start", text=None)


def keeps_all(log: RunLog) -> bool:
    """Whether the events tell everything by themselves."""
    return log.meta.get("log_events") != "exceptions"


def happenings(log: RunLog, kinds: Collection[str] | None = None) -> Iterator[Happening]:
    """All of them, or events of some kinds only, each cell's in the order of time: as the events stand, or put together from
    both tables."""
    return _events(log, kinds) if keeps_all(log) else _together(log, _events(log, kinds))


def _events(log: RunLog, kinds: Collection[str] | None) -> Iterator[Happening]:
    names = ("t_us", "kind", "cell", "episode", "payload")
    for row, t, kind, cell, episode, text in rows(log.events, names, table="events", kinds=kinds):
        yield Happening(t, kind, cell, episode, text, row)


def _together(log: RunLog, events: Iterator[Happening]) -> Iterator[Happening]:
    """Rows stand in the order in which episodes ended, events in that of time. Once a cell's next row is read, all that comes
    before that episode is known: its events up to then, and how the episode before it ended and was tidied up after.

    Several at one µs: an episode ends before what it leads to, and begins last.
    """
    ahead: Happening | None = next(events, None)
    kept: dict[Any, deque[Happening]] = {}
    """Cell → its events that have not been told yet."""
    last: dict[Any, tuple[Any, int, Any, Any]] = {}
    """Cell → its last episode, when it ended, why, and its label."""
    names = ("cell", "episode", "start_s", "duration_s", "end_reason", "label", "reset_kind", "reset_s")
    for _, cell, number, start, spent, reason, label, reset, reset_s in rows(log.episodes, names, table="episodes"):
        begun = _us(start, number)
        while ahead is not None and ahead.t_us <= begun:
            if ahead.cell is None:
                yield ahead
            else:
                kept.setdefault(ahead.cell, deque()).append(ahead)
            ahead = next(events, None)
        before, waiting = last.get(cell), kept.get(cell)
        tidied = before is not None and reset == "automatic" and before[2] not in UNTIDY
        done = before[1] + _us(reset_s or 0.0, number) if before is not None and tidied else 0
        if before is not None and tidied and not waiting and done <= begun:
            yield Happening(begun, "quiet", cell, number, Quiet(before[1], done, before[3]), -1)
        else:
            closing = () if before is None else _closing(cell, *before)
            if tidied:
                closing = (*closing, Happening(done, "reset.done", cell, None, None, -1))
            yield from _merged(closing, waiting, begun)
            yield Happening(begun, "episode.start", cell, number, None, -1)
        last[cell] = (number, begun + _us(spent or 0.0, number), reason, label)
    for item in chain(() if ahead is None else (ahead,), events):
        kept.setdefault(item.cell, deque()).append(item)
    for cell in dict.fromkeys((*last, *kept)):
        yield from _merged(_closing(cell, *last[cell]) if cell in last else (), kept.get(cell), None)


def _us(seconds: float | None, number: Any) -> int:
    if seconds is None or seconds != seconds:
        raise TableError(f"episodes: episode {number}: a time is missing or NaN, so nothing can be judged")
    return round(seconds * US)


def _closing(cell: Any, number: Any, ended: int, reason: Any, label: Any) -> tuple[Happening, ...]:
    """What the end of an episode was, and that a reset began; nothing where the end of the run cut it off."""
    if reason is None:
        return ()
    said = SAID.setdefault((label, reason), {"label": label, "end_reason": reason})
    end = Happening(ended, "episode.end", cell, number, said, -1)
    return (end,) if reason in UNTIDY else (end, Happening(ended, "reset.start", cell, None, None, -1))


def _merged(closing: tuple[Happening, ...], kept: deque[Happening] | None, until: int | None) -> Iterator[Happening]:
    """Both in the order of time, the ends first among equals; of the events those up to `until`."""
    for item in closing:
        while kept and kept[0].t_us < item.t_us:
            yield kept.popleft()
        yield item
    while kept and (until is None or kept[0].t_us <= until):
        yield kept.popleft()
