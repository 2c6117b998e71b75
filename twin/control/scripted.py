"""`ScriptedPickPlace`: the lab script that every farm has. Look once, reach down, close, check the grip, carry, let go.

It misses for a cause: it looks at the object through a camera whose error is drawn once an episode, and reaches where it
believes the object to be. The fingers then meet the object, push it, or close on air.

A plan is nine knots per row (joints, opening, time); between knots the reference runs along a minimum-jerk profile (Flash and
Hogan 1985), so slow that no joint exceeds a share of its limits. The reference is the plan's own and never the measured arm:
each chunk goes on where the last one ended, whatever the latency, and ends exactly where it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.control.policy import Memory, PolicySpec, Wanted
from twin.control.spec import ScriptedPolicy
from twin.core.chance import Stream
from twin.core.records import Bools, Chunk, Floats, Observation
from twin.world.kinematics import Arm

HORIZON, REPLAN = 10, 1
START, ABOVE, REACH, CLOSED, LIFTED, OVER, LOW, OPEN, AWAY = range(9)
"""The knots of a plan: where the arm is at their times."""
TIME, DECIDED, PLANNED, ERROR, STATE = 0, 1, 2, slice(3, 6), 6
"""Columns of the memory `state`: s into the plan; whether the grip was checked; whether there is a plan; camera error, m."""

DOWN = np.diag((1.0, -1.0, -1.0))
"""The tool's attitude: z down, fingers along the base's y."""
CLEARANCE_M = 0.008
"""How much wider than half the object each finger opens."""
RAISE_M, DROP_M = 0.10, 0.008
"""Height of the ways above object and tray; height above its goal from which the object is let go."""
TIP_M = 0.014
"""The tool point stays this high above what the object stands on: 9 mm of finger and some air."""
SHARE = 0.35
"""Share of a joint's velocity and acceleration limit used at full speed."""
APPROACH_S, SETTLE_S, RELEASE_S = 1.5, 0.4, 0.5
"""Shortest time of a way down or up; from closing to a trustworthy grip reading; for the fingers to let go."""
STRAY_RAD = 0.35
"""A measured joint further from the reference than this, beyond what a chunk's travel explains, makes the script wait."""
MISS_M = 0.005
"""A knot that the arm cannot reach this closely is not tried."""


