"""Scenario files in folders: YAML whose top-level keys say so, found without building anything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from twin.core.errors import InputError
from twin.scenario.load import find

SUFFIXES = (".yaml", ".yml")
_OURS = {"fleet", "jobs", "duration_s"}
_SKIPPED = {"node_modules", "__pycache__", "site-packages"}


def is_scenario(path: Path) -> bool:
    """Whether a YAML file is a scenario: its key `scenario` holds a name, or stands beside other keys of ours.

    (Other tools have a key `scenario`, too.) A file that does not parse counts where a line begins with the key: it must be
    refused later, not passed over.
    """
    try:
        raw = path.read_bytes()
    except OSError:
        return False
    if b"scenario" not in raw:
        return False
    top = _top_level(raw)
    if top is None:
        return raw.startswith(b"scenario:") or b"\nscenario:" in raw
    return "scenario" in top and (top["scenario"] or bool(_OURS & top.keys()))


def _top_level(raw: bytes) -> dict[str, bool] | None:
    """The keys of a YAML file's top mapping and whether each holds a scalar; None where it does not parse."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, bool] = {}
    depth, key = 0, None
    try:
        for event in yaml.parse(raw.decode("utf-8-sig"), Loader=loader):
            opens = isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent))
            scalar = isinstance(event, (yaml.ScalarEvent, yaml.AliasEvent))
            if depth == 0 and not opens and scalar or depth == 0 and isinstance(event, yaml.SequenceStartEvent):
                return found
            if depth == 1 and (opens or scalar):
                if key is None:
                    key = getattr(event, "value", "")
                else:
                    found[key], key = scalar, None
            depth += opens - isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None
    return found


def scenario_files(paths: Iterable[str | Path]) -> list[Path]:
    """The scenario files behind paths, folders and shipped names, each once, in the order given and by name within a folder.

    Raises `SpecError` for what does not exist and `InputError` for a folder without a scenario.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if Path(path).is_dir():
            inside = [file for file in walk(Path(path)) if is_scenario(file)]
            if not inside:
                raise InputError(f"{path}: no scenario in this folder (a scenario is a .yaml file with the key 'scenario')")
            found |= dict.fromkeys(file.resolve() for file in inside)
        else:
            found[find(path)] = None
    return list(found)


def walk(folder: Path) -> Iterator[Path]:
    """The YAML files under a folder, sorted; hidden folders and those of installed packages are passed over."""
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        yield from (Path(top) / name for name in sorted(names) if name.endswith(SUFFIXES) and not name.startswith("."))
