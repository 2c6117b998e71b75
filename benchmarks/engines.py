"""PyBullet beside MuJoCo: `python -m benchmarks.engines [speed|clients|free|success]` prints its table.

speed    a world's tick (step, observe, truth, state) against the time that `stepSimulation` alone takes in it
clients  one client a row against all rows' bodies in one client
free     free motion: the furthest that joints of both engines are apart over 2 s
success  pick_place over 200 episodes a world and arm
"""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from twin.core.chance import Chance
from twin.world.cell import CellModel, build_cell
from twin.world.pybullet.row import engine
from twin.world.pybullet.world import PybulletWorld
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

STEPS = 10


def cell(arm: str, kind: Any = "table") -> CellModel:
    """A cell with the usual gripper."""
    return build_cell(SimpleNamespace(model=arm), GripperSpec(), WorkcellSpec(kind=kind))


class Timed:
    """PyBullet, counting the seconds that `stepSimulation` takes."""

    def __init__(self, module: Any) -> None:
        self.module, self.seconds = module, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)

    def stepSimulation(self, client: int) -> None:  # noqa: N802
        """As PyBullet's, timed."""
        began = time.perf_counter()
        self.module.stepSimulation(client)
        self.seconds += time.perf_counter() - began


def picks(world: Any, ticks: int) -> float:
    """Seconds that a world takes for so many ticks towards its objects and around them, with feedback."""
    rows, chance = np.arange(world.n, dtype=np.int32), Chance(7)
    task = next(iter(tasks_of(world.cell).values()))
    world.reset(rows, task.start([chance.stream(f"c{i}", "start") for i in rows]))
    commands = np.empty((ticks, world.n, world.nu))
    seen, total = world.observe(rows), 0.0
    for tick in range(ticks):
        way = seen.objects[:, 0, :3] - seen.tool
        way *= 0.02 / np.sqrt((way * way).sum(axis=1, keepdims=True))
        turn = (world.jac(rows)[:, :3] * way[:, :, None]).sum(axis=1)
        commands[tick] = np.concatenate((seen.q + turn, 0.05 + 0.1 * way[:, 2:]), axis=1)
        began = time.perf_counter()
        world.step(rows, commands[tick], STEPS)
        seen, _, _ = world.observe(rows), world.truth(rows), world.state(rows)
        total += time.perf_counter() - began
    return total


def speed(ns: tuple[int, ...] = (2, 32), ticks: int = 100) -> None:
    """Prints, for cells and numbers of rows, robot-seconds per second and the share of it that the bare engine would do."""
    print(f"{'cell':12} {'rows':>4} {'ms a tick and row':>18} {'robot-s per s':>14} {'of bare':>8}")
    for arm, kind in (("ur3", "table"), ("panda", "table"), ("panda", "bin"), ("ur3", "drawer")):
        for n in ns:
            world = PybulletWorld(cell(arm, kind), n)
            timed = Timed(engine())
            ratios, best = [], np.inf
            for _ in range(3):
                whole = picks(world, ticks)
                for row in world.rows:
                    row.p = timed
                timed.seconds = 0.0
                picks(world, ticks)
                for row in world.rows:
                    row.p = timed.module
                ratios.append(timed.seconds / whole)
                best = min(best, whole)
            each = best / ticks / n
            rate = STEPS * world.step_us * 1e-6 / each
            print(f"{arm + ' ' + kind:12} {n:4} {1e3 * each:18.3f} {rate:14.1f} {np.median(ratios):8.2f}")
            world.close()


if __name__ == "__main__":
    for name in sys.argv[1:] or ["speed"]:
        globals()[name]()
