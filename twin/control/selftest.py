"""The self-test of a robot that comes back: it moves a little, joint by joint, and says what did not move as told.

What is compared is what the robot itself measures, so that a dead drive, a stuck encoder and a gripper that does not close
are all found, and only that.
"""

from __future__ import annotations

import math

import numpy as np

from twin.control.spec import SelfTestSpec
from twin.core.records import Floats, Observation, Rows
from twin.world.kinematics import Arm

LEAST_TICKS = 5
"""Control periods that one joint is given at least."""


class SelfTest:
    """The test on rows of a lane: each joint goes out by `move_rad` and back, then the fingers close to half and open.

    A part passes whose largest measured excursion during its turn is at least `passes` of what was asked.
    """

    def __init__(self, n: int, arm: Arm, stroke_m: float, period_s: float, spec: SelfTestSpec) -> None:
        self.turn = max(LEAST_TICKS, math.ceil(spec.joint_s / period_s))
        self.parts = arm.nq + 1
        middle = 0.5 * (arm.limits[:, 0] + arm.limits[:, 1])
        self.middle, self.move, self.stroke_m, self.passes = middle, spec.move_rad, stroke_m, spec.passes
        self.on = np.zeros(n, bool)
        self.tick = np.zeros(n, np.int64)
        self.home = np.zeros((n, self.parts))
        self.moved = np.zeros((n, self.parts))
        phase = np.arange(self.turn) / self.turn
        self.shape = np.sin(math.pi * phase) ** 2
        """Share of the excursion at each tick of a turn."""

    def begin(self, row: int, home: Floats) -> None:
        """Row `row` starts its test from `home` (nq + 1)."""
        self.on[row], self.tick[row] = True, 0
        self.home[row], self.moved[row] = home, 0.0

    def end(self, row: int) -> None:
        """It is over, or cut short."""
        self.on[row] = False

    def ask(self, rows: Rows, seen: Observation, asked: Floats) -> None:
        """Put the test's motion in place of what was asked (n, nq + 1), and look at what was measured."""
        for i in np.flatnonzero(self.on[rows]):
            row = int(rows[i])
            measured = np.append(seen.q[i], seen.grip[i])
            part = min(int(self.tick[row]) // self.turn, self.parts - 1)
            for k in range(max(0, part - 1), part + 1):  # what lags behind its command moves into the next turn
                away = abs(float(measured[k] - self.home[row, k]))
                self.moved[row, k] = max(self.moved[row, k], away if np.isfinite(away) else 0.0)
            asked[i] = self.home[row]
            share = self.shape[self.tick[row] % self.turn] if self.tick[row] < self.turn * self.parts else 0.0
            asked[i, part] += self._reach(row, part) * share
            self.tick[row] += 1

    def _reach(self, row: int, part: int) -> float:
        """How far a part goes, and in which direction: joints towards the middle of their range, fingers to half closed."""
        if part == self.parts - 1:
            return -0.5 * self.home[row, part] if self.home[row, part] > 0.25 * self.stroke_m else 0.5 * self.stroke_m
        return self.move if self.home[row, part] <= self.middle[part] else -self.move

    def over(self, rows: Rows) -> list[tuple[int, list[str]]]:
        """Rows whose test is done, each with what did not move as told: `joint 0` … or `gripper`."""
        if not np.count_nonzero(self.on[rows]):
            return []
        done = rows[self.on[rows] & (self.tick[rows] > self.turn * self.parts + LEAST_TICKS)]
        return [(int(row), self._wrong(int(row))) for row in done]

    def _wrong(self, row: int) -> list[str]:
        names = [f"joint {k}" for k in range(self.parts - 1)] + ["gripper"]
        wanted = [self.passes * self.shape.max() * abs(self._reach(row, k)) for k in range(self.parts)]
        return [name for k, name in enumerate(names) if self.moved[row, k] < wanted[k]]
