"""`twin predict`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from twin.commands import say
from twin.core.errors import InputError


def _define(command: argparse.ArgumentParser) -> None:
    command.add_argument("scenario", help="a scenario of tier outcome, or the name of one that ships (qt_opt)")
    command.add_argument("--seed", type=int, help="instead of the file's")
    command.add_argument("--duration-s", type=float, metavar="X", help="simulated seconds of each run instead of the file's")
    command.add_argument("--vary", metavar="PATH=V1,V2,…", help="yield and waiting over a number of the file instead")
    command.add_argument("--sites", action="store_true", help="instead: sites that learn from each other or alone, one lost")
    command.add_argument("--lost", metavar="SITE", help="with --sites: the site that is lost (default: the largest)")
    command.add_argument("--out", type=Path, metavar="F.html", help="default: NAME-prediction.html")


def _predict(arguments: argparse.Namespace) -> int:
    from twin.judge.report.prediction import miss, write
    from twin.scenario.load import load
    from twin.suite.predict import predict

    scenario = load(arguments.scenario, seed=arguments.seed, duration_s=arguments.duration_s)
    if arguments.vary:
        return _vary(arguments, scenario)
    if arguments.sites:
        return _sites(arguments, scenario)
    with say.bar(scenario.name, hidden=arguments.json) as progress:
        found = predict(scenario, progress)
    plain = asdict(found) | {"name": scenario.name, "about": scenario.spec.about, "days": scenario.spec.duration_s / 86400}
    out = write(plain, arguments.out or Path(f"{scenario.name}-prediction.html"))
    if arguments.json:
        say.print_json(plain | {"report": out, "status": 0})
        return 0
    print(f"{scenario.name}: {found.rate:.3g} episodes a cell and hour, {found.usable:.3g} of them usable")
    for b in found.beside:
        inside = "inside" if b.holds else "OUTSIDE"
        print(
            f"  predicted {b.predicted:,.0f} ({b.low:,.0f} to {b.high:,.0f}), published {b.published:,.0f}: {inside} the range"
        )
        print(f"    {b.source}\n    {miss(b.predicted, b.low, b.high, b.published)}")
    for a in found.assumptions:
        ends = f"{a.at_low:.3g} to {a.at_high:.3g} /h"
        print(f"  {ends:>20}  for {a.low:g} to {a.high:g} (taken: {a.value:g})  {a.path}: {a.source}")
    print(f"the page is {out}")
    say.then(f"open {out}")
    return 0


def _vary(arguments: argparse.Namespace, scenario: Any) -> int:
    """Yield and waiting over one number."""
    from twin.judge.report.prediction import write_sweep
    from twin.suite.predict import sweep

    path, _, values = str(arguments.vary).partition("=")
    try:
        numbers = [float(value) for value in values.split(",")]
    except ValueError:
        raise InputError(f"--vary takes PATH=V1,V2,…, not {arguments.vary!r}") from None
    with say.bar(scenario.name, hidden=arguments.json) as progress:
        points = sweep(scenario, path, numbers, progress)
    plain = [asdict(point) for point in points]
    out = write_sweep(scenario.name, path, plain, arguments.out or Path(f"{scenario.name}-sweep.html"))
    if arguments.json:
        say.print_json({"path": path, "points": plain, "report": out, "status": 0})
        return 0
    for p in points:
        waits = "nobody was called" if p.wait_s is None else f"calls wait {p.wait_s:,.0f} s"
        print(f"  {path} = {p.value:g}: {p.rate:.3g} episodes a cell and hour, {p.usable:.3g} usable, {waits}")
    print(f"the page is {out}")
    say.then(f"open {out}")
    return 0


def _sites(arguments: argparse.Namespace, scenario: Any) -> int:
    """Pooled data against own, and one site lost."""
    from twin.judge.report.sites import sentence, write
    from twin.suite.sites import ways

    with say.bar(scenario.name, hidden=arguments.json) as progress:
        found = [asdict(way) for way in ways(scenario, arguments.lost, progress)]
    out = write(scenario.name, found, arguments.out or Path(f"{scenario.name}-sites.html"))
    if arguments.json:
        say.print_json({"ways": found, "report": out, "status": 0})
        return 0
    for way in found:
        levels = ", ".join(f"{site} {level:.1%}" for site, level in way["level"].items())
        print(f"  {way['name']}: success of the last version at {levels}")
    print(sentence(found))
    print(f"the page is {out}")
    say.then(f"open {out}")
    return 0


COMMANDS: Mapping[str, say.Command] = {
    "predict": say.Command(
        "what a fleet would yield, beside what was published of it", "twin predict qt_opt", _predict, _define
    ),
}
