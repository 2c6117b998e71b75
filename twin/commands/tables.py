"""`twin report`, `twin compare`, `twin agreement`, `twin import`: logs and tables in, a page, a verdict or a table out."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from twin.commands import say


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
        say.print_json({"report": out, "real": arguments.real, "status": 0})
        return 0
    print(f"the report is {out} ({out.stat().st_size / 1000:.0f} kB, opens offline)")
    say.then(f"open {out}")
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
        say.print_json({"episodes": len(table), "out": arguments.out, "found": found, "status": 0})
        return 0
    print(f"{len(table)} episodes from {arguments.log}")
    for key, value in found.items():
        print(f"  {str(key).replace('_', ' ')}: {value}")
    print(f"the table is {arguments.out}")
    say.then(f"twin report RUN --real {arguments.out}")
    return 0


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
        "write a run's report as one HTML file, beside real episodes where given",
        "twin report runs/ur3_cobotops-1-1a2b3c4d --real real.parquet --out ur3.html",
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
