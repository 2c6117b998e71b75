"""Delimited text as columns of text that know their lines, and texts as numbers, flags and times."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import numpy as np

from twin.core.errors import TableError, nearest
from twin.core.records import Bools, Floats, Ints
from twin.log.mapspec import Dialect, Flag, MapSpec, TimeColumn

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US_PER = {"unix_s": 1e6, "unix_ms": 1e3, "unix_us": 1.0, "seconds": 1e6}
"""Microseconds in one unit of a numeric time column, by its `format`."""

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_NARROW = 60


@dataclass(frozen=True)
class Table:
    """The columns of a log that its map uses: trimmed text, "" for what the map calls blank; each row's line in the file."""

    path: Path
    lines: Ints
    columns: dict[str, list[str]]
    decimal: str
    header: bool = True

    def refuse(self, row: int, column: str, message: str) -> TableError:
        """An error that names file, line, row (from 1, without the header) and column."""
        return TableError(f"{self.path}:{self.lines[row]}: row {row + 1}, column {column!r}: {message}")

    def blank(self, column: str) -> Bools:
        """(rows,) True where the column holds nothing."""
        return np.array([not text for text in self.columns[column]], dtype=np.bool_)

    def take(self, keep: Bools) -> Table:
        """The rows where `keep`."""
        index = np.flatnonzero(keep).tolist()
        columns = {name: [texts[i] for i in index] for name, texts in self.columns.items()}
        return Table(self.path, self.lines[keep], columns, self.decimal, self.header)

    def numbers(self, column: str) -> Floats:
        """(rows,) float64, NaN where blank; anything that is no finite number is refused."""
        return np.array([self._number(i, column, text) for i, text in enumerate(self.columns[column])], dtype=np.float64)

    def _number(self, row: int, column: str, text: str) -> float:
        if not text:
            return np.nan
        plain = text.replace(",", ".") if self.decimal == "," and "." not in text else text
        value = float(plain) if _NUMBER.fullmatch(plain) else np.nan
        if np.isfinite(value):
            return value
        raise self.refuse(row, column, f"{text[:_NARROW]!r} is no number{self._hint(row, text)}")

    def _hint(self, row: int, text: str) -> str:
        """What may be meant by a text that is no number."""
        if "," in text and self.decimal == ".":
            return '; has the log a decimal comma (decimal: ",")?'
        if row == 0 and not self.header:
            return "; is it the header (header: true), or a line to skip (skip_lines: 1)?"
        return f"; where it stands for nothing, say so: blank_values: [{text[:_NARROW]}]"

    def levels(self, flag: Flag) -> Ints:
        """(rows,) 1 where the flag is up, 0 where it is down, -1 where it is not known."""
        if flag.above is not None:
            values = self.numbers(flag.column)
            return np.where(np.isnan(values), -1, values > flag.above).astype(np.int64)
        meaning = {text.casefold(): 0 for text in flag.down_values} | {text.casefold(): 1 for text in flag.up_values} | {"": -1}
        texts = [text.casefold() for text in self.columns[flag.column]]
        for row, text in enumerate(texts):
            if text not in meaning:
                wanted = ", ".join((*flag.up_values, *flag.down_values))
                raise self.refuse(row, flag.column, f"{text[:_NARROW]!r} is neither up nor down (known: {wanted})")
        return np.array([meaning[text] for text in texts], dtype=np.int64)

    def times(self, spec: TimeColumn) -> Ints:
        """(rows,) µs since 1970 (`seconds`: since anything); no row may be blank, unreadable or earlier than the one before."""
        texts = self.columns[spec.column]
        if spec.format in US_PER:
            us = np.round(self.numbers(spec.column) * US_PER[spec.format]).astype(np.int64)
        else:
            parse = _stamp(spec)
            us = np.array([self._time(i, spec, parse, text) for i, text in enumerate(texts)], dtype=np.int64)
        back = np.flatnonzero(np.diff(us) < 0)
        if back.size:
            row = int(back[0]) + 1
            raise self.refuse(
                row, spec.column, f"time goes back from {texts[row - 1]} to {texts[row]}; sort the log or cut it there"
            )
        return us

    def _time(self, row: int, spec: TimeColumn, parse: Callable[[str], datetime], text: str) -> int:
        try:
            moment = parse(text)
        except (ValueError, OverflowError):
            raise self.refuse(row, spec.column, f"{text[:_NARROW]!r} is no time of the format {spec.format}") from None
        if moment.tzinfo is None:
            raise self.refuse(row, spec.column, f"{text!r} carries no time zone; say `zone:` under `time:` in the map")
        return (moment - EPOCH) // timedelta(microseconds=1)


def _stamp(spec: TimeColumn) -> Callable[[str], datetime]:
    zone = ZoneInfo(spec.zone) if spec.zone else None

    def parse(text: str) -> datetime:
        moment = datetime.fromisoformat(text) if spec.format == "iso8601" else datetime.strptime(text, spec.format)  # noqa: DTZ007
        return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment

    return parse


