"""Foreign logs as the episode table, by a declared map (`mapspec.py`).

A row belongs to at most one episode. Between two rows further apart than `hole_s` the recording was off: an episode with such a
hole inside, or at its start or end, has no duration. What a log does not say is null.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from twin.core.errors import TableError
from twin.core.records import SCHEMA, Bools, Event, Floats, Ints, blank_episode
from twin.log.columns import EVENTS, event_row, frame
from twin.log.delimited import EPOCH, Table, read_table
from twin.log.episodes import episode_frame, write_episodes
from twin.log.mapspec import Column, Label, MapSpec, Starts, load_map


def import_log(log: Path, mapping: str | Path, out: Path | None = None) -> pd.DataFrame:
    """The episode table of a log, written to `out` (.parquet or .csv) where given; `mapping` is a map's path or shipped name.

    `attrs["import"]` tells what was found on the way: rows, holes, onsets of every symptom, blanks, remarks.
    Raises `TableError` (the log), `SpecError` or `AssetError` (the map), `StorageError` (the output).
    """
    spec = load_map(mapping)
    log = Path(log)
    recording = _record(read_table(log, spec), spec)
    rows = [_episode(recording, spec, number, own) for number, own in enumerate(recording.episodes)]
    table = episode_frame({"run": _stem(log)} | _constants(spec) | row for row in rows)
    table.attrs["import"] = _summary(recording, spec, table)
    if out is not None:
        write_episodes(table, Path(out))
    return table


TOLD = {
    "protective_stop": ("stop.protective", "stop.cleared"),
    "grip_loss": ("symptom.grip_loss", None),
    "object_lost": ("symptom.object_lost", None),
    "link_timeout": ("link.timeout", None),
}
"""Symptom → the event of its onset, and of its end."""


def import_events(log: Path, mapping: str | Path) -> pd.DataFrame:
    """What a log tells of moments, as an event table: episodes begin and end, symptoms rise, stops are cleared.

    Times are s since the log's first row, as `start_s` of the episodes. A stop whose end lies behind a hole has none. Raises as
    `import_log` does.
    """
    spec = load_map(mapping)
    rec = _record(read_table(Path(log), spec), spec)
    owner = np.full(len(rec.t_us), -1)
    found: list[tuple[int, str, int]] = []
    for number, own in enumerate(rec.episodes):
        owner[own] = number
        found += [(int(own[0]), "episode.start", number), (int(own[-1]), "episode.end", number)]
    for name, level in rec.levels.items():
        begins, ends = TOLD.get(name, ("", None))
        for i in np.flatnonzero(rec.onsets[name]) if begins else ():
            found.append((int(i), begins, int(owner[i])))
            after = np.flatnonzero(level[i:] == 0)
            if ends and after.size and rec.holes[i] == rec.holes[i + after[0]]:
                found.append((int(i + after[0]), ends, int(owner[i])))
    rows = []
    for seq, (row, kind, number) in enumerate(sorted(found)):
        episode = None if number < 0 else rec.names[number] if rec.names else number + 1
        t = int(rec.t_us[row] - rec.t_us[0])
        rows.append(event_row(Event(seq, t, t, kind, None, spec.constants.cell, None, None, episode, None, {})))
    return frame(pa.Table.from_pylist(rows, schema=EVENTS))


@dataclass
class _Recording:
    """A log, read: per kept row its time, whether a hole lies before it (and how many so far), levels; per episode its rows."""

    table: Table
    t_us: Ints
    hole: Bools
    holes: Ints
    hole_us: int
    episodes: list[Ints]
    names: list[int] | None
    levels: dict[str, Ints]
    onsets: dict[str, Bools]
    label: Ints | None
    peaks: dict[str, Floats]
    blanks: dict[str, int] = field(default_factory=dict)


def _record(table: Table, spec: MapSpec) -> _Recording:
    table, hole, blanks = _without_blanks(table, spec)
    t_us = table.times(spec.time)
    steps = np.diff(t_us, prepend=t_us[:1])
    moving = steps[steps > 0]
    hole_us = round(spec.hole_s * 1e6) if spec.hole_s else int(5 * np.median(moving)) if moving.size else 0
    hole |= steps > hole_us
    episodes, names = _episodes(table, spec.starts)
    levels = {name: table.levels(symptom) for name, symptom in spec.symptoms.items()}
    flag = spec.label.flag() if spec.label else None
    return _Recording(
        table=table,
        t_us=t_us,
        hole=hole,
        holes=np.cumsum(hole),
        hole_us=hole_us,
        episodes=episodes,
        names=names,
        levels=levels,
        onsets={name: _rises(level) for name, level in levels.items()},
        label=table.levels(flag) if flag else None,
        peaks={name: np.abs(table.numbers(peak.column)) * peak.scale for name, peak in spec.peaks.items()},
        blanks=blanks,
    )


def _without_blanks(table: Table, spec: MapSpec) -> tuple[Table, Bools, dict[str, int]]:
    """The table without rows whose blanks are a hole (or have no time), and where such a hole lies before a kept row."""
    keep = np.ones(len(table.lines), dtype=np.bool_)
    torn = ~keep
    blanks: dict[str, int] = {}
    for column in spec.columns():
        blank = table.blank(column.column)
        if not blank.any():
            continue
        if column.nan == "refuse":
            raise _blank(table, column, blank)
        blanks[column.column] = int(blank.sum())
        if column.nan == "hole":
            torn |= blank
        if column.nan == "hole" or column is spec.time:
            keep &= ~blank
    if not keep.any():
        raise TableError(f"{table.path}: no row is left: every one has a blank that the map calls a hole")
    before = np.concatenate(([0], np.cumsum(torn)))[:-1][keep]
    return table.take(keep), np.diff(before, prepend=before[:1]) > 0, blanks


def _blank(table: Table, column: Column, blank: Bools) -> TableError:
    row, count = int(np.argmax(blank)), int(blank.sum())
    more = f" (as in {count - 1} more rows)" if count > 1 else ""
    return table.refuse(
        row, column.column, f"blank or NaN{more}, which the map refuses; say nan: hole or nan: ignore for this column"
    )


def _episodes(table: Table, starts: Starts) -> tuple[list[Ints], list[int] | None]:
    """The rows of every episode, by first row, and their numbers where the log itself numbers them."""
    if starts.each in ("edge", "level"):
        belongs = _by_flag(table.levels(starts), starts.each)
        values: list[str] = []
    else:
        values = _filled(table.columns[starts.column])
        belongs = _by_value(values, starts)
    order = np.argsort(belongs, kind="stable")
    order = order[belongs[order] >= 0]
    if not order.size:
        why = "the flag is never up" if not values else "only idle values"
        raise TableError(f"{table.path}: no episode in it: column {starts.column!r} starts none ({why})")
    groups = np.split(order, np.flatnonzero(np.diff(belongs[order])) + 1)
    return groups, _numbers([values[g[0]] for g in groups]) if starts.each == "value" else None


def _by_flag(level: Ints, each: str) -> Ints:
    """(rows,) index of the episode, -1 none. An unknown level is the one before; a log that begins up begins an episode."""
    known = np.maximum.accumulate(np.where(level >= 0, np.arange(len(level)), -1))
    level = np.where(known >= 0, level[known], 0)
    number = np.cumsum(np.diff(level, prepend=0) > 0) - 1
    return np.where(level > 0, number, -1) if each == "level" else number


def _by_value(values: list[str], starts: Starts) -> Ints:
    idle = {"", *(_canonical(text) for text in starts.idle_values)}
    if starts.each == "value":
        first: dict[str, int] = {}
        return np.array([-1 if v in idle else first.setdefault(v, len(first)) for v in values], dtype=np.int64)
    new = [v != before and v not in idle for v, before in zip(values, ["", *values[:-1]], strict=True)]
    return np.where([v in idle for v in values], -1, np.cumsum(new) - 1)


def _filled(texts: list[str]) -> list[str]:
    """Every value in one spelling (7 and 7.0 are one cycle); a blank is the value before."""
    out, last = [], ""
    for text in texts:
        last = _canonical(text) if text else last
        out.append(last)
    return out


def _canonical(text: str) -> str:
    whole, _, rest = text.replace(",", ".").partition(".")
    return str(int(whole)) if whole.removeprefix("-").isdecimal() and not rest.strip("0") else text


def _numbers(values: list[str]) -> list[int] | None:
    return [int(v) for v in values] if all(v.removeprefix("-").isdecimal() and len(v) < 18 for v in values) else None


def _rises(level: Ints) -> Bools:
    """(rows,) True where a level goes up, against the last one that was known."""
    known = np.flatnonzero(level >= 0)
    out = np.zeros(len(level), dtype=np.bool_)
    out[known] = np.diff(level[known], prepend=0) > 0
    return out


def _episode(rec: _Recording, spec: MapSpec, number: int, own: Ints) -> dict[str, Any]:
    start = int(rec.t_us[own[0]])
    duration_s, censored = _duration(rec, spec, own)
    row = blank_episode() | {
        "episode": rec.names[number] if rec.names else number + 1,
        "source": "real",
        "schema": SCHEMA,
        "start_utc": None if spec.time.format == "seconds" else EPOCH + timedelta(microseconds=start),
        "start_s": (start - int(rec.t_us[0])) / 1e6,
        "duration_s": duration_s,
        "censored": censored,
        "symptoms": _symptoms(rec, spec, own),
    }
    for name, values in rec.peaks.items():
        known = values[own][~np.isnan(values[own])]
        row[name] = float(known.max()) if known.size else None
    if spec.label:
        row["label"] = _label(rec, spec.label, own, row["symptoms"])
        row["label_source"] = None if row["label"] is None else spec.label.source
    return {name: value for name, value in row.items() if value is not None}


def _duration(rec: _Recording, spec: MapSpec, own: Ints) -> tuple[float | None, bool]:
    """Seconds, and whether an end was not seen. Where the log breaks off, what was seen is a lower bound."""
    first, last = int(own[0]), int(own[-1])
    cut = last + 1 == len(rec.t_us)
    end = last if cut or spec.ends == "last_row" else last + 1
    torn = rec.holes[last if cut else last + 1] > rec.holes[max(first - 1, 0)]
    if torn or _scattered(rec, own) or end == first:
        return None, True
    return (int(rec.t_us[end]) - int(rec.t_us[first])) / 1e6, cut


def _scattered(rec: _Recording, own: Ints) -> bool:
    """Whether the rows of an episode lie further apart than a hole, whatever stands between them."""
    return bool((np.diff(rec.t_us[own]) > rec.hole_us).any())


def _symptoms(rec: _Recording, spec: MapSpec, own: Ints) -> list[str] | None:
    """What was seen; None where a symptom is unknown throughout: a list would claim that it was absent."""
    seen = []
    for name, symptom in spec.symptoms.items():
        level = rec.levels[name][own]
        if (level < 0).all():
            return None
        if (rec.onsets[name][own] if symptom.when == "onset" else level == 1).any():
            seen.append(name)
    return seen if spec.symptoms else None


def _label(rec: _Recording, label: Label, own: Ints, symptoms: list[str] | None) -> bool | None:
    if label.none_of is not None:
        return None if symptoms is None else not set(label.none_of) & set(symptoms)
    assert rec.label is not None
    known = rec.label[own][rec.label[own] >= 0]
    if not known.size:
        return None
    return bool({"last": known[-1], "any": known.max(), "all": known.min()}[label.rows])


def _constants(spec: MapSpec) -> dict[str, Any]:
    given = spec.constants.model_dump(exclude_none=True)
    return given | ({"robots": list(given["robots"])} if "robots" in given else {})


def _stem(log: Path) -> str:
    return log.name.removesuffix(".gz").rsplit(".", 1)[0]


def _summary(rec: _Recording, spec: MapSpec, episodes: pd.DataFrame) -> dict[str, Any]:
    """What the importer met, as plain data."""
    steps = np.diff(rec.t_us, prepend=rec.t_us[:1]) / 1e6
    scattered = sum(_scattered(rec, own) and not rec.hole[own[1:]].any() for own in rec.episodes)
    return {
        "log": rec.table.path.name,
        "sha256": hashlib.sha256(rec.table.path.read_bytes()).hexdigest(),
        "map": spec.map,
        "rows": len(rec.t_us),
        "span_s": float(rec.t_us[-1] - rec.t_us[0]) / 1e6,
        "episodes": len(episodes),
        "without_duration": int(episodes["duration_s"].isna().sum()),
        "median_duration_s": _finite(episodes["duration_s"].median()),
        "hole_s": rec.hole_us / 1e6,
        "sampled_s": _sampled(rec) if spec.ends == "last_row" else None,
        "holes": [{"line": int(rec.table.lines[i]), "seconds": float(steps[i])} for i in np.flatnonzero(rec.hole)],
        "scattered": scattered,
        "with_symptom": {name: sum(name in (s or ()) for s in episodes["symptoms"]) for name in spec.symptoms},
        "with_all": sum(set(spec.symptoms) <= set(s or ()) for s in episodes["symptoms"]),
        "onsets": {name: int(rises.sum()) for name, rises in rec.onsets.items()},
        "blanks": rec.blanks,
    }


SAMPLES = 3
"""Rows of the usual episode from which on they are samples that a recorder took of it."""


def _sampled(rec: _Recording) -> float | None:
    """The recorder's usual step, s: an episode then began up to a step before its first row and ended up to one after its last.
    None where a row is an episode, or nearly."""
    steps = np.diff(rec.t_us)
    if np.median([own.size for own in rec.episodes]) < SAMPLES or not (steps > 0).any():
        return None
    return float(np.median(steps[steps > 0])) / 1e6


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
