"""`Scripted`: the lab scripts that every farm has. Look once, follow the route of the task, check the grip on the way.

They miss for a cause: they look at the things through a camera whose error is drawn once an episode, and reach where they
believe them to be. The fingers then meet the object, push it, or close on air.

A plan is a row's knots (joints, opening, time); between knots the reference runs along a minimum-jerk profile (Flash and Hogan
1985), so slow that no joint exceeds a share of its limits. The reference is the plan's own and never the measured arm: each
chunk goes on where the last one ended, whatever the latency, and ends exactly where it should. What a stop dropped is done
after it, from where the plan was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.control.policy import Memory, PolicySpec, Wanted
from twin.control.scripts import CLEARANCE_M, CLOSE, GENTLY, RELEASE, SLOWLY, Route, scripts_of
from twin.control.spec import ScriptedPolicy
from twin.core.chance import Stream
from twin.core.compiled import compiled
from twin.core.records import Bools, Chunk, Floats, Ints, Observation
from twin.world.cell import CellModel
from twin.world.kinematics import Arm

HORIZON, REPLAN = 10, 1
START, ABOVE, REACH, CLOSED, LIFTED = range(5)
"""The first knots of a plan that grips: where the arm is at their times."""
TIME, DECIDED, PLANNED, ERROR, WIDTH, STATE = 0, 1, 2, slice(3, 6), 6, 7
"""Columns of the memory `state`: s into the plan; whether the grip was checked; whether there is a plan; camera error, m; what
the fingers should feel, m."""

DOWN = np.diag((1.0, -1.0, -1.0))
"""The tool's attitude: z down, fingers along the base's y."""
SHARE = 0.35
"""Share of a joint's velocity and acceleration limit used at full speed."""
APPROACH_S, PIECE_S = 1.5, 0.6
"""Shortest time of a way down or up, and of a piece of a push or pull, at full speed."""
SETTLE_S, RELEASE_S = 0.4, 0.5
"""From closing to a trustworthy grip reading; for the fingers to let go."""
STRAY_RAD = 0.35
"""A measured joint further from the reference than this, beyond what a chunk's travel explains, makes the script wait."""
MISS_M = 0.005
"""A knot that the arm cannot reach this closely is not tried."""