def read_table(path: Path, spec: MapSpec) -> Table:
    """The columns of a log that its map uses. Raises `TableError`: no file, no text, no rows, a column that is not there."""
    return read_columns(path, spec, [column.column.strip() for column in spec.columns()], whose=f"map {spec.map}")


def read_columns(
    path: Path, dialect: Dialect, columns: Sequence[str] | None, *, header: bool = True, whose: str = "plan"
) -> Table:
    """The named columns of delimited text (None: all; without a `header` they are called 1, 2, …). Raises `TableError`."""
    try:
        with lines_of(path, dialect.encoding) as file:
            return _table(path, file, dialect, columns, header, whose)
    except (OSError, EOFError) as error:
        raise TableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except UnicodeError as error:
        raise TableError(f"{path} is not {dialect.encoding} text ({error}); say its `encoding:` in the {whose}") from error
    except csv.Error as error:
        raise TableError(f"{path} is not a table separated by {dialect.separator!r}: {error}") from error


def lines_of(path: Path, encoding: str) -> IO[str]:
    """A text file, packed or not, opened to be read."""
    if path.suffix == ".gz":
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _table(path: Path, file: IO[str], dialect: Dialect, columns: Sequence[str] | None, header: bool, whose: str) -> Table:
    for _ in islice(file, dialect.skip_lines):
        pass
    reader = csv.reader(file, delimiter=dialect.separator, skipinitialspace=dialect.separator == " ")
    first = [name.strip() for name in next(reader, [])]
    if not any(first):
        raise TableError(f"{path} is empty: a header and rows are wanted" if header else f"{path} is empty: rows are wanted")
    head = first if header else [str(i) for i in range(1, len(first) + 1)]
    names = list(dict.fromkeys(columns if columns is not None else [name for name in head if name]))
    where = _positions(path, head, names, _other_separator(first, names, dialect, whose, header), whose)
    blank = {"", *(text.casefold() for text in dialect.blank_values)}
    lines: list[int] = []
    found: list[list[str]] = [[] for _ in names]
    for line, row in chain([] if header else [(1, first)], _rows(path, reader, len(head), header)):
        lines.append(line + dialect.skip_lines)
        for texts, index in zip(found, where, strict=True):
            text = row[index].strip() if index < len(row) else ""
            texts.append("" if text.casefold() in blank else text)
    if not lines:
        raise TableError(f"{path} has a header but no rows")
    return Table(path, np.array(lines, dtype=np.int64), dict(zip(names, found, strict=True)), dialect.decimal, header)


def _rows(path: Path, reader: Iterator[list[str]], width: int, header: bool) -> Iterator[tuple[int, list[str]]]:
    """Rows that hold anything, with their lines; what stands beyond the header must be blank. Of a single column an empty line
    among others is a row without a value."""
    lines: Iterator[int] = iter(lambda: reader.line_num, -1)  # type: ignore[attr-defined]
    empty: list[int] = []
    for row, line in zip(reader, lines, strict=False):
        if any(text.strip() for text in row[width:]):
            what = f"the header names {width} columns" if header else f"the first line has {width}"
            raise TableError(f"{path}:{line}: {len(row)} values, but {what}")
        if any(text.strip() for text in row):
            yield from ((number, [""]) for number in empty)
            empty = []
            yield line, row
        elif width == 1:
            empty.append(line)


def _positions(path: Path, header: Sequence[str], names: Sequence[str], hint: str, whose: str) -> list[int]:
    missing = [name for name in names if name not in header]
    if missing:
        known = [name for name in header if name]
        lacks = "; ".join(f"no column {name!r}" + (nearest(name, known, what="columns") if i == 0 else "")
                          for i, name in enumerate(missing))  # fmt: skip
        raise TableError(f"{path}: {lacks}{hint} ({whose})")
    twice = [name for name in names if header.count(name) > 1]
    if twice:
        raise TableError(f"{path}: the header names column {twice[0]!r} {header.count(twice[0])} times; rename one")
    return [header.index(name) for name in names]


def _other_separator(first: Sequence[str], names: Sequence[str], dialect: Dialect, whose: str, header: bool) -> str:
    """A hint where the first line, cut at another sign, has columns that are wanted and not there."""
    line = dialect.separator.join(first)
    for other in (";", ",", "\t", "|", " "):
        parts = [part.strip() for part in line.split(other) if part.strip()]
        there = set(parts) if header else {str(i) for i in range(len(first) + 1, len(parts) + 1)}
        if other != dialect.separator and (set(names) - set(first)) & there:
            return (
                f"; the file seems to be separated by {other!r}, the {whose.split()[0]} says separator: {dialect.separator!r}"
            )
    return ""
