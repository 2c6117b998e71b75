"""Sensors as they are declared: joint encoders and cameras with noise and frame rates.

Noise comes in blocks keyed by cell and episode: the arrays and a counter are all of the state, and no cell's draws move
another's. The tool point that filters see comes from the robot's own controller and carries no noise of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from twin.core.chance import Chance
from twin.core.clock import US
from twin.core.quantity import nominal
from twin.core.records import Floats, Ints, Observation, Rows
from twin.world.spec import SensorSpec

BLOCK = 128
"""Ticks of noise drawn at a time."""


FIELDS = {"joint": ("q", "dq"), "camera": ("objects",)}
"""What of an observation each kind of sensor reads."""


class Held:
    """What a sensor that reads less often than the lane ticks showed last, for n rows."""

    def __init__(self, every_us: int, shown: Mapping[str, Floats]) -> None:
        """every_us: between two readings; shown: by field, an array of n rows."""
        self.every_us, self.shown = every_us, dict(shown)
        self.reading: Ints = np.full(len(next(iter(shown.values()))), -1, np.int64)
        """The number of each row's last reading."""

    def hold(self, now_us: int, rows: Rows, seen: Observation) -> None:
        """Put the last reading in place of the present, on rows whose next one is not due."""
        reading = now_us // self.every_us
        fresh = self.reading[rows] != reading
        self.reading[rows] = reading
        for field, shown in self.shown.items():
            shown[rows[fresh]] = getattr(seen, field)[fresh]
            setattr(seen, field, shown[rows])


class Sensors:
    """The sensors of a lane's n rows. A cell without a declared sensor reads the physics exactly, at every tick."""

    def __init__(
        self, specs: Sequence[SensorSpec], names: Sequence[str], nq: int, things: int, period_us: int, chance: Chance
    ) -> None:
        """specs: what stands in every cell of the lane; names (n) of the cells; nq joints; things that the camera sees."""
        n = len(names)
        self.names, self.chance = tuple(names), chance
        self.nq, self.scale = nq, np.zeros(nq + 3 * things)
        """Standard deviations: joints in rad, positions of the things in m."""
        self.held: list[Held] = []
        shapes = {"q": (n, nq), "dq": (n, nq), "objects": (n, things, 7)}
        for spec in specs:
            self.scale[slice(nq) if spec.kind == "joint" else slice(nq, None)] = nominal(spec.noise)
            every_us = round(US / spec.rate_hz)
            if every_us > period_us:
                self.held.append(Held(every_us, {field: np.zeros(shapes[field]) for field in FIELDS[spec.kind]}))
        self.noisy = bool(self.scale.any())
        self._noise: Floats = np.zeros((n, BLOCK, nq + 3 * things) if self.noisy else (n, 0, 0))
        self._next: Ints = np.zeros(n, np.int64)
        self._block: Ints = np.zeros(n, np.int64)
        self._episode: Ints = np.zeros(n, np.int64)

    def begin(self, row: int, episode: int) -> None:
        """A new episode on `row`: noise of its own, fresh readings."""
        self._episode[row], self._block[row], self._next[row] = episode, 0, 0
        for held in self.held:
            held.reading[row] = -1
        if self.noisy:
            self._fill(row)

    def _fill(self, row: int) -> None:
        stream = self.chance.stream(self.names[row], f"sensors/{self._block[row]}", int(self._episode[row]))
        self._noise[row] = stream.standard_normal(self._noise.shape[1:]) * self.scale

    def read(self, now_us: int, rows: Rows, seen: Observation) -> Observation:
        """Add noise to an observation of `rows` and hold what is read less often than now, in place."""
        if self.noisy:
            noise = self._draw(rows)
            seen.q += noise[:, : self.nq]
            seen.objects[:, :, :3] += noise[:, self.nq :].reshape(len(rows), -1, 3)
        for held in self.held:
            held.hold(now_us, rows, seen)
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