class Scripted:
    """Does every task of a cell model by its script. Rows whose observation is not finite hold still (at first: at home) until
    it is."""

    def __init__(self, cell: CellModel, spec: ScriptedPolicy, period_s: float) -> None:
        arm = self.arm = cell.arm
        self.things, self.period_s = cell.things, float(period_s)
        self.scripts = scripts_of(cell)
        self.error_m, self.version = 1e-3 * spec.perception_error_mm, spec.version
        self._velocity = arm.velocity * (SHARE * spec.speed)
        self._acceleration = arm.acceleration * (SHARE * spec.speed**2)
        self._least_s = {GENTLY: APPROACH_S / spec.speed, SLOWLY: PIECE_S / spec.speed}
        self._stands_s = {CLOSE: SETTLE_S + 2 * HORIZON * self.period_s, RELEASE: RELEASE_S}
        self._ticks: Floats = np.arange(1, HORIZON + 1) * np.float64(period_s)
        self._stray = STRAY_RAD + HORIZON * self.period_s * self._velocity
        self._rest = np.append(arm.home, min(cell.width_m.max() + 2 * CLEARANCE_M, cell.stroke_m))
        self._seeds, self._seen_from = _seeds(arm)
        nowhere = np.zeros((1, self.things, 7)), np.zeros((1, 3)), np.zeros((1, 3))
        self.knots = 1 + max(len(script(*nowhere).visit) for script in self.scripts)
        """Of the longest plan; shorter ones end early."""

    def spec(self) -> PolicySpec:
        """Joints and grip every tick, the things once an episode."""
        hz = 1.0 / self.period_s
        seen = {"q": Wanted((self.arm.nq,), hz), "grip": Wanted((), hz), "objects": Wanted((self.things, 7), 0.0)}
        return PolicySpec(seen, self.arm.nq + 1, HORIZON, REPLAN, self.version)

    def memory(self, n: int) -> Memory:
        """`plan` (n, knots, nq + 2): joints, opening and time of each knot; `state` (n, 7); `last` (n, nq + 1) sent."""
        nq = self.arm.nq
        return {"plan": np.zeros((n, self.knots, nq + 2)), "state": np.zeros((n, STATE)), "last": np.zeros((n, nq + 1))}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Stream]) -> None:
        """Forget the last episode and draw the camera error. Plans are made in `act`, for all rows that set out together."""
        error = self.error_m * np.array([stream.standard_normal(3) for stream in streams]).reshape(-1, 3)
        error[:, 2] *= 0.2
        memory["plan"][:] = 0.0
        memory["state"][:] = 0.0
        memory["state"][:, ERROR] = error
        well = _well(seen)
        memory["last"][:] = np.where(well[:, None], np.column_stack((seen.q, seen.grip)), self._rest)

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """The next ten periods of each row's plan; rows that are lost or blind repeat their last command."""
        state, last = memory["state"], memory["last"]
        well = _well(seen)
        if not state[:, PLANNED].all():
            self._set_out(memory, seen, well)
        if seen.unplayed.any():
            self._go_back(memory, np.flatnonzero((seen.unplayed > 0) & (state[:, PLANNED] > 0)), seen.unplayed)
        near = np.abs(seen.q - last[:, :-1]) <= self._stray
        going = well & np.logical_and.reduce(near, axis=1) & (state[:, PLANNED] > 0)
        self._check_grip(memory, seen, going)
        actions, done = np.empty((len(last), HORIZON, last.shape[1])), np.zeros(len(last), bool)
        _ahead(memory["plan"], going, self._ticks, state, last, actions, done)
        return Chunk(actions, done)

    def _set_out(self, memory: Memory, seen: Observation, well: Bools) -> None:
        """Plan for rows that have no plan and see all there is to see."""
        ready = (memory["state"][:, PLANNED] == 0) & well & _sees(seen)
        memory["last"][ready] = np.column_stack((seen.q, seen.grip))[ready]
        self._plan(memory, seen, ready)

    def _go_back(self, memory: Memory, rows: Ints, ticks: Ints) -> None:
        """Rows of whose plan so many `ticks` (n,) were never played are where they were before those."""
        for row in rows:
            state = memory["state"][row]
            state[TIME] = max(0.0, state[TIME] - ticks[row] * self.period_s)
            _along(memory["plan"][row], state[TIME], memory["last"][row])

    def _plan(self, memory: Memory, seen: Observation, rows: Bools) -> None:
        """Each row's task by its script."""
        for number, script in enumerate(self.scripts):
            at = np.flatnonzero(rows & (seen.task == number))
            if len(at):
                self._follow(memory, at, script(seen.objects[at], memory["state"][at, ERROR], seen.goal[at]))

    def _follow(self, memory: Memory, at: Any, route: Route) -> None:
        """Knots for the rows `at` from their route; where a point of it is out of reach, the plan is to stay."""
        nq, last = self.arm.nq, 1 + len(route.visit)
        ways, reached = self._reach(route.points.reshape(-1, 3))
        plan = np.zeros((len(at), self.knots, nq + 2))
        plan[:, START, :-1] = memory["last"][at]
        plan[:, 1:last, :nq] = ways.reshape(len(at), -1, nq)[:, route.visit]
        plan[:, 1:last, nq] = route.opening
        plan[:, last:, :-1] = plan[:, last - 1 : last, :-1]
        can = reached.reshape(len(at), -1).all(axis=1)
        plan[~can, 1:, :-1] = plan[~can, :1, :-1]
        self._time(plan[:, :last], route.pace)
        plan[:, last:, -1] = plan[:, last - 1 : last, -1]
        plan[~can, :, -1] = 0.0
        memory["plan"][at] = plan
        memory["state"][at, PLANNED] = 1.0
        memory["state"][at, WIDTH] = route.width_m
        memory["state"][at, DECIDED] = ~can | (route.width_m == 0)

    def _time(self, plan: Floats, pace: Sequence[int]) -> None:
        """Give each knot its time: no joint beyond its share of velocity (peak 15/8 of the mean) or acceleration (5.77)."""
        way = np.abs(np.diff(plan[:, :, :-2], axis=1))
        seconds = np.maximum(1.875 * way / self._velocity, np.sqrt(10.0 / np.sqrt(3.0) * way / self._acceleration)).max(axis=2)
        for knot, how in enumerate(pace):
            if how in self._stands_s:
                seconds[:, knot] = self._stands_s[how]
            elif how in self._least_s:
                seconds[:, knot] = np.maximum(seconds[:, knot], self._least_s[how])
        plan[:, 1:, -1] = np.cumsum(seconds, axis=1)

    def _check_grip(self, memory: Memory, seen: Observation, going: Bools) -> None:
        """Once the fingers had time to close: on something, or on air? On air the script lifts, opens and gives up."""
        state, plan = memory["state"], memory["plan"]
        ready = plan[:, REACH, -1] + SETTLE_S + HORIZON * self.period_s
        due = going & (state[:, DECIDED] == 0) & (state[:, TIME] >= ready)
        if not due.any():
            return
        state[due, DECIDED] = 1.0
        empty = np.flatnonzero(due & (seen.grip < 0.5 * state[:, WIDTH]))
        if len(empty):
            end = plan[empty, ABOVE]
            end[:, -1] = plan[empty, CLOSED, -1] + plan[empty, REACH, -1] - end[:, -1]
            plan[empty, LIFTED:] = end[:, None]

    def _reach(self, points: Floats) -> tuple[Floats, Bools]:
        """Joints (n, nq) that bring the tool to points (n, 3), pointing down, and whether they do."""
        far = ((points[:, None] - self._seen_from) ** 2).sum(axis=2)
        q, miss = self.arm.reach(points, DOWN, self._seeds[far.argmin(axis=1)], rounds=3)
        return q, miss < MISS_M


