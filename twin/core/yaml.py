"""YAML as plain data that knows where everything stood.

The scalar rules are those of the YAML 1.2 core schema, so `on` and `12:30:00` are text and `1e-3` is a number. What makes YAML
surprising is refused with its place: duplicate keys, anchors, aliases and merge keys, tags, tabs, several documents. All
mistakes of a file are collected; only a syntax error ends the reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml as pyyaml

from twin.core.errors import Problem

Loc = tuple[str | int, ...]

DEEPEST = 60
"""Nesting beyond this is refused; a fleet needs about eight levels."""

MOST_BYTES = 32_000_000
"""Of a file; a fleet of 500 robots has 0.2 million."""

MOST = 50
"""Mistakes of YAML itself after which a file is not read on."""

_LOADER: Any = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INF = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = {".nan", ".NaN", ".NAN"}


@dataclass(frozen=True)
class Mark:
    """Where a value (and the key before it) stands; lines and columns count from 1."""

    file: str
    line: int
    column: int
    key_line: int
    key_column: int


@dataclass
class Document:
    """One file as plain data, the marks of every path in it, and what was wrong with it.

    Nothing can be said about what lies under a path in `doubtful`, because it was refused already.
    """

    file: str
    data: Any = None
    marks: dict[Loc, Mark] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    doubtful: list[Loc] = field(default_factory=list)

    def at(self, loc: Loc, message: str, *, key: bool = False) -> Problem:
        """A problem at the value (or key) of the nearest path that exists."""
        while loc and loc not in self.marks:
            loc = loc[:-1]
        mark = self.marks.get(loc)
        if mark is None:
            return Problem(self.file, 0, 0, message)
        return Problem(mark.file, *((mark.key_line, mark.key_column) if key else (mark.line, mark.column)), message)

    def graft(self, loc: Loc, other: Document) -> None:
        """Put another document in place of the value at `loc` (a fleet that stands in its own file)."""
        parent = self.data
        for step in loc[:-1]:
            parent = parent[step]
        parent[loc[-1]] = other.data
        self.marks |= {loc + path: mark for path, mark in other.marks.items()}
        self.problems += other.problems
        self.doubtful += [loc + path for path in other.doubtful]


def scalar(text: str) -> bool | int | float | str | None:
    """A plain scalar by the YAML 1.2 core schema; an integer too long to convert becomes a float."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return int(text) if len(text) < 400 else float(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if found := _INF.fullmatch(text):
        return float(found[1] + "inf")
    return float("nan") if text in _NAN else text


def read(path: Path, shown: str | None = None) -> Document:
    """A YAML file whose top is a mapping. Never raises for what is in the file: see `Document.problems`."""
    document = Document(shown or str(path))
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        document.problems.append(Problem(document.file, 0, 0, f"cannot be read: {error.strerror or error}"))
        return document
    if len(raw) > MOST_BYTES:
        document.problems.append(Problem(document.file, 0, 0, f"has more than {MOST_BYTES / 1e6:.0f} MB, which nobody wrote"))
        return document
    try:
        return parse(raw.decode("utf-8-sig"), document.file)
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = error.start - (before.rfind(b"\n") + 1)
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        document.problems.append(Problem(document.file, before.count(b"\n") + 1, column + 1, message))
        return document


def parse(text: str, file: str) -> Document:
    """YAML text as a `Document`; `file` is the name that messages show."""
    reader = _Reader(text, file)
    try:
        reader.document_()
    except pyyaml.YAMLError as error:
        reader.syntax(error, text)
    except _Abandon:
        pass  # the problem is noted
    return reader.document


class _Abandon(Exception):
    """Reading on makes no sense; the problem is noted."""