class ScriptedPickPlace:
    """Picks the object where the camera shows it and puts it down so that its centre comes to `goal` (3,) m (base frame).

    `object_m` is the object's edge. Rows whose observation is not finite hold still (at first: at home) until it is.
    """

    def __init__(self, arm: Arm, goal: Floats, spec: ScriptedPolicy, object_m: float, period_s: float) -> None:
        self.arm, self.object_m, self.period_s = arm, float(object_m), float(period_s)
        self.error_m, self.version = 1e-3 * spec.perception_error_mm, spec.version
        self._velocity = arm.velocity * (SHARE * spec.speed)
        self._acceleration = arm.acceleration * (SHARE * spec.speed**2)
        self._unhurried_s = APPROACH_S / spec.speed
        self._ticks = self.period_s * np.arange(1, HORIZON + 1)
        self._stray = STRAY_RAD + HORIZON * self.period_s * self._velocity
        self._rest = np.append(arm.home, self.object_m + 2 * CLEARANCE_M)
        self._seeds, self._seen_from = _seeds(arm)
        low = _raised(np.array(goal, dtype=np.float64), DROP_M)
        self._tray, self._tray_reached = self._reach(np.stack((_raised(low, RAISE_M), low)))

    def spec(self) -> PolicySpec:
        """Joints and grip every tick, the object once an episode."""
        hz = 1.0 / self.period_s
        seen = {"q": Wanted((self.arm.nq,), hz), "grip": Wanted((), hz), "object": Wanted((3,), 0.0)}
        return PolicySpec(seen, self.arm.nq + 1, HORIZON, REPLAN, self.version)

    def memory(self, n: int) -> Memory:
        """`plan` (n, 9, nq + 2): joints, opening and time of each knot; `state` (n, 6); `last` (n, nq + 1) command issued."""
        nq = self.arm.nq
        return {"plan": np.zeros((n, AWAY + 1, nq + 2)), "state": np.zeros((n, STATE)), "last": np.zeros((n, nq + 1))}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Stream]) -> None:
        """Forget the last episode and draw the camera error; where the object cannot be seen, the plan waits for `act`."""
        error = self.error_m * np.array([stream.standard_normal(3) for stream in streams]).reshape(-1, 3)
        error[:, 2] *= 0.2
        memory["plan"][:] = 0.0
        memory["state"][:] = 0.0
        memory["state"][:, ERROR] = error
        well = _well(seen)
        memory["last"][:] = np.where(well[:, None], np.column_stack((seen.q, seen.grip)), self._rest)
        self._plan(memory, seen, well & np.isfinite(seen.object).all(axis=1))

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """The next ten periods of each row's plan; rows that are lost or blind repeat their last command."""
        state, last = memory["state"], memory["last"]
        well = _well(seen)
        if not state[:, PLANNED].all():
            self._begin_late(memory, seen, well)
        near = (np.abs(seen.q - last[:, :-1]) <= self._stray).all(axis=1)
        going = well & near & (state[:, PLANNED] > 0)
        self._check_grip(memory, seen, going)
        plan = memory["plan"]
        until = np.where(state[:, DECIDED] > 0, plan[:, AWAY, -1], plan[:, CLOSED, -1])
        times = np.minimum(state[:, TIME, None] + self._ticks, until[:, None])
        actions = _along(plan, times)
        still = ~going
        if still.any():
            actions[still] = last[still, None]
            times[still] = state[still, TIME, None]
        state[:, TIME] = times[:, -1]
        last[:] = actions[:, -1]
        return Chunk(actions, going & (state[:, DECIDED] > 0) & (state[:, TIME] >= plan[:, AWAY, -1]))

    def _begin_late(self, memory: Memory, seen: Observation, well: Bools) -> None:
        """Plan for rows that could not see when their episode began."""
        blind = memory["state"][:, PLANNED] == 0
        ready = blind & well & np.isfinite(seen.object).all(axis=1)
        memory["last"][ready] = np.column_stack((seen.q, seen.grip))[ready]
        self._plan(memory, seen, ready)

    def _plan(self, memory: Memory, seen: Observation, rows: Bools) -> None:
        """Nine knots for `rows` from where the camera shows the object; where it is out of reach, the plan is to stay."""
        at = np.flatnonzero(rows)
        if not len(at):
            return
        nq, target = self.arm.nq, seen.object[at] + memory["state"][at, ERROR]
        target[:, 2] = np.maximum(target[:, 2], seen.object[at, 2] - 0.5 * self.object_m + TIP_M)
        ways, reached = self._reach(np.concatenate((_raised(target, RAISE_M), target)))
        above, reach = ways[: len(at)], ways[len(at) :]
        over, low = self._tray
        plan = np.zeros((len(at), AWAY + 1, nq + 2))
        plan[:, START, :-1] = memory["last"][at]
        plan[:, (ABOVE, LIFTED), :nq], plan[:, (REACH, CLOSED), :nq] = above[:, None], reach[:, None]
        plan[:, (OVER, AWAY), :nq], plan[:, (LOW, OPEN), :nq] = over, low
        plan[:, (ABOVE, REACH, OPEN, AWAY), nq] = self.object_m + 2 * CLEARANCE_M
        can = reached[: len(at)] & reached[len(at) :] & self._tray_reached.all()
        plan[~can, 1:, :-1] = plan[~can, :1, :-1]
        self._time(plan)
        plan[~can, :, -1] = 0.0
        memory["plan"][at] = plan
        memory["state"][at, PLANNED] = 1.0
        memory["state"][at, DECIDED] = ~can

    def _time(self, plan: Floats) -> None:
        """Give each knot its time: no joint beyond its share of velocity (peak 15/8 of the mean) or acceleration (5.77)."""
        way = np.abs(np.diff(plan[:, :, :-2], axis=1))
        seconds = np.maximum(1.875 * way / self._velocity, np.sqrt(10.0 / np.sqrt(3.0) * way / self._acceleration)).max(axis=2)
        for up_or_down in (ABOVE, CLOSED, OVER, OPEN):
            seconds[:, up_or_down] = np.maximum(seconds[:, up_or_down], self._unhurried_s)
        seconds[:, REACH] = SETTLE_S + 2 * HORIZON * self.period_s
        seconds[:, LOW] = RELEASE_S
        plan[:, 1:, -1] = np.cumsum(seconds, axis=1)

    def _check_grip(self, memory: Memory, seen: Observation, going: Bools) -> None:
        """Once the fingers had time to close: on something, or on air? On air the script lifts, opens and gives up."""
        state, plan = memory["state"], memory["plan"]
        ready = plan[:, REACH, -1] + SETTLE_S + HORIZON * self.period_s
        due = going & (state[:, DECIDED] == 0) & (state[:, TIME] >= ready)
        if not due.any():
            return
        state[due, DECIDED] = 1.0
        empty = np.flatnonzero(due & (seen.grip < 0.5 * self.object_m))
        if len(empty):
            end = plan[empty, LIFTED]
            end[:, -2] = plan[empty, ABOVE, -2]
            plan[empty, OVER:] = end[:, None]
            plan[empty, LIFTED, -2] = end[:, -2]

    def _reach(self, points: Floats) -> tuple[Floats, Bools]:
        """Joints (n, nq) that bring the tool to points (n, 3), pointing down, and whether they do."""
        far = ((points[:, None] - self._seen_from) ** 2).sum(axis=2)
        q, miss = self.arm.reach(points, DOWN, self._seeds[far.argmin(axis=1)], rounds=3)
        return q, miss < MISS_M


