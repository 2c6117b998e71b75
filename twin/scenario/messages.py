"""What the validator found, in words of the file: one message a mistake, at its place, with the nearest valid choice."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic_core import ErrorDetails

from twin.core.errors import Problem, nearest
from twin.core.spec import Spec
from twin.core.yaml import Document, Loc

UNITS = (
    *("us", "ms", "s", "sec", "seconds", "min", "minutes", "h", "hours", "d", "days", "hz", "Hz", "um", "mm", "cm", "m"),
    *("mps", "mmps", "radps", "degps", "radps2", "degps2", "rad", "mrad", "deg", "N", "kN", "g", "kg"),
)
"""Endings of keys that are units."""


def explain(errors: Iterable[ErrorDetails], document: Document, root: type[Spec]) -> list[Problem]:
    """Problems from the validator's errors over `document.data`, read as `root`."""
    return [problem for error in errors if (problem := _problem(error, document, root)) is not None]


FILES = {
    "scenario": "a scenario: `twin run` runs it and `twin check` checks it",
    "calibrate": "a calibration plan: `twin calibrate` reads it, and tells what is wrong with it",
    "map": "a map for foreign logs: `twin import LOG --map` reads it",
    "made": "an overlay: a scenario lays it over its fleet by `overlay:`",
    "cells": "a fleet: a scenario names it by `fleet:`",
}
"""Key that only one kind of file has → what that file is."""


def another(document: Document, *wanted: str) -> Problem | None:
    """Where a file has none of the keys that make it one of the `wanted` files, and is another that is known: what it is."""
    if any(key in document.data for key in wanted):
        return None
    return next((document.at((key,), f"this is {told}", key=True) for key, told in FILES.items() if key in document.data), None)


def _problem(error: ErrorDetails, document: Document, root: type[Spec]) -> Problem | None:
    path, model, union = _walk(error["loc"], document.data, root)
    if any(path[: len(doubt)] == doubt for doubt in document.doubtful):
        return None
    kind = error["type"]
    if kind == "extra_forbidden":
        return document.at(path, unknown_key(str(path[-1]), _keys(model) if model else []), key=True)
    if kind == "missing":
        name = error["loc"][-1]
        if _misspelt(str(name), error["input"], _model(union)):
            return None  # the misspelt key is told already, and what was meant
        return document.at(path, f"key {name!r} is missing" if isinstance(name, str) else "the list is too short")
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        return _wrong_tag(error, path, document, _tags(union))
    if kind == "too_short" and len(error["input"] or ()) >= error["ctx"]["min_length"]:
        return None  # the entries are there; that they are refused is told already
    return document.at(path, wording(error))


def _wrong_tag(error: ErrorDetails, path: Loc, document: Document, tags: list[str]) -> Problem:
    """The value says what kind it is, and that kind is missing or unknown. Kinds of faults are `component/mode`."""
    given = error["input"] if isinstance(error["input"], dict) else {}
    keys = ("component", "mode") if any("/" in tag for tag in tags) else ("kind",)
    known = [tag for tag in tags if tag != "use:" and " " not in tag]
    for depth, key in enumerate(keys):
        prefix = "/".join(str(given[k]) for k in keys[:depth]) + "/" * bool(depth)
        choices = dict.fromkeys(tag[len(prefix) :].split("/")[0] for tag in known if tag.startswith(prefix))
        if key not in given:
            tail = nearest("", choices) + (", or 'use' with a class of your own" if "use:" in tags else "")
            return document.at(path, f"key {key!r} is missing{tail}")
        if str(given[key]) not in choices:
            of = f" of {keys[0]} {given[keys[0]]!r}" if depth else ""
            return document.at((*path, key), f"unknown {key} {_show(given[key])}{of}{nearest(str(given[key]), choices)}")
    return document.at(path, str(error["msg"]))


def _walk(loc: Sequence[str | int], data: Any, root: type[Spec]) -> tuple[Loc, type[BaseModel] | None, Any]:
    """A validator's location as a path in the data, without union tags; the model that the last key belongs to; the annotation
    of what lies there."""
    path: list[str | int] = []
    current: Any = root
    owner: type[BaseModel] | None = None
    for step in loc:
        if holds(data, step):
            path.append(step)
            data = data[step]
            owner, current = _model(current), _inner(current, step)
        elif _model(current) and not isinstance(data, dict):
            current = _inner(current, step)  # a short form: the validator put the key there, not the file
        else:
            current = _tagged(current, str(step))
    return tuple(path), owner, current


def holds(data: Any, step: str | int) -> bool:
    """Whether a step of a validator's location leads into the data; the tag of a union does not."""
    if isinstance(data, list):
        return isinstance(step, int) and step < len(data)
    return isinstance(data, dict) and step in data


