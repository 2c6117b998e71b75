"""What the lab scripts do for each task: the way of the tool, from where the camera shows the things and where the goal is.

A route says where to go and how gently; `Scripted` turns it into joints and times. Every route keeps the tool pointing down and
the fingers along the base's y, and believes the camera: `shown` are the things as it shows them, `error` is what it is off by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from twin.core.records import Floats, Ints
from twin.world.cell import Area, CellModel
from twin.world.tasks import tasks_of

CLEARANCE_M = 0.008
"""How much wider than half the thing each finger opens."""
HANDLE_M = 0.016
"""The same for a handle, round the plates at its ends."""
RAISE_M, DROP_M = 0.10, 0.008
"""Height of the ways above things and goals; height above its goal from which an object is let go."""
TIP_M = 0.014
"""The tool point stays this high above what an object stands on: 9 mm of finger and some air."""
PUSH_M = 0.018
"""The same while it pushes: fast and level, with room for what a drive strays from its way."""
TOUCH_M = 0.020
"""Before a push, closed fingers come down this far (m) from the side of the object."""
FINGERS_M = 0.010
"""Half the width of closed fingers in the way they push."""
HURRY, GENTLY, SLOWLY, CLOSE, RELEASE = range(5)
"""How a knot is come to: as fast as the arm's share allows; a way down or up; a piece of a push or pull; standing, while
fingers close; standing, while they open."""


class Route(NamedTuple):
    """points (n, A, 3) m, where the tool goes; then for each of K knots: `visit`, which of the points it is at; `opening` in m
    on the way there; `pace`, how it is come to. `width_m`: what fingers that closed on the thing feel, 0 where they grip none.

    A route that grips is above the thing, at it, and closed on it at its first three knots.
    """

    points: Floats
    visit: tuple[int, ...]
    opening: tuple[float, ...]
    pace: tuple[int, ...]
    width_m: float


class Script(Protocol):
    """The way to do one task, for n rows: `shown` (n, k, 7), `error` (n, 3) m, `goal` (n, 3) m. A row's route
    depends on nothing beside it."""

    def __call__(self, shown: Floats, error: Floats, goal: Floats) -> Route:
        """The route of each row."""
        ...


class CarryScript:
    """Grip an object and put it down at the goal, or on top of object `onto`. Among several it takes the one that stands most
    alone in `source`; where there is none, the first."""

    def __init__(self, cell: CellModel, source: Area | None = None, onto: int | None = None) -> None:
        self.edge_m, self.source, self.onto = cell.object_m, source, onto

    def __call__(self, shown: Floats, error: Floats, goal: Floats) -> Route:
        """Above, at, closed, lifted, over the goal, low, open, away."""
        rows, which = np.arange(len(shown)), self._choose(shown[:, :, :3])
        target = shown[rows, which, :3] + error
        target[:, 2] = np.maximum(target[:, 2], shown[rows, which, 2] - 0.5 * self.edge_m + TIP_M)
        if self.onto is not None:
            goal = raised(shown[:, self.onto, :3] + error, self.edge_m)
        low = raised(goal, DROP_M)
        points = np.stack((raised(target, RAISE_M), target, raised(low, RAISE_M), low), axis=1)
        wide = self.edge_m + 2.0 * CLEARANCE_M
        opening = (wide, wide, 0.0, 0.0, 0.0, 0.0, wide, wide)
        pace = (HURRY, GENTLY, CLOSE, GENTLY, HURRY, GENTLY, RELEASE, GENTLY)
        return Route(points, (0, 1, 1, 0, 2, 3, 3, 2), opening, pace, self.edge_m)

    def _choose(self, places: Floats) -> Ints:
        """(n,) index of the object to take."""
        n, k = places.shape[:2]
        if k == 1 or self.source is None:
            return np.zeros(n, np.int64)
        apart = np.abs(places[:, :, None, :2] - places[:, None, :, :2]).max(axis=3)
        apart[:, np.arange(k), np.arange(k)] = np.inf
        alone = apart.min(axis=2) + places[:, :, 2] + np.where(self.source.above(places), 0.0, -10.0)
        chosen: Ints = np.nan_to_num(alone, nan=-np.inf).argmax(axis=1)
        return chosen


class PushScript:
    """Come down behind the first object with closed fingers and push it towards the goal, four pieces of a straight line."""

    def __init__(self, cell: CellModel) -> None:
        self.half_m = 0.5 * cell.object_m

    def __call__(self, shown: Floats, error: Floats, goal: Floats) -> Route:
        """Above, behind, four pieces, away."""
        at = shown[:, 0, :3] + error
        way = (goal - at)[:, :2]
        way = way / np.maximum(np.sqrt(way[:, 0] ** 2 + way[:, 1] ** 2), 1e-6)[:, None]
        reach = (self.half_m + FINGERS_M) / np.maximum(np.maximum(np.abs(way[:, 0]), np.abs(way[:, 1])), 0.5)
        height = shown[:, 0, 2] - self.half_m + PUSH_M
        behind = np.column_stack((at[:, :2] - (reach + TOUCH_M)[:, None] * way, height))
        end = np.column_stack((goal[:, :2] - reach[:, None] * way, height))
        pieces = [behind + share * (end - behind) for share in (0.25, 0.5, 0.75, 1.0)]
        points = np.stack((raised(behind, RAISE_M), behind, *pieces, raised(end, RAISE_M)), axis=1)
        pace = (HURRY, GENTLY, SLOWLY, SLOWLY, SLOWLY, SLOWLY, GENTLY)
        return Route(points, tuple(range(7)), (0.0,) * 7, pace, 0.0)


class DrawerScript:
    """Grip the handle, draw it to the goal in three pieces of a straight line, let go."""

    def __init__(self, cell: CellModel) -> None:
        self.width_m = float(cell.width_m[0])

    def __call__(self, shown: Floats, error: Floats, goal: Floats) -> Route:
        """Above, at, closed, three pieces, open, away."""
        at, end = shown[:, 0, :3] + error, goal + error
        pieces = [at + share * (end - at) for share in (1 / 3, 2 / 3, 1.0)]
        points = np.stack((raised(at, RAISE_M), at, *pieces, raised(end, RAISE_M)), axis=1)
        wide = self.width_m + 2.0 * HANDLE_M
        opening = (wide, wide, 0.0, 0.0, 0.0, 0.0, wide, wide)
        pace = (HURRY, GENTLY, CLOSE, SLOWLY, SLOWLY, SLOWLY, RELEASE, GENTLY)
        return Route(points, (0, 1, 1, 2, 3, 4, 4, 5), opening, pace, self.width_m)


def raised(points: Floats, height: float) -> Floats:
    """Points (…, 3) lifted by `height` m."""
    up = points.copy()
    up[..., 2] += height
    return up


def scripts_of(cell: CellModel) -> Sequence[Script]:
    """A script for every task of a cell, in the order of `tasks_of`."""
    return [MAKERS[name](cell) for name in tasks_of(cell)]


MAKERS: Mapping[str, Callable[[CellModel], Script]] = {
    "pick_place": lambda cell: CarryScript(cell, cell.areas["start"]),
    "clear_tray": lambda cell: CarryScript(cell, cell.areas["tray"]),
    "push": PushScript,
    "push_back": PushScript,
    "stack": lambda cell: CarryScript(cell, onto=1),
    "unstack": CarryScript,
    "bin_pick": lambda cell: CarryScript(cell, cell.areas["bin"]),
    "bin_fill": lambda cell: CarryScript(cell, cell.areas["tray"]),
    "drawer_open": DrawerScript,
    "drawer_close": DrawerScript,
}
