"""`twin run` and `twin replay`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twin.commands import say
from twin.world.engines import ENGINES


def _define_run(command: argparse.ArgumentParser) -> None:
    command.add_argument("scenario", help="a scenario file, or the name of one that ships (quickstart)")
    command.add_argument("--seed", type=int, help="instead of the file's")
    command.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="where run folders go (default: runs)")
    command.add_argument(
        "--threads", type=say.positive, default=2, metavar="N", help="physics threads; change no result (default: 2)"
    )
    command.add_argument(
        "--engine",
        choices=(*ENGINES, "both"),
        default=ENGINES[0],
        help="the physics (default: mujoco); both: on two engines, and what hangs on them",
    )
    command.add_argument("--duration-s", type=float, metavar="X", help="simulated seconds instead of the file's")


def _run(arguments: argparse.Namespace) -> int:
    if arguments.engine == "both":
        from twin.commands.engines import run_both

        return run_both(arguments)
    from twin.scenario.load import load

    scenario = load(arguments.scenario, seed=arguments.seed, duration_s=arguments.duration_s, engine=arguments.engine)
    from twin.run import run

    with say.bar(scenario.name, hidden=arguments.json) as progress:
        result = run(scenario, arguments.out, threads=arguments.threads, progress=progress, wall=time.perf_counter)
    if arguments.json:
        say.print_json({"folder": result.folder, "verdict": result.verdict, "status": result.status, **_brief(result.meta)})
        return result.status
    print(f"{scenario.name}, seed {scenario.seed}: {result.verdict}")
    for check in result.meta.get("checks") or ():
        mark = {True: "holds", False: "FAILS", None: "open "}[check["passed"]]
        print(f"  {mark}  {check['name']} ({check['bound']}): {check['detail']}")
    told = tuple(f"{check['name']}: {check['detail']}" for check in result.meta.get("checks") or ())
    for reason in result.meta.get("reasons") or ():
        if not reason.startswith(told):
            print(f"  {reason}")
    print(_effort(result.meta) + (" (finished before: nothing was run again)" if result.before else ""))
    print(f"the run is in {result.folder}")
    say.then(f"twin report {result.folder}", f"twin replay {result.folder}")
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
        again = "; Bullet's episodes under way were run again from their start" if meta.get("engine") == "pybullet" else ""
        words.append(f"resumed from {meta['resumed_from_s']:g} s{again}")
    return ", ".join(words)


def _define_replay(command: argparse.ArgumentParser) -> None:
    command.add_argument("folder", type=Path, metavar="RUN", help="a run folder")
    command.add_argument(
        "--threads", type=say.positive, default=2, metavar="N", help="physics threads; change no result (default: 2)"
    )


def _replay(arguments: argparse.Namespace) -> int:
    from twin.run import replay

    with say.bar("replay", hidden=arguments.json) as progress:
        found = replay(arguments.folder, threads=arguments.threads, progress=progress)
    status = 0 if found.equal else 1
    if arguments.json:
        say.print_json({"equal": found.equal, "differences": found.differences, "hash": found.hash, "status": status})
        return status
    if found.equal:
        print(f"equal: every event, episode and receipt came out again (hash {found.hash})")
        say.then(f"twin report {arguments.folder}")
        return status
    shown = found.differences[:20]
    print(f"DIFFERS from what is stored in {arguments.folder}:")
    for difference in shown:
        print(f"  {difference}")
    if len(found.differences) > len(shown):
        print(f"  … and {len(found.differences) - len(shown)} more")
    say.then(f"move {arguments.folder} away and run the scenario anew")
    return status


COMMANDS: Mapping[str, say.Command] = {
    "run": say.Command(
        "run a scenario, or go on with one that was killed", "twin run quickstart --seed 7 --out runs", _run, _define_run
    ),
    "replay": say.Command(
        "run a stored run again, compare every event", "twin replay runs/quickstart-1-1a2b3c4d", _replay, _define_replay
    ),
}
