"""The scenario at an edge: one copy that failed, as a file that `twin run` takes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from twin.core.errors import InputError, SpecError
from twin.scenario.load import Scenario, load, remade
from twin.search.copies import Data
from twin.search.envelope import Axis, Edge, Search
from twin.suite.results import write_text


def chosen(edges: list[Edge]) -> Edge | None:
    """The edge of which a scenario is written: of a curve the middle one."""
    found = [edge for edge in edges if edge.found]
    return found[len(found) // 2] if found else None


def write(search: Search, edge: Edge, folder: Path) -> Path:
    """The first copy that failed where the check just fails, beside the files that it needs; returns its path."""
    point = edge.point(edge.fails)
    assert point is not None and point.failing, "an edge has a point that failed"
    prefix = point.failing[0]
    check = search.check.model_dump(mode="json", by_alias=True, exclude_none=True)
    data = search.data(prefix) | {"scenario": f"{search.scenario.name}-edge", "checks": [check]}
    told = conditions(search.axes, point.values)
    about = f"Just beyond the edge of {search.scenario.name}: {told}."
    return _file(search.scenario, data | {"about": about}, folder / f"{search.scenario.name}-edge.yaml", about)


def conditions(axes: Any, values: tuple[float, ...]) -> str:
    """`link.rtt_ms 412 ms, sensor.noise 2 mrad`."""
    parts = (f"{a.quantity.name} {v:.6g} {a.quantity.unit}".strip() for a, v in zip(axes, values, strict=True))
    return ", ".join(parts)


def _file(scenario: Scenario, data: Data, path: Path, about: str) -> Path:
    """Write a scenario; what is as it is anyway is left out."""
    spec = remade(scenario, data).spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text = yaml.safe_dump(json.loads(json.dumps(spec)), sort_keys=False, width=120, allow_unicode=True)
    engine = "" if scenario.engine == "mujoco" else f" --engine {scenario.engine}"
    written = write_text(path, f"# {about}\n# Written by twin envelope; it fails:  twin run {path.name}{engine}\n{text}")
    for name in _files(data, scenario):
        if not (path.parent / name).exists():
            (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
            there = scenario.folder / name
            (shutil.copytree if there.is_dir() else shutil.copyfile)(there, path.parent / name)
    return written


def _files(node: Any, scenario: Scenario) -> Iterator[str]:
    """What a scenario names that lies beside it: modules, traces, tables."""
    if isinstance(node, dict):
        name = node.get("path")
        if isinstance(name, str) and (scenario.folder / name).is_file():
            yield name
        if isinstance(node.get("use"), str):
            module = node["use"].partition(":")[0].partition(".")[0]
            yield from (name for name in (module, f"{module}.py") if (scenario.folder / name).exists())
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _files(child, scenario)


def refuse_what_cannot_be(search: Search, folder: Path) -> None:
    """Load the scenario at the corners of the range, as a user's file would be: what is refused there is refused now."""
    first, *others = search.axes
    corners = [(v, *([o] if others else [])) for v in (first.low, first.high) for o in (_ends(others[0]) if others else (0.0,))]
    for values in corners:
        search.copies["corner-"] = values
        told = conditions(search.axes, values)
        try:
            data = search.data("corner-") | {"scenario": "corner", "checks": []}
            load(_file(search.scenario, data, folder / "corner" / "corner.yaml", told), engine=search.scenario.engine)
        except ValidationError as error:
            raise InputError(f"{search.scenario.name} cannot be with {told}: {error.errors()[0]['msg']}") from None
        except SpecError as error:
            why = "; ".join(dict.fromkeys(problem.message for problem in error.problems)).replace("corner-", "")
            raise InputError(f"{search.scenario.name} cannot be with {told}: {why}") from None
        finally:
            del search.copies["corner-"]
            shutil.rmtree(folder / "corner", ignore_errors=True)


def _ends(axis: Axis) -> tuple[float, float]:
    return axis.low, axis.high
