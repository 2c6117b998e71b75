"""Speed and separation: a robot moves only as long as it could stop before a person is too near.

Promise: while the arm moves, no point of it comes nearer than `clearance_m` to a person who walks at most `person_mps`. The
protective distance is that of ISO 13855 and ISO/TS 15066 (5.5.4), with the age of the data in it:

    S = v_person · (age + reaction + stopping) + way of the arm until it stands + clearance

Where a person is nearer than S the arm brakes in the same tick and waits; it goes on by itself once there is room again.

A drive whose arm is held up is a spring: the arm jumps when what holds it slips away. An arm that waits therefore keeps no
tension (ISO 14118: stored energy is let go before anybody comes near): once it stands, its command comes back to where it is.

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
TENSE_M = 0.002
"""What stands no further than this from its command keeps no tension: drives that take 0.04 s for it would move at 0.05 m/s."""


class Separation:
    """Filter that reads where the nearest person is: seen.human (n, 3) m in the robot's base frame, NaN: nobody; and
    seen.human_age_s (n,)."""

    name, wants = "separation", ("human",)

    def __init__(self, bounds: Bounds, body: Spheres, clearance_m: float, rows: int, person_mps: float = PERSON_MPS) -> None:
        """body: all that moves of the arm; rows of the lane."""
        self.bounds, self.body = bounds, body
        self.lever: Floats = body.levers(spread(body.arm)).max(axis=0)
        """(nq,) m, the most that a radian of each joint moves anything."""
        self.clearance_m, self.person_mps = clearance_m, person_mps
        self.rest: Floats = np.full((rows, len(bounds.low)), np.nan)
        """Where arms that wait are held up; NaN: they are not. Found once a wait: what sinks under its load is not followed."""

    def begin(self, row: int) -> None:
        """A row starts afresh."""
        self.rest[row] = np.nan

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """command (n, nq + 1)."""
        n = len(command)
        margin, stop, changed = np.ones(n), np.zeros(n, bool), np.zeros(n, np.int64)
        there = ~np.isnan(seen.human).any(axis=1)
        if not np.count_nonzero(there):
            self.rest[seen.rows] = np.nan
            return Certified(command, changed, margin, stop)
        asked, last, q = command[there, :-1], seen.last[there, :-1], seen.q[there]
        # stopping from the command, if it is let through, takes one more period
        speed = (asked - last) / self.bounds.dt
        braking = (periods(self.bounds, speed) + 1.0) * self.bounds.dt
        behind = np.abs(asked - q) + 0.5 * np.abs(speed) * braking[:, None]
        # then the drives follow, or the arm is held up and its command comes back
        way = behind + 0.5 * np.abs(speed) * SETTLE_S
        still = np.maximum(SETTLE_S, 2.0 * np.sqrt(behind / self.bounds.acceleration).max(axis=1))
        old = seen.human_age_s[there] + self.bounds.dt
        protective = self.person_mps * (old + braking + still) + way @ self.lever + self.clearance_m
        apart = (over_ground(self.body.at(q), seen.human[there]) - self.body.radius).min(axis=1)
        margin[there] = (apart - protective) / protective
        near = there & ~(margin >= 0)
        self.rest[seen.rows[~near]] = np.nan
        if np.count_nonzero(near):
            command, changed[near] = command.copy(), 1
            command[near, :-1] = self._wait(seen.part(near))
        return Certified(command, changed, margin, stop)

    def _wait(self, seen: Observation) -> Floats:
        """(n, nq) where the joints of n rows go while somebody is near."""
        rows, last, last_v = seen.rows, seen.last[:, :-1], seen.last_v
        behind, moving = np.abs(last - seen.q) @ self.lever, (np.abs(seen.dq) + np.abs(last_v)) @ self.lever
        # a free arm gets there in time
        held_up = (behind > TENSE_M) & (behind > moving * SETTLE_S) & np.isnan(self.rest[rows, 0])
        self.rest[rows[held_up]] = seen.q[held_up]
        back = self.rest[rows] - last
        slower = np.copysign(np.minimum(self.bounds.stoppable(np.abs(back)), np.abs(back) / self.bounds.dt), back)
        slower = np.where(np.isnan(back), braked(self.bounds, last_v), slower)
        way: Floats = last + self.bounds.reachable(slower, last, last_v) * self.bounds.dt
        return way
