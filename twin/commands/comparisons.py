"""`twin compare`: two logs by their episodes, or two farms by who waited and what was lost."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twin.commands import say
from twin.commands.suites import define_workers, progress, workers_of
from twin.commands.tables import define_margin, runs_in
from twin.core.errors import InputError

SCENARIOS = (".yaml", ".yml")


def _define(command: argparse.ArgumentParser) -> None:
    what = "a run folder, a folder of runs, a table of episodes (.parquet, .csv), or a scenario file, which is run"
    command.add_argument("first", type=Path, metavar="FIRST", help=what)
    command.add_argument(
        "second", type=Path, nargs="?", metavar="SECOND", help="the same of the other side (the real farm, a scheduler)"
    )
    command.add_argument(
        "--engines", action="store_true", help="run FIRST, a scenario, on two engines, and tell what hangs on the engine"
    )
    command.add_argument(
        "--by",
        choices=("episodes", "jobs"),
        help="episodes: where statistics agree and differ; jobs: who waited and what was lost, paired by seed. "
        "Left out: jobs where two sides of runs differ in their scheduler, else episodes",
    )
    command.add_argument("--seeds", type=say.positive, default=8, metavar="K", help="seeds of each scenario file (default: 8)")
    define_workers(command, both=False)
    command.add_argument("--out", type=Path, metavar="F.html", help="the page of --by jobs (default: comparison.html)")
    define_margin(command)


def _compare(arguments: argparse.Namespace) -> int:
    if arguments.engines:
        from twin.commands.engines import compare_engines

        return compare_engines(arguments)
    if arguments.second is None:
        raise InputError("give two sides to compare, or --engines and one scenario file")
    sides = (arguments.first, arguments.second)
    if all(side.suffix in SCENARIOS for side in sides):
        return _jobs(arguments, _run(arguments, sides))
    if any(side.suffix in SCENARIOS for side in sides):
        raise InputError("give two scenario files, or two logs: a scenario file is compared with another one only")
    runs = [runs_in(side) if side.is_dir() else [] for side in sides]
    by = arguments.by or ("jobs" if all(runs) and _schedulers_differ(runs) else "episodes")
    if by == "episodes":
        return _episodes(arguments, sides)
    if not all(runs):
        raise InputError("--by jobs reads the events of runs: give run folders, or folders of them")
    return _jobs(arguments, runs)


def _schedulers_differ(runs: Sequence[Sequence[Path]]) -> bool:
    """Whether the first runs of both sides had different schedulers."""
    from twin.log.tables import read_meta

    first, second = ((read_meta(side[0]).get("stored") or {}).get("spec", {}).get("scheduler") for side in runs)
    return bool(first != second)


def _run(arguments: argparse.Namespace, files: Sequence[Path]) -> list[list[Path]]:
    """Run two scenarios with the same seeds; the folders of each."""
    from twin.suite.plan import plan

    plans = [plan([file], seeds=arguments.seeds, engine=arguments.engine or "mujoco") for file in files]
    least = min(unit.scenario.seed for units in plans for unit in units)
    seeded = [[unit.seeded(least + k) for k, unit in enumerate(units)] for units in plans]
    units = [unit for side in seeded for unit in side]
    with workers_of(arguments, len(units)) as workers, progress(units, quiet=arguments.json) as seen:
        found = workers.run(units, Path("runs/compare"), seen)
    lost = next((row for row in found.rows if not row.folder), None)
    if lost is not None:
        why = lost.reasons[0] if lost.reasons else lost.verdict
        raise InputError(f"not every run came to its end: {lost.scenario}, seed {lost.seed}: {why}")
    names = [side[0].scenario.name for side in seeded]
    return [[Path(str(row.folder)) for row in found.rows if row.scenario == name] for name in names]


def _jobs(arguments: argparse.Namespace, runs: Sequence[Sequence[Path]]) -> int:
    from twin.judge.report.waiting import write
    from twin.judge.waiting import compare
    from twin.judge.words import unit
    from twin.log.tables import open_run

    first, second = ([open_run(folder) for folder in side] for side in runs)
    found = compare(first, second)
    out = write(found, arguments.out or Path("comparison.html"))
    if arguments.json:
        say.print_json(found.as_dict() | {"report": out, "status": 0})
        return 0
    for line in found.differs:
        print(line)
    for row in found.rows:
        if row.verdict != "the same":
            sides = (
                f"{name} {unit(side.value, row.unit)}" for name, side in zip(found.names, (row.first, row.second), strict=True)
            )
            print(f"  {row.group}: {row.name}: {', '.join(sides)}; {row.verdict}")
    print(found.sentence())
    print(f"the page is {out}")
    say.then(f"open {out}")
    return 0


def _episodes(arguments: argparse.Namespace, sides: Sequence[Path]) -> int:
    from twin.judge.compare import compare

    sim, real = (_table(path) for path in sides)
    found = compare(sim, real, dict(arguments.margin))
    if arguments.json:
        say.print_json(found.as_dict())
        return 0
    for group in found.groups:
        print(f"{group.name or 'all episodes'}: {group.n_sim} simulated, {group.n_real} real")
        for row in group.rows:
            told = ", ".join(f"{side} {_shown(value)}" for side, value in (("sim", row.sim), ("real", row.real)))
            print(f"  {row.name}: {told}; {row.words}")
    print(found.sentence)
    for note in found.notes:
        print(f"  {note}")
    say.then(f"twin report RUN --real {arguments.second}, which draws it")
    return 0


def _shown(interval: Any) -> str:
    return "not recorded" if interval is None or interval.value is None else f"{interval.value:.4g}"


def _table(path: Path) -> Any:
    """The episodes of a run folder or of a table."""
    from twin.log.episodes import read_episodes
    from twin.log.tables import read_run

    return read_run(path).episodes if path.is_dir() else read_episodes(path)


COMMANDS: Mapping[str, say.Command] = {
    "compare": say.Command(
        "set two logs side by side: where they agree and differ, or who waited and what was lost with another scheduler",
        "twin compare runs/ur3_cobotops-1-1a2b3c4d real.parquet --json\n  twin compare fifo.yaml fair_share.yaml --seeds 8\n"
        "  twin compare --engines scenarios/engines/small.yaml --seeds 4",
        _compare,
        _define,
    ),
}
