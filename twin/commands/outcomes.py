"""`twin fit-outcomes`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from twin.commands import say


def _define(command: argparse.ArgumentParser) -> None:
    command.add_argument("table", type=Path, metavar="TABLE", help="a table of episodes (.parquet, .csv), or a run folder")
    command.add_argument("--out", type=Path, default=Path("outcomes.yaml"), metavar="F.yaml", help="default: outcomes.yaml")


def _fit(arguments: argparse.Namespace) -> int:
    from twin.calibrate.outcomes import fit, write
    from twin.log.episodes import read_episodes
    from twin.log.tables import read_run

    given: Path = arguments.table
    data = read_run(given).episodes if (given / "run.json").is_file() else read_episodes(given)
    found = fit(data, str(given))
    out = write(found.model, arguments.out)
    if arguments.json:
        say.print_json({"out": out, "episodes": found.episodes, "notes": found.notes, "model": found.model, "status": 0})
        return 0
    print(f"{found.episodes} episodes, {len(found.model['entries'])} entries")
    for entry in found.model["entries"]:
        who = " ".join(str(entry[name]) for name in ("task", "policy", "robot") if name in entry)
        attempt = f", attempt {entry['attempt']}" if "attempt" in entry else ""
        good = sum(r["share"]["value"] for r in entry["results"] if r["success"])
        print(f"  {who}{attempt}: {good:.1%} of {entry['n']} succeed, {len(entry['results'])} ways to end")
    for note in found.notes:
        print(f"  {note}")
    print(f"the model is {out}")
    say.then(f"write 'outcomes: {out.name}' into the fleet and 'tier: outcome' into the scenario, then twin run SCENARIO")
    return 0


COMMANDS: Mapping[str, say.Command] = {
    "fit-outcomes": say.Command(
        "an outcome model from a table of episodes", "twin fit-outcomes runs/quickstart-1-1a2b3c4d", _fit, _define
    ),
}
