"""LeRobot data sets (v2.1): a folder of Parquet files, one an episode, with the names of joints beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twin.core.errors import TableError, nearest


def root(path: Path) -> Path | None:
    """The data set that a path is, or lies in; None where it is none."""
    return next((at for at in (path, *path.parents[:4]) if (at / "meta" / "info.json").is_file()), None)


def episodes(path: Path) -> list[Path]:
    """The files of a data set's episodes, in order; any other path is itself."""
    if not path.is_dir() or root(path) != path:
        return [path]
    files = sorted(path.glob("data/**/*.parquet"))
    if not files:
        raise TableError(f"{path}: a LeRobot data set without an episode in data/")
    return files


def picks(path: Path, columns: Sequence[str]) -> dict[str, tuple[str, int | None]]:
    """Each column's name in the file, and the place in its list: `observation.state.kLeftElbow` is one joint."""
    base = root(path)
    if base is None:
        raise TableError(f"{path}: no meta/info.json above it, so it is no LeRobot data set")
    features: dict[str, Any] = json.loads((base / "meta" / "info.json").read_text(encoding="utf-8")).get("features", {})
    return {column: _pick(path, features, column) for column in columns}


def _pick(path: Path, features: dict[str, Any], column: str) -> tuple[str, int | None]:
    if column in features:
        return column, None
    for feature in sorted(features, key=len, reverse=True):
        if column.startswith(feature + "."):
            names = _names(features[feature].get("names"))
            joint = column[len(feature) + 1 :]
            if joint not in names:
                raise TableError(f"{path}: {feature} has no {joint!r}{nearest(joint, names, what='names')}")
            return feature, names.index(joint)
    raise TableError(f"{path}: no column {column!r}{nearest(column, features, what='columns')}")


def _names(names: Any) -> list[str]:
    """Names as a flat list; some data sets nest them, some give a mapping."""
    if isinstance(names, dict):
        names = [name for value in names.values() for name in (value if isinstance(value, list) else [value])]
    if isinstance(names, list) and names and isinstance(names[0], list):
        names = names[0]
    return [str(name) for name in names or ()]
