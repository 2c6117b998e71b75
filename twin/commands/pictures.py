"""`twin render`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from twin.commands import say
from twin.core.errors import InputError


def _size(text: str) -> tuple[int, int]:
    wide, high = (int(part) for part in text.lower().split("x"))
    if not (64 <= wide <= 4096 and 64 <= high <= 4096 and wide % 2 == high % 2 == 0):
        raise ValueError
    return wide, high


_size.__name__ = "size such as 640x480, even numbers from 64 to 4096"  # argparse names a type by it


def _define(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder")
    command.add_argument(
        "--episode", type=int, metavar="N", help="its number in episodes.parquet; left out: a sheet of all cells"
    )
    command.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="clip.mp4, clip.gif, strip.png; of all cells farm.png"
    )
    command.add_argument("--at-s", type=float, metavar="X", help="the sheet at this time instead of the run's end")
    command.add_argument("--size", type=_size, default=(640, 480), metavar="WxH", help="of a clip in pixels (default: 640x480)")
    command.add_argument("--fps", type=say.positive, default=25, metavar="N", help="pictures a second of a clip (default: 25)")
    command.add_argument("--threads", type=say.positive, default=2, metavar="N", help="physics threads (default: 2)")


def _render(arguments: argparse.Namespace) -> int:
    from twin import pictures

    run, out, whole = arguments.run_folder, arguments.out, arguments.episode is None
    if arguments.at_s is not None and not whole:
        raise InputError("--at-s is the time of a sheet of all cells: leave it or --episode out")
    pictures.check_out(out, whole)
    with say.bar("replay", hidden=arguments.json) as progress:
        if whole:
            pictures.sheet(run, out, arguments.at_s, arguments.threads, progress)
            found = None
        else:
            found, cell = pictures.film(run, arguments.episode, arguments.threads, progress)
    if found is not None:
        pictures.clip(found, cell, out, arguments.size, arguments.fps)
    if arguments.json:
        frames = None if found is None else len(found.t_s)
        say.print_json({"out": out, "episode": arguments.episode, "states": frames, "status": 0})
        return 0
    if found is not None:
        where = "its stored ticks" if found.stored else "running it again (log: {ticks: …} in the scenario keeps them)"
        print(f"episode {arguments.episode}, {found.t_s[-1] - found.row['start_s']:.1f} s, from {where}")
    print(f"{out} written")
    say.then(f"twin report {run}")
    return 0


COMMANDS: Mapping[str, say.Command] = {
    "render": say.Command(
        "draw an episode, or all cells", "twin render runs/quickstart-1-1a2b3c4d --episode 12 --out clip.mp4", _render, _define
    ),
}