class _Reader:
    """Builds a document from parser events, in one pass, so that an alias is seen before it expands."""

    def __init__(self, text: str, file: str) -> None:
        self.events: Iterator[Any] = pyyaml.parse(text, Loader=_LOADER)
        self.document = Document(file)

    def problem(self, mark: Any, message: str) -> None:
        place = (self.document.file, mark.line + 1, mark.column + 1)
        self.document.problems.append(Problem(*place, message))
        if len(self.document.problems) >= MOST:
            self.document.problems.append(Problem(*place, "too many mistakes, reading stops here"))
            raise _Abandon

    def document_(self) -> None:
        """The whole stream: exactly one document with a mapping at its top."""
        next(self.events)
        event = next(self.events)
        if isinstance(event, pyyaml.StreamEndEvent):
            self.document.problems.append(Problem(self.document.file, 1, 1, "the file is empty"))
            raise _Abandon
        event = next(self.events)
        if not isinstance(event, pyyaml.MappingStartEvent):
            self.problem(event.start_mark, f"the top of the file must be a mapping (key: value), not {_kind(event)}")
            raise _Abandon
        self.document.data = self.value(event, (), event.start_mark)
        next(self.events)
        event = next(self.events)
        if not isinstance(event, pyyaml.StreamEndEvent):
            self.problem(event.start_mark, "a second document starts here; one file holds one")

    def value(self, event: Any, loc: Loc, key: Any) -> Any:
        """The value that starts with `event`, at `loc`, behind the mark of its `key`."""
        mark = event.start_mark
        self.document.marks[loc] = Mark(self.document.file, mark.line + 1, mark.column + 1, key.line + 1, key.column + 1)
        if isinstance(event, pyyaml.AliasEvent):
            self.problem(mark, f"alias *{event.anchor}: anchors and aliases are not allowed, write the value out")
            self.document.doubtful.append(loc)
            return None
        if event.anchor is not None:
            self.problem(mark, f"anchor &{event.anchor}: anchors and aliases are not allowed")
        if event.tag is not None:
            self.problem(mark, f"tag {event.tag}: tags are not allowed, write the value without one")
            self.document.doubtful.append(loc)
        if isinstance(event, pyyaml.ScalarEvent):
            return event.value if event.style else scalar(event.value)
        if len(loc) >= DEEPEST:
            self.problem(mark, f"nested deeper than {DEEPEST} levels")
            raise _Abandon
        return self.mapping(loc) if isinstance(event, pyyaml.MappingStartEvent) else self.sequence(loc)

    def sequence(self, loc: Loc) -> list[Any]:
        out: list[Any] = []
        while not isinstance(event := next(self.events), pyyaml.SequenceEndEvent):
            out.append(self.value(event, (*loc, len(out)), event.start_mark))
        return out

    def mapping(self, loc: Loc) -> dict[str, Any]:
        out: dict[str, Any] = {}
        seen: dict[str, Any] = {}
        while not isinstance(event := next(self.events), pyyaml.MappingEndEvent):
            key, mark = self.key(event, loc), event.start_mark
            if key in seen:
                self.problem(mark, f"duplicate key {key!r}, first given at line {seen[key].line + 1}")
                self.drop()
            elif key is None or key.startswith("x-"):
                self.drop()
            else:
                seen[key] = mark
                out[key] = self.value(next(self.events), (*loc, key), mark)
        return out

    def key(self, event: Any, loc: Loc) -> str | None:
        """A key as it is written; None (and a problem) where it is no plain text."""
        if isinstance(event, pyyaml.ScalarEvent) and event.anchor is None and event.tag is None:
            if event.value == "<<" and not event.style:
                self.problem(event.start_mark, "merge key '<<' is not allowed, write the keys out")
                self.document.doubtful.append(loc)
                return None
            return str(event.value)
        self.problem(event.start_mark, f"a key must be plain text, not {_kind(event)}")
        if isinstance(event, (pyyaml.MappingStartEvent, pyyaml.SequenceStartEvent)):
            self.skip(event)
        return None

    def drop(self) -> None:
        """Read over a value, looking only for what is never allowed."""
        self.skip(next(self.events))

    def skip(self, event: Any) -> None:
        depth = 0
        while True:
            if isinstance(event, pyyaml.AliasEvent) or getattr(event, "anchor", None) is not None:
                self.problem(event.start_mark, "anchors and aliases are not allowed")
            depth += isinstance(event, pyyaml.CollectionStartEvent) - isinstance(event, pyyaml.CollectionEndEvent)
            if depth <= 0:
                return
            event = next(self.events)

    def syntax(self, error: Any, text: str) -> None:
        """A problem from what the YAML parser says, in fewer words."""
        self.document.data = None
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        if mark is None:  # the character stream itself is refused: only its position is known
            before = text[: max(0, int(getattr(error, "position", 0)))]
            line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
            character = getattr(error, "character", 0)
            character = ord(character) if isinstance(character, str) else int(character)
            message = f"the character U+{character:04X} is not allowed in YAML"
        else:
            line, column = mark.line + 1, mark.column + 1
            message = f"not YAML: {error.problem or error}" + (f" ({error.context})" if error.context else "")
            written = "".join(text.split("\n")[mark.line : mark.line + 1])
            if "\t" in (*written[: len(written) - len(written.lstrip())], written[mark.column : mark.column + 1]):
                message = "a tab cannot indent YAML; use spaces"
        self.document.problems.append(Problem(self.document.file, line, column, message))


def _kind(event: Any) -> str:
    names = {"MappingStartEvent": "a mapping", "SequenceStartEvent": "a list", "AliasEvent": "an alias"}
    return names.get(type(event).__name__, "a single value")
