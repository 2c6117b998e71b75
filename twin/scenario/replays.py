"""Recorded onsets that a plan replays: a CSV with a column at_s and, where wanted, duration_s, one onset a row."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twin.core.errors import Problem, nearest
from twin.core.yaml import Document, Loc

COLUMNS = ("at_s", "duration_s")
LONGEST_S = 1e9


def fill(document: Document) -> None:
    """Put the onsets of every table that a plan names into it; what is wrong is a problem of the document."""
    for loc, onset in _tables(document.data):
        path = Path(document.at((*loc, "table"), "").file).parent / onset["table"]
        if not path.is_file():
            tail = nearest(onset["table"], [other.name for other in path.parent.glob("*.csv")])
            document.problems.append(document.at((*loc, "table"), f"no table {onset['table']!r} beside the file{tail}"))
            continue
        moments, problem = read_onsets(path, os.path.normpath(path))
        if problem is not None:
            document.problems.append(problem)
            continue
        del onset["table"]
        onset["moments"] = moments


def _tables(data: Any) -> Iterator[tuple[Loc, dict[str, Any]]]:
    """Every onset that names a table, and where it stands."""
    faults = data.get("faults") if isinstance(data, dict) else None
    for i, fault in enumerate(faults if isinstance(faults, list) else ()):
        onset = fault.get("onset") if isinstance(fault, dict) else None
        if isinstance(onset, dict) and isinstance(onset.get("table"), str):
            yield ("faults", i, "onset"), onset


def read_onsets(path: Path, shown: str) -> tuple[list[dict[str, float]], Problem | None]:
    """Onsets in the order of the table, or the first row that is none: no number, NaN, negative, absurd, or out of order."""
    try:
        rows = csv.reader(path.read_bytes().decode("utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        return [], Problem(shown, 0, 0, f"table of onsets cannot be read: {error}")
    header = [name.strip() for name in next(rows, [])]
    for name in header:
        if name not in COLUMNS:
            return [], Problem(shown, 1, 1, f"unknown column {name!r}{nearest(name, COLUMNS)}")
    if "at_s" not in header:
        return [], Problem(shown, 1, 1, f"column 'at_s' is missing (columns: {', '.join(header) or 'none'})")
    moments: list[dict[str, float]] = []
    for row in rows:
        if not any(field.strip() for field in row):
            continue
        given = {name: field.strip() for name, field in zip(header, row, strict=False) if field.strip()}
        moment = {name: _number(field) for name, field in given.items()}
        if (wrong := _wrong(given, moment, moments[-1]["at_s"] if moments else 0.0)) is not None:
            return [], Problem(shown, rows.line_num, 1, f"row {len(moments) + 1}: {wrong}")
        moments.append(moment)
    return moments, None if moments else Problem(shown, 1, 1, "the table holds no onset")


def _wrong(given: Mapping[str, str], moment: Mapping[str, float], before_s: float) -> str | None:
    """What is wrong with a row, as written and as numbers, after one at `before_s`; None: nothing."""
    for name, value in moment.items():
        if not 0 <= value <= LONGEST_S:
            return f"column {name!r}: {given[name]!r} is no time in s"
    if "at_s" not in moment:
        return "column 'at_s' is empty"
    if moment["at_s"] < before_s:
        return f"{moment['at_s']:g} s comes before {before_s:g} s; sort the table"
    return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
