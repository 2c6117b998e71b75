"""Results as the overlay of a fleet file, and the overlay as what an earlier calibration said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.calibrate.result import Estimate, PartResult
from twin.core.errors import InputError, Problem, SpecError, StorageError
from twin.core.yaml import read
from twin.log.tables import replacing

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORDS = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")
"""What YAML reads as something else than text."""


@dataclass(frozen=True)
class Made:
    """When and from what an overlay was made."""

    plan: str
    date: str
    """The day, ISO 8601."""
    failed: tuple[str, ...] = ()
    """Parts of the plan that found nothing."""
    confidence: float | None = None
    """Of its intervals."""


def as_data(results: Sequence[PartResult], made: Made) -> dict[str, Any]:
    """The overlay as plain data: every identified value at its path, with interval, n, source and date."""
    sure = {"confidence": made.confidence} if made.confidence is not None else {}
    lacks = {"failed": list(made.failed)} if made.failed else {}
    out: dict[str, Any] = {"overlay": made.plan, "made": {"date": made.date} | sure | lacks}
    owners: dict[tuple[str | int, ...], str] = {}
    for result in results:
        for estimate in result.estimates:
            if not estimate.identified:
                continue
            if estimate.path in owners:
                other = owners[estimate.path]
                raise InputError(f"the parts {other!r} and {result.name!r} both fit {estimate.name}; leave it to one of them")
            owners[estimate.path] = result.name
            holder: dict[Any, Any] = out
            for step in estimate.path[:-1]:
                holder = holder.setdefault(step, {})
            holder[estimate.path[-1]] = _leaf(estimate, made)
    return {key: _listed(value) for key, value in out.items()}


def _listed(node: Any) -> Any:
    """The same data with every mapping from 0, 1, 2 … as the list that it is."""
    if not isinstance(node, dict):
        return node
    inner = {key: _listed(value) for key, value in node.items()}
    if inner and set(inner) == set(range(len(inner))):
        return [inner[i] for i in range(len(inner))]
    return {str(key): value for key, value in inner.items()}


def _leaf(estimate: Estimate, made: Made) -> Any:
    if isinstance(estimate.value, str | bool) or (isinstance(estimate.value, int) and estimate.low is None):
        return estimate.value
    value = list(estimate.value) if isinstance(estimate.value, tuple) else estimate.value
    if isinstance(value, list) and estimate.n is None:
        return value  # where a table is tabled: chosen, not measured
    known = {"low": estimate.low, "high": estimate.high, "n": estimate.n, "unit": estimate.unit or None}
    said = {"source": estimate.source or None, "method": estimate.method or None, "date": made.date}
    return {"value": value} | {key: item for key, item in (known | said).items() if item is not None}


def write(data: Mapping[str, Any], path: Path) -> Path:
    """Write an overlay. Raises `StorageError`."""
    text = "\n".join(_lines(data, 0)) + "\n"
    try:
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def _lines(data: Mapping[str, Any], depth: int) -> Iterator[str]:
    """Block YAML down to values, each of which stands in one line of flow YAML (JSON is YAML)."""
    for key, value in data.items():
        name = key if _PLAIN.fullmatch(key) and key.lower() not in _WORDS else json.dumps(key, ensure_ascii=False)
        if isinstance(value, dict) and "value" not in value and value:
            yield "  " * depth + f"{name}:"
            yield from _lines(value, depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield "  " * depth + f"{name}:"
            for item in value:
                first, *rest = _lines(item, depth + 2)
                yield "  " * (depth + 1) + "- " + first.lstrip()
                yield from rest
        else:
            yield "  " * depth + f"{name}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    """A value as flow YAML; numbers keep six digits, since none is known better."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_scalar(item) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return json.dumps(value, ensure_ascii=False)


def read_estimates(path: Path) -> dict[str, dict[str, Any]]:
    """The values of an overlay by their path in one word. Raises `SpecError`."""
    return read_earlier(path)[0]


def read_earlier(path: Path) -> tuple[dict[str, dict[str, Any]], float | None]:
    """The same, and how sure its intervals are, where it says so. Raises `SpecError`."""
    document = read(path)
    if document.problems or not isinstance(document.data, dict):
        raise SpecError(document.problems or [Problem(str(path), 1, 1, "this is no overlay: a mapping is wanted")])
    if "overlay" not in document.data:
        raise SpecError([document.at((), "this is no overlay: the key 'overlay' is missing")])
    made = document.data.get("made")
    sure = made.get("confidence") if isinstance(made, dict) else None
    return dict(_leaves(document.data, ())), float(sure) if isinstance(sure, int | float) else None


def _leaves(node: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, value in node.items():
        if not at and key in ("overlay", "made"):
            continue
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield from _leaves({str(i): item for i, item in enumerate(value)}, (*at, key))
        elif isinstance(value, dict) and "value" not in value:
            yield from _leaves(value, (*at, key))
        else:
            yield ".".join((*at, key)), value if isinstance(value, dict) else {"value": value}
