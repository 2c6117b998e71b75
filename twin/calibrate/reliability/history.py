"""What happened to each cell, on the clock of its own operation: time in episodes, less the time that it stood stopped.

A stretch ends where an episode has no duration (a hole in the recording) and a new one begins: nothing is known of what lies
between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from twin.calibrate.stats.lifetimes import Times
from twin.calibrate.stats.trend import Watched
from twin.core.records import Bools, Floats, Ints
from twin.judge.columns import flags, numbers

EVENT_OF = {
    "breakage": "repair.start",
    "protective_stop": "stop.protective",
    "grip_loss": "symptom.grip_loss",
    "object_lost": "symptom.object_lost",
    "link_timeout": "link.timeout",
}
"""What happens → the event that tells it."""


@dataclass(frozen=True)
class Happened:
    """One kind of happening on one cell: stretches of operation in s with its moments, the same moments in log time, and per
    episode whether it was seen (NaN: not told) and when the episode began (log time, s)."""

    cell: str
    stretches: tuple[Watched, ...]
    at: Floats
    had: Floats
    began: Floats
    exact: bool
    """Moments are those of events; otherwise they are laid in the middle of the episode that reports them."""

    @property
    def operated(self) -> float:
        """Operating time, s."""
        return float(sum(s.until for s in self.stretches))

    @property
    def count(self) -> int:
        """Happenings while operating."""
        return sum(s.at.size for s in self.stretches)

    @property
    def whole(self) -> Watched:
        """All stretches on one clock of operation."""
        ends = np.cumsum([s.until for s in self.stretches])
        at = [s.at + end - s.until for s, end in zip(self.stretches, ends, strict=True)]
        return Watched(np.concatenate(at) if at else np.zeros(0), float(ends[-1]) if len(ends) else 0.0)

    def times(self, *, new: bool) -> Times | None:
        """Times between happenings; what still ran is censored. The first of a stretch ran already, since nobody knows when;
        `new`: at the start of the log the robot was new. None without any."""
        parts = []
        for i, s in enumerate(self.stretches):
            gaps = np.diff(np.concatenate(([0.0], s.at, [s.until])))
            number = np.arange(gaps.size)
            running = (number == 0) & (i > 0 or not new)
            keep = gaps > 0
            parts.append(Times(gaps[keep], (number < s.at.size)[keep], running[keep]))
        return Times.joined(parts) if sum(p.t.size for p in parts) else None


@dataclass
class _Cell:
    name: str
    start: Floats
    end: Floats
    part: Ints
    """Which stretch each timed episode belongs to."""
    before: Floats
    """Operating time of its stretch before it, stopped time included."""
    rows: Ints
    stops: Floats = field(default_factory=lambda: np.zeros((0, 2)))


def happened(frame: pd.DataFrame, events: pd.DataFrame | None, what: str) -> list[Happened]:
    """One entry a cell, in order of name. `what`: breakage, or a symptom. Raises `TableError` on columns that are none."""
    moments = _moments(events, EVENT_OF[what], what) if events is not None and what in EVENT_OF else None
    stops = _stops(events) if events is not None else {}
    had = np.full(len(frame), np.nan) if what == "breakage" else with_symptom(frame, what)
    start = numbers(frame, "start_s", table="episodes")
    out = []
    for cell in _cells(frame, start):
        cell.stops = stops.get(cell.name, cell.stops) if what != "breakage" else cell.stops  # wear goes on while stopped
        at = None if moments is None else moments.get(cell.name, np.zeros(0))
        out.append(_one(cell, at, had, start))
    return out


def with_symptom(frame: pd.DataFrame, name: str) -> Floats:
    """(n,) 1 where an episode has a symptom, 0 where not, NaN where symptoms are not told."""
    lists = frame["symptoms"].tolist()
    return np.array([np.nan if s is None or s is pd.NA or isinstance(s, float) else float(name in s) for s in lists])


def cut_off(frame: pd.DataFrame) -> Bools:
    """(n,) episodes whose end was not seen."""
    return np.array([cut is True for cut in flags(frame, "censored", table="episodes")], dtype=bool)


def symptoms_seen(frame: pd.DataFrame) -> list[str]:
    """Every symptom that some episode has."""
    lists = frame["symptoms"].dropna().tolist()
    return sorted({name for names in lists for name in names})


def keys(frame: pd.DataFrame) -> Any:
    """(n,) the cell of every episode, with its run where a table holds several."""
    cell = frame["cell"].astype(object).where(frame["cell"].notna(), "cell").astype(str)
    runs = frame["run"].astype(object).dropna().unique() if "run" in frame else ()
    return cell if len(runs) < 2 else frame["run"].astype(str) + "/" + cell


def _cells(frame: pd.DataFrame, start: Floats) -> Iterator[_Cell]:
    name, inverse = np.unique(keys(frame).to_numpy(), return_inverse=True)
    lasts = numbers(frame, "duration_s", table="episodes")
    known = ~np.isnan(lasts) & ~np.isnan(start)
    order = np.lexsort((start, inverse))
    bounds = np.searchsorted(inverse[order], np.arange(name.size + 1))
    for i, which in enumerate(name):
        rows = order[bounds[i] : bounds[i + 1]]
        timed = rows[known[rows]]
        part = np.cumsum(~known[rows], dtype=np.int64)[known[rows]]
        long = lasts[timed]
        total = np.cumsum(long) - long
        first = np.concatenate(([True], np.diff(part) > 0)) if part.size else np.zeros(0, bool)
        before = total - np.repeat(total[first], np.diff(np.append(np.flatnonzero(first), part.size)))
        yield _Cell(str(which), start[timed], start[timed] + long, part, before, rows)


def _one(cell: _Cell, at: Floats | None, had: Floats, start: Floats) -> Happened:
    own, began = had[cell.rows], start[cell.rows]
    exact = at is not None
    if at is None:
        hit = np.isin(cell.start, began[own == 1])
        at = 0.5 * (cell.start + cell.end)[hit]
    clock, index = _operating(cell, at)
    lost = _stopped_before(cell, cell.start), _stopped_before(cell, cell.end)
    stretches = []
    for part in np.unique(cell.part):
        inside = cell.part == part
        offset = float(lost[0][inside][0])
        until = float((cell.before + cell.end - cell.start - lost[1])[inside][-1]) + offset
        mine = index[(index >= 0)]
        here = clock[index >= 0][cell.part[mine] == part] + offset
        stretches.append(Watched(np.clip(np.sort(here), 0, until), until))
    return Happened(cell.name, tuple(s for s in stretches if s.until > 0), at, own, began, exact)


def _operating(cell: _Cell, at: Floats) -> tuple[Floats, Ints]:
    """(n,) operating time of moments, less stops before, and the episode of each (-1: none)."""
    index = np.searchsorted(cell.start, at, side="right") - 1
    safe = np.maximum(index, 0)
    inside = (index >= 0) & (at <= cell.end[safe] + 1e-6) if cell.start.size else np.zeros(at.size, bool)
    if not cell.start.size:
        return np.zeros(at.size), np.full(at.size, -1)
    clock = cell.before[safe] + at - cell.start[safe] - _stopped_before(cell, at)
    return clock, np.where(inside, index, -1)


def _stopped_before(cell: _Cell, at: Floats) -> Floats:
    """(n,) time for which the cell had stood stopped before each moment."""
    if not cell.stops.size:
        return np.zeros(at.size)
    lasted = np.concatenate(([0.0], np.cumsum(cell.stops[:, 1] - cell.stops[:, 0])))
    i = np.searchsorted(cell.stops[:, 0], at, side="left")
    over = np.where(i > 0, np.maximum(cell.stops[np.maximum(i - 1, 0), 1] - at, 0.0), 0.0)
    return lasted[i] - over


def event_cells(events: pd.DataFrame) -> Any:
    """(n,) the cell of every event, with its run where a table holds several."""
    cell = events["cell"].astype(object).where(events["cell"].notna(), "cell").astype(str)
    return events["run"].astype(str) + "/" + cell if "run" in events and events["run"].nunique() > 1 else cell


def episode_keys(table: pd.DataFrame, events: pd.DataFrame) -> list[Any]:
    """(n,) what tells the episodes of a table apart: the number, with the run where the events name runs."""
    number = table["episode"].astype(int).tolist()
    return list(zip(table["run"], number, strict=True)) if "run" in events else number


def _moments(events: pd.DataFrame, kind: str, what: str) -> dict[str, Floats] | None:
    """Times of an event by cell; None where the log has no such event although its episodes might."""
    found = events[events["kind"] == kind]
    if what == "breakage":  # a call that is made again tells of no new breakage
        found = found[~found["payload"].str.contains(r'"call":(?!1[,}])', regex=True)]
    if found.empty and what != "breakage":
        return None
    return {str(k): np.sort(g["t_s"].to_numpy(float)) for k, g in found.groupby(event_cells(found))}


def _stops(events: pd.DataFrame) -> dict[str, Floats]:
    """(k, 2) onset and end of every stop, by cell; one without an end has no length."""
    found = events[events["kind"].isin(("stop.protective", "stop.cleared"))].sort_values("t_s", kind="stable")
    out = {}
    for cell, group in found.groupby(event_cells(found)):
        rows, open_at = [], None
        for t, kind in zip(group["t_s"].tolist(), group["kind"].tolist(), strict=True):
            if kind == "stop.protective":
                if open_at is not None:
                    rows.append((open_at, open_at))
                open_at = t
            elif open_at is not None:
                rows.append((open_at, t))
                open_at = None
        if open_at is not None:
            rows.append((open_at, open_at))
        out[str(cell)] = np.array(rows, dtype=float).reshape(-1, 2)
    return out


def stop_times(events: pd.DataFrame) -> Times | None:
    """How long stops lasted until they were cleared; one whose end was not seen is left out."""
    lengths = np.concatenate([s[:, 1] - s[:, 0] for s in _stops(events).values()] or [np.zeros(0)])
    lengths = lengths[lengths > 0]
    return Times(lengths, np.ones(lengths.size, bool)) if lengths.size else None


def time_lost(frame: pd.DataFrame, events: pd.DataFrame, *, placed: bool) -> Floats:
    """(n,) s that one stop costs its cycle: how much longer each cycle with stops and no other symptom took than it would have
    without, a stop; below zero where it was shorter. None of them where fewer than five cycles tell how long one takes.

    placed: stops keep to a place, so that cycles with one are like the others; otherwise the longer a cycle, the more often it
    has one at a steady rate, and by that the lengths of those without are weighed.
    """
    lasts = numbers(frame, "duration_s", table="episodes")
    lists = frame["symptoms"].tolist()
    clean = np.array([isinstance(s, (list, tuple)) and not s for s in lists]) & ~np.isnan(lasts)
    only = np.array([isinstance(s, (list, tuple)) and set(s) == {"protective_stop"} for s in lists])
    told = events[(events["kind"] == "stop.protective") & events["episode"].notna()]
    own, of = episode_keys(frame, events), episode_keys(told, events)
    count = pd.Series(1, index=of).groupby(level=0).sum() if len(told) else pd.Series(dtype=int)
    stops = np.array([count.get(k, 0) for k in own], dtype=float)
    if clean.sum() < 5:
        return np.zeros(0)
    free, keep = lasts[clean], only & (stops > 0) & ~np.isnan(lasts)
    odds = np.expm1(stops.sum() / np.nansum(lasts) * free)  # of a stop in a cycle of that length
    usual = float(np.median(free) if placed or not odds.any() else np.average(free, weights=odds))
    return np.asarray((lasts[keep] - usual) / stops[keep])
