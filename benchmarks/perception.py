"""Why the scripts succeed or fail: success in physics against the error of their camera, by arm and task.

    python -m benchmarks.perception [--n 300] [--errors 0 1 2 4 8 12 16 20] [--robots ur3 panda] [--tasks pick_place push]

Prints, per arm, task and error: episodes, successes by ground truth, their share with its 95 % Wilson interval, how many failed
without ever holding the object and how many lost it, and the median length of an episode. No farm, filter or link.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from twin.control.scripted import Scripted
from twin.control.spec import ScriptedPolicy
from twin.core.chance import Chance
from twin.core.records import Floats, Rows
from twin.farm.spec import RobotSpec
from twin.world.cell import CellModel, build_cell
from twin.world.mujoco import MujocoWorld
from twin.world.spec import TASKS, GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

PERIOD_S = 0.02
ERRORS_MM = (0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 20.0)

HEAD = "arm    task         error mm     n  success  share  95 % interval   never held  lost   episode s"
LINE = (
    "{robot:6} {task:12} {error_mm:8.1f} {n:5d} {success:8d}  {share:5.3f}  {low:.3f} – {high:.3f}"
    "  {never_held:10d} {lost:5d} {median_s:11.2f}"
)


@dataclass(frozen=True)
class Outcome:
    """What became of n episodes: success by ground truth, policy's own end in s, and whether anything was ever grasped."""

    success: Floats
    seconds: Floats
    grasped: Floats


def episodes(
    cell: CellModel, error_mm: float, n: int, seed: int, threads: int, task: str = "pick_place", limit_s: float = 20.0
) -> Outcome:
    """Run n episodes side by side, each with streams of its own."""
    does, chance = tasks_of(cell)[task], Chance(seed)
    policy = Scripted(cell, ScriptedPolicy(perception_error_mm=error_mm), PERIOD_S)
    world = MujocoWorld(cell, n, threads)
    rows: Rows = np.arange(n, dtype=np.int32)
    start = does.start([chance.stream(f"r{i}", "start") for i in range(n)])
    world.reset(rows, start)
    memory, steps = policy.memory(n), round(1e6 * PERIOD_S / world.step_us)
    asked = {"goal": start.goal, "task": np.full(n, list(tasks_of(cell)).index(task))}
    policy.begin(memory, replace(world.observe(rows), **asked), [chance.stream(f"r{i}", "policy") for i in range(n)])
    seconds, grasped = np.full(n, np.nan), np.zeros(n, dtype=np.bool_)
    tick = 0
    while np.isnan(seconds).any() and tick * PERIOD_S < limit_s:
        chunk = policy.act(replace(world.observe(rows), **asked), memory)
        for now in range(chunk.actions.shape[1]):
            world.step(rows, chunk.actions[:, now], steps)
            tick += 1
        grasped |= world.truth(rows).held.any(axis=1)
        seconds[chunk.done & np.isnan(seconds)] = tick * PERIOD_S
    if world.status(rows).any():
        raise RuntimeError(f"{int(world.status(rows).sum())} of {n} episodes were voided by the physics")
    return Outcome(does.success(world.truth(rows), start).astype(float), seconds, grasped.astype(float))


def wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval of a share (E. B. Wilson, JASA 1927)."""
    middle, half = (k + z * z / 2) / (n + z * z), z * np.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return float(middle - half), float(middle + half)


def measure(robot: str, task: str, error_mm: float, n: int, seed: int, threads: int) -> dict[str, object]:
    """One line of the table."""
    needs = TASKS[task]
    workcell = WorkcellSpec(kind=needs.workcell, objects=2 if needs.objects > 1 else None)  # type: ignore[arg-type]
    out = episodes(build_cell(RobotSpec(model=robot), GripperSpec(), workcell), error_mm, n, seed, threads, task)
    k = int(out.success.sum())
    low, high = wilson(k, n)
    dropped = int(((out.success == 0) & (out.grasped > 0)).sum())
    return {
        "robot": robot,
        "task": task,
        "error_mm": error_mm,
        "n": n,
        "success": k,
        "share": k / n,
        "low": low,
        "high": high,
        "never_held": n - k - dropped,
        "lost": dropped,
        "median_s": float(np.nanmedian(out.seconds)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="python -m benchmarks.perception --n 100")
    parser.add_argument("--n", type=int, default=300, help="episodes per arm and error")
    parser.add_argument("--errors", type=float, nargs="+", default=ERRORS_MM, help="standard deviations, mm")
    parser.add_argument("--robots", nargs="+", default=["ur3", "panda"])
    parser.add_argument("--tasks", nargs="+", default=["pick_place"], choices=list(TASKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    args = parser.parse_args()
    if not args.json:
        print(HEAD)
    for robot, task in product(args.robots, args.tasks):
        for error in args.errors:
            row = measure(robot, task, error, args.n, args.seed, args.threads)
            print(json.dumps(row) if args.json else LINE.format_map(row), flush=True)


if __name__ == "__main__":
    main()
