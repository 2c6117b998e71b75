"""An overlay on a fleet file: fitted values, each with its interval, laid over what the file says.

overlay: my_bay
links: {wifi: {latency_ms: {kind: lognormal, median: {value: 4.9, low: 4.8, high: 5.0, n: 9000}, sigma: 0.7}}}
serials: {UR3-0042: {reliability: {repair_h: {value: 3.5, low: 2.0, high: 6.0, n: 41}}}}
models: {…}        # what belongs to no fleet file: kept beside it, not applied

A value with its interval becomes the plain value. An entry of a list is named by its number from 0, or by its `name`. A mapping
with a `kind` replaces what stands there, and so does an onset of another way than the file's; any other is merged.
The robot of a serial becomes a kind of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator
from typing import Any

from twin.core.errors import nearest
from twin.core.yaml import Document, Loc
from twin.faults.onset import WAYS
from twin.scenario.cells import serial, suffixes

MOST = 100_000
"""Cells alike, beyond which a count is refused anyway."""
META = ("overlay", "made", "models")
"""Keys of an overlay that are no part of a fleet."""
LISTS = ("resets", "cells")


def is_estimate(node: Any) -> bool:
    """Whether a node is a value with its interval."""
    return isinstance(node, dict) and "value" in node and "kind" not in node


def plain(node: Any) -> Any:
    """The same data with every value with an interval as that value."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    return plain(node["value"]) if is_estimate(node) else {key: plain(value) for key, value in node.items()}


def apply(document: Document, where: Loc, overlay: Document) -> None:
    """Lay an overlay over the fleet at `where`, in place; what it names and the fleet lacks is a problem of the overlay."""
    document.problems += overlay.problems
    data = document.data
    for step in where:
        data = data.get(step) if isinstance(data, dict) else None
    if isinstance(data, dict) and isinstance(overlay.data, dict):
        _Merge(document, where, data, overlay).all()


