"""What can be read of a scenario although parts of it are refused, so that all of its mistakes are told at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from twin.control.spec import ComputeSpec, FilterSpec, LinkSpec, PolicySpec
from twin.core.yaml import Loc
from twin.farm.ladder import AssistSpec, RungSpec
from twin.farm.outcomes import OutcomeModel
from twin.farm.spec import CellSpec, FleetSpec, PartSpec, PeopleSpec, RobotSpec, SiteSpec
from twin.farm.workload import WorkloadSpec
from twin.faults.catalogue import FaultSpec
from twin.judge.spec import CheckSpec
from twin.scenario.messages import holds, meant
from twin.scenario.spec import DispatchSpec, IdleSpec, ReleaseSpec, ScenarioSpec, SchedulerSpec
from twin.world.spec import GripperSpec, SensorSpec, WorkcellSpec

T = TypeVar("T")
Named = Mapping[str, T | None] | None
"""Entries by name. None as a value: it exists but is broken. None as a whole: nobody knows what it would hold."""
Listed = list[tuple[int, T]]
"""Readable entries of a list, each with its index in the file."""


@dataclass
class View:
    """The readable parts of a scenario (or of a fleet alone), each with where it stands: `fleet` is the path of the fleet."""

    fleet: Loc
    sites: Named[SiteSpec]
    workcells: Named[WorkcellSpec]
    grippers: Named[GripperSpec]
    sensors: Named[SensorSpec]
    compute: Named[ComputeSpec]
    links: Named[LinkSpec]
    people: Named[PeopleSpec]
    parts: Named[PartSpec]
    groups: Named[tuple[str, ...]]
    robots: Named[RobotSpec]
    resets: Listed[Any]
    assist: AssistSpec | None
    cells: Listed[CellSpec]
    cells_whole: bool
    jobs: Listed[Any]
    jobs_whole: bool
    faults: list[tuple[Loc, Any]]
    """Faults of the scenario and of the fleet, each with its path in the scenario."""
    checks: Listed[CheckSpec]
    filters: Listed[Any]
    scheduler: Any
    dispatch: Any
    idle: Any
    policy: Any
    tier: str
    """`physics`, or `outcome` where the scenario says so or a fleet that stands alone has outcomes."""
    outcomes: OutcomeModel | None
    window: tuple[str, float] | None = None
    """When the run begins (ISO 8601) and how long it takes (s); None: not readable, or a fleet alone."""
    timeout_s: float | None = None
    """An episode's time limit; None likewise."""
    learning: Any = None
    releases: Named[ReleaseSpec] = None
    outcomes_broken: bool = False
    """It is there, but cannot be read."""


_NAMED: Mapping[str, Any] = {
    "sites": SiteSpec,
    "workcells": WorkcellSpec,
    "grippers": GripperSpec,
    "sensors": SensorSpec,
    "compute": ComputeSpec,
    "links": LinkSpec,
    "people": PeopleSpec,
    "parts": PartSpec,
    "groups": tuple[str, ...],
    "robots": RobotSpec,
}
_LISTED: Mapping[str, Any] = {"jobs": WorkloadSpec, "checks": CheckSpec, "filters": FilterSpec}
_SINGLE: Mapping[str, Any] = {"scheduler": SchedulerSpec, "dispatch": DispatchSpec, "idle": IdleSpec, "policy": PolicySpec}


def whole(spec: ScenarioSpec | FleetSpec) -> View:
    """The view of a specification without a mistake."""
    fleet, above = (spec.fleet, spec) if isinstance(spec, ScenarioSpec) else (spec, None)
    parts: dict[str, Any] = {"resets": list(enumerate(fleet.resets)), "cells": list(enumerate(fleet.cells))}
    parts["assist"] = fleet.assist
    parts |= {name: getattr(fleet, name) for name in _NAMED}
    parts |= {name: list(enumerate(getattr(above, name, ()))) for name in _LISTED}
    parts |= {name: getattr(above, name, None) for name in _SINGLE}
    tier = above.tier if above else "outcome" if fleet.outcomes else "physics"
    parts |= {"tier": tier, "outcomes": fleet.outcomes, "learning": fleet.learning}
    parts["releases"] = above.releases if above else None
    parts["window"] = (above.start_utc, above.duration_s) if above else None
    parts["timeout_s"] = above.episode_timeout_s if above else None
    at: Loc = ("fleet",) if above else ()
    planned = [(("faults", i), fault) for i, fault in enumerate(above.faults if above else ())]
    parts["faults"] = planned + [((*at, "faults", name), fault) for name, fault in fleet.faults.items()]
    return View(at, cells_whole=True, jobs_whole=True, **parts)


