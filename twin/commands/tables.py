"""`twin report`, `twin agreement`, `twin import`: logs and tables in, a page, a verdict or a table out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twin.commands import say
from twin.judge.trajectories import ENDING


def _define_report(command: argparse.ArgumentParser) -> None:
    what = f"run folders, folders of them (runs/suite), or a comparison of two engines (…{ENDING}) with its runs"
    command.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=what)
    command.add_argument("--real", type=Path, action="append", default=[], metavar="TABLE", help="real episodes; repeatable")
    command.add_argument(
        "--published",
        action="append",
        default=[],
        metavar="NAME",
        help="published figures: a file, or the name of one that ships (ur3_cobotops)",
    )
    define_margin(command)
    command.add_argument("--out", type=Path, metavar="F.html", help="default: report.html in the first folder given")


def _report(arguments: argparse.Namespace) -> int:
    from twin.judge.report import render
    from twin.log.episodes import read_episodes
    from twin.log.tables import open_run

    folders, played = _given(arguments.runs)
    logs = [open_run(folder) for folder in folders]
    real = [read_episodes(path) for path in arguments.real]
    first = arguments.runs[0]
    out = arguments.out or (first.with_suffix(".html") if first.is_file() else first / "report.html")
    out = render(logs, real, out, published=arguments.published, margins=dict(arguments.margin), played=played)
    if arguments.json:
        say.print_json({"report": out, "runs": [log.folder for log in logs], "real": arguments.real, "status": 0})
        return 0
    told = f"of {len(logs)} runs, " if len(logs) > 1 else ""
    print(f"the report is {out} ({told}{out.stat().st_size / 1000:.0f} kB, opens offline)")
    say.then(f"open {out}")
    return 0


def _given(paths: Sequence[Path]) -> tuple[list[Path], list[Any]]:
    """Run folders, and the comparisons of engines, that paths stand for or hold."""
    from twin.judge.trajectories import read

    folders, played = [], []
    for path in paths:
        alone = path.name.endswith(ENDING) and path.is_file()
        found = [read(file) for file in ([path] if alone else sorted(path.rglob(f"*{ENDING}")))]
        folders += [run for one in found for run in one.runs] if alone else runs_in(path)
        played += found
    return folders, played


def runs_in(folder: Path) -> list[Path]:
    """A run folder itself, or the finished runs somewhere below a folder; itself where there is none, for reading to refuse."""
    if (folder / "run.json").is_file():
        return [folder]
    return sorted(path.parent for path in folder.rglob("run.json")) or [folder]


def _define_import(command: argparse.ArgumentParser) -> None:
    command.add_argument("log", type=Path, metavar="LOG", help="a foreign table (.csv, .parquet)")
    command.add_argument("--map", required=True, metavar="MAP", help="a map file, or the name of one that ships (ur3_cobotops)")
    command.add_argument("--out", type=Path, default=Path("episodes.parquet"), help="default: episodes.parquet")


def _import(arguments: argparse.Namespace) -> int:
    from twin.log.importer import import_log

    table = import_log(arguments.log, arguments.map, arguments.out)
    found = table.attrs.get("import", {})
    if arguments.json:
        say.print_json({"episodes": len(table), "out": arguments.out, "found": found, "status": 0})
        return 0
    print(f"{len(table)} episodes from {arguments.log}")
    for line in _met(found):
        print(f"  {line}")
    print(f"the table is {arguments.out}")
    say.then(f"twin report RUN --real {arguments.out}")
    return 0


def _met(found: Mapping[str, Any]) -> list[str]:
    """What the importer met on its way, in words."""
    median, holes, scattered = found["median_duration_s"], found["holes"], found["scattered"]
    told = [f"{found['rows']} rows over {found['span_s']:.0f} s, by the map {found['map']}"]
    told += [] if median is None else [f"median duration {median:.1f} s; {found['without_duration']} without a duration"]
    told += [f"hole of {hole['seconds']:.1f} s before line {hole['line']}" for hole in holes]
    told += [f"{scattered} whose rows lie apart, such as numbers counted twice: no duration"] * bool(scattered)
    for name, episodes in found["with_symptom"].items():
        told.append(f"{name}: in {episodes} episodes, {found['onsets'].get(name, 0)} onsets")
    if len(found["with_symptom"]) > 1:
        told.append(f"{' and '.join(found['with_symptom'])} together: in {found['with_all']} episodes")
    return told + [f"{name}: {rows} rows without a value" for name, rows in found["blanks"].items() if rows]


def define_margin(command: argparse.ArgumentParser) -> None:
    """`--margin`, of what compares statistics."""
    command.add_argument(
        "--margin",
        type=_margin,
        action="append",
        default=[],
        metavar="STATISTIC=X",
        help="what counts as equal, instead of the default (success=0.03); repeatable",
    )


def _margin(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


_margin.__name__ = "STATISTIC=NUMBER"  # argparse names a type by it


def _define_agreement(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "table", type=Path, metavar="TABLE", help="columns task, policy, real, sim, optional n (.csv, .parquet)"
    )


def _agreement(arguments: argparse.Namespace) -> int:
    from twin.judge import agreement

    found = agreement.table(agreement.read_pairs(arguments.table))
    if arguments.json:
        say.print_json(found)
        return 0
    print(agreement.as_text(found))
    say.then("twin compare RUN real.parquet, which sets the logs themselves side by side")
    return 0


COMMANDS: Mapping[str, say.Command] = {
    "report": say.Command(
        "write the report of one run or many as one HTML file, beside real episodes where given",
        "twin report runs/ur3_cobotops-1-1a2b3c4d --real real.parquet --out ur3.html\n  twin report runs/small-1-engines.json",
        _report,
        _define_report,
    ),
    "agreement": say.Command(
        "tell whether success in simulation predicts success on real robots, across policies",
        "twin agreement pairs.csv --json",
        _agreement,
        _define_agreement,
    ),
    "import": say.Command(
        "turn a real log into the episode table",
        "twin import dataset.csv --map ur3_cobotops --out real.parquet",
        _import,
        _define_import,
    ),
}
