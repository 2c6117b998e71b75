"""Contact: force and power at the hand stay within limits, or the robot stops.

Promise: in the tick in which a force above `force_N`, or a power above `power_W`, is measured, the arm brakes and a stop is
demanded. It does not promise that the limit is never exceeded: how far beyond it a contact gets depends on stiffness and speed.
Assumes a force sensor at the hand. The limits are the user's. Those of ISO 10218-2:2025 and ISO/TS 15066 are licensed and not
given here; the defaults are a maker's: 150 N and 300 W, the `default` safety preset of Universal Robots' e-Series user manual.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.limits import Bounds, braked
from twin.core.records import Certified, Floats, Observation


class Contact:
    """Filter that stops on a force (n, 3) N."""

    name, wants = "contact", ("force",)

    def __init__(self, bounds: Bounds, force: float, power: float) -> None:
        self.bounds, self.force, self.power = bounds, force, power

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1). A force that is not a number is one above the limit."""
        (x, y, z), (u, v, w) = seen.force.T, seen.tool_v.T
        felt, work = np.sqrt(x * x + y * y + z * z), np.abs(x * u + y * v + z * w)
        margin = np.minimum(1.0 - felt / self.force, 1.0 - work / self.power)
        stop = ~(margin >= 0)
        changed = stop.astype(np.int64)
        if np.count_nonzero(stop):
            command = command.copy()
            last, last_v = seen.last[stop, :-1], seen.last_v[stop]
            slower = self.bounds.reachable(braked(self.bounds, last_v), last, last_v)
            command[stop, :-1] = last + slower * self.bounds.dt
            margin = np.where(np.isnan(margin), -1.0, margin)
        return Certified(command, changed, margin, stop)