def partly(data: Mapping[str, Any], *, fleet_only: bool) -> View:
    """The view of data that the validator refused."""
    found = data if fleet_only else data.get("fleet")
    fleet: Mapping[str, Any] = found if isinstance(found, dict) else {}
    parts: dict[str, Any] = {"resets": _listed(fleet, "resets", RungSpec), "cells": _listed(fleet, "cells", CellSpec)}
    parts["assist"] = None if fleet.get("assist") is None else _piece(AssistSpec, fleet["assist"])
    parts |= {name: _named(fleet, name, kind) if isinstance(found, dict) else None for name, kind in _NAMED.items()}
    parts |= {name: [] if fleet_only else _listed(data, name, kind) for name, kind in _LISTED.items()}
    parts |= {name: None if fleet_only else _piece(kind, data.get(name, {})) for name, kind in _SINGLE.items()}
    parts |= {f"{name}_whole": _is_whole(holder, name, parts[name]) for name, holder in (("cells", fleet), ("jobs", data))}
    given = fleet.get("outcomes")
    outcomes = None if given is None else _piece(OutcomeModel, given)
    tier = "outcome" if (given if fleet_only else data.get("tier") == "outcome") else "physics"
    parts |= {"tier": tier, "outcomes": outcomes, "outcomes_broken": given is not None and outcomes is None}
    at: Loc = () if fleet_only else ("fleet",)
    planned: list[tuple[Loc, Any]] = [] if fleet_only else [(("faults", i), f) for i, f in _listed(data, "faults", FaultSpec)]
    standing = _named(fleet, "faults", FaultSpec) or {}
    parts["faults"] = planned + [((*at, "faults", name), fault) for name, fault in standing.items() if fault is not None]
    others = data.get("releases", {})
    if not fleet_only and isinstance(others, dict):
        parts["releases"] = {name: _piece(ReleaseSpec, value) for name, value in others.items()}
    return View(at, **parts)


def _is_whole(data: Mapping[str, Any], key: str, read: Listed[Any]) -> bool:
    return isinstance(data.get(key), list) and len(data[key]) == len(read)


def _named(fleet: Mapping[str, Any], key: str, kind: Any) -> dict[str, Any] | None:
    if key not in fleet:
        if key in meant(fleet, list(FleetSpec.model_fields)):
            return None
        default = FleetSpec.model_fields[key].get_default(call_default_factory=True, validated_data={})
        return default if isinstance(default, dict) else None
    entries = fleet[key]
    return {name: _piece(kind, value) for name, value in entries.items()} if isinstance(entries, dict) else None


def _listed(data: Mapping[str, Any], key: str, kind: Any) -> Listed[Any]:
    entries = data.get(key)
    pieces: Iterator[tuple[int, Any]] = enumerate(entries if isinstance(entries, list) else ())
    read = ((index, _piece(kind, value)) for index, value in pieces)
    return [(index, piece) for index, piece in read if piece is not None]


_ADAPTERS: dict[int, TypeAdapter[Any]] = {}


def _piece(kind: Any, raw: Any) -> Any | None:
    """One part of the file, read without those of its keys that are refused; None where that is not enough."""
    if id(kind) not in _ADAPTERS:
        _ADAPTERS[id(kind)] = TypeAdapter(kind)
    adapter = _ADAPTERS[id(kind)]
    for deep in (True, True, False, False):
        try:
            return adapter.validate_json(json.dumps(raw), strict=True)
        except ValidationError as error:
            if not isinstance(raw, dict):
                return None
            raw = copy.deepcopy(raw)
            errors = error.errors()
            for found in [e for e in errors if e["type"] != "too_short"] or errors:  # a list is too short for what is pruned
                _prune(raw, found["loc"], deep)
    return None


def _prune(data: Any, loc: Sequence[str | int], deep: bool) -> None:
    """Take away the key that an error is about: the last one on its way (`deep`), or the first."""
    keys: list[tuple[dict[str, Any], str]] = []
    for step in loc:
        if isinstance(data, dict) and step in data:
            keys.append((data, str(step)))
        data = data[step] if holds(data, step) else data
    if keys:
        holder, key = keys[-1 if deep else 0]
        holder.pop(key, None)
