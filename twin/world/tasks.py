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
GOAL_M = 0.03
"""How near (m) to its goal an object must be pushed."""
OPEN_M, SHUT_M = 0.08, 0.01
"""A drawer counts as open from here on, as shut up to here."""
WALL_M, LOW_M, AIR_M = 0.03, 0.02, 0.01
"""Between an object and the walls where one starts or is put (m): along y room for fingers that open, more in a deep tray;
along x air."""
APART = 0.613
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

    Where a task `lasts`, objects lie as they fell; else they must lie flat, and in `drawn_in` they do so at the start.
    """

    def __init__(self, cell: CellModel, name: str, reverse: str, source: str, target: str, lasts: bool = False) -> None:
        self.cell, self.name, self.reverse, self.lasts = cell, name, reverse, lasts
        self.source, self.target = cell.areas[source], cell.areas[target]
        self.drawn_in, self.put_in = _room(cell, source), _room(cell, target)

    def start(self, streams: Sequence[Stream], left: Truth | None = None) -> Start:
        """Objects anywhere in the source, turned by up to 15°. A row takes three uniform draws an object, nothing else."""
        objects = self._laid_out(streams) if left is None else left.objects
        return at_rest(self.cell, objects, free_place(self.cell, self.put_in, objects))

    def _laid_out(self, streams: Sequence[Stream]) -> Floats:
        draws = uniform(streams, self.cell.things)
        if self.lasts or self.source is self.cell.areas["start"]:
            return scatter(self.cell, self.drawn_in, draws)
        return first_in(self.cell, self.drawn_in, self.cell.areas["start"], draws)

    def success(self, truth: Truth, start: Start) -> Bools:
        """(n,) an object that did not lie in the target does, and nobody holds it; from a bin, to hold it clear will do."""
        there = self._lies(truth.objects, self.target) & ~truth.held
        if self.lasts:
            there |= truth.held & (truth.objects[:, :, 2] > self.source.high[2] + self.cell.object_m)
        return _any(there & ~self._lies(start.objects, self.target))

    def ready(self, truth: Truth) -> Bools:
        """(n,) an object lies in the source."""
        return _any(self._lies(truth.objects, self.source) & ~truth.held) & self.in_reach(truth)

    def in_reach(self, truth: Truth) -> Bools:
        """(n,) all objects are where the robot can pick them up."""
        return within_reach(self.cell, truth)

    def _lies(self, objects: Floats, area: Area) -> Bools:
        if not self.lasts:
            return rests(self.cell, objects, area)
        low: Bools = objects[:, :, 2] < 2.0 * self.cell.object_m
        return area.above(objects) & low


class Push:
    """Bring the first object from the area `source` to a goal drawn in `target`, without a grip; others start in the tray."""

    lasts = False

    def __init__(self, cell: CellModel, name: str, reverse: str, source: str, target: str) -> None:
        self.cell, self.name, self.reverse = cell, name, reverse
        self.source, self.target = cell.areas[source], cell.areas[target]
        beside = np.array([0.01, 0.01, 0.0])
        self.around = Area(self.source.low - beside, self.source.high + beside)

    def start(self, streams: Sequence[Stream], left: Truth | None = None) -> Start:
        """Objects anywhere in the source, turned by up to 15°; the goal anywhere in the target."""
        draws = uniform(streams, self.cell.things + 1)
        laid_out = first_in(self.cell, self.source, _room(self.cell, "tray"), draws[:, 1:])
        objects = laid_out if left is None else left.objects
        goal = self.target.low + draws[:, 0] * (self.target.high - self.target.low)
        goal[:, 2] = self.cell.floor(goal)
        return at_rest(self.cell, objects, goal)

    def success(self, truth: Truth, start: Start) -> Bools:
        """(n,) the object lies within `GOAL_M` of the goal, and nobody holds it."""
        offset = truth.objects[:, 0, :3] - start.goal
        near: Bools = np.hypot(offset[:, 0], offset[:, 1]) < GOAL_M
        return near & (np.abs(offset[:, 2]) < REST_M) & ~truth.held[:, 0]

    def ready(self, truth: Truth) -> Bools:
        """(n,) the object lies in the source, or a finger's breadth beside it, where a push may have left it."""
        return rests(self.cell, truth.objects, self.around)[:, 0] & within_reach(self.cell, truth)

    def in_reach(self, truth: Truth) -> Bools:
        """(n,) all objects are where the robot can pick them up."""
        return within_reach(self.cell, truth)


