"""Makes docs/tasks.png: the tasks that ship, each caught at work on one of the four arms.

python docs/make_tasks.py
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from twin.control.scripted import Scripted
from twin.control.spec import ScriptedPolicy
from twin.core.chance import Chance
from twin.core.errors import AssetError
from twin.world.cell import CellModel, build_cell
from twin.world.mujoco import MujocoWorld
from twin.world.render import render_floor
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

SHOWN = (
    ("ur3", "pick_place", {}, 6.6),
    ("panda", "push", {}, 4.4),
    ("iiwa7", "stack", {"objects": 2}, 6.4),
    ("wx250s", "bin_pick", {"kind": "bin"}, 6.8),
    ("panda", "bin_fill", {"kind": "bin"}, 3.0),
    ("iiwa7", "drawer_open", {"kind": "drawer"}, 4.4),
)
"""Arm, task, workcell, and the moment in s."""
PERIOD_S = 0.02


def caught(cell: CellModel, name: str, moment_s: float) -> Any:
    """(nqpos,) the cell at a moment of its script."""
    task, one = tasks_of(cell)[name], np.zeros(1, np.int32)
    world, policy = MujocoWorld(cell, 1), Scripted(cell, ScriptedPolicy(perception_error_mm=0), PERIOD_S)
    start = task.start([Chance(6).stream(name, "start")])
    world.reset(one, start)
    asked = {"goal": start.goal, "task": np.array([list(tasks_of(cell)).index(name)])}
    memory, left = policy.memory(1), round(moment_s / PERIOD_S)
    policy.begin(memory, replace(world.observe(one), **asked), [Chance(6).stream(name, "policy")])
    while left > 0:
        actions = policy.act(replace(world.observe(one), **asked), memory).actions
        for now in range(min(left, actions.shape[1])):
            world.step(one, actions[:, now], round(PERIOD_S * 1e6) // world.step_us)
        left -= actions.shape[1]
    return np.array(world.state(one)[0, 1 : 1 + cell.model.nq])  # the engine's state: time, qpos, …


def main(path: Path) -> None:
    """Pose the cells and draw them."""
    cells = []
    for arm, name, workcell, moment_s in SHOWN:
        cell = build_cell(SimpleNamespace(model=arm), GripperSpec(), WorkcellSpec(**workcell))
        cells.append((cell, caught(cell, name, moment_s)))
    render_floor(cells, path)


if __name__ == "__main__":
    try:
        main(Path(__file__).with_name("tasks.png"))
    except AssetError as error:
        sys.exit(str(error))
