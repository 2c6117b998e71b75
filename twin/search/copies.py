"""Many copies of one farm in one run: each copy has its own conditions, its own people, links, servers and jobs.

A copy is a scenario of which every name has a prefix. What copies have in common (arms, policy, filters, scheduler, ladder)
must be equal: then their cells are rows of the same lanes and none can tell that the others are there. Draws are keyed by
names, and a row's bits do not depend on other rows, so that a copy alone does what it did among others.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from twin.core.chance import Chance
from twin.farm.curriculum import NoneSpec
from twin.farm.dispatchers import FirstFreeSpec
from twin.farm.schedulers import DeadlineSpec, FifoSpec, PrioritySpec
from twin.log.tables import RunLog
from twin.scenario.load import Scenario, remade
from twin.scenario.spec import ScenarioSpec

Data = dict[str, Any]
OWN = ("sites", "links", "compute", "people", "groups", "faults")
"""Mappings of a fleet of which every copy has its own."""
ALONE = ("sensor", "camera", "actuator", "gripper", "joint", "link", "safety", "workcell")
"""Components whose faults hit each cell by itself."""
ROWS = 32
"""About so many cells go into one run."""


def plain(scenario: Scenario) -> Data:
    """A scenario as data that can be changed."""
    data: Data = scenario.spec.model_dump(mode="json", by_alias=True)
    return data


def apart(spec: ScenarioSpec) -> str | None:
    """Why copies of a farm would feel each other and must run apart; None: they would not."""
    fleet = spec.fleet
    if not isinstance(spec.scheduler, FifoSpec | PrioritySpec | DeadlineSpec):
        return "its scheduler weighs all jobs against each other"
    if not isinstance(spec.dispatch, FirstFreeSpec) or not isinstance(spec.idle, NoneSpec):
        return "its dispatcher or curriculum sees the whole farm"
    if fleet.parts or fleet.learning is not None:
        return "it has spare parts, or a policy that learns"
    if any(getattr(fault, "AIM", "cell") == "strategy" for fault in spec.faults):
        return "a fault of its plan hits the scheduler"
    if len(fleet.sites) > 1 and any(pool.site is None for pool in fleet.people.values()):
        return "people of it go to several sites"
    return None


def copied(data: Data, prefix: str, seed: int, duration_s: float) -> Data:
    """A copy: every name with the prefix; jobs that arrive at random are drawn and written down."""
    data = copy.deepcopy(data)
    _named(data["fleet"], prefix)
    for number, fault in enumerate(data["faults"], start=1):
        fault["name"] = fault["name"] or f"{fault['component']}-{fault['mode']}-{number}"
    for fault in (*data["faults"], *data["fleet"]["faults"].values()):
        fault["target"] = prefix + fault["target"]
    chance = Chance(seed)
    jobs = [job for i, load in enumerate(data["jobs"]) for job in _jobs(load, i, prefix, chance, duration_s)]
    data["jobs"] = [{"kind": "list", "jobs": jobs}]
    return data


def _named(fleet: Data, prefix: str) -> None:
    """Every name of a fleet with the prefix, in place."""
    only = next(iter(fleet["sites"])) if len(fleet["sites"]) == 1 else None

    def named(name: str | None) -> str | None:
        return None if name is None else prefix + name

    for section in OWN:
        fleet[section] = {prefix + name: value for name, value in fleet[section].items()}
    for pool in fleet["people"].values():
        pool["site"] = named(pool["site"] or only)
    fleet["groups"] = {name: [prefix + pattern for pattern in members] for name, members in fleet["groups"].items()}
    for cell in fleet["cells"]:
        cell |= {"name": prefix + cell["name"], "site": named(cell["site"] or only)}
        cell |= {"link": named(cell["link"]), "compute": named(cell["compute"])}
        cell["robots"] = [robot | {"serial": named(robot["serial"])} for robot in cell["robots"]]
    for rung in fleet["resets"]:
        if rung["kind"] == "person":
            rung["pool"] = prefix + rung["pool"]


def _jobs(load: Data, index: int, prefix: str, chance: Chance, duration_s: float) -> Iterable[Data]:
    """The jobs of a workload of a copy, for its cells."""
    if load["kind"] == "list":
        for number, job in enumerate(load["jobs"], start=1):
            yield job | {"job": prefix + (job["job"] or f"job{index}-{number}"), "on": prefix + (job["on"] or "*")}
        return
    alike = {key: load[key] for key in ("task", "episodes", "retries", "owner", "priority")} | {"on": prefix + "*"}
    for number in range(1, load["at_start"] + 1):
        yield alike | {"job": f"{prefix}job{index}-{number}", "at_s": 0.0}
    stream, at_s, number = chance.stream(f"{prefix}jobs/{index}", "arrival"), 0.0, load["at_start"]
    while (at_s := at_s + float(stream.exponential(3600.0 / load["per_hour"]))) < duration_s:
        number += 1
        yield alike | {"job": f"{prefix}job{index}-{number}", "at_s": round(at_s, 6)}


def common(data: Data) -> str:
    """What copies must share to be rows of one run, as text."""
    rest = {key: value for key, value in data.items() if key not in ("fleet", "jobs", "faults")}
    fleet = {key: value for key, value in data["fleet"].items() if key not in (*OWN, "cells")}
    fleet["resets"] = [None if rung["kind"] == "person" else rung for rung in fleet["resets"]]
    return json.dumps([rest, fleet], sort_keys=True)


def together(copies: Sequence[Data]) -> Data:
    """One scenario of several copies with the same `common`. People of a rung go to the site of their copy only."""
    first = copies[0]
    fleet = dict(first["fleet"])
    for section in OWN:
        fleet[section] = {name: value for data in copies for name, value in data["fleet"][section].items()}
    fleet["cells"] = [cell for data in copies for cell in data["fleet"]["cells"]]
    fleet["resets"] = [
        rung
        for i, of_first in enumerate(first["fleet"]["resets"])
        for rung in ([data["fleet"]["resets"][i] for data in copies] if of_first["kind"] == "person" else [of_first])
    ]
    jobs = [{"kind": "list", "jobs": [job for data in copies for job in data["jobs"][0]["jobs"]]}]
    return first | {"fleet": fleet, "jobs": jobs, "faults": list(_plan(copies, fleet["groups"]))}


def _plan(copies: Sequence[Data], groups: Data) -> Iterable[Data]:
    """The faults of all copies; those that are alike are one entry with a group as its target, which is stepped as one. In
    each copy they keep their order."""
    for place in range(max(len(data["faults"]) for data in copies)):
        alike: dict[str, list[Data]] = {}
        for data in copies:
            for fault in data["faults"][place : place + 1]:
                text = json.dumps(fault | {"target": ""} if _each_alone(fault) else fault, sort_keys=True)
                alike.setdefault(text, []).append(fault)
        for same in alike.values():
            if len(same) == 1:
                yield same[0]
                continue
            group = f"all of {len(groups) + 1}"
            groups[group] = [fault["target"] for fault in same]
            yield same[0] | {"target": group}


def _each_alone(fault: Data) -> bool:
    """Whether a fault is one injection a cell, which knows nothing of the others."""
    return fault["component"] in ALONE and fault["onset"].get("drawn") is None


def runs(
    scenario: Scenario, copies: Mapping[str, Data], name: str, checks: Sequence[Any] = ()
) -> list[tuple[Scenario, tuple[str, ...]]]:
    """The runs in which copies (by prefix) are simulated, and whose copies each holds: as many as may stand together."""
    most = 1 if apart(scenario.spec) else max(1, ROWS // len(scenario.cells))
    alike: dict[str, list[str]] = {}
    for prefix, data in copies.items():
        alike.setdefault(common(data), []).append(prefix)
    found: list[tuple[Scenario, tuple[str, ...]]] = []
    for prefixes in alike.values():
        for at in range(0, len(prefixes), most):
            some = tuple(prefixes[at : at + most])
            data = together([copies[prefix] for prefix in some])
            found.append((remade(scenario, data | {"scenario": f"{name}-{len(found) + 1}", "checks": list(checks)}), some))
    return found


def log_of(log: RunLog, prefix: str) -> RunLog:
    """The log of one copy, as if it had run alone."""
    events, episodes, receipts = log.events, log.episodes, log.receipts
    own = _begins(events["cell"], prefix) | (events["cell"].isna() & _begins(events["job"], prefix))
    cells = [cell for cell in log.meta["cells"] if cell["name"].startswith(prefix)]
    receipts = receipts[_begins(receipts["target"], prefix)]
    return replace(
        log,
        meta=log.meta | {"cells": cells},
        events=events[own].reset_index(drop=True),
        episodes=episodes[_begins(episodes["cell"], prefix)].reset_index(drop=True),
        receipts=receipts.reset_index(drop=True),
    )


def _begins(column: Any, prefix: str) -> Any:
    return column.astype("string").str.startswith(prefix).fillna(False).astype(bool)
