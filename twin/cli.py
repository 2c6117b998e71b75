"""The commands. Each says where its output lies and what to run next; `--json` prints one JSON value instead.

Exit status: 0 passed · 1 a check failed, or a replay differed · 2 input refused · 3 void · 4 undecided · 130 interrupted.
What is heavy (physics, tables) is imported by the command that needs it, so that `twin check` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from twin.core.errors import InputError, Interrupted, SpecError, StorageError, TwinError, nearest

Progress = Callable[[float, float], None]
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status and never raises for what a user did."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without µ or … shows something, and nothing breaks
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = parser().parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
    except TwinError as error:
        return _refuse(error, as_json=arguments.json)
    except KeyboardInterrupt:
        mend = "; the same command goes on from the last snapshot" if arguments.command == "run" else ""
        return _refuse(Interrupted(f"interrupted{mend}"), as_json=arguments.json)
    except BrokenPipeError:  # whoever read the output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = f" ({error.filename})" if error.filename else ""
        message = f"the disk cannot take what has to be written{where}: {error.strerror}; make room and repeat the command"
        return _refuse(StorageError(message), as_json=arguments.json)
    return status


def _refuse(error: TwinError, *, as_json: bool) -> int:
    problems = error.problems if isinstance(error, SpecError) else ()
    if as_json:
        listed = [vars(problem) for problem in problems]
        _print_json({"error": str(error), "problems": listed, "status": error.exit_status})
    lead = f"{len(problems)} problems:\n" if len(problems) > 1 else ""
    print(f"twin: {lead}{error}", file=sys.stderr)
    return error.exit_status


class _Parser(argparse.ArgumentParser):
    """Says `did you mean` where a command is misspelt."""

    def error(self, message: str) -> NoReturn:
        if wrong := re.match(r"argument command: invalid choice: '([^']*)'", message):
            message = f"unknown command {wrong[1]!r}{nearest(wrong[1], COMMANDS, what='commands')}"
        super().error(message)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(prog="twin", description="A digital twin of a robot farm.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"twin {_version()}")
    commands = top.add_subparsers(dest="command", metavar="command", required=True)
    for name, (about, example, run, define) in COMMANDS.items():
        command = commands.add_parser(name, help=about, description=f"{about[0].upper()}{about[1:]}.", allow_abbrev=False)
        command.epilog, command.formatter_class = f"example:\n  {example}", argparse.RawDescriptionHelpFormatter
        define(command)
        command.add_argument("--json", action="store_true", help="print one JSON value instead of text")
        command.set_defaults(run=run)
    return top


def _version() -> str:
    try:
        return metadata.version("robot-farm-twin")
    except metadata.PackageNotFoundError:
        return "(from a checkout)"


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _next(*commands: str) -> None:
    print("\nnext:  " + "\n       ".join(commands))


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise ValueError
    return value


_positive.__name__ = "whole number from 1"  # argparse names a type by it


@contextmanager
def _bar(what: str, *, hidden: bool) -> Iterator[Progress | None]:
    """A progress bar on stderr, in simulated seconds; none where nobody looks."""
    if hidden or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} s simulated"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda done, total: bar.update(task, completed=done, total=total)


# run, replay


def _define_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("scenario", help="a scenario file, or the name of one that ships (quickstart)")
    command.add_argument("--seed", type=int, help="instead of the file's")
    command.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="where run folders go (default: runs)")
    command.add_argument(
        "--threads", type=_positive, default=2, metavar="N", help="physics threads; change no result (default: 2)"
    )
    command.add_argument("--engine", choices=("mujoco", "kinematic"), default="mujoco", help="the physics (default: mujoco)")
    command.add_argument("--duration-s", type=float, metavar="X", help="simulated seconds instead of the file's")


def _run(arguments: argparse.Namespace) -> int:
    from twin.scenario.load import load

    scenario = load(arguments.scenario, seed=arguments.seed, duration_s=arguments.duration_s, engine=arguments.engine)
    from twin.run import run

    with _bar(scenario.name, hidden=arguments.json) as progress:
        result = run(scenario, arguments.out, threads=arguments.threads, progress=progress, wall=time.perf_counter)
    if arguments.json:
        _print_json({"folder": result.folder, "verdict": result.verdict, "status": result.status, **_brief(result.meta)})
        return result.status
    print(f"{scenario.name}, seed {scenario.seed}: {result.verdict}")
    for check in result.meta.get("checks") or ():
        mark = {True: "holds", False: "FAILS", None: "open "}[check["passed"]]
        print(f"  {mark}  {check['name']}: {check['detail']}")
    for reason in result.meta.get("reasons") or ():
        print(f"  {reason}")
    print(_effort(result.meta))
    print(f"the run is in {result.folder}")
    _next(f"twin report {result.folder}", f"twin replay {result.folder}")
    return result.status


def _brief(meta: Mapping[str, Any]) -> dict[str, Any]:
    """What a script wants to know of a run; the rest is in its run.json."""
    keys = ("hash", "sha256", "seed", "checks", "reasons", "wall_s", "sim_s", "robot_s", "resumed_from_s", "voided_episodes")
    return {key: meta[key] for key in keys if key in meta}


def _effort(meta: Mapping[str, Any]) -> str:
    words = [f"{meta.get('sim_s', 0):g} s simulated"]
    if meta.get("wall_s"):
        words.append(f"{meta['wall_s']:.1f} s of wall time")
    if meta.get("resumed_from_s"):
        words.append(f"resumed from {meta['resumed_from_s']:g} s")
    return ", ".join(words)


def _define_replay(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="RUN", help="a run folder")
    command.add_argument(
        "--threads", type=_positive, default=2, metavar="N", help="physics threads; change no result (default: 2)"
    )


def _replay(arguments: argparse.Namespace) -> int:
    from twin.run import replay

    with _bar("replay", hidden=arguments.json) as progress:
        found = replay(arguments.folder, threads=arguments.threads, progress=progress)
    status = 0 if found.equal else 1
    if arguments.json:
        _print_json({"equal": found.equal, "differences": found.differences, "hash": found.hash, "status": status})
        return status
    if found.equal:
        print(f"equal: every event, episode and receipt came out again (hash {found.hash})")
        _next(f"twin report {arguments.folder}")
        return status
    shown = found.differences[:20]
    print(f"DIFFERS from what is stored in {arguments.folder}:")
    for difference in shown:
        print(f"  {difference}")
    if len(found.differences) > len(shown):
        print(f"  … and {len(found.differences) - len(shown)} more")
    _next(f"move {arguments.folder} away and run the scenario anew")
    return status


# report, import


def _define_report(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="RUN", help="a run folder")
    command.add_argument("--real", type=Path, action="append", default=[], metavar="TABLE", help="real episodes; repeatable")
    command.add_argument("--out", type=Path, metavar="F.html", help="default: report.html in the run folder")


def _report(arguments: argparse.Namespace) -> int:
    from twin.judge.report import render
    from twin.log.episodes import read_episodes
    from twin.log.tables import read_run

    real = [read_episodes(path) for path in arguments.real]
    out = render(read_run(arguments.folder), real, arguments.out or arguments.folder / "report.html")
    if arguments.json:
        _print_json({"report": out, "real": arguments.real, "status": 0})
        return 0
    print(f"the report is {out} ({out.stat().st_size / 1000:.0f} kB, opens offline)")
    _next(f"open {out}")
    return 0


def _define_import(command: argparse.ArgumentParser) -> None:
    command.add_argument("log", type=Path, metavar="LOG", help="a foreign table (.csv, .parquet)")
    command.add_argument("--map", required=True, metavar="MAP", help="a map file, or the name of one that ships (ur3_cobotops)")
    command.add_argument("--out", type=Path, default=Path("episodes.parquet"), help="default: episodes.parquet")


def _import(arguments: argparse.Namespace) -> int:
    from twin.log.importer import import_log

    table = import_log(arguments.log, arguments.map, arguments.out)
    found = table.attrs.get("import", {})
    if arguments.json:
        _print_json({"episodes": len(table), "out": arguments.out, "found": found, "status": 0})
        return 0
    print(f"{len(table)} episodes from {arguments.log}")
    for key, value in found.items():
        print(f"  {str(key).replace('_', ' ')}: {value}")
    print(f"the table is {arguments.out}")
    _next(f"twin report RUN --real {arguments.out}")
    return 0


# check, schema, faults, bench


def _define_check(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="FILE", help="scenario or fleet files, or names of scenarios that ship")


def _check(arguments: argparse.Namespace) -> int:
    from twin.scenario.load import check

    found = {name: check(name) for name in arguments.files}
    problems = [problem for each in found.values() for problem in each]
    status = 2 if problems else 0
    if arguments.json:
        _print_json({"files": arguments.files, "problems": [vars(problem) for problem in problems], "status": status})
        return status
    for problem in problems:
        print(problem)
    for name in (name for name, each in found.items() if not each):
        print(f"{name}: sound")
    if problems:
        print(f"\n{len(problems)} problem{'s' * (len(problems) > 1)}")
        _next("mend them, then twin check again; twin schema describes every key")
    else:
        _next(f"twin run {arguments.files[0]}")
    return status


def _define_schema(command: argparse.ArgumentParser) -> None:
    command.add_argument("--fleet", action="store_true", help="of fleet files instead of scenario files")


def _schema(arguments: argparse.Namespace) -> int:
    from twin.scenario.schema import schema

    _print_json(schema(fleet=arguments.fleet))
    if sys.stdout.isatty() and not arguments.json:
        name = "fleet" if arguments.fleet else "scenario"
        where = f"twin schema{' --fleet' * arguments.fleet} > {name}.schema.json"
        print(
            f"\nnext:  {where}, and as the first line of a file: # yaml-language-server: $schema={name}.schema.json",
            file=sys.stderr,
        )
    return 0


def _define_faults(command: argparse.ArgumentParser) -> None:
    command.add_argument("component", nargs="?", help="only those of a component (sensor, link …)")


def _faults(arguments: argparse.Namespace) -> int:
    from twin.scenario.catalogue import catalogue, lines

    listed = catalogue()
    components = [fault["component"] for fault in listed]
    if arguments.component is not None:
        if arguments.component not in components:
            raise InputError(
                f"no faults of {arguments.component!r}{nearest(arguments.component, components, what='components')}"
            )
        listed = [fault for fault in listed if fault["component"] == arguments.component]
    if arguments.json:
        _print_json(listed)
        return 0
    for line in lines(listed):
        print(line)
    _next("name one under faults: in a scenario, then twin check it")
    return 0


def _define_bench(command: argparse.ArgumentParser) -> None:
    command.add_argument("--quick", action="store_true", help="fewer repeats: figures to look at, not to publish")


def _bench(arguments: argparse.Namespace) -> int:
    root = Path(__file__).resolve().parent.parent
    if not (root / "benchmarks" / "farm.py").is_file():
        raise InputError("benchmarks are part of a checkout, not of an installed twin: clone the project and run make bench")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    options = [f"--{name}" for name in ("json", "quick") if getattr(arguments, name)]
    status: int = importlib.import_module("benchmarks.farm").main(options) or 0
    return status


Command = tuple[str, str, Callable[[argparse.Namespace], int], Callable[[argparse.ArgumentParser], None]]

COMMANDS: Mapping[str, Command] = {
    "run": ("run a scenario, or go on with one that was killed", "twin run quickstart --seed 7 --out runs", _run, _define_run),
    "replay": (
        "run a stored run again, compare every event",
        "twin replay runs/quickstart-1-1a2b3c4d",
        _replay,
        _define_replay,
    ),
    "report": (
        "write a run's report as one HTML file, beside real episodes where given",
        "twin report runs/ur3_cobotops-1-1a2b3c4d --real real.parquet --out ur3.html",
        _report,
        _define_report,
    ),
    "import": (
        "turn a real log into the episode table",
        "twin import dataset.csv --map ur3_cobotops --out real.parquet",
        _import,
        _define_import,
    ),
    "check": ("find all mistakes of scenario and fleet files", "twin check my_scenario.yaml", _check, _define_check),
    "schema": (
        "print the JSON Schema of the files",
        "twin schema --fleet > fleet.schema.json",
        _schema,
        _define_schema,
    ),
    "faults": ("list the faults that a plan can name", "twin faults link", _faults, _define_faults),
    "bench": ("measure what the speed claims rest on", "twin bench --json", _bench, _define_bench),
}
