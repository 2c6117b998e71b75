"""Paths in a plan: relative to it, with environment variables and patterns."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from twin.core.errors import InputError, TableError


def expand(path: str, folder: Path) -> Path:
    """A path of a plan that lies in `folder`. Raises `InputError` where it names a variable that is not set."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in os.environ and found[2] is None:
            raise InputError(f"{path}: the environment variable {found[1]} is not set")
        return os.environ.get(found[1]) or str(found[2])

    return folder / re.sub(r"\$\{(\w+)(?::-([^}]*))?\}", value, path)


def found(paths: str | tuple[str, ...], folder: Path) -> list[Path]:
    """The files that paths and patterns stand for, in the order given, those of a pattern sorted."""
    out: list[Path] = []
    for path in (paths,) if isinstance(paths, str) else paths:
        full = expand(path, folder)
        matches = sorted(glob.glob(str(full))) if glob.has_magic(str(full)) else [str(full)]
        if not matches:
            raise TableError(f"{full}: no file matches this pattern")
        out += [Path(match) for match in matches]
    return out
