"""Makes docs/floor.png: twelve cells of both arms, caught at different moments of a pick and place.

PYTHONPATH=. .venv/bin/python docs/make_floor.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from twin.core.chance import Chance
from twin.core.errors import AssetError
from twin.core.records import Floats
from twin.world.cell import CellModel, build_cell
from twin.world.mujoco import MujocoWorld
from twin.world.render import render_floor
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

DOWN = np.diag([1.0, -1.0, -1.0])
BOARD = ("ur3", "panda", "ur3", "panda", "panda", "ur3", "panda", "ur3", "ur3", "panda", "ur3", "panda")
"""Which arm stands where, row by row."""
LEGS = 8
"""Moves of one pick and place."""


def caught(model: CellModel, moments: list[float]) -> Floats:
    """(n, nq) qpos of n cells, each stopped at its moment: 2.5 is half-way through its third move."""
    n, task, chance = len(moments), tasks_of(model)["pick_place"], Chance(5)
    world, rows = MujocoWorld(model, n, threads=2), np.arange(n, dtype=np.int32)
    start = task.start([chance.stream(f"{model.robot}{i}", "start") for i in range(n)])
    world.reset(rows, start)
    up, goal = np.array([0, 0, 0.11]), start.goal + [0, 0, 0.01]
    at, wide = start.objects[:, 0, :3], model.stroke_m
    path = [(at + up, wide), (at, wide), (at, 0.0), (at + up, 0.0)]
    path += [(goal + up, 0.0), (goal, 0.0), (goal, wide), (goal + up, wide)]
    q, ticks = start.q, 40
    for tick in range(LEGS * ticks):
        running = rows[np.array(moments) * ticks > tick]
        if not len(running):
            break
        target, grip = path[tick // ticks]
        tool, turn, jac = model.arm.solve(q)
        off = np.clip(target - tool, -0.012, 0.012)
        tilt = 0.5 * sum(np.cross(turn[:, :, i], DOWN[:, i]) for i in range(3))
        across = jac.transpose(0, 2, 1)
        error = np.concatenate((off, tilt), axis=1)[:, :, None]
        q = q + (across @ np.linalg.solve(jac @ across + 1e-4 * np.eye(6), error))[:, :, 0]
        command = np.concatenate((q, np.full((n, 1), grip)), axis=1)
        world.step(running, command[running], 10)
    return np.array(world.state(rows)[:, 1 : 1 + model.model.nq])  # the engine's state: time, qpos, …


def main(path: Path) -> None:
    """Pose twelve cells and draw them."""
    arms = {name: build_cell(SimpleNamespace(model=name), GripperSpec(), WorkcellSpec()) for name in ("ur3", "panda")}
    poses = {
        "ur3": iter(caught(arms["ur3"], [0.6, 2.9, 3.9, 4.6, 6.8, 1.7])),
        "panda": iter(caught(arms["panda"], [4.5, 1.9, 7.5, 3.8, 0.8, 5.7])),
    }
    cells = [(arms[name], next(poses[name])) for name in BOARD]
    render_floor(cells, path)


if __name__ == "__main__":
    try:
        main(Path(__file__).with_name("floor.png"))
    except AssetError as error:
        sys.exit(str(error))