def _well(seen: Observation) -> Bools:
    """(n,) whether what a row measures of itself is finite."""
    return np.isfinite(seen.q).all(axis=1) & np.isfinite(seen.grip)


def _sees(seen: Observation) -> Bools:
    """(n,) whether the camera shows every thing."""
    sees: Bools = np.logical_and.reduce(np.isfinite(seen.objects), axis=(1, 2))
    return sees


@compiled
def _ahead(plan: Floats, going: Bools, ticks: Floats, state: Floats, last: Floats, actions: Floats, done: Bools) -> None:
    """Commands (n, H, nq + 1) of the next `ticks` (H,) s, and who comes to the end of the plan (n, K, nq + 2) with them."""
    for i in range(len(plan)):
        if not going[i]:
            actions[i] = last[i]
            continue
        until = plan[i, -1, -1] if state[i, DECIDED] > 0 else plan[i, CLOSED, -1]
        began = state[i, TIME]
        for h in range(len(ticks)):
            state[i, TIME] = min(began + ticks[h], until)
            _along(plan[i], state[i, TIME], actions[i, h])
        last[i] = actions[i, -1]
        done[i] = state[i, DECIDED] > 0 and state[i, TIME] >= plan[i, -1, -1]


@compiled
def _along(plan: Floats, time: float, out: Floats) -> None:
    """Where a plan (K, nq + 2) is at a time: joints along the profile, the opening at once."""
    k = 0
    while k < len(plan) - 2 and time > plan[k + 1, -1]:
        k += 1
    start, end = plan[k], plan[k + 1]
    span = end[-1] - start[-1]
    u = (time - start[-1]) / (span if span > 0 else 1.0)
    s = u * u * u * (10.0 + u * (6.0 * u - 15.0))
    for j in range(len(out) - 1):
        out[j] = start[j] + s * (end[j] - start[j])
    out[-1] = end[-2]


def _seeds(arm: Arm) -> tuple[Floats, Floats]:
    """Joint vectors (k, nq) that point the tool down all over the arm's reach, and their tool points (k, 3).

    From the nearest of them three Newton steps reach a tenth of a micrometre, and the same point always the same way.
    """
    away = float(np.linalg.norm(arm.fk(arm.home[None])[0][0, :2]))
    ahead, aside = np.arange(0.1, 2.0 * away, 0.04), np.arange(-1.5 * away, 1.5 * away, 0.04)
    points = np.stack(np.meshgrid(ahead, aside, (0.02, 0.12), indexing="ij"), axis=-1).reshape(-1, 3)
    q, miss = arm.reach(points, DOWN, np.repeat(arm.home[None], len(points), axis=0), rounds=20)
    good = miss < 1e-4
    return q[good], arm.fk(q[good])[0]
