"""Speed and separation: a robot moves only as long as it could stop before a person is too near.

Promise: while the arm moves, no point of it comes nearer than `clearance_m` to a person who walks at most `person_mps`. The
protective distance is that of ISO 13855 and ISO/TS 15066 (5.5.4), with the age of the data in it:

    S = v_person · (age + reaction + stopping) + way of the arm until it stands + clearance

Where a person is nearer than S the arm brakes in the same tick and waits; it goes on by itself once there is room again.
Assumes that the scanner sees everybody, and says how old what it says is.
"""

from __future__ import annotations

import numpy as np

from twin.control.safety.braking import spread
from twin.control.safety.limits import Bounds, braked, periods
from twin.control.safety.persons import over_ground
from twin.core.records import Certified, Floats, Observation
from twin.world.spheres import Spheres

PERSON_MPS = 1.6
"""Speed of a walking person, ISO 13855."""
SETTLE_S = 0.25
"""From the end of a command's ramp until the drives have followed it."""


class Separation:
    """Filter that reads where the nearest person is: seen.human (n, 3) m in the robot's base frame, NaN: nobody; and
    seen.human_age_s (n,)."""

    name, wants = "separation", ("human",)

    def __init__(self, bounds: Bounds, body: Spheres, clearance_m: float, person_mps: float = PERSON_MPS) -> None:
        """body: all that moves of the arm."""
        self.bounds, self.body = bounds, body
        self.lever: Floats = body.levers(spread(body.arm)).max(axis=0)
        """(nq,) m, the most that a radian of each joint moves anything."""
        self.clearance_m, self.person_mps = clearance_m, person_mps

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n = len(command)
        margin, stop, changed = np.ones(n), np.zeros(n, bool), np.zeros(n, np.int64)
        there = ~np.isnan(seen.human).any(axis=1)
        if not np.count_nonzero(there):
            return Certified(command, changed, margin, stop)
        asked, last, last_v = command[there, :-1], seen.last[there, :-1], seen.last_v[there]
        # stopping from the command, if it is let through, takes one more period
        speed = (asked - last) / self.bounds.dt
        stopping = (periods(self.bounds, speed) + 1.0) * self.bounds.dt + SETTLE_S
        way = (np.abs(asked - seen.q[there]) + 0.5 * np.abs(speed) * stopping[:, None]) @ self.lever
        old = seen.human_age_s[there] + self.bounds.dt
        protective = self.person_mps * (old + stopping) + way + self.clearance_m
        apart = (over_ground(self.body.at(seen.q[there]), seen.human[there]) - self.body.radius).min(axis=1)
        margin[there] = (apart - protective) / protective
        near = ~(margin[there] >= 0)
        if np.count_nonzero(near):
            which = np.flatnonzero(there)[near]
            command, changed[which] = command.copy(), 1
            slower = self.bounds.reachable(braked(self.bounds, last_v[near]), last[near], last_v[near])
            command[which, :-1] = last[near] + slower * self.bounds.dt
        return Certified(command, changed, margin, stop)
