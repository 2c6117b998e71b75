"""What is held out to judge a fit."""

from __future__ import annotations

import numpy as np

from twin.calibrate.logs import Log
from twin.calibrate.partspec import SplitSpec
from twin.core.errors import InputError, nearest
from twin.core.records import Bools


def usual(log: Log) -> SplitSpec:
    """What is held out where a plan does not say: a third of the runs where there are three, else the last half of the time."""
    return SplitSpec(by="run", hold_out=0.34) if len(log.runs) >= 3 else SplitSpec(by="time", hold_out=0.5)


def split(log: Log, spec: SplitSpec) -> tuple[Log, Log]:
    """The rows to fit and the rows held out. Neither is empty, or `InputError`."""
    held = _by_time(log, spec) if spec.by == "time" else _by_label(log, spec)
    if held.all() or not held.any():
        what = "everything" if held.all() else "nothing"
        raise InputError(f"log {log.name!r}: the split by {spec.by} holds out {what}; it needs rows on both sides")
    return log.take(~held), log.take(held)


def _by_time(log: Log, spec: SplitSpec) -> Bools:
    """The last share of every run."""
    if not isinstance(spec.hold_out, float):
        raise InputError(f"log {log.name!r}: a split by time holds out a share, not {spec.hold_out}")
    held = np.zeros(len(log), bool)
    for run in log.runs:
        rows = np.flatnonzero(log.labels["run"] == run)
        held[rows[round(len(rows) * (1 - spec.hold_out)) :]] = True
    return held


def _by_label(log: Log, spec: SplitSpec) -> Bools:
    labels = log.label(spec.by)
    values = list(dict.fromkeys(labels.tolist()))
    if isinstance(spec.hold_out, float):
        count = max(1, round(len(values) * spec.hold_out))
        return np.isin(labels, values[len(values) - count :])
    for value in spec.hold_out:
        if value not in values:
            raise InputError(f"log {log.name!r}: no {spec.by} {value!r} to hold out{nearest(value, values)}")
    return np.isin(labels, spec.hold_out)