def _model(annotation: Any) -> type[BaseModel] | None:
    plain = _plain(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


def _plain(annotation: Any) -> Any:
    """An annotation without its metadata and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        members = [member for member in get_args(annotation) if member is not NoneType]
        return _plain(members[0]) if len(members) == 1 else annotation
    return annotation


def _inner(annotation: Any, step: str | int) -> Any:
    """The annotation of what lies behind a key or index."""
    if model := _model(annotation):
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        return fields.get(str(step))
    arguments = get_args(_plain(annotation))
    return arguments[-1 if get_origin(_plain(annotation)) is dict else 0] if arguments else None


def _tagged(annotation: Any, tag: str) -> Any:
    """The member of a union that a tag stands for."""
    for member in get_args(_plain(annotation)):
        if tag in _member_tags(member):
            return member
    return annotation


def _tags(annotation: Any) -> list[str]:
    """The tags of a union's members."""
    return [tag for member in get_args(_plain(annotation)) for tag in _member_tags(member)]


def _member_tags(member: Any) -> list[str]:
    marks = [mark.tag for mark in getattr(member, "__metadata__", ()) if isinstance(mark, Tag)]
    model = _model(member)
    kind = model.model_fields.get("kind") if model and not marks else None
    return marks or [str(value) for value in get_args(kind.annotation if kind else None)]


def _misspelt(name: str, given: Any, model: type[BaseModel] | None) -> bool:
    """Whether a missing key is there in a wrong spelling that `unknown_key` recognises."""
    if model is None or not isinstance(given, dict):
        return False
    return name in meant(given, _keys(model))


def meant(given: Iterable[str], known: Sequence[str]) -> list[str]:
    """The keys that misspelt ones among `given` were meant to be."""
    messages = [unknown_key(key, known) for key in given if key not in known]
    return [name for name in known if any(text.endswith((f": {name!r}", f"mean {name!r}?")) for text in messages)]


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def unknown_key(key: str, known: Sequence[str]) -> str:
    """The message for a key that does not exist; a key that differs only in its unit gets the right one."""
    for name in known:
        stem, unit = _split(name)
        if unit and stem == _split(key)[0]:
            return f"unknown key {key!r}; this is given in {unit}: {name!r}"
    return f"unknown key {key!r}{nearest(key, known)}"


def _split(key: str) -> tuple[str, str]:
    stem, _, unit = key.rpartition("_")
    return (stem, unit) if stem and unit in UNITS else (key, "")


def _quoted(text: str) -> list[str]:
    return re.findall(r"'([^']*)'", text)


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list, tuple)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _number(error: Mapping[str, Any]) -> str:
    value = error["input"]
    unit = re.fullmatch(r"\s*[-+]?[\d.]+(?:[eE][-+]?\d+)?\s*([A-Za-zµ%/]+)\s*", value) if isinstance(value, str) else None
    whole = "whole number" if "int" in error["type"] else "number"
    return f"expected a {whole}, found {_show(value)}" + ("; write the bare number in the unit of the key" if unit else "")


def _literal(error: Mapping[str, Any]) -> str:
    words = _quoted(error["ctx"]["expected"])
    if not words:
        return f"must be {error['ctx']['expected']}, is {_show(error['input'])}"
    return f"unknown value {_show(error['input'])}{nearest(str(error['input']), words)}"


def _bound(words: str, key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda error: f"must be {words} {error['ctx'][key]:g}, is {_show(error['input'])}"


def _expected(words: str, mend: str = "") -> Callable[[Mapping[str, Any]], str]:
    return lambda error: f"expected {words}, found {_show(error['input'])}{mend}"


def _text(error: Mapping[str, Any]) -> str:
    mend = "; put it in quotes" if isinstance(error["input"], (int, float)) else ""
    return f"expected text, found {_show(error['input'])}{mend}"


def _pattern(error: Mapping[str, Any]) -> str:
    if ":" in error["ctx"]["pattern"]:
        return f"{_show(error['input'])} names no class; write it as 'package.module:Class'"
    return f"{_show(error['input'])} is no name; use letters, digits, '_' and '-', no blanks"


Words = Callable[[Mapping[str, Any]], str]


def _too_short(error: Mapping[str, Any]) -> str:
    return f"needs at least {error['ctx']['min_length']} entry"


def _too_long(error: Mapping[str, Any]) -> str:
    return f"has too many entries: at most {error['ctx']['max_length']}"


def _said(error: Mapping[str, Any]) -> str:
    return str(error["msg"]).removeprefix("Value error, ")


_WORDS: Mapping[str, Words] = {
    "float_type": _number,
    "float_parsing": _number,
    "int_type": _number,
    "int_parsing": _number,
    "int_from_float": _number,
    "finite_number": _expected("a finite number"),
    "bool_type": _expected("true or false"),
    "bool_parsing": _expected("true or false"),
    "string_type": _text,
    "string_pattern_mismatch": _pattern,
    "literal_error": _literal,
    "greater_than": _bound("greater than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "tuple_type": _expected("a list"),
    "list_type": _expected("a list"),
    "dict_type": _expected("a mapping (key: value)"),
    "model_type": _expected("a mapping (key: value)"),
    "model_attributes_type": _expected("a mapping (key: value)"),
    "too_short": _too_short,
    "too_long": _too_long,
}


def wording(error: Mapping[str, Any]) -> str:
    """What is wrong with a value, without its place."""
    return _WORDS.get(error["type"], _said)(error)
