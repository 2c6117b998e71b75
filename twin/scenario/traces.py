"""Measured delays that fleets and plans name: one number a line, or a column of a table with a header."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twin.core.errors import Problem, nearest
from twin.core.network import LONGEST_MS
from twin.core.yaml import Document, Loc


def fill(document: Document) -> None:
    """Put the numbers of every trace that the document names into it; what is wrong is a problem of the document."""
    for loc, node in list(_traces(document.data, ())):
        place = document.at((*loc, "path"), "")
        path = Path(place.file).parent / str(node["path"])
        if not path.is_file():
            tail = nearest(str(node["path"]), [other.name for other in path.parent.glob("*.csv")])
            document.problems.append(document.at((*loc, "path"), f"no trace {node['path']!r} beside the file{tail}"))
            document.doubtful.append(loc)
            continue
        values, problem = read_trace(path, os.path.normpath(path), node.get("column"))
        node["values_ms"] = values
        if problem is not None:
            document.problems.append(problem)
            document.doubtful.append(loc)


def _traces(node: Any, at: Loc) -> Iterator[tuple[Loc, dict[str, Any]]]:
    if isinstance(node, dict) and node.get("kind") == "trace" and isinstance(node.get("path"), str):
        yield at, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from _traces(child, (*at, key))


def read_trace(path: Path, shown: str, column: str | None = None) -> tuple[list[float], Problem | None]:
    """Delays in ms, or the first row that is none: not a number, negative, absurd."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return [], Problem(shown, 0, 0, f"trace cannot be read: {error}")
    rows = csv.reader(text.splitlines())
    at = 0
    if column is not None:
        header = [name.strip() for name in next(rows, [])]
        if column not in header:
            return [], Problem(shown, 1, 1, f"no column {column!r}{nearest(column, header, what='columns')}")
        at = header.index(column)
    values: list[float] = []
    for row in rows:
        if not any(field.strip() for field in row):
            continue
        given = row[at].strip() if at < len(row) else ""
        value, wrong = _number(given)
        if wrong is None and column is None and len(row) > 1:
            wrong = f"{len(row)} fields; name a column, or write one number a line"
        if wrong is not None:
            return [], Problem(shown, rows.line_num, 1, f"row {len(values) + 1} of the trace: {wrong}")
        values.append(value)
    return values, None if values else Problem(shown, 1, 1, "the trace holds no number")


def _number(text: str) -> tuple[float, str | None]:
    try:
        value = float(text)
    except ValueError:
        return 0.0, f"{text[:40]!r} is no number"
    if math.isnan(value):
        return 0.0, "not a number (NaN); leave out what was not measured"
    if value < 0:
        return 0.0, f"{value:g} ms is negative"
    if value > LONGEST_MS:
        return 0.0, f"{value:g} ms is no delay of a message (at most {LONGEST_MS:g} ms, an hour)"
    return value, None
