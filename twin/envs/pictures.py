"""Pictures of the rows of an environment: what a camera before each cell sees, where somebody asks for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.core.records import Rows
from twin.world.base import World
from twin.world.render import Painter


class Pictures:
    """Draws rows of a world, one after the other; `shape` (height, width) in pixels. Of the truth: camera faults are not seen.

    Nothing is opened before the first picture: an environment made to look at its spaces, as Gymnasium's `AsyncVectorEnv`
    does before it forks, must leave no drawing context behind.
    """

    def __init__(self, world: World, shape: tuple[int, int]) -> None:
        self.shape, self._cell = shape, world.cell  # type: ignore[attr-defined]
        self._painter: Painter | None = None

    def of(self, world: World, rows: Rows) -> Any:
        """(n, height, width, 3) uint8. Raises `AssetError` where this machine can draw nothing."""
        painter = self._painter = self._painter or Painter([self._cell], (self.shape[1], self.shape[0]))
        seen = world.observe(rows)
        posed = zip(seen.q, seen.grip, seen.objects, strict=True)
        return np.stack([np.asarray(painter.picture([self._cell.posed(q, float(g), o)])) for q, g, o in posed])

    def close(self) -> None:
        """Let go of the drawing context."""
        if self._painter is not None:
            self._painter.close()
            self._painter = None
