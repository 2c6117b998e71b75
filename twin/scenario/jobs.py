"""Tables of real requests: a CSV with a header, one job a row."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from twin.core.errors import Problem, nearest
from twin.core.yaml import scalar
from twin.farm.spec import JobSpec
from twin.scenario.messages import wording

NEEDED = ("at_s", "task")
COLUMNS = (*NEEDED, "job", "episodes", "retries", "owner", "priority", "deadline_s", "on")
TEXT = ("task", "job", "owner", "on")


def read_table(path: Path, shown: str) -> tuple[tuple[JobSpec, ...], list[Problem]]:
    """The jobs of a table and all that is wrong with it; a problem names the row (line of the file) and the column."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return (), [Problem(shown, 0, 0, f"table of jobs cannot be read: {error.strerror or error}")]
    except UnicodeDecodeError as error:
        return (), [Problem(shown, 0, 0, f"byte {error.start} is not UTF-8; save the table as UTF-8")]
    rows = csv.reader(text.splitlines())
    header = [name.strip() for name in next(rows, [])]
    problems = [Problem(shown, 1, 1, message) for message in _wrong_header(header)]
    if problems:
        return (), problems
    jobs: list[JobSpec] = []
    try:
        for row in rows:
            if any(field.strip() for field in row):
                jobs += _job(header, row, Problem(shown, rows.line_num, 1, ""), problems)
    except csv.Error as error:
        problems.append(Problem(shown, rows.line_num, 1, f"not CSV: {error}"))
    if not jobs and not problems:
        problems.append(Problem(shown, 1, 1, "the table holds no job"))
    return tuple(jobs), problems


def _wrong_header(header: list[str]) -> list[str]:
    wrong = [f"column {name!r} is missing (columns: {', '.join(header) or 'none'})" for name in NEEDED if name not in header]
    wrong += [f"unknown column {name!r}{nearest(name, COLUMNS)}" for name in header if name not in COLUMNS]
    return wrong + [f"column {name!r} stands twice" for name in dict.fromkeys(header) if header.count(name) > 1]


def _job(header: list[str], row: list[str], place: Problem, problems: list[Problem]) -> list[JobSpec]:
    """The job of a row in a list, or an empty list and problems. An empty field is left out."""

    def refuse(message: str) -> None:
        problems.append(Problem(place.file, place.line, 1, message))

    if len(row) != len(header):
        refuse(f"{len(row)} fields, the header has {len(header)}")
        return []
    values: Mapping[str, Any] = {
        name: field.strip() if name in TEXT else scalar(field.strip())
        for name, field in zip(header, row, strict=True)
        if field.strip()
    }
    empty = [name for name in NEEDED if name not in values]
    for name in empty:
        refuse(f"column {name!r} is empty")
    try:
        return [] if empty else [JobSpec.model_validate(values, strict=True)]
    except ValidationError as error:
        for found in error.errors(include_url=False):
            refuse(f"column {str(found['loc'][0])!r}: {wording(found)}")
        return []
