"""A small YAML file as plain data, with the line and column of every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from twin.core.errors import InputError, Problem, SpecError

Loc = tuple[str | int, ...]
Marks = dict[Loc, tuple[int, int]]

_NUMBER = re.compile(r"[-+]?(\d{1,300}(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def read_yaml(path: Path) -> tuple[Any, Marks]:
    """The mapping in a file and its marks. Raises `SpecError`: not YAML, no mapping, aliases, duplicate keys."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        alias = next((event for event in yaml.parse(text) if isinstance(event, yaml.AliasEvent)), None)
        node: Any = None if alias else yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise SpecError([_at(path, error.problem_mark, f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise SpecError([Problem(str(path), 0, 0, f"not YAML: {error}")]) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    if alias:
        raise SpecError([_at(path, alias.start_mark, "aliases are not allowed: write the value out")])
    reader = _Reader(path)
    data = reader.plain(node, ()) if node is not None else None
    if not isinstance(data, dict) and not reader.problems:
        reader.problems = [Problem(str(path), 1, 1, "a mapping (key: value) is wanted")]
    if reader.problems:
        raise SpecError(reader.problems)
    return data, reader.marks


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.marks: Marks = {(): (1, 1)}
        self.problems: list[Problem] = []

    def plain(self, node: Any, loc: Loc) -> Any:
        """A node as plain data; keys that begin with `x-` are the user's own."""
        if isinstance(node, yaml.ScalarNode):
            return node.value if node.style else _scalar(node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(child, self.marked((*loc, i), child)) for i, child in enumerate(node.value)]
        out: dict[str, Any] = {}
        for key, child in node.value:
            name = str(key.value)
            if name in out:
                self.problems.append(_at(self.path, key.start_mark, f"duplicate key {name!r}"))
            elif not name.startswith("x-"):
                out[name] = self.plain(child, self.marked((*loc, name), key))
        return out

    def marked(self, loc: Loc, node: Any) -> Loc:
        self.marks[loc] = (node.start_mark.line + 1, node.start_mark.column + 1)
        return loc


def _scalar(text: str) -> Any:
    """Plain scalars as YAML 1.2 has them: `on` and `12:30` are text, `1e-3` is a number."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.fullmatch(text):
        return float(text) if set(text) & set(".eE") else int(text)
    return text


def _at(path: Path, mark: Any, message: str) -> Problem:
    return Problem(str(path), mark.line + 1, mark.column + 1, message) if mark else Problem(str(path), 0, 0, message)
