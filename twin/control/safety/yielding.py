"""Joints that `torque` has to let give way, told from those that only look so.

Promises can contradict each other: an arm is held up or pushed, its joint falls behind, and no command that keeps the limits
of speed and change asks the drive for as little as it may be asked for. `torque` then has its way. A joint is excused only at
such a tick, and only where the command goes towards the limits as far as torque allows, to that very number: a filter that does
more than it must is not excused, and one that lets everything through is found out as if `torque` were not there.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.limits import Bounds
from twin.core.records import Bools, Floats, Rows
from twin.world.kinematics import Arm

EXACT = 1e-6
"""Of the window of commands that torque leaves: rounding."""


class Yielding:
    """The window that a torque filter leaves on each joint of n rows, and which joints are still on their way back from it."""

    def __init__(self, arm: Arm, share: float, bounds: Bounds, n: int) -> None:
        """share: of a drive's torque, that it may be asked for."""
        self.bounds, self.half, self.lag = bounds, share * arm.torque / arm.stiffness, arm.damping / arm.stiffness
        self.owing = np.zeros((n, arm.nq), bool)
        """Joints that gave way and are still faster than their limits, or too fast to stop before their end."""

    def excused(self, q: Floats, dq: Floats, sent: Floats, low: Floats, high: Floats) -> Bools:
        """(n, nq) joints at `q`, `dq` for which all of `low` to `high` asks for too much, and sent to what is nearest to it."""
        middle = q + self.lag * dq
        least, most = middle - self.half, middle + self.half
        nearest = np.where(most < low, most, least)
        forced: Bools = ((most < low) | (least > high)) & (np.abs(sent - nearest) <= EXACT * self.half)
        return forced

    def range(self, rows: Rows, last: Floats, last_v: Floats) -> tuple[Floats, Floats]:
        """(n, nq) least and greatest speed that a joint's limits leave it; on its way back, what takes it there."""
        bounds = self.bounds
        low, high = np.maximum(last_v - bounds.gain, -bounds.velocity), np.minimum(last_v + bounds.gain, bounds.velocity)
        owing = self.owing[rows]
        if np.count_nonzero(owing):
            far = np.full_like(last_v, np.inf)
            low = np.where(owing, bounds.reachable(-far, last, last_v), low)
            high = np.where(owing, bounds.reachable(far, last, last_v), high)
        return low, high

    def keep(self, rows: Rows, forced: Bools, sent: Floats, speed: Floats) -> None:
        """What joints that gave way at this tick, sent to `sent` (n, nq) at `speed`, still owe at the next."""
        late = forced | self.owing[rows]
        if np.count_nonzero(late):
            bounds = self.bounds
            up, down = bounds.stoppable(bounds.high - sent), bounds.stoppable(sent - bounds.low)
            late &= (np.abs(speed) > bounds.velocity) | (speed - bounds.gain > up) | (speed + bounds.gain < -down)
        self.owing[rows] = late
