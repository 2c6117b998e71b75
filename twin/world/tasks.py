"""Tasks: where an episode starts, what counts as success, whether the cell stands ready for the next, what undoes it.

A task knows one cell model and keeps nothing about rows. Detectors judge by `success` with their own error rates; policies are
told the goal of the episode and see the things, never a task's mind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from twin.core.chance import Stream
from twin.core.records import Bools, Floats, Truth
from twin.world.base import Start
from twin.world.cell import Area, CellModel
from twin.world.spec import TASKS

YAW_RAD = np.deg2rad(15.0)
"""An object starts turned by at most this much: fingers that never turn still close on it."""
REST_M = 0.005
"""How far (m) the height of an object that lies flat may be from where it belongs."""
WALL_M = 0.03
"""Between an object and the wall of the tray at the start (m): room for a finger that opens."""
APART = 0.62
"""Half the way between the centres of two objects, in edges: turned by 15° against each other they still do not touch."""


class Task(Protocol):
    """One task in one cell model, over n rows."""

    name: str
    reverse: str
    """The task that undoes it: after its success this one can begin again."""
    lasts: bool
    """An episode begins where the last one ended, as long as the cell is `ready`: a bin empties, object by object."""

    def start(self, streams: Sequence[Stream], left: Truth | None = None) -> Start:
        """One start state a stream: the arm at its reset pose, the gripper open, the goal drawn; things drawn as a good reset
        leaves them, or where they lie in `left`. A row's state depends on its own stream and things only."""
        ...

    def success(self, truth: Truth, start: Start) -> Bools:
        """(n,) whether an episode that began in `start` has reached what was asked."""
        ...

    def ready(self, truth: Truth) -> Bools:
        """(n,) whether an episode can begin with the things as they lie: no reset is needed."""
        ...

    def in_reach(self, truth: Truth) -> Bools:
        """(n,) whether all things are where the robot can still take hold of them, so that it can tidy up by itself."""
        ...


class Carry:
    """Take an object from the area `source` and leave it in the area `target`: any of those that lie there, one an episode.

    `goal` (3,) m: where an object's centre lies in the middle of the target, robot's base frame.
    """

    def __init__(self, cell: CellModel, name: str, reverse: str, source: str, target: str, lasts: bool = False) -> None:
        self.cell, self.name, self.reverse, self.lasts = cell, name, reverse, lasts
        self.source, self.target = cell.areas[source], cell.areas[target]
        self.drawn_in = _inside(self.source, 0.5 * cell.object_m + WALL_M) if source == "tray" else self.source
        self.goal = _on_the_ground(cell, self.target)

    def start(self, streams: Sequence[Stream], left: Truth | None = None) -> Start:
        """Objects anywhere in the source, turned by up to 15°. A row takes three uniform draws an object, nothing else."""
        count = self.cell.workcell.count
        draws = np.array([stream.random((count, 3)) for stream in streams]).reshape(len(streams), count, 3)
        objects = scatter(self.cell, self.drawn_in, draws) if left is None else left.objects
        return at_rest(self.cell, objects, np.tile(self.goal, (len(streams), 1)))

    def success(self, truth: Truth, start: Start) -> Bools:
        """(n,) an object that did not lie in the target lies flat in it, and nobody holds it."""
        there = rests(self.cell, truth.objects, self.target) & ~truth.held
        return _any(there & ~rests(self.cell, start.objects, self.target))

    def ready(self, truth: Truth) -> Bools:
        """(n,) an object lies in the source."""
        return _any(rests(self.cell, truth.objects, self.source)) & self.in_reach(truth)

    def in_reach(self, truth: Truth) -> Bools:
        """(n,) all objects are where the robot can pick them up."""
        return ~_any(~self.cell.reach.holds(truth.objects[:, :, :3]))


def rests(cell: CellModel, objects: Floats, area: Area) -> Bools:
    """(n, k) whether objects (n, k, 7) lie flat on the ground of an area."""
    flat: Bools = np.abs(objects[:, :, 2] - cell.floor(objects)) < REST_M
    return flat & area.above(objects)


def _any(of: Bools) -> Bools:
    """(n,) whether any of (n, k) holds."""
    some: Bools = np.logical_or.reduce(of, axis=1)
    return some


def _inside(area: Area, margin: float) -> Area:
    """An area drawn in by a margin (m), at the most to its middle."""
    half = np.maximum(0.5 * (area.high - area.low)[:2] - margin, 0.0)
    low, high = area.low.copy(), area.high.copy()
    low[:2], high[:2] = area.centre[:2] - half, area.centre[:2] + half
    return Area(low, high)


def _on_the_ground(cell: CellModel, area: Area) -> Floats:
    """(3,) m, an object's centre in the middle of an area."""
    middle = area.centre.copy()
    middle[2] = cell.floor(middle)
    return middle


def at_rest(cell: CellModel, objects: Floats, goal: Floats) -> Start:
    """The reset pose: the arm at home, the gripper open; things (n, k, 7) and goals (n, 3) as given."""
    n = len(objects)
    return Start(np.tile(cell.arm.home, (n, 1)), np.full(n, cell.stroke_m), objects.copy(), goal)


def scatter(cell: CellModel, area: Area, draws: Floats) -> Floats:
    """(n, k, 7) objects in an area, from uniform draws (n, k, 3) for x, y and turn: each in its own part of the area, so that
    no two touch; a single one anywhere in it."""
    n, k = draws.shape[:2]
    low, high = area.low[:2], area.high[:2]
    across = next(c for c in range(1, k + 1) if k % c == 0 and c * c * (high - low)[1] >= 0.5 * k * (high - low)[0])
    grid = np.array([across, k // across])
    part = np.stack(np.divmod(np.arange(k), grid[1]), axis=1)
    size = (high - low) / grid
    inset = 0.0 if k == 1 else np.minimum(APART * cell.object_m, 0.5 * size)
    first, spread = low + part * size + inset, size - 2.0 * inset
    poses: Floats = np.zeros((n, k, 7))
    poses[:, :, :2] = first + draws[:, :, :2] * spread
    poses[:, :, 2] = cell.floor(poses[:, :, :2])
    half = 0.5 * (2.0 * draws[:, :, 2] - 1.0) * YAW_RAD
    poses[:, :, 3], poses[:, :, 6] = np.cos(half), np.sin(half)
    return poses


def tasks_of(cell: CellModel) -> dict[str, Task]:
    """Every task that can be done in this cell, by name, in the order of `TASKS`."""
    have = cell.workcell
    able = [name for name, needs in TASKS.items() if needs.workcell == have.kind and needs.objects <= have.count]
    return {name: MAKERS[name](cell) for name in able}


MAKERS: Mapping[str, Callable[[CellModel], Task]] = {
    "pick_place": lambda cell: Carry(cell, "pick_place", "clear_tray", "start", "tray"),
    "clear_tray": lambda cell: Carry(cell, "clear_tray", "pick_place", "tray", "start"),
}