class Stack:
    """Put the first object on top of the second, or (`down`) take it from there to a place of its own in the start area."""

    lasts = False

    def __init__(self, cell: CellModel, name: str, reverse: str, down: bool = False) -> None:
        self.cell, self.name, self.reverse, self.down = cell, name, reverse, down
        self.area = cell.areas["start"]

    def start(self, streams: Sequence[Stream], left: Truth | None = None) -> Start:
        """The second object anywhere in its part of the start area; the first in its own, or on top."""
        objects = scatter(self.cell, self.area, uniform(streams, self.cell.things)) if left is None else left.objects
        if self.down and left is None:
            objects[:, 0] = objects[:, 1]
            objects[:, 0, 2] += self.cell.object_m
        goal = objects[:, 1, :3] + [0.0, 0.0, self.cell.object_m]
        if self.down:
            goal = free_place(self.cell, self.area, objects)
        return at_rest(self.cell, objects, goal)

    def success(self, truth: Truth, start: Start) -> Bools:
        """(n,) the first object lies on the second, or on the ground of the start area; nobody holds it."""
        there = rests(self.cell, truth.objects, self.area)[:, 0] if self.down else self._stacked(truth)
        return there & ~truth.held[:, 0]

    def ready(self, truth: Truth) -> Bools:
        """(n,) the objects stand as the task finds them."""
        flat = rests(self.cell, truth.objects, self.area)
        return (self._stacked(truth) if self.down else ~_any(~flat)) & within_reach(self.cell, truth)

    def in_reach(self, truth: Truth) -> Bools:
        """(n,) all objects are where the robot can pick them up."""
        return within_reach(self.cell, truth)

    def _stacked(self, truth: Truth) -> Bools:
        edge, offset = self.cell.object_m, truth.objects[:, 0, :3] - truth.objects[:, 1, :3]
        over: Bools = np.maximum(np.abs(offset[:, 0]), np.abs(offset[:, 1])) < 0.5 * edge
        return over & (np.abs(offset[:, 2] - edge) < REST_M)


class Drawer:
    """Pull the drawer open by its handle, or push it shut."""

    lasts = False

    def __init__(self, cell: CellModel, name: str, reverse: str, shut: bool) -> None:
        self.cell, self.name, self.reverse, self.shut = cell, name, reverse, shut
        self.rail = cell.rails[0]

    def start(self, streams: Sequence[Stream], left: Truth | None = None) -> Start:
        """Shut up to 8 mm, or open by 90 to 110 mm; the goal 100 mm open, or shut."""
        draw = uniform(streams, 1)[:, 0, 0]
        joint = 0.09 + 0.02 * draw if self.shut else 0.008 * draw
        poses: Floats = np.zeros((len(joint), 1, 7))
        poses[:, 0, :3], poses[:, 0, 3] = self.rail.points(joint), 1.0
        goal = self.rail.points(np.full(len(joint), 0.0 if self.shut else 0.10))
        return at_rest(self.cell, poses if left is None else left.objects, goal)

    def success(self, truth: Truth, start: Start) -> Bools:
        """(n,) the drawer is open, or shut, and nobody holds it."""
        return self._is(truth, not self.shut) & ~truth.held[:, 0]

    def ready(self, truth: Truth) -> Bools:
        """(n,) the drawer is shut, or open."""
        return self._is(truth, self.shut)

    def in_reach(self, truth: Truth) -> Bools:
        """(n,) a handle cannot get lost."""
        return np.isfinite(truth.objects[:, 0, 0])

    def _is(self, truth: Truth, wide: bool) -> Bools:
        joint = self.rail.along(truth.objects[:, 0, :3])
        found: Bools = joint > OPEN_M if wide else joint < SHUT_M
        return found


def uniform(streams: Sequence[Stream], k: int) -> Floats:
    """(n, k, 3) draws from 0 to 1, a row's from its own stream."""
    draws: Floats = np.array([stream.random((k, 3)) for stream in streams], dtype=np.float64)
    return draws.reshape(len(streams), k, 3)


def rests(cell: CellModel, objects: Floats, area: Area) -> Bools:
    """(n, k) whether objects (n, k, 7) lie flat on the ground of an area."""
    flat: Bools = np.abs(objects[:, :, 2] - cell.floor(objects)) < REST_M
    return flat & area.above(objects)


def within_reach(cell: CellModel, truth: Truth) -> Bools:
    """(n,) whether all objects are where the robot can pick them up."""
    return ~_any(~cell.reach.holds(truth.objects[:, :, :3]))


def _any(of: Bools) -> Bools:
    """(n,) whether any of (n, k) holds."""
    some: Bools = np.logical_or.reduce(of, axis=1)
    return some


