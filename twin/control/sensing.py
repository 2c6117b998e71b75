"""Sensors as they are declared: joint encoders and cameras with noise and frame rates.

Noise comes in blocks keyed by cell and episode: the arrays and a counter are all of the state, and no cell's draws move
another's. The tool point that filters see comes from the robot's own controller and carries no noise of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.core.chance import Chance
from twin.core.clock import US
from twin.core.quantity import nominal
from twin.core.records import Floats, Ints, Observation, Rows
from twin.world.spec import SensorSpec

BLOCK = 128
"""Ticks of noise drawn at a time."""


class Sensors:
    """The sensors of a lane's n rows. A cell without a declared sensor reads the physics exactly, at every tick."""

    def __init__(self, specs: Sequence[SensorSpec], names: Sequence[str], nq: int, things: int, chance: Chance) -> None:
        """specs: what stands in every cell of the lane; names (n) of the cells; nq joints; things that the camera sees."""
        n = len(names)
        self.names, self.chance = tuple(names), chance
        self.nq, self.scale = nq, np.zeros(nq + 3 * things)
        """Standard deviations: joints in rad, positions of the things in m."""
        self.frame_us = 0
        """Time between two pictures of the camera; 0: one a tick."""
        for spec in specs:
            if spec.kind == "joint":
                self.scale[:nq] = nominal(spec.noise)
            else:
                self.scale[nq:] = nominal(spec.noise)
                self.frame_us = round(US / spec.rate_hz)
        self.noisy = bool(self.scale.any())
        self._noise: Floats = np.zeros((n, BLOCK, nq + 3 * things) if self.noisy else (n, 0, 0))
        self._next: Ints = np.zeros(n, np.int64)
        self._block: Ints = np.zeros(n, np.int64)
        self._episode: Ints = np.zeros(n, np.int64)
        self._picture: Floats = np.zeros((n, things, 7))
        self._taken_us: Ints = np.full(n, -1, np.int64)

    def begin(self, row: int, episode: int) -> None:
        """A new episode on `row`: noise of its own, a fresh picture."""
        self._episode[row], self._block[row], self._next[row] = episode, 0, 0
        self._taken_us[row] = -1
        if self.noisy:
            self._fill(row)

    def _fill(self, row: int) -> None:
        stream = self.chance.stream(self.names[row], f"sensors/{self._block[row]}", int(self._episode[row]))
        self._noise[row] = stream.standard_normal(self._noise.shape[1:]) * self.scale

    def read(self, now_us: int, rows: Rows, seen: Observation) -> Observation:
        """Add noise to an observation of `rows` and hold the camera's picture between frames, in place."""
        if self.noisy:
            noise = self._draw(rows)
            seen.q += noise[:, : self.nq]
            seen.objects[:, :, :3] += noise[:, self.nq :].reshape(len(rows), -1, 3)
        if self.frame_us:
            frame = now_us // self.frame_us
            fresh = self._taken_us[rows] != frame
            self._picture[rows[fresh]] = seen.objects[fresh]
            self._taken_us[rows] = frame
            seen.objects = self._picture[rows]
        return seen

    def _draw(self, rows: Rows) -> Floats:
        k = self._next[rows]
        for row in rows[k == BLOCK]:
            self._block[row] += 1
            self._next[row] = 0
            self._fill(int(row))
        k = self._next[rows]
        self._next[rows] = k + 1
        drawn: Floats = self._noise[rows, k]
        return drawn
