"""Tables of real requests: a CSV with a header, one job a row."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twin.core.errors import Problem, nearest
from twin.core.yaml import scalar
from twin.farm.workload import JobSpec
from twin.scenario.messages import wording

NEEDED = ("at_s", "task")
COLUMNS = (*NEEDED, "job", "episodes", "retries", "owner", "priority", "deadline_s", "on", "scene")
TEXT = ("task", "job", "owner", "on", "scene")


@dataclass(frozen=True)
class Table:
    """The jobs of a table, each with where it stands; of a row that is refused, what can be read of it."""

    shown: str
    jobs: tuple[JobSpec, ...] = ()
    places: tuple[tuple[int, Mapping[str, int]], ...] = ()
    """For each job the line of the file, and where in it each column begins."""

    def at(self, k: int, column: str, message: str) -> Problem:
        """A problem of the k-th job, at one of its columns."""
        line, starts = self.places[k]
        return Problem(self.shown, line, starts.get(column, 1), message)


def read_table(path: Path, shown: str) -> tuple[Table, list[Problem]]:
    """The jobs of a table and all that is wrong with it by itself; a problem names line and column of the file."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Table(shown), [Problem(shown, 0, 0, f"table of jobs cannot be read: {error.strerror or error}")]
    except UnicodeDecodeError as error:
        return Table(shown), [Problem(shown, 0, 0, f"byte {error.start} is not UTF-8; save the table as UTF-8")]
    lines = text.splitlines()
    rows = csv.reader(lines)
    header = [name.strip() for name in next(rows, [])]
    problems = [Problem(shown, 1, 1, message) for message in _wrong_header(header)]
    if problems:
        return Table(shown), problems
    jobs: list[JobSpec] = []
    places: list[tuple[int, Mapping[str, int]]] = []
    try:
        for row in rows:
            if any(field.strip() for field in row):
                place = rows.line_num, dict(zip(header, _starts(lines[rows.line_num - 1]), strict=False))
                found = _job(header, row, Table(shown, (), (place,)), problems)
                jobs += found
                places += [place] * len(found)
    except csv.Error as error:
        problems.append(Problem(shown, rows.line_num, 1, f"not CSV: {error}"))
    if not jobs and not problems:
        problems.append(Problem(shown, 1, 1, "the table holds no job"))
    return Table(shown, tuple(jobs), tuple(places)), problems


def _starts(line: str) -> list[int]:
    """Where the fields of a line of CSV begin, counted from 1."""
    starts, quoted = [1], False
    for column, letter in enumerate(line, 2):
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            starts.append(column)
    return starts


def _wrong_header(header: list[str]) -> list[str]:
    wrong = [f"column {name!r} is missing (columns: {', '.join(header) or 'none'})" for name in NEEDED if name not in header]
    wrong += [f"unknown column {name!r}{nearest(name, COLUMNS)}" for name in header if name not in COLUMNS]
    return wrong + [f"column {name!r} stands twice" for name in dict.fromkeys(header) if header.count(name) > 1]


def _job(header: list[str], row: list[str], table: Table, problems: list[Problem]) -> list[JobSpec]:
    """What can be read of the job of a row (none or one), and problems. An empty field is left out."""
    if len(row) != len(header):
        problems.append(table.at(0, "", f"{len(row)} fields, the header has {len(header)}"))
        return []
    values: dict[str, Any] = {
        name: field.strip() if name in TEXT else scalar(field.strip())
        for name, field in zip(header, row, strict=True)
        if field.strip()
    }
    problems += [table.at(0, name, f"column {name!r} is empty") for name in NEEDED if name not in values]
    try:
        return [JobSpec.model_validate(values, strict=True)] if "task" in values else []
    except ValidationError as error:
        for found in error.errors(include_url=False):
            column = str(found["loc"][0])
            problems.append(table.at(0, column, f"column {column!r}: {wording(found)}"))
            del values[column]
        return [JobSpec.model_validate(values, strict=True)] if "task" in values else []
