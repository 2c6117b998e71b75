"""Digests of what decides a result and is not in the scenario's own digest."""

from __future__ import annotations

import ast
import hashlib
import importlib.machinery
import importlib.util
import json
import platform
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import twin
from twin.control.spec import UseSpec
from twin.core.errors import InputError
from twin.scenario.load import Scenario
from twin.scenario.use import resolve

PACKAGES = ("mujoco", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "xxhash")
_INSTALLED = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")})


def surroundings(scenario: Scenario) -> str:
    """sha256 of all that decides a run's result beside scenario, engine and seed, which have a digest of their own."""
    parts = {
        "twin": own_digest(),
        "assets": dict(scenario.assets),
        "code": code_digest(scenario),
        "baselines": baselines_digest(scenario),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@cache
def own_digest() -> str:
    """sha256 of the twin's own source, the versions of what it computes with, and the kind of processor."""
    from twin.build import cpu_features

    total = hashlib.sha256()
    total.update(json.dumps([sys.version, cpu_features(), {name: _version(name) for name in PACKAGES}]).encode())
    top = Path(twin.__file__).resolve().parent
    for path in sorted(top.rglob("*")):
        inside = path.relative_to(top).parts
        if path.is_file() and not inside[0].startswith("_") and "__pycache__" not in inside:
            total.update("/".join(inside).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def versions() -> dict[str, str]:
    """What a certificate says of the software: versions, and the digest of the twin's own source."""
    known = {name: _version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **known, "twin": twin.__version__, "twin_source": own_digest()}


def digest_of(path: Path) -> str:
    """sha256 of a file. Raises `InputError` where it cannot be read."""
    try:
        return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def code_digest(scenario: Scenario) -> str:
    """sha256 of the user's code: the modules that `use:` names, what they import that is not installed, wherever in the
    file the import stands, the versions of what is installed, and files that `with:` names."""
    folder = scenario.folder
    total = hashlib.sha256()
    tops = [use.use.partition(":")[0].partition(".")[0] for use in uses(scenario)]
    for use in uses(scenario):
        resolve(use.use, folder)
        for path in _named_files(use.with_, folder):
            total.update(path.name.encode() + b"\0" + path.read_bytes())
    for name, content in sorted(_closure(tops, folder).items()):
        total.update(name.encode() + b"\0" + content + b"\0")
    return total.hexdigest()


def baselines_digest(scenario: Scenario) -> str:
    """sha256 of the run.json of all baseline runs that checks name: the verdict depends on them."""
    beside = [part for check in scenario.spec.checks for part in (check.not_worse_than, check.no_effect) if part is not None]
    total = hashlib.sha256()
    for name in dict.fromkeys(part.run for part in beside if part.run):
        place = next((path for path in (scenario.folder / name, Path(name)) if path.is_dir()), None)
        files = [] if place is None else [place / "run.json", *sorted(place.glob("*/run.json"))]
        for path in (path for path in files if path.is_file()):
            total.update(f"{name}/{path.parent.name}".encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def uses(scenario: Scenario) -> list[UseSpec]:
    """Where a scenario names code of the user's."""
    spec = scenario.spec
    named = (spec.scheduler, spec.dispatch, spec.idle, spec.policy, *spec.filters)
    return [item for item in named if isinstance(item, UseSpec)]


def _closure(tops: list[str], folder: Path) -> dict[str, bytes]:
    """Source by module file, from the top-level modules given through all that they import; installed ones as versions."""
    found: dict[str, bytes] = {}
    waiting, seen = list(tops), {"twin", "__future__"}
    while waiting:
        top = waiting.pop()
        if top in seen or top in sys.stdlib_module_names:
            continue
        seen.add(top)
        files, installed = _sources(top, folder)
        if installed:
            found[top] = _version(top).encode()
        for name, path in files:
            found[name] = path.read_bytes()
            waiting += _imports(found[name])
    return found


def _sources(top: str, folder: Path) -> tuple[list[tuple[str, Path]], bool]:
    """The files of a top-level module, each with a name that is the same in every checkout; whether it is installed."""
    spec = importlib.machinery.PathFinder.find_spec(top, [str(folder)])
    try:
        spec = spec or importlib.util.find_spec(top)
    except ValueError:  # a module made by hand, without a spec: nothing on disk to read
        spec = None
    if spec is None:
        return [], False
    if spec.submodule_search_locations:
        roots = [Path(root) for root in spec.submodule_search_locations]
        files = [(f"{top}/{p.relative_to(root).as_posix()}", p) for root in roots for p in sorted(root.rglob("*.py"))]
    else:
        roots = [Path(spec.origin)] if spec.origin else []
        files = [(root.name, root) for root in roots if root.suffix == ".py"]
    installed = not _is_installed(folder) and any(_is_installed(root) for root in roots)
    return ([], True) if installed else (files, False)


def _is_installed(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in _INSTALLED)


def _imports(source: bytes) -> list[str]:
    """The top-level names that a source imports anywhere; relative imports stay in a package that is read whole."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # it will be refused where it is run
        return []
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return [name.partition(".")[0] for name in names if name]


def _named_files(value: Any, folder: Path) -> Iterator[Path]:
    """Files that a value from `with:` names, beside the scenario or where the command is given."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _named_files(item, folder)
    elif isinstance(value, str) and 0 < len(value) < 1000 and "\0" not in value:
        yield from (path for path in dict.fromkeys([folder / value, Path(value).absolute()]) if path.is_file())


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
