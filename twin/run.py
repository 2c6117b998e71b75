"""`run`: a scenario becomes a run folder. `replay`: a run folder is proven. Both go through the same loop.

    every S simulated seconds: all entries of the clock up to then, one transaction, on

A process killed at any moment finds its last transaction again and goes on from it to the same end.
"""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from twin.build import build, strategies
from twin.core.clock import US, to_us
from twin.core.errors import RunFolderError
from twin.farm.farm import Farm
from twin.farm.rows import cut_off
from twin.judge.checks import evaluate
from twin.judge.verdict import exit_status, verdict
from twin.log.journal import Journal
from twin.log.tables import (
    compare_episodes,
    compare_events,
    compare_receipts,
    is_finished,
    read_meta,
    unfinished,
    write_meta,
    write_tables,
)
from twin.scenario.load import Scenario
from twin.scenario.stored import revive, stored
from twin.snapshot import freeze, thaw

Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class Result:
    """A finished run: its folder, verdict, exit status, and what run.json says."""

    folder: Path
    verdict: str
    status: int
    meta: Mapping[str, Any]


@dataclass(frozen=True)
class Replay:
    """Whether a stored run came out again, and where it first did not."""

    equal: bool
    differences: tuple[str, ...]
    hash: str


def folder_name(scenario: Scenario) -> str:
    """`<scenario>-<seed>-<digest8>`."""
    return f"{scenario.name}-{scenario.seed}-{scenario.digest[:8]}"


def run(
    scenario: Scenario,
    out: Path,
    *,
    threads: int = 2,
    progress: Progress | None = None,
    wall: Callable[[], float] | None = None,
) -> Result:
    """Run a scenario to its end, or go on with one that was killed; a finished one is returned as it is.

    `wall` tells seconds for `wall_s` in run.json; left out, it is null. Raises `TwinError`s; what was journalled is kept.
    """
    folder = Path(out) / folder_name(scenario)
    if is_finished(folder):
        meta = read_meta(folder)
        return Result(folder, meta["verdict"], exit_status(meta["verdict"]), meta)
    began = wall() if wall else 0.0
    with Journal(folder) as journal:
        farm, resumed_us = execute(scenario, journal, folder.name, threads, progress)
        write_tables(folder, journal, farm.trouble.receipts())
    meta = _meta(scenario, farm, threads, resumed_us)
    meta["wall_s"] = wall() - began if wall else None
    log = unfinished(folder, meta)
    results = evaluate(scenario.spec.checks, log)
    judged = verdict(log, results)
    meta |= {"verdict": judged.word, "reasons": list(judged.reasons), "checks": [r.as_dict() for r in results]}
    write_meta(folder, meta)
    return Result(folder, judged.word, exit_status(judged.word), meta)


def execute(
    scenario: Scenario, journal: Journal, name: str, threads: int, progress: Progress | None = None
) -> tuple[Farm, int]:
    """Run the farm of a scenario into a journal; returns the farm at its end and the µs from which it was resumed (0: anew)."""
    farm = build(scenario, name, threads)
    kept = journal.rewind(2**62)
    resumed_us = 0
    if kept is None:
        farm.begin()
    else:
        farm, resumed_us = thaw(farm, kept.blob, strategies(scenario)), kept.t_us
    end_us, every_us = to_us(scenario.spec.duration_s), to_us(scenario.spec.log.snapshot_s)
    due_us = resumed_us
    while due_us < end_us:
        due_us = min(end_us, due_us + every_us)
        while farm.step(due_us):
            pass
        commit(farm, journal, due_us)
        if progress is not None:
            progress(due_us / US, end_us / US)
    farm.clock.now_us = end_us
    busy = [cell for cell in farm.cells.values() if cell.state == "episode"]
    rows = [cut_off(farm.facts, cell, farm.work.jobs[cell.job or ""], end_us) for cell in busy]
    journal.commit(end_us, [], rows, None, farm.book.chain.digest)
    return farm, resumed_us


def commit(farm: Farm, journal: Journal, t_us: int) -> None:
    """One transaction: what happened since the last one, and all that is needed to go on from here."""
    events, farm.book.new = farm.book.new, []
    episodes, farm.book.episodes = farm.book.episodes, []
    journal.commit(t_us, events, episodes, freeze(farm), farm.book.chain.digest)


def _meta(scenario: Scenario, farm: Farm, threads: int, resumed_us: int) -> dict[str, Any]:
    """What run.json says before the judges have spoken."""
    spec = scenario.spec
    meta: dict[str, Any] = {
        "scenario": scenario.name,
        "about": spec.about,
        "scenario_path": str(scenario.path),
        "sha256": scenario.digest,
        "seed": scenario.seed,
        "hash": farm.book.chain.hex(),
        "tier": spec.tier,
        "engine": scenario.engine,
        "versions": {"python": platform.python_version()}
        | {p: metadata.version(p) for p in ("numpy", "mujoco")}
        | {"twin": _own_version()},
        "cpu_features": cpu_features(),
        "code": dict(scenario.code),
        "assets": dict(scenario.assets),
        "sim_s": spec.duration_s,
        "robot_s": farm.robot_us / US,
        "resumed_from_s": resumed_us / US,
        "threads": threads,
        "ticks": sum(lane.ticks for lane in farm.lanes),
        "voided_episodes": farm.voided,
        "pending": farm.pending(),
        "fleet": {"fleet": spec.fleet.fleet, "cells": len(farm.cells), "sites": list(spec.fleet.sites)},
        "cells": [
            {"name": c.name, "site": c.site, "robot": c.robot, "robot_model": c.robot_spec.model, "tasks": list(c.spec.tasks)}
            for c in farm.cells.values()
        ],
        "reproduce": f"twin run {scenario.path.name} --seed {scenario.seed}"
        + ("" if scenario.engine == "mujoco" else f" --engine {scenario.engine}"),
        "stored": stored(scenario),
    }
    return meta


def _own_version() -> str:
    try:
        return metadata.version("robot-farm-twin")
    except metadata.PackageNotFoundError:
        return "not installed"


def cpu_features() -> str:
    """What of the processor can change floating-point results: architecture and the vector extensions NumPy found."""
    found: Mapping[str, bool] = np._core._multiarray_umath.__cpu_features__  # type: ignore[attr-defined]
    return " ".join([platform.machine(), *sorted(name for name, there in found.items() if there)])


def replay(folder: Path, *, threads: int = 2, progress: Progress | None = None) -> Replay:
    """Run a stored run again, from nothing, and compare every event, episode, receipt and the hash."""
    folder = Path(folder)
    meta = read_meta(folder)
    scenario = revive(meta.get("stored") or {})
    if meta["cpu_features"] != cpu_features():
        raise RunFolderError(
            f"{folder}: made on another kind of processor; results are exact only on one kind (there: {meta['cpu_features']})"
        )
    with tempfile.TemporaryDirectory(prefix="twin-replay-") as temp, Journal(Path(temp) / "run") as journal:
        farm, _ = execute(scenario, journal, folder_name(scenario), threads, progress)
        found = [str(d) for d in compare_events(folder, journal.events())]
        found += [str(d) for d in compare_episodes(folder, journal.episodes())]
        found += [str(d) for d in compare_receipts(folder, farm.trouble.receipts())]
        fresh = farm.book.chain.hex()
    if fresh != meta["hash"]:
        found.append(f"hash: stored {meta['hash']}, replayed {fresh}")
    return Replay(not found, tuple(found), fresh)
