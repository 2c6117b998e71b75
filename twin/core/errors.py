"""Every exception the twin raises on purpose, as one tree.

    TwinError                 base: the message names the place and the mend; exit status 2
    ├── InputError            something the user wrote or handed over is refused
    │   ├── SpecError         a fleet or scenario file; carries a list of `Problem`
    │   ├── TableError        a log, map or table: row and column named
    │   ├── AssetError        a robot, workcell or scenario file that is missing or does not load
    │   │   └── OwnError      a robot of one's own; carries the key of its sidecar that is wrong
    │   └── UseError          a `use:` that does not import, lacks a method, or answers nonsense
    ├── RunFolderError        a run folder that cannot be read, resumed or compared
    ├── StorageError          the disk is full or refuses to be written
    └── Interrupted           Ctrl-C; exit status 130, the run resumes from its last snapshot

Anything else that escapes is a bug and shows its traceback.
"""

from __future__ import annotations

import difflib
import sysconfig
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class TwinError(Exception):
    """Base of all refusals; `str(error)` is what the user reads."""

    exit_status = 2


class InputError(TwinError):
    """What the user handed over is refused."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in one place of a file. `line` and `column` count from 1; 0 is unknown."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class SpecError(InputError):
    """A fleet or scenario file is refused; `problems` holds all of its errors at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(p) for p in self.problems))


class TableError(InputError):
    """A table, log or map is refused; the message names file, row and column."""


class AssetError(InputError):
    """A robot, workcell or scenario file is missing or broken."""


class OwnError(AssetError):
    """A robot of one's own that cannot be used; `at` is the key of its sidecar that is wrong, empty where it is the file."""

    def __init__(self, message: str, *at: str) -> None:
        super().__init__(message)
        self.at = at


class UseError(InputError):
    """A user's class cannot be used: it does not import, lacks a method, or answers nonsense."""


class RunFolderError(TwinError):
    """A run folder is of another version, incomplete, or not a run at all."""


class StorageError(TwinError):
    """The disk refused a write (full, read-only, no permission)."""


class Interrupted(TwinError):
    """The user interrupted the run; what was journalled is kept."""

    exit_status = 130


def raised(error: BaseException) -> str:
    """What somebody else's code raised, and at which of its own lines: `KeyError: 'c7' (mine.py:27)`."""
    twin, libraries = Path(__file__).parents[1], [sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not Path(each.filename).is_relative_to(twin)]
    own = [each for each in frames if not any(Path(each.filename).is_relative_to(folder) for folder in libraries)]
    where = "".join(f" ({Path(each.filename).name}:{each.lineno})" for each in (own or frames)[-1:])
    return f"{type(error).__name__}: {error}{where}"


def nearest(name: str, known: Iterable[str], *, what: str = "known") -> str:
    """The tail of a message about an unknown `name`: the known names and the nearest one.

    >>> nearest("c7", ["c1", "c2"], what="cells")
    " (cells: c1, c2); did you mean 'c1'?"
    """
    names = sorted(set(known))
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    close = _closest(name, names)
    hint = f"; did you mean {close!r}?" if close is not None else ""
    return f" ({what}: {shown or 'none'}){hint}"


def _closest(name: str, names: Sequence[str], cutoff: float = 0.5) -> str | None:
    """The name most like `name`, the first of equals; None where nothing is like it."""
    matcher = difflib.SequenceMatcher()
    matcher.set_seq2(name)
    best, best_ratio = None, cutoff
    for known in names:
        matcher.set_seq1(known)
        if matcher.real_quick_ratio() >= best_ratio and matcher.quick_ratio() >= best_ratio:
            ratio = matcher.ratio()
            if ratio > best_ratio or (best is None and ratio >= cutoff):
                best, best_ratio = known, ratio
    return best
