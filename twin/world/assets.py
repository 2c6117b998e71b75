"""`asset`: a file that ships with the twin, by its path inside `assets/`."""

from __future__ import annotations

from pathlib import Path

from twin.core.assets import shipped
from twin.core.errors import AssetError, nearest


def asset(path: str) -> Path:
    """The file `path`, relative to the assets (`robots/ur3.xml`); `AssetError` names the nearest one that exists."""
    base = shipped("assets")
    found = (base / path).resolve()
    if found.is_relative_to(base.resolve()) and found.is_file():
        return found
    known = (file.relative_to(base).as_posix() for file in base.rglob("*") if file.is_file())
    raise AssetError(f"asset {path!r} does not exist{nearest(path, known, what='assets')}")