def _room(cell: CellModel, name: str) -> Area:
    """Where the centres of objects may be in an area: drawn in where it has walls, at the most to its middle."""
    area = cell.areas[name]
    wall = {"tray": WALL_M if cell.workcell.kind == "table" else LOW_M, "bin": LOW_M}.get(name)
    margin = 0.0 if wall is None else 0.5 * cell.object_m + np.array([AIR_M, wall])
    half = np.maximum(0.5 * (area.high - area.low)[:2] - margin, 0.0)
    low, high = area.low.copy(), area.high.copy()
    low[:2], high[:2] = area.centre[:2] - half, area.centre[:2] + half
    return Area(low, high)


def at_rest(cell: CellModel, objects: Floats, goal: Floats) -> Start:
    """The reset pose: the arm at home, the gripper open; things (n, k, 7) and goals (n, 3) as given."""
    n = len(objects)
    return Start(np.tile(cell.arm.home, (n, 1)), np.full(n, cell.stroke_m), objects.copy(), goal)


def _grid(area: Area, k: int, edge_m: float) -> tuple[Floats, Floats]:
    """Centres (k or more, 2) and size (2,) of parts of an area, in m: as many across (x) as there is room for, since fingers
    need it along y."""
    low, wide = area.low[:2], (area.high - area.low)[:2]
    k = 6 if k == 5 else k
    across = max(c for c in range(1, k + 1) if k % c == 0 and (c == 1 or c * 2.0 * APART * edge_m <= wide[0]))
    grid = np.array([across, k // across])
    size = wide / grid
    part = np.stack(np.divmod(np.arange(k), grid[1]), axis=1)
    centres: Floats = low + (part + 0.5) * size
    return centres, size


def scatter(cell: CellModel, area: Area, draws: Floats) -> Floats:
    """(n, k, 7) objects in an area, from uniform draws (n, k, 3) for x, y and turn: each in its own part of the area, so that
    no two touch; a single one anywhere in it."""
    n, k = draws.shape[:2]
    centres, size = _grid(area, k, cell.object_m)
    spread = size if k == 1 else np.maximum(size - 2.0 * APART * cell.object_m, 0.0)
    poses: Floats = np.zeros((n, k, 7))
    poses[:, :, :2] = (centres[:k] - 0.5 * spread) + draws[:, :, :2] * spread
    poses[:, :, 2] = cell.floor(poses)
    half = 0.5 * (2.0 * draws[:, :, 2] - 1.0) * YAW_RAD
    poses[:, :, 3], poses[:, :, 6] = np.cos(half), np.sin(half)
    return poses


def first_in(cell: CellModel, area: Area, aside: Area, draws: Floats) -> Floats:
    """(n, k, 7) the first object in one area, the others in another."""
    poses = scatter(cell, aside, draws)
    poses[:, :1] = scatter(cell, area, draws[:, :1])
    return poses


def free_place(cell: CellModel, area: Area, objects: Floats) -> Floats:
    """(n, 3) m, where one more object can be put in an area: the middle of the part furthest from all objects; of a single
    object, always the middle of the area."""
    centres = _grid(area, objects.shape[1], cell.object_m)[0]
    places: Floats = np.zeros((len(centres), 3))
    places[:, :2] = centres
    places[:, 2] = cell.floor(places)
    if len(places) == 1:
        return np.repeat(places, len(objects), axis=0)
    far = np.abs(places[None, :, None, :2] - objects[:, None, :, :2]).max(axis=3).min(axis=2)
    free: Floats = places[np.nan_to_num(far).argmax(axis=1)]
    return free


def tasks_of(cell: CellModel) -> dict[str, Task]:
    """Every task that can be done in this cell, by name, in the order of `TASKS`."""
    have = cell.workcell
    able = [name for name, needs in TASKS.items() if needs.workcell == have.kind and needs.objects <= have.count]
    return {name: MAKERS[name](cell) for name in able}


MAKERS: Mapping[str, Callable[[CellModel], Task]] = {
    "pick_place": lambda cell: Carry(cell, "pick_place", "clear_tray", "start", "tray"),
    "clear_tray": lambda cell: Carry(cell, "clear_tray", "pick_place", "tray", "start"),
    "push": lambda cell: Push(cell, "push", "push_back", "near", "far"),
    "push_back": lambda cell: Push(cell, "push_back", "push", "far", "near"),
    "stack": lambda cell: Stack(cell, "stack", "unstack"),
    "unstack": lambda cell: Stack(cell, "unstack", "stack", down=True),
    "bin_pick": lambda cell: Carry(cell, "bin_pick", "bin_fill", "bin", "tray", lasts=True),
    "bin_fill": lambda cell: Carry(cell, "bin_fill", "bin_pick", "tray", "bin", lasts=True),
    "drawer_open": lambda cell: Drawer(cell, "drawer_open", "drawer_close", shut=False),
    "drawer_close": lambda cell: Drawer(cell, "drawer_close", "drawer_open", shut=True),
}
