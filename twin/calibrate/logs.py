"""Logs of signals as arrays in SI units: what a part fits to."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.calibrate import lerobot
from twin.calibrate.files import expand, found
from twin.calibrate.logspec import ColumnMap, SignalLog, TimeMap
from twin.calibrate.readers import Raw, plain, read_raw
from twin.calibrate.result import Finding
from twin.calibrate.units import UNITS
from twin.core.errors import TableError, nearest
from twin.core.records import Bools, Floats
from twin.log.delimited import lines_of

Texts = NDArray[np.str_]
LOOKED_AT = 200
"""Lines of a file that are looked at for how its numbers are written."""
GAP_STEPS = 20
"""Without `gap_s`: rows further apart than so many median steps have a gap between them."""


@dataclass(frozen=True)
class Log:
    """n rows in the order of the files: time in s (None: the log has none), signals (n,) or (n, k) in SI, labels (n,) text.

    The label `run` is always there; `segment` (n,) counts up wherever a run starts or a gap lies before the row.
    """

    name: str
    digest: str
    t: Floats | None
    signals: Mapping[str, Floats]
    labels: Mapping[str, Texts]
    segment: NDArray[np.int64]
    findings: tuple[Finding, ...] = ()
    maps: Mapping[str, ColumnMap] = field(default_factory=dict)
    """How each signal was read."""

    def __len__(self) -> int:
        return len(self.segment)

    @property
    def source(self) -> str:
        """Name and digest for an estimate."""
        return f"{self.name} {self.digest[:12]}"

    @property
    def runs(self) -> list[str]:
        """The runs, in order of appearance."""
        return [str(run) for run in dict.fromkeys(self.labels["run"].tolist())]

    def time(self) -> Floats:
        """(n,) time in s; `TableError` where the log has none."""
        if self.t is None:
            raise TableError(f"log {self.name!r} has no time; say `time: {{column: …}}` in the plan, or `rate_hz:`")
        return self.t

    def signal(self, name: str, *, whole: bool = True) -> Floats:
        """A signal by name; `TableError` names those that the plan maps, and refuses one with values that lack (`nan: keep`) to
        who wants it whole."""
        if name not in self.signals:
            raise TableError(f"log {self.name!r} maps no signal {name!r}{nearest(name, self.signals, what='mapped')}")
        values = self.signals[name]
        if whole and np.isnan(values).any():
            row = int(np.argmax(np.isnan(values.reshape(len(values), -1)).any(axis=1)))
            raise TableError(
                f"log {self.name!r}: {name} is kept without a number at row {row + 1}, and this part needs all: nan: drop"
            )
        return values

    def single(self, name: str) -> Floats:
        """(n,) a signal of one column; `TableError` for one of many."""
        values = self.signal(name)
        if values.ndim > 1 and values.shape[1] != 1:
            raise TableError(
                f"log {self.name!r}: {name} has {values.shape[1]} columns, and this part follows one; map it alone"
            )
        return values.ravel()

    def label(self, name: str) -> Texts:
        """A label by name; `TableError` names those there are."""
        if name not in self.labels:
            raise TableError(f"log {self.name!r} has no label {name!r}{nearest(name, [*self.labels, 'time'], what='labels')}")
        return self.labels[name]

    def take(self, keep: Bools) -> Log:
        """The rows where `keep` (n,)."""
        t = None if self.t is None else self.t[keep]
        signals = {name: values[keep] for name, values in self.signals.items()}
        labels = {name: values[keep] for name, values in self.labels.items()}
        return Log(self.name, self.digest, t, signals, labels, self.segment[keep], self.findings, self.maps)

    def in_pieces(self, count: int) -> Log:
        """The same rows, every unbroken stretch cut into so many runs of its own; a run that is one piece keeps its name."""
        names = np.array(self.labels["run"], dtype=object)
        for run in self.runs:
            here = self.labels["run"] == run
            stretches = [np.flatnonzero(here & (self.segment == segment)) for segment in np.unique(self.segment[here])]
            pieces = [rows for stretch in stretches for rows in np.array_split(stretch, count)]
            for i, rows in enumerate(pieces, start=1):
                names[rows] = f"{run}/{i}" if len(pieces) > 1 else run
        return replace(self, labels={**self.labels, "run": names.astype(np.str_)})

    def by_run(self) -> dict[str, Log]:
        """The log run by run."""
        return {run: self.take(self.labels["run"] == run) for run in self.runs}


def read_log(name: str, spec: SignalLog, folder: Path) -> Log:
    """The log called `name` of a plan in `folder`. Raises `TableError`: file, row and column named."""
    files = [file for given in found(spec.path, folder) for file in lerobot.episodes(given)]
    if spec.format in (None, "lerobot") and any(lerobot.root(file) for file in files):
        spec = lerobot.filled(spec, files[0])
    parts = [_one(name, file, run, spec) for file, run in zip(files, run_names(files), strict=True)]
    widths = {key: {values.shape[1:] for values in (part.signals[key] for part in parts)} for key in spec.columns}
    for key, shapes in widths.items():
        if len(shapes) > 1:
            raise TableError(f"log {name!r}: signal {key!r} has not as many columns in every file: {sorted(shapes)}")
    t = None if parts[0].t is None else np.concatenate([part.time() for part in parts])
    signals = {key: np.concatenate([part.signals[key] for part in parts]) for key in spec.columns}
    labels = {key: np.concatenate([part.labels[key] for part in parts]) for key in parts[0].labels}
    if spec.runs is not None:
        labels |= _run_table(name, spec, folder, labels["run"])
    digest = hashlib.sha256("".join(part.digest for part in parts).encode()).hexdigest() if len(parts) > 1 else parts[0].digest
    findings = tuple(finding for part in parts for finding in part.findings)
    segment, more = _segments(name, spec, t, labels["run"])
    return Log(name, digest, t, signals, labels, segment, findings + more, spec.columns)


def run_names(files: Sequence[Path]) -> list[str]:
    """A name for the run of every file: its own without its ending, after the folders in which files of one name differ.
    Raises `TableError` for a file that is there twice."""
    names = [plain(file) for file in files]
    if len(set(names)) == len(names):
        return names
    if len(set(files)) < len(files):
        twice = next(file for file in files if files.count(file) > 1)
        raise TableError(f"{twice}: the log has this file twice")
    common = Path(os.path.commonpath([file.parent for file in files]))
    return [(file.parent.relative_to(common) / file.name).as_posix() for file in files]


def _one(name: str, file: Path, run: str, spec: SignalLog) -> Log:
    """One file."""
    columns = [column for mapped in spec.columns.values() for column in mapped.names]
    columns += [*(spec.time.names if spec.time else ()), *spec.labels.values()]
    raw = read_raw(file, spec, list(dict.fromkeys(columns)))
    signals = {key: numbers(raw, mapped) for key, mapped in spec.columns.items()}
    t = moments(raw, spec.time) if spec.time else np.arange(raw.n) / spec.rate_hz if spec.rate_hz else None
    labels = {key: raw.texts(column) for key, column in spec.labels.items()}
    labels = {"run": np.full(raw.n, run)} | labels
    keep, findings = _complete(name, raw, spec, signals, t)
    findings += _decimal_comma(file, spec) if raw.table is not None else []
    log = Log(name, raw.digest, t, signals, labels, np.zeros(raw.n, np.int64), tuple(findings))
    return log if keep.all() else log.take(keep)


def _decimal_comma(file: Path, spec: SignalLog) -> list[Finding]:
    """Without a header a number with a decimal comma looks like two columns of whole ones."""
    if spec.header or spec.separator != "," or spec.decimal == ",":
        return []
    with lines_of(file, spec.encoding) as text:
        seen = [line.strip() for line in islice(text, spec.skip_lines, spec.skip_lines + LOOKED_AT)]
    parts = [re.fullmatch(r"-?\d+,(\d+)", line) for line in seen if line]
    if len(parts) < 3 or not all(parts) or len({len(part[1]) for part in parts if part}) > 1:
        return []
    return [
        Finding("warning", f'{file.name}: {seen[0]!r}: is this one number with a decimal comma (decimal: ",") or are they two?')
    ]


def numbers(raw: Raw, mapped: ColumnMap) -> Floats:
    """(n,) or (n, k) of a column map, in SI."""
    values = [raw.numbers(column) for column in mapped.names]
    array = values[0] if isinstance(mapped.column, str) else np.column_stack(values)
    if mapped.bits is not None:
        array = np.where(array >= 2.0 ** (mapped.bits - 1), array - 2.0**mapped.bits, array)
    sign, scale, offset = (_per_column(raw, mapped, what, array) for what in ("sign", "scale", "offset"))
    factor = UNITS[mapped.unit][1] if mapped.unit in UNITS else 1.0
    out: Floats = (sign * scale * array + offset) * factor
    return out


def moments(raw: Raw, mapped: TimeMap) -> Floats:
    """(n,) s of the column of time."""
    if not isinstance(mapped.column, str):
        raise TableError(f"{raw.path}: time is one column, and not {len(mapped.column)}")
    if mapped.unit != "iso8601":
        if raw.dated(mapped.column):
            raise TableError(f"{raw.path}: column {mapped.column!r} holds dates with a time of day: say unit: iso8601")
        return numbers(raw, mapped)
    return raw.moments(mapped.column, mapped.zone)


def _per_column(raw: Raw, mapped: ColumnMap, what: str, array: Floats) -> Floats:
    """A number of a column map, or one a column (k,), for array (n,) or (n, k)."""
    told: Floats = np.asarray(getattr(mapped, what), float)
    wide = 1 if array.ndim == 1 else array.shape[1]
    if told.ndim and (array.ndim == 1 or told.shape[0] != wide):
        raise TableError(f"{raw.path}: column {mapped.names[0]!r}: {what} has {told.shape[0]} values for {wide} columns")
    return told


def _complete(
    name: str, raw: Raw, spec: SignalLog, signals: Mapping[str, Floats], t: Floats | None
) -> tuple[Bools, list[Finding]]:
    """Rows that hold every value; a row without one is refused unless the plan drops it."""
    keep = np.ones(raw.n, bool)
    findings = []
    mapped: dict[str, ColumnMap] = dict(spec.columns) | ({"time": spec.time} if spec.time else {})
    for key, column in mapped.items():
        values = t if key == "time" and spec.time is column else signals[key]
        assert values is not None
        lacks = ~np.isfinite(values.reshape(raw.n, -1)).all(axis=1)
        if not lacks.any() or column.nan == "keep":
            continue
        count, row = int(lacks.sum()), int(np.argmax(lacks))
        where = f"{raw.place(row)}, column {column.names[0]!r}: no number"
        if column.nan == "refuse":
            more = f" (and in {count - 1} more rows)" if count > 1 else ""
            lost = " (a delay: nan: keep, where the message was lost)" if key in ("rtt", "delay", "latency") else ""
            raise TableError(f"{where}{more}; mend the log, or say nan: drop for {key!r} in the plan{lost}")
        findings.append(
            Finding("warning", f"{raw.path.name}: {count} of {raw.n} rows dropped: no {key} (first: row {row + 1})")
        )
        keep &= ~lacks
    if not keep.any():
        raise TableError(f"{raw.path}: no row holds every value that log {name!r} maps")
    return keep, findings


def _run_table(name: str, spec: SignalLog, folder: Path, runs: Texts) -> dict[str, Texts]:
    """Labels from the table of runs, one value a row of the log."""
    assert spec.runs is not None
    path = expand(spec.runs.path, folder)
    raw = read_raw(path, spec.model_copy(update={"format": None, "header": True}), None)
    key = raw.texts(spec.runs.key)
    row = {run: i for i, run in enumerate(key.tolist())}
    if missing := [run for run in dict.fromkeys(runs.tolist()) if run not in row]:
        raise TableError(f"{path}: no row for run {missing[0]!r} of log {name!r}{nearest(missing[0], row, what='runs')}")
    index = np.array([row[run] for run in runs.tolist()])
    return {column: raw.texts(column)[index] for column in raw.columns if column != spec.runs.key}


def _segments(name: str, spec: SignalLog, t: Floats | None, run: Texts) -> tuple[NDArray[np.int64], tuple[Finding, ...]]:
    """Where runs start and gaps lie; time that goes back inside a run is refused."""
    starts = np.concatenate(([True], run[1:] != run[:-1]))
    if t is None:
        return np.cumsum(starts) - 1, ()
    step = np.diff(t, prepend=t[0])
    inside = ~starts
    back = np.flatnonzero(inside & (step < 0))
    if back.size:
        i = int(back[0])
        raise TableError(
            f"log {name!r}, run {str(run[i])!r}: time goes back by {t[i - 1] - t[i]:.4g} s at row {i + 1}; "
            "sort the log, or label its runs"
        )
    moving = step[inside & (step > 0)]
    limit = spec.gap_s if spec.gap_s is not None else GAP_STEPS * float(np.median(moving)) if moving.size else np.inf
    gaps = inside & (step > limit)
    findings = []
    if gaps.any():
        i = int(np.argmax(np.where(gaps, step, 0)))
        told = f"{int(gaps.sum())} gaps of more than {limit:.3g} s, the longest {step[i]:.3g} s before row {i + 1}"
        findings.append(Finding("warning", f"log {name!r}: {told}; nothing is fitted across a gap"))
    twice = inside & (step == 0)
    if twice.any():
        i = int(np.argmax(twice))
        findings.append(Finding("warning", f"log {name!r}: {int(twice.sum())} rows repeat a time stamp (first: row {i + 1})"))
    return np.cumsum(starts | gaps) - 1, tuple(findings)


def as_numbers(texts: Texts, what: str) -> Floats:
    """A label as numbers (a gain, a mass); `TableError` names the one that is none."""
    out = np.empty(len(texts))
    known: dict[Any, float] = {}
    for i, text in enumerate(texts.tolist()):
        if text not in known:
            try:
                known[text] = float(text)
            except ValueError:
                raise TableError(f"label {what!r}: {text!r} is no number") from None
        out[i] = known[text]
    return out
