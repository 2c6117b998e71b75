"""`twin run --engine both` and `twin compare --engines`: one scenario on two engines, and what hangs on the engine."""

from __future__ import annotations

import argparse
import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twin.commands import say
from twin.commands.suites import progress, workers_of
from twin.core.errors import InputError
from twin.judge.trajectories import ENDING
from twin.world.engines import BOTH, need


def run_both(arguments: argparse.Namespace) -> int:
    """`twin run --engine both`: one seed, the runs beside each other in `--out`."""
    from twin.run import run
    from twin.scenario.load import load

    folders = []
    need(BOTH[1])
    for engine in BOTH:
        scenario = load(arguments.scenario, seed=arguments.seed, duration_s=arguments.duration_s, engine=engine)
        _has_physics(scenario)
        with say.bar(f"{scenario.name} on {engine}", hidden=arguments.json) as told:
            folders.append([run(scenario, arguments.out, threads=arguments.threads, progress=told).folder])
    return tell(folders, arguments.out / f"{scenario.name}-{scenario.seed}{ENDING}", as_json=arguments.json)


def _has_physics(scenario: Any) -> None:
    """Refuse what no engine takes part in."""
    if scenario.spec.tier == "outcome":
        raise InputError(f"{scenario.name} draws its outcomes (tier: outcome): no engine takes part, nothing hangs on one")


def compare_engines(arguments: argparse.Namespace) -> int:
    """`twin compare --engines SCENARIO`: as many seeds as asked for, in workers."""
    from twin.scenario.load import find

    if arguments.second is not None:
        raise InputError("--engines takes one scenario, which is run on two engines")
    file = find(arguments.first)
    need(BOTH[1])
    units = units_of(file, arguments.seeds)
    _has_physics(units[0].scenario)
    out = Path("runs/engines")
    with workers_of(arguments, len(units)) as workers, progress(units, quiet=arguments.json) as seen:
        found = workers.run(units, out, seen)
    lost = next((row for row in found.rows if not row.folder), None)
    if lost is not None:
        raise InputError(f"not every run came to its end: {lost.scenario}, seed {lost.seed}, {lost.engine}: {lost.verdict}")
    folders = [[Path(str(row.folder)) for row in found.rows if row.engine == engine] for engine in BOTH]
    return tell(folders, out / f"{units[0].scenario.name}{ENDING}", as_json=arguments.json)


def units_of(file: Path, seeds: int) -> list[Any]:
    """Each seed once on either engine, also where a check with `engines: both` would bring the other engine by itself."""
    from twin.suite.plan import plan

    return [unit for engine in BOTH for unit in plan([file], seeds=seeds, engine=engine) if unit.scenario.engine == engine]


def tell(folders: Sequence[Sequence[Path]], out: Path, *, as_json: bool) -> int:
    """Set the runs of two engines side by side; the exit status is that of the worse."""
    from twin.cross import apart
    from twin.judge.engines import across
    from twin.judge.verdict import exit_status
    from twin.log.tables import open_run, read_meta, replacing
    from twin.scenario.stored import revive

    found = across(*([open_run(folder) for folder in side] for side in folders))
    paths = apart(revive(read_meta(folders[0][0])["stored"]), found.names)
    status = exit_status(found.verdict)
    told = found.as_dict() | {"trajectories": [path.as_dict() for path in paths]}
    from_there = {"runs": [[os.path.relpath(folder, out.parent) for folder in side] for side in folders]}
    with replacing(out) as part:
        part.write_text(json.dumps(told | from_there, indent=2) + "\n", encoding="utf-8")
    if as_json:
        say.print_json(told | {"runs": folders, "out": out, "status": status})
        return status
    _print(found, paths)
    print(f"the comparison is {out}")
    say.then(f"twin report {shlex.quote(str(out))}, which shows it as model uncertainty")
    return status


def _print(found: Any, paths: Sequence[Any]) -> None:
    from twin.judge.words import unit

    print(f"{found.scenario}: " + ", ".join(f"{engine} {word}" for engine, word in found.verdicts.items()))
    for check in found.checks:
        print(f"  {check.mark}  {check.name}: {check.words()}")
    print("how far the engines are apart, with 95 % intervals:" if found.told else f"not compared: {found.why}")
    rows = found.uncertainty()
    told = [(group, row) for group, row in rows if row.key == "success" or row.verdict == "differs"]
    for group, row in told:
        values = [unit(side.value if side else None, row.unit) for side in (row.sim, row.real)]
        sides = ", ".join(f"{name} {value}" for name, value in zip(found.names, values, strict=True))
        print(f"  {group}: {row.name}: {sides}; {row.apart}; {row.words}")
    if len(rows) > len(told):
        print(f"  {len(rows) - len(told)} more statistics of which none is shown to differ")
    if found.told:
        print(found.told.sentence)
    print("the same commands on both, open loop:" if paths else "no cell began an episode in the first minute: none is played")
    for path in paths:
        print(f"  {path.sentence()}")