class _Merge:
    """One overlay over one fleet: data, and the marks that say where a value stands."""

    def __init__(self, document: Document, where: Loc, data: dict[str, Any], overlay: Document) -> None:
        self.document, self.where, self.data, self.overlay = document, where, data, overlay

    def all(self) -> None:
        """Every key of the overlay; serials last, since they write cells that stand together out one by one."""
        for key, value in self.overlay.data.items():
            if key != "serials" and key not in META:
                self._lay(self.data, self.where, key, value, (key,))
        self._serials(self.overlay.data.get("serials"))

    def _refuse(self, loc: Loc, message: str) -> None:
        self.document.problems.append(self.overlay.at(loc, message))

    def _lay(self, holder: Any, at: Loc, key: str | int, value: Any, source: Loc) -> None:
        there = holder.get(key) if isinstance(holder, dict) else holder[key]
        if isinstance(there, list) and isinstance(value, dict):
            self._entries(there, (*at, key), value, source)
            return
        if there is None and key in LISTS and isinstance(value, dict):
            self._refuse(source, f"the fleet file writes no {key}, so an overlay can name none of them; write them there")
            return
        if isinstance(value, dict) and isinstance(there, dict) and not _whole(key, value, there):
            for name, inner in value.items():
                if len(source) == 1 and key != "faults" and name not in there:  # robots, people: an overlay never adds one
                    self._refuse((*source, name), f"the fleet has no {key} {name!r}{nearest(name, there)}")
                    continue
                self._lay(there, (*at, key), name, inner, (*source, name))
            return
        holder[key] = plain(value)
        for loc in [loc for loc in self.document.marks if loc[: len(at) + 1] == (*at, key)]:
            del self.document.marks[loc]
        for loc, mark in self.overlay.marks.items():
            if loc[: len(source)] == source:
                self.document.marks[(*at, key, *loc[len(source) :])] = mark

    def _entries(self, there: list[Any], at: Loc, values: dict[str, Any], source: Loc) -> None:
        """Entries of a list, by number or by name."""
        known = {str(i): i for i in range(len(there))}
        known |= {str(item["name"]): i for i, item in enumerate(there) if isinstance(item, dict) and "name" in item}
        for name, inner in values.items():
            if str(name) not in known:
                self._refuse((*source, name), f"the fleet has no {source[-1]} {name!r}{nearest(str(name), known)}")
                continue
            self._lay(there, at, known[str(name)], inner, (*source, name))

    def _serials(self, serials: Any) -> None:
        """The robot of a serial becomes a kind of its own: a copy of its kind with the values laid over."""
        robots = self.data.get("robots")
        if not isinstance(serials, dict) or not isinstance(robots, dict):
            return
        places = self._by_serial(serials)
        at = (*self.where, "robots")
        depth = len(at) + 1
        for number, values in serials.items():
            place = places.get(number)
            kind = None if place is None else place.get("robot")
            if place is None or kind not in robots:
                tail = nearest(number, places, what="serials")
                self._refuse(("serials", number), f"the fleet has no robot with the serial {number!r}{tail}")
                continue
            own = f"{kind}@{number}"
            robots[own] = copy.deepcopy(robots[kind])
            for loc, mark in [(loc, mark) for loc, mark in self.document.marks.items() if loc[:depth] == (*at, kind)]:
                self.document.marks[(*at, own, *loc[depth:])] = mark
            place["robot"] = own
            for name, inner in values.items() if isinstance(values, dict) else ():
                self._lay(robots[own], (*at, own), name, inner, ("serials", number, name))

    def _by_serial(self, wanted: Collection[str]) -> dict[str, dict[str, Any]]:
        """Every robot of the fleet by its serial. Cells alike that hold a wanted one are first written out one by one."""
        written = self.data.get("cells")
        found: dict[str, dict[str, Any]] = {}
        cells: list[Any] = []
        at = (*self.where, "cells")
        stood = [
            (loc[len(at) :], mark) for loc, mark in self.document.marks.items() if loc[: len(at)] == at and len(loc) > len(at)
        ]
        for i, cell in enumerate(written if isinstance(written, list) else ()):
            parts = _one_by_one(cell)
            told = {name: robot for part in parts for name, robot in _serials_of(part)}
            if len(parts) > 1 and not set(wanted) & set(told):
                found |= {name: {} for name in told}
                parts = [cell]
            else:
                found |= told
            for part in parts:
                self.document.marks |= {(*at, len(cells), *loc[1:]): mark for loc, mark in stood if loc[0] == i}
                cells.append(part)
        if isinstance(written, list):
            written[:] = cells
        return found


def _whole(key: str | int, value: dict[str, Any], there: dict[str, Any]) -> bool:
    """Whether a mapping stands in place of what is there: a law, an estimate, an onset of another way."""
    other_way = key == "onset" and bool(way := set(WAYS) & set(value)) and way != set(WAYS) & set(there)
    return "kind" in value or is_estimate(value) or other_way


def _one_by_one(cell: Any) -> list[Any]:
    """A cell with a `count` as that many cells, each with its name and the serials of its robots."""
    count, name = (cell.get("count"), cell.get("name")) if isinstance(cell, dict) else (None, None)
    if not isinstance(count, int) or not isinstance(name, str) or not 1 <= count <= MOST:
        return [cell]
    parts = []
    for suffix in suffixes(count):
        part = copy.deepcopy({key: value for key, value in cell.items() if key != "count"}) | {"name": name + suffix}
        for position, robot in enumerate(part.get("robots") or (), start=1):
            if isinstance(robot, dict):
                robot["serial"] = serial(robot.get("serial"), name + suffix, position, suffix)
        parts.append(part)
    return parts


def _serials_of(cell: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    robots = cell.get("robots") if isinstance(cell, dict) else None
    for position, robot in enumerate(robots if isinstance(robots, list) else (), start=1):
        if isinstance(robot, dict):
            yield serial(robot.get("serial"), str(cell.get("name")), position, ""), robot
