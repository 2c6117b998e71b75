"""What filters promise, judged at every tick on ground truth and outside the filters: they may be absent, or the user's own.

Each promise is a margin: so much was left before it would have been broken (below zero: it is). A row is judged while it runs,
from its second tick on; what a stop does is judged by the stop. `docs/safety.md` says what each filter promises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from twin.control.safety.itself import Itself
from twin.control.safety.limits import Bounds
from twin.control.safety.persons import Persons
from twin.control.safety.watch import Watch
from twin.control.safety.yielding import Yielding
from twin.core.clock import US
from twin.core.records import Bools, Floats, Ints, Rows, Truth
from twin.world.spheres import Spheres

SLACK = 1e-3
"""Of a share: rounding, and limits that a data sheet rounds."""


class Tick(NamedTuple):
    """A control period of n rows. truth: when it began; before (n, nu), before_v (n, nq): what was sent a period ago; sent
    (n, nu); born_us (n,) when what the command rests on was observed; braked (n,) whether a filter that brakes changed it."""

    now_us: int
    rows: Rows
    truth: Truth
    before: Floats
    before_v: Floats
    sent: Floats
    born_us: Ints
    braked: Bools


class Promises:
    """The promises of some filters on a lane's n rows: which were broken, how often, and by what margin all were kept."""

    def __init__(
        self,
        specs: Mapping[str, Any],
        body: Spheres,
        bounds: Bounds,
        boxes: Mapping[str, Floats],
        persons: Persons,
        n: int,
        torque_share: float | None = None,
    ) -> None:
        """specs: a filter's spec by its kind, of those that are judged; boxes (2, 3) m: where the tool stays, by kind;
        torque_share: what a `torque` filter of the chain lets drives be asked for; None: there is none."""
        self.specs, self.bounds, self.arm, self.boxes, self.persons = dict(specs), bounds, body.arm, dict(boxes), persons
        self.yields = None if torque_share is None else Yielding(body.arm, torque_share, bounds, n)
        volumes = [v for kind in ("keep_out", "cbf") if kind in specs for v in specs[kind].volumes]
        table = any(specs[kind].table for kind in ("keep_out", "cbf") if kind in specs)
        corners = np.array([(v.low_m, v.high_m) for v in volumes], np.float64).reshape(-1, 2, 3)
        self.volumes, self.itself = Watch(body, corners, table, 0), Itself(body, 0)
        self.kinds = tuple(kind for kind in JUDGES if kind in specs)
        self.broken = dict.fromkeys(self.kinds, 0)
        """Row-ticks at which each was broken."""
        self.least = np.full((n, len(self.kinds)), np.inf)
        """The least margin of each row."""
        self.judged = 0
        """Row-ticks that were judged."""
        names = {kind: name for name, kind in BREACHES.items()}
        self.names = tuple(names.get(kind, f"{kind}_violation") for kind in self.kinds)
        self.told = np.zeros((n, len(self.kinds)), bool)
        """What the log was told of a row's episode."""
        self.ran, self.loud, self.late = (np.zeros(n, np.int64) for _ in range(3))
        self.speed, self.calm = np.zeros((n, self.arm.nq)), np.zeros(n, np.int64)
        """What was sent two periods ago, as a speed; ticks since something braked."""
        self.truth: Truth | None = None
        self.gave_way = 0
        """Row-ticks at which `torque` had to let a joint give way, so that it was excused from its limits."""
        self.forced: Bools = np.zeros(0, bool)

    def begin(self, row: int) -> None:
        """A row starts an episode."""
        self.told[row], self.ran[row], self.loud[row], self.late[row], self.calm[row] = False, 0, 0, 0, 0

    def judge(self, tick: Tick, running: Bools) -> Bools:
        """(n, kinds): which promises of `running` (n,) rows are broken at a tick."""
        self.ran[tick.rows] = np.where(running, self.ran[tick.rows] + 1, 0)
        counts = running & (self.ran[tick.rows] > 1)
        self.judged += int(np.count_nonzero(counts))
        out = np.zeros((len(tick.rows), len(self.kinds)), bool)
        for k, kind in enumerate(self.kinds):
            margin = JUDGES[kind](self, tick)
            out[:, k] = counts & ~(margin >= 0)
            self.least[tick.rows, k] = np.fmin(self.least[tick.rows, k], np.where(counts, margin, np.inf))
            self.broken[kind] += int(np.count_nonzero(out[:, k]))
        if self.yields is not None and "joint_limits" in self.specs:
            self.gave_way += int(np.count_nonzero(counts & self.forced))
            self.yields.owing[tick.rows[~running]] = False
        self.speed[tick.rows] = tick.before_v
        for counter in (self.loud, self.late, self.calm):
            counter[tick.rows[~running]] = 0  # a stop ends what was counted, as it does for filters
        return out

    def limits(self, tick: Tick) -> Floats:
        """Share of the limits of speed and acceleration that a command leaves, and rad to the end of a joint; of a joint that
        `torque` has to let give way, what is left to its end."""
        bounds, q, last = self.bounds, tick.sent[:, :-1], tick.before[:, :-1]
        v = (q - last) / bounds.dt
        speed, change = 1 + SLACK - np.abs(v) / bounds.velocity, 1 + SLACK - np.abs(v - tick.before_v) / bounds.gain
        least = np.minimum(speed, change)
        if self.yields is not None:
            least = self._yielding(self.yields, tick, v, least)
        ends = np.minimum(tick.truth.q - self.arm.limits[:, 0], self.arm.limits[:, 1] - tick.truth.q) + SLACK
        worst: Floats = np.minimum(least, ends).min(axis=1)
        return worst

    def _yielding(self, yields: Yielding, tick: Tick, v: Floats, least: Floats) -> Floats:
        """`least` (n, nq) at speeds `v`, where joints that `torque` lets give way, or that come back, owe something else."""
        rows, truth, last, dt = tick.rows, tick.truth, tick.before[:, :-1], self.bounds.dt
        low, high = yields.range(rows, last, tick.before_v)
        inside = SLACK + np.minimum(v - low, high - v) / self.bounds.gain
        least = np.where(yields.owing[rows], inside, least)
        forced = yields.excused(truth.q, truth.dq, tick.sent[:, :-1], last + low * dt, last + high * dt)
        yields.keep(rows, forced, tick.sent[:, :-1], v)
        self.forced = np.logical_or.reduce(forced, axis=1)
        out: Floats = np.where(forced, np.inf, least)
        return out

    def jerk(self, tick: Tick) -> Floats:
        """Share of the limit of jerk that a command leaves. After something has braked it counts again once a smooth stop would
        be over."""
        bounds, rows = self.bounds, tick.rows
        if bounds.jerk is None:
            return np.full(len(rows), np.inf)
        change = bounds.jerk * bounds.dt**2
        stop = math.ceil((bounds.velocity / bounds.gain + 2 * bounds.gain / change).max()) + 2
        self.calm[rows] = np.where(tick.braked, 0, self.calm[rows] + 1)
        v = (tick.sent[:, :-1] - tick.before[:, :-1]) / bounds.dt
        turn = np.abs(v - 2.0 * tick.before_v + self.speed[rows]) / change
        counts = (self.ran[rows] > 2) & ((self.calm[rows] > stop) | (self.calm[rows] == self.ran[rows]))
        least: Floats = 1 + SLACK - np.where(counts, turn.max(axis=1), 0.0)
        return least

    def workspace(self, tick: Tick, kind: str = "workspace_box") -> Floats:
        """How far (m) the tool is inside its box."""
        tool, (low, high) = tick.truth.tool, self.boxes[kind]
        inside: Floats = np.minimum.reduce(np.minimum(tool - low, high - tool), axis=1)
        return inside

    def keep_out(self, tick: Tick) -> Floats:
        """How far (m) the arm is from what it is kept out of."""
        return self.volumes.gaps(tick.truth.q)

    def apart(self, tick: Tick) -> Floats:
        """How far (m) the arm is from itself."""
        return self.itself.gaps(tick.truth.q)

    def all_three(self, tick: Tick) -> Floats:
        """The least of the three, of the last where it is asked for."""
        least: Floats = np.minimum(self.workspace(tick, "cbf"), self.keep_out(tick))
        return np.minimum(least, self.apart(tick)) if self.specs["cbf"].itself else least

    def contact(self, tick: Tick) -> Floats:
        """Ticks that a contact beyond the limits may last: the one in which it is felt."""
        spec = self.specs["contact"]
        loud: Bools = tick.truth.force > spec.force_N
        self.loud[tick.rows] = np.where(loud, self.loud[tick.rows] + 1, 0)
        left: Floats = np.subtract(1.0, self.loud[tick.rows])
        return left

    def separation(self, tick: Tick) -> Floats:
        """How far (m) what moves of the arm is beyond the clearance from a person."""
        apart = self.persons.apart(tick.rows, tick.now_us, tick.truth.q, tick.truth.dq)
        beyond: Floats = apart - self.specs["separation"].clearance_m
        return beyond

    def stale(self, tick: Tick) -> Floats:
        """Share of the allowed age left where a command speeds up a joint that `torque` does not have to let give way."""
        hold_s, dt = self.specs["stale"].hold_ms / 1000 + self.bounds.dt, self.bounds.dt
        q, last, most = tick.sent[:, :-1], tick.before[:, :-1], np.abs(tick.before_v) + 1e-6
        faster = np.abs(q - last) > most * dt
        if self.yields is not None:
            faster &= ~self.yields.excused(tick.truth.q, tick.truth.dq, q, last - most * dt, last + most * dt)
        fresh: Floats = np.where(faster.any(axis=1), 1.0 - (tick.now_us - tick.born_us) / US / hold_s, 1.0)
        return fresh

    def tracking(self, tick: Tick) -> Floats:
        """Ticks for which an arm may still be far from its command."""
        spec = self.specs["tracking"]
        off = np.abs(tick.truth.q - tick.before[:, :-1]).max(axis=1) > spec.error_rad
        self.late[tick.rows] = np.where(off, self.late[tick.rows] + 1, 0)
        allowed = 1.0 + math.ceil(spec.for_ms / 1000 / self.bounds.dt - 1e-9)
        left: Floats = np.subtract(allowed, self.late[tick.rows])
        return left

    def torque(self, tick: Tick) -> Floats:
        """Share of the torque that a drive may be asked for which is left."""
        left: Floats = 1.0 + SLACK - self._asked(tick).max(axis=1)
        return left

    def _asked(self, tick: Tick) -> Floats:
        """(n, nq): what each drive is asked for, as a share of what it may be asked for."""
        asked = np.abs(self.arm.stiffness * (tick.sent[:, :-1] - tick.truth.q) - self.arm.damping * tick.truth.dq)
        share: Floats = asked / (self.specs["torque"].share * self.arm.torque)
        return share


JUDGES: Mapping[str, Callable[[Promises, Tick], Floats]] = {
    "joint_limits": Promises.limits,
    "jerk": Promises.jerk,
    "workspace_box": Promises.workspace,
    "keep_out": Promises.keep_out,
    "cbf": Promises.all_three,
    "itself": Promises.apart,
    "contact": Promises.contact,
    "separation": Promises.separation,
    "stale": Promises.stale,
    "tracking": Promises.tracking,
    "torque": Promises.torque,
}
BREACHES: Mapping[str, str] = {
    "limits_violation": "joint_limits",
    "jerk_violation": "jerk",
    "keep_out_violation": "keep_out",
    "self_violation": "itself",
    "contact_violation": "contact",
    "stale_violation": "stale",
    "tracking_violation": "tracking",
    "torque_violation": "torque",
}
"""What a broken promise is called in the log, and whose it is; those of the tool, people and joints are judged always."""
UNITS: Mapping[str, str] = {
    "joint_limits": "of a limit", "jerk": "of the limit", "workspace_box": "m", "keep_out": "m", "cbf": "m", "itself": "m",
    "contact": "ticks", "separation": "m", "stale": "of the age", "tracking": "ticks", "torque": "of the torque",
}  # fmt: skip
"""Of each margin."""
