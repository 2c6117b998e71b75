"""What a world was told, to be told again to a bare engine."""

from __future__ import annotations

import time
from typing import Any

import mujoco
from mujoco.batch import Batch

_NONE = int(mujoco.mjtStage.mjSTAGE_NONE)


class Tape:
    """What a world was told, taken down by wrapping its `reset` and `step`."""

    def __init__(self, world: Any) -> None:
        self.world, self.items = world, []  # type: ignore[var-annotated]
        self._reset, self._step = world.reset, world.step
        world.reset, world.step = self.reset, self.step

    def reset(self, rows: Any, start: Any) -> None:
        """A reset, and the states that it made."""
        self._reset(rows, start)
        self.items.append((rows, self.world._batch.state[rows].copy(), 0))

    def step(self, rows: Any, command: Any, steps: int) -> None:
        """A step."""
        self.items.append((rows, command, steps))
        self._step(rows, command, steps)

    def play(self, batch: Batch, ctrl: Any) -> float:
        """Play on a bare batch what was taken down since the last time; returns seconds."""
        items, self.items = self.items, []
        n, state = batch.nsim, batch.state
        began = time.perf_counter()
        for rows, values, steps in items:
            if not steps:
                if batch.persistent:  # where things sleep, a reset wakes them
                    batch.reset(rows, stage=_NONE)
                state[rows] = values
            elif len(rows) == n:
                ctrl[:] = values
                batch.step(None, steps)
            else:
                ctrl[rows] = values
                batch.step(rows, steps)
        return time.perf_counter() - began
