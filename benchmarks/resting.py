"""What sleeping things change: `python -m benchmarks.resting [--n 200] [--arms ur3 panda]` prints its table.

The script of `pick_place` with the same starts and the same errors of its camera (`benchmarks.grasps`), in physics as the farm
steps it and with things that sleep while they lie (`rest`, the environments' default): successes, and in how many of the
episodes the verdict is the same. Then whole farms of 64 arms, never without a job, with and without: robot-seconds a second,
medians of turns that they take.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy import stats

from benchmarks.grasps import cell, play
from twin.build import build
from twin.scenario.load import load
from twin.world.mujoco import MujocoWorld

ROBOTS, TURN_S = 64, 4.0


def farm(task: str, kind: str, rest: bool, folder: Path) -> Any:
    """A farm at its time zero in which every arm has work."""
    arm = {"model": "ur3", "gripper": "wide", "control_ms": 20}
    cell = {"name": "c", "count": ROBOTS, "workcell": "there", "robots": [{"robot": "arm"}], "tasks": [task]}
    fleet = {"fleet": "f", "grippers": {"wide": {"stroke_mm": 80}}, "robots": {"arm": arm}, "cells": [cell]}
    fleet["workcells"] = {"there": {"kind": kind, "rest": rest}}
    asked = {"scenario": "rest", "fleet": fleet, "duration_s": 1e6}
    asked["jobs"] = [{"kind": "poisson", "per_hour": 3600, "at_start": ROBOTS, "task": task, "episodes": 1000}]
    path = folder / f"{task}-{rest}.yaml"
    path.write_text(yaml.safe_dump(asked))
    made = build(load(path), "bench", 2)
    made.begin()
    return made


def speeds(task: str, kind: str, turns: int) -> list[float]:
    """Robot-seconds a second stepped, and with sleep."""
    took: list[list[float]] = [[], []]
    with tempfile.TemporaryDirectory() as folder:
        farms = [farm(task, kind, rest, Path(folder)) for rest in (False, True)]
    for turn in range(turns):
        for one, seconds in zip(farms, took, strict=True):
            began = time.perf_counter()
            while one.step(round(1e6 * TURN_S * (turn + 1))):
                pass
            seconds.append(time.perf_counter() - began)
    return [ROBOTS * TURN_S / statistics.median(seconds) for seconds in took]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="python -m benchmarks.resting --n 20")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--arms", nargs="+", default=["ur3", "panda"])
    parser.add_argument("--error-mm", type=float, default=8.0)
    parser.add_argument("--turns", type=int, default=6, help=f"of {TURN_S:g} s of each farm")
    args = parser.parse_args()
    error = 1e-3 * args.error_mm * np.random.default_rng(5).standard_normal((args.n, 3)) * (1.0, 1.0, 0.2)
    print("| arm | stepped | with sleep | same verdict | 95 % interval |\n| --- | --- | --- | --- | --- |")
    for arm in args.arms:
        stepped, rested = (play(MujocoWorld(cell(arm, rest=rest), args.n, 2), error) for rest in (False, True))
        same = int(np.sum(stepped == rested))
        low, high = stats.binomtest(same, args.n).proportion_ci(0.95)
        print(f"| {arm} | {stepped.sum()} of {args.n} | {rested.sum()} | {same} | {low:.3f} to {high:.3f} |", flush=True)
    print("\n| farm of 64 | stepped | with sleep |\n| --- | --- | --- |")
    for task, kind in (("pick_place", "table"), ("bin_pick", "bin")):
        without, sleep = speeds(task, kind, args.turns)
        print(f"| {task} | {without:.0f} | {sleep:.0f} |", flush=True)


if __name__ == "__main__":
    main()
