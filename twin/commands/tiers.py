"""`twin tiers`: a scenario of physics beside its outcome tier."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from twin.commands import say
from twin.commands.suites import define_workers, progress, workers_of
from twin.commands.tables import define_margin


def _define(command: argparse.ArgumentParser) -> None:
    command.add_argument("scenario", help="a scenario of tier physics, or the name of one that ships")
    command.add_argument(
        "--seeds", type=say.positive, default=4, metavar="K", help="to fit, and as many to compare (default: 4)"
    )
    command.add_argument("--duration-s", type=float, metavar="X", help="simulated seconds of each run instead of the file's")
    define_workers(command, both=False)
    define_margin(command)
    command.add_argument("--out", type=Path, metavar="F.html", help="default: NAME-tiers.html; the fitted model lies beside it")


def _tiers(arguments: argparse.Namespace) -> int:
    from twin.calibrate.outcomes import write as write_model
    from twin.calibrate.tiers import beside, planned
    from twin.judge.report.tiers import sentence, write
    from twin.scenario.load import load

    engine = arguments.engine or "mujoco"
    scenario = load(arguments.scenario, duration_s=arguments.duration_s, engine=engine)
    units = planned(scenario, arguments.seeds)
    with workers_of(arguments, len(units)) as workers, progress(units, quiet=arguments.json) as seen:
        found = beside(scenario, Path("runs/tiers"), workers, seeds=arguments.seeds, margins=dict(arguments.margin),
                       seen=lambda row: seen(row) if not row.scenario.endswith("-outcome") else None)  # fmt: skip
    out = write(scenario.name, found.episodes, found.farm, found.notes, arguments.out or Path(f"{scenario.name}-tiers.html"))
    model = write_model(found.model, out.with_name(f"{scenario.name}-outcomes.yaml"))
    if arguments.json:
        say.print_json(found.as_dict() | {"report": out, "outcomes": model, "status": 0})
        return 0
    for group in found.episodes.groups:
        print(f"{group.name or 'all episodes'}: {group.n_sim} drawn, {group.n_real} in physics")
        for row in group.rows:
            sides = ("—" if side is None or side.value is None else f"{side.value:.4g}" for side in (row.sim, row.real))
            print(f"  {row.name}: {' beside '.join(sides)}; {row.words}")
    print(sentence(found.episodes))
    for note in found.notes:
        print(f"  {note}")
    print(f"the page is {out}, the fitted model {model}")
    say.then(f"open {out}", f"write 'outcomes: {model.name}' into the fleet and 'tier: outcome' into the scenario")
    return 0


COMMANDS: Mapping[str, say.Command] = {
    "tiers": say.Command(
        "fit the outcome tier to some seeds of a scenario and set it beside physics on others",
        "twin tiers scenarios/tasks.yaml --seeds 4",
        _tiers,
        _define,
    ),
}
