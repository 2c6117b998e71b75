"""`run`: a scenario becomes a run folder. `replay`: a run folder is proven. Both go through the same loop.

    every S simulated seconds: all entries of the clock up to then, one transaction, on

A process killed at any moment finds its last transaction again and goes on from it to the same end.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twin.build import build, made_by, strategies
from twin.core.clock import US, to_us
from twin.core.errors import RunFolderError
from twin.farm.farm import Farm
from twin.farm.rows import cut_off
from twin.judge.checks import evaluate
from twin.judge.verdict import exit_status, verdict
from twin.log.journal import Journal
from twin.log.tables import (
    RunLog,
    compare_episodes,
    compare_events,
    compare_receipts,
    is_finished,
    read_meta,
    unfinished,
    write_meta,
    write_tables,
)
from twin.log.ticks import packed
from twin.scenario.load import Scenario, ships
from twin.scenario.stored import revive, stored
from twin.snapshot import freeze, thaw

Progress = Callable[[float, float], None]

PROVEN = (
    "scenario", "sha256", "seed", "tier", "engine", "sim_s", "robot_s", "ticks", "voided_episodes", "pending", "fleet", "cells",
)  # fmt: skip
"""What a replay finds again in run.json, besides the hash and what the judges said."""


@dataclass(frozen=True)
class Result:
    """A finished run: its folder, verdict, exit status, and what run.json says."""

    folder: Path
    verdict: str
    status: int
    meta: Mapping[str, Any]
    before: bool = False
    """Whether it had been finished before, so that nothing was run."""


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
        return Result(folder, meta["verdict"], exit_status(meta["verdict"]), meta, before=True)
    began = wall() if wall else 0.0
    with Journal(folder) as journal:
        farm, resumed_us = execute(scenario, journal, folder.name, threads, progress)
        write_tables(folder, journal, farm.receipts(), scenario.spec.log.ticks is not None)
    meta = _meta(scenario, farm, threads, resumed_us)
    meta["wall_s"] = wall() - began if wall else None
    meta |= _judged(scenario, unfinished(folder, meta))
    write_meta(folder, meta)
    return Result(folder, meta["verdict"], exit_status(meta["verdict"]), meta)


def _judged(scenario: Scenario, log: RunLog) -> dict[str, Any]:
    """What the judges say of a log: three keys of run.json."""
    results = evaluate(scenario.spec.checks, log)
    judged = verdict(log, results)
    return {"verdict": judged.word, "reasons": list(judged.reasons), "checks": [r.as_dict() for r in results]}


def execute(
    scenario: Scenario, journal: Journal, name: str, threads: int, progress: Progress | None = None
) -> tuple[Farm, int]:
    """Run the farm of a scenario into a journal; returns the farm at its end and the µs from which it was resumed (0: anew).

    What is due at the very end does not happen any more: a run of 60 s has 60 s of ticks.
    """
    farm = build(scenario, name, threads)
    kept = journal.rewind(2**62)
    resumed_us = 0
    if kept is None:
        farm.begin()
    else:
        farm, resumed_us = thaw(farm, kept.blob, strategies(scenario)), kept.t_us
    end_us, every_us = to_us(scenario.spec.duration_s), max(1, to_us(scenario.spec.commit_s))
    due_us = resumed_us
    while due_us < end_us:
        due_us = min(end_us, due_us + every_us)
        while farm.step(due_us if due_us < end_us else end_us - 1):
            pass
        commit(farm, journal, due_us)
        if progress is not None:
            progress(due_us / US, end_us / US)
    farm.clock.now_us = end_us
    busy = [cell for cell in farm.cells.values() if cell.state == "episode"]
    rows = [cut_off(farm.facts, c, farm.work.jobs[c.job or ""], end_us) | farm.episodes.versions_of(c) for c in busy]
    journal.commit(end_us, [], rows, None, farm.book.chain.digest)
    return farm, resumed_us


def commit(farm: Farm, journal: Journal, t_us: int) -> None:
    """One transaction: what happened since the last one, and all that is needed to go on from here."""
    events, farm.book.new = farm.book.new, []
    episodes, farm.book.episodes = farm.book.episodes, []
    kept = farm.episodes.ticks
    ticks = b"" if kept is None else packed(kept.take())
    journal.commit(t_us, events, episodes, freeze(farm), farm.book.chain.digest, ticks)


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
        "engine": scenario.engine if spec.tier == "physics" else None,
        "log_events": "all" if spec.everyday else "exceptions",
        **farm.facts["made_by"],
        "code": dict(scenario.code),
        "sim_s": spec.duration_s,
        "robot_s": farm.episodes.robot_us / US,
        "resumed_from_s": resumed_us / US,
        "threads": threads,
        "ticks": sum(lane.ticks for lane in farm.lanes),
        "voided_episodes": farm.episodes.voided,
        "pending": farm.pending(),
        "fleet": {"fleet": spec.fleet.fleet, "cells": len(farm.cells), "sites": list(spec.fleet.sites)},
        "cells": [
            {"name": c.name, "site": c.site, "robot": c.robot, "robot_model": c.robot_spec.model, "tasks": list(c.spec.tasks)}
            for c in farm.cells.values()
        ],
        "reproduce": _command(scenario),
        "stored": stored(scenario),
    }
    return meta


def _command(scenario: Scenario) -> str:
    """What to type to get this run again: by name what ships, else by the path as seen from here."""
    name = next((name for name, path in ships().items() if path == scenario.path), None) or os.path.relpath(scenario.path)
    engine = "" if scenario.engine == "mujoco" else f" --engine {scenario.engine}"
    return f"twin run {name} --seed {scenario.seed} --duration-s {scenario.spec.duration_s!r}{engine}"


def replay(folder: Path, *, threads: int = 2, progress: Progress | None = None) -> Replay:
    """Run a stored run again, from nothing; compare every event, episode and receipt, the hash, and what was made of them."""
    folder = Path(folder)
    meta = read_meta(folder)
    scenario = revive(meta.get("stored") or {})
    here = made_by(scenario)
    if meta.get("cpu_features") != here["cpu_features"]:
        raise RunFolderError(
            f"{folder}: made on another kind of processor; results are exact on one kind only ({meta.get('cpu_features')})"
        )
    with tempfile.TemporaryDirectory(prefix="twin-replay-") as temp, Journal(Path(temp) / "run") as journal:
        farm, _ = execute(scenario, journal, folder_name(scenario), threads, progress)
        found = [str(d) for d in compare_events(folder, journal.events())]
        found += [str(d) for d in compare_episodes(folder, journal.episodes())]
        found += [str(d) for d in compare_receipts(folder, farm.receipts())]
        fresh = farm.book.chain.hex()
    if fresh != meta.get("hash"):
        found.append(f"hash: stored {meta.get('hash')}, replayed {fresh}")
    told = _meta(scenario, farm, threads, 0)
    if not found:  # the tables are proven: what was made of them can be made again
        told |= _judged(scenario, unfinished(folder, told))
    told = json.loads(json.dumps(told))
    keys = PROVEN + (("verdict", "reasons", "checks") if not found else ())
    found += [f"run.json, {k}: stored {meta.get(k)!r}, replayed {told[k]!r}" for k in keys if meta.get(k) != told[k]]
    if found and meta.get("versions") != here["versions"]:
        found.append(
            f"versions: stored {meta.get('versions')}, here {here['versions']}: results are exact only for one of each"
        )
    return Replay(not found, tuple(found), fresh)
