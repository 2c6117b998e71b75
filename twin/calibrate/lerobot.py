"""LeRobot data sets: a folder of Parquet files, an episode each (v2) or many (v3), with the names of joints beside them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twin.calibrate.logspec import SignalLog, TimeMap
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


def filled(spec: SignalLog, path: Path) -> SignalLog:
    """A log of a data set with what it says of itself: stamps, who is a run where files hold many episodes (v3), names."""
    more: dict[str, Any] = {"format": "lerobot"}
    if spec.time is None and spec.rate_hz is None and "timestamp" in _info(path).get("features", {}):
        more["time"] = TimeMap(column="timestamp")
    if "run" not in spec.labels and not str(_info(path).get("codebase_version", "v2")).startswith(("v1", "v2")):
        more["labels"] = spec.labels | {"run": "episode_index"}
    features = _info(path).get("features", {})
    for key, mapped in spec.columns.items():
        names = _names(features.get(mapped.column, {}).get("names")) if isinstance(mapped.column, str) else []
        if len(names) > 1:
            column = tuple(f"{mapped.column}.{name}" for name in names)
            more["columns"] = more.get("columns", spec.columns) | {key: mapped.model_copy(update={"column": column})}
    return spec.model_copy(update=more)


def _info(path: Path) -> dict[str, Any]:
    """What the data set of a file says of itself."""
    base = root(path)
    if base is None:
        raise TableError(f"{path}: no meta/info.json above it, so it is no LeRobot data set")
    file = base / "meta" / "info.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TableError(f"{file} cannot be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("features", {}), dict):
        raise TableError(f"{file} is no description of a LeRobot data set")
    return found


def picks(path: Path, wanted: Sequence[str], known: Sequence[str]) -> dict[str, tuple[str, int | None]]:
    """Each wanted column: its name among the file's own (`known`), and the place in its list: `observation.state.kLeftElbow` is
    one joint, as is `observation.state.3`."""
    features: dict[str, Any] = _info(path).get("features", {})
    return {column: (column, None) if column in known else _pick(path, features, column) for column in wanted}


def _pick(path: Path, features: dict[str, Any], column: str) -> tuple[str, int | None]:
    for feature in sorted(features, key=len, reverse=True):
        if column.startswith(feature + "."):
            names = _names(features[feature].get("names"))
            joint = column[len(feature) + 1 :]
            if joint not in names and joint.isdecimal():
                return feature, int(joint)
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
