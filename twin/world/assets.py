"""Finds the files that ship with the twin: top-level `assets/` in a checkout, `twin/_assets/` in an installed wheel."""

from __future__ import annotations

from pathlib import Path

from twin.core.errors import AssetError, nearest

_ROOMS = Path(__file__).resolve().parents[1]


def root() -> Path:
    """The folder that holds `robots/` and the other assets; `AssetError` where this installation has none."""
    folders = (_ROOMS / "_assets", _ROOMS.parent / "assets")
    for folder in folders:
        if folder.is_dir():
            return folder
    raise AssetError(f"this installation has no assets: neither {folders[0]} nor {folders[1]} is a folder")


def asset(path: str) -> Path:
    """The file `path`, relative to the assets (`robots/ur3.xml`); `AssetError` names the nearest one that exists."""
    base = root()
    found = (base / path).resolve()
    if found.is_relative_to(base.resolve()) and found.is_file():
        return found
    known = (file.relative_to(base).as_posix() for file in base.rglob("*") if file.is_file() and "__" not in file.as_posix())
    raise AssetError(f"asset {path!r} does not exist{nearest(path, known, what='assets')}")
