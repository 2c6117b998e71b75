"""Pictures of the rows of an environment: what a camera before each cell sees, where somebody asks for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.core.records import Rows
from twin.world.base import World
from twin.world.render import Painter


class Pictures:
    """Draws rows of a world, one after the other; `shape` (height, width) in pixels. Of the truth: camera faults are not seen.

    Raises `AssetError` where this machine can draw nothing.
    """

    def __init__(self, world: World, shape: tuple[int, int]) -> None:
        self.shape, self._cell = shape, world.cell  # type: ignore[attr-defined]
        self._painter = Painter([self._cell], (shape[1], shape[0]))

    def of(self, world: World, rows: Rows) -> Any:
        """(n, height, width, 3) uint8."""
        seen = world.observe(rows)
        posed = zip(seen.q, seen.grip, seen.objects, strict=True)
        return np.stack([np.asarray(self._painter.picture([self._cell.posed(q, float(g), o)])) for q, g, o in posed])

    def close(self) -> None:
        """Let go of the drawing context."""
        self._painter.close()