def _well(seen: Observation) -> Bools:
    """(n,) whether what a row measures of itself is finite."""
    return np.isfinite(seen.q).all(axis=1) & np.isfinite(seen.grip)


def _raised(points: Floats, height: float) -> Floats:
    """Points (…, 3) lifted by `height` m."""
    up = points.copy()
    up[..., 2] += height
    return up


def _along(plan: Floats, times: Floats) -> Floats:
    """Commands (n, H, nq + 1) of plans (n, K, nq + 2) at times (n, H): joints along the profile, the opening at once."""
    segment = (times[:, :, None] > plan[:, None, 1:-1, -1]).sum(axis=2)
    flat: Any = segment + (plan.shape[1] * np.arange(len(plan)))[:, None]
    knots = plan.reshape(-1, plan.shape[2])
    start, end = knots[flat], knots[flat + 1]
    span = end[..., -1] - start[..., -1]
    u = (times - start[..., -1]) / np.where(span > 0, span, 1.0)
    s = u * u * u * (10.0 + u * (6.0 * u - 15.0))
    actions: Floats = end[..., :-1]
    moved: Floats = start[..., :-2] + s[..., None] * (end[..., :-2] - start[..., :-2])
    actions[..., :-1] = moved
    return actions


def _seeds(arm: Arm) -> tuple[Floats, Floats]:
    """Joint vectors (k, nq) that point the tool down all over the arm's reach, and their tool points (k, 3).

    From the nearest of them three Newton steps reach a tenth of a micrometre, and the same point always the same way.
    """
    away = float(np.linalg.norm(arm.fk(arm.home[None])[0][0, :2]))
    ahead, aside = np.arange(0.1, 2.0 * away, 0.04), np.arange(-1.5 * away, 1.5 * away, 0.04)
    points = np.stack(np.meshgrid(ahead, aside, (0.02, 0.12), indexing="ij"), axis=-1).reshape(-1, 3)
    q, miss = arm.reach(points, DOWN, np.repeat(arm.home[None], len(points), axis=0), rounds=20)
    good = miss < 1e-6
    return q[good], arm.fk(q[good])[0]
