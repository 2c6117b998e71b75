"""`use: "package.module:Class"`: the user's own class, found beside the scenario first, and checked before anything runs."""

from __future__ import annotations

import hashlib
import importlib
import importlib.machinery
import inspect
import sys
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from twin.core.errors import UseError, nearest

METHODS: Mapping[str, tuple[str, ...]] = {
    "Strategy": ("handle", "wake_at"),
    "Policy": ("spec", "begin", "act", "memory"),
    "Filter": ("certify",),
}
"""What a class must have, by what it is used as."""


def resolve(use: str, folder: Path) -> type[Any]:
    """The class that `use` names; modules in `folder` come before installed ones. Raises `UseError`.

    The folder stays at the end of `sys.path`, so that what the module imports later, and pickles of the class, are found.
    """
    module_name, _, class_name = use.partition(":")
    module = _import(module_name, folder.resolve())
    found = getattr(module, class_name, None)
    if found is None:
        classes = [name for name, value in vars(module).items() if inspect.isclass(value)]
        raise UseError(f"module {module_name!r} has no class {class_name!r}{nearest(class_name, classes, what='classes')}")
    if not inspect.isclass(found):
        raise UseError(f"{use} is a {type(found).__name__}, not a class")
    return found


def lacking(cls: type[Any], role: str) -> list[str]:
    """The methods that a class needs as a `role` of `METHODS` and does not have."""
    return [name for name in METHODS[role] if not callable(getattr(cls, name, None))]


def refused_arguments(cls: type[Any], arguments: Iterable[str]) -> list[tuple[str, str]]:
    """Keyword arguments that the class does not take, each with the tail of a message that names those it takes."""
    try:
        parameters = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):
        return []
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return []
    taken = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return [(name, nearest(name, taken, what="it takes")) for name in arguments if name not in taken]


def source_digest(cls: type[Any]) -> str:
    """sha256 of the source behind a class: its module, or every .py file of its package, names and bytes."""
    module = sys.modules[cls.__module__]
    top = sys.modules[cls.__module__.partition(".")[0]]
    total = hashlib.sha256()
    for path in sorted(_sources(top, module)):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _sources(top: Any, module: Any) -> list[Path]:
    if getattr(top, "__path__", None) and top.__name__ != "twin":
        return [path for folder in top.__path__ for path in Path(folder).rglob("*.py")]
    file = getattr(module, "__file__", None)
    return [Path(file)] if file else []


def _import(name: str, folder: Path) -> Any:
    """Import a module, preferring the one in `folder` even where another of its name was imported before."""
    top = name.partition(".")[0]
    text = str(folder)
    importlib.invalidate_caches()
    beside = importlib.machinery.PathFinder.find_spec(top, [text])
    if beside is not None and beside.origin is not None and top not in sys.stdlib_module_names | {"twin"}:
        loaded = sys.modules.get(top)
        if loaded is not None and getattr(loaded, "__file__", None) != beside.origin:
            for other in [key for key in sys.modules if key == top or key.startswith(top + ".")]:
                del sys.modules[other]
    sys.path.insert(0, text)
    try:  # whatever the user's module does when it is imported is theirs to mend: no exception of it is our bug
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise UseError(_why(name, folder, error)) from error
    finally:
        sys.path.remove(text)
        if text not in sys.path:
            sys.path.append(text)


def _why(name: str, folder: Path, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and (name == error.name or name.startswith(error.name + ".")):
        tail = nearest(error.name, [path.stem for path in folder.glob("*.py")], what="beside it")
        return f"module {error.name!r} is neither beside the scenario nor installed{tail}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames and frames[-1].filename != __file__ else ""
    if isinstance(error, SyntaxError) and error.filename:
        where = f" at {Path(error.filename).name}:{error.lineno}"
    return f"importing {name!r} failed{where}: {type(error).__name__}: {error}"
