"""`PybulletWorld`: rows of one cell model on PyBullet, a client each.

A snapshot is where each row's episode began and all that was done to it since: Bullet's own saved state is exact only in the
client that saved it (restored in another it is off by 5e-4), and what the solver remembers cannot be read. Restoring runs
each row again from there, which ends in the same bits; a row whose end differs from what was stored is void.
"""

from __future__ import annotations

import functools
import weakref
from typing import Any

import numpy as np
import xxhash

from twin.core.compiled import compiled
from twin.core.errors import InputError
from twin.core.records import Bools, Floats, Observation, Rows, Truth
from twin.world.base import FIELDS, PER_JOINT, Start
from twin.world.cell import CellModel
from twin.world.engines import CANNOT
from twin.world.grasp import felt
from twin.world.kinematics import point_of
from twin.world.pybullet.loaded import FINER, Parts
from twin.world.pybullet.row import Row
from twin.world.pybullet.servo import HOLD, Servos, Spans

MOST = 1000
"""Clients that PyBullet lets one process have."""


class PybulletWorld:
    """n rows of a cell on Bullet's physics; the drives follow MuJoCo's law (`servo.py`).

    A row fails, and is not stepped again before its next reset, when its command or state is not finite or Bullet refuses a
    call. Fields named in `CANNOT` are refused, except to say that they are nominal.
    """

    def __init__(self, model: CellModel, n: int) -> None:
        if n < 1:
            raise ValueError(f"a world needs at least one row, got {n}")
        if n > MOST:
            raise InputError(f"PyBullet steps at most {MOST} cells of one kind in a process, this farm has {n}")
        self.cell = model
        self.n, self.nq, self.nu = n, model.nq, model.nq + 1
        self.step_us = model.step_us
        mj = model.model
        self.parts = Parts(model)
        self._table: Floats = np.tile(np.concatenate((mj.qpos0, np.zeros(mj.nv + 1))), (n, 1))
        self._qpos, self._qvel = self._table[:, : mj.nq], self._table[:, mj.nq : mj.nq + mj.nv]
        self._q, self._dq = self._qpos[:, model.arm_q], self._qvel[:, model.arm_q]
        self._arms: Floats = np.zeros((n, 2 * self.nq))
        self._pads: Floats = np.zeros((n, 1 + model.things, 2, 3))
        self.rows = [Row(self.parts, *own) for own in zip(self._table, self._arms, self._pads, strict=True)]
        self._gone = weakref.finalize(self, _close, self.rows)
        self.servos = Servos(model, n)
        self._void = np.zeros(n, dtype=np.bool_)
        self._grip, self._tool, self._force = np.zeros(n), np.zeros((n, 3)), np.zeros((n, 3))
        self._objects: Floats = np.zeros((n, model.things, 7))
        self._held, self._pressed = np.zeros((n, model.things), np.bool_), np.zeros(n)
        rails = [[rail.q, *rail.at, *rail.axis] for rail in model.rails]
        self._sensed = (
            self._table, self._pads, mj.nq + mj.nv, model.arm.fixed, model.arm.zero, model.grip_q.start, model.object_q.start,
            np.array(rails).reshape(-1, 7), model.size_m, self._void, self._grip, self._tool, self._objects, self._force,
            self._held, self._pressed,
        )  # fmt: skip
        self._scales: dict[str, Floats] = {name: np.ones((n, self.nq if name in PER_JOINT else 1)) for name in FIELDS}
        self._range: Floats = mj.actuator_ctrlrange.T.copy()
        self._begun = Start.blank(n, self.nq, model.things)
        self._done: list[list[tuple[Any, ...]]] = [[] for _ in range(n)]
        everyone = np.arange(n, dtype=np.int32)
        poses = model.poses(np.tile(mj.qpos0, (n, 1)))
        self.reset(everyone, Start(np.tile(model.arm.home, (n, 1)), np.zeros(n), poses, np.zeros((n, 3))))

    def _at(self, rows: Rows) -> Any:
        """How to index arrays of n rows by `rows`: a slice, which is quicker, where they are all of them."""
        return slice(None) if len(rows) == self.n else rows

    def reset(self, rows: Rows, start: Start) -> None:
        """Put rows into start states, at rest, undoing every field set by `set_field`."""
        if not len(rows):
            return
        cell = self.cell
        for scale in self._scales.values():
            scale[rows] = 1.0
        qpos = np.tile(cell.model.qpos0, (len(rows), 1))
        qpos[:, cell.arm_q], qpos[:, cell.grip_q] = start.q, (0.5 * start.grip)[:, None]
        cell.place(qpos, start.objects)
        self._begun.put(rows, start)
        self._void[rows] = ~np.isfinite(qpos).all(axis=1)
        self._table[rows], self._pads[rows] = 0.0, 0.0
        self._qpos[rows] = qpos
        self.servos.reset(rows)
        for row, line in zip(rows, qpos, strict=True):
            self._done[row], self.rows[row].size = [], 1.0
            if not self._void[row]:
                self._obey(row, "build", line)
                self._drives(row)
        _sense(rows, 0.0, *self._sensed)

    def _obey(self, row: int, what: str, *arguments: Any) -> None:
        """Have a row do something; it fails where Bullet refuses."""
        try:
            getattr(self.rows[row], what)(*arguments)
        except self.rows[row].p.error:
            self._void[row] = True

    def _drives(self, row: int) -> None:
        """Give a row the law of its drives and its friction, as the scales in force have them."""
        arm, servos, of = self.cell.arm, self.servos, {name: scale[row] for name, scale in self._scales.items()}
        gain, power = of["actuator_gain"], float(of["power"][0])
        servos.stiffness[row], servos.damping[row], servos.carried[row] = arm.stiffness * gain, arm.damping * gain, power
        servos.limit[row] = arm.torque * (of["actuator_strength"] * gain * power)
        shut = (1.0 - power) * of["brake"]
        self._obey(row, "drag", self.parts.loss + (shut + of["joint_drag"] - 1.0) * arm.torque)
        self._obey(row, "rub", float(of["friction"][0]))

    def step(self, rows: Rows, command: Floats, steps: int) -> None:
        """Hold `command` (n, nu) for `steps` physics steps. Rows not named, and rows that failed, keep every bit."""
        asked = np.empty(command.shape)
        if not _ready(rows, self._void, command, self._range, asked):
            self._void[rows[~np.isfinite(command).all(axis=1)]] = True
            able = ~self._void[rows]
            rows, asked = rows[able], asked[able]
        if not len(rows) or not steps:
            return
        self._hold(rows, asked, steps)
        _sense(rows, 1e-6 * steps * self.step_us, *self._sensed)

    def _hold(self, rows: Rows, command: Floats, steps: int) -> None:
        """Step rows in as few holds as there can be, all about as long; row by row, so that a client stays in the cache."""
        servos, table, arms, nq = self.servos, self._table, self._arms, self.nq
        plans = _plans(FINER * steps, HOLD, 1e-6 * self.step_us / FINER)
        servos.plan(rows, 0, len(rows), table, self.cell.model.nq, command, plans[0][1], 2)
        put = servos.put[self._at(rows)].tolist()

        def planned(i: int, row: int, spans: Spans, played: int) -> Any:
            """What to keep in the next two holds of a row, from where its arm is by now."""
            self.rows[row].feel()
            servos.plan(rows, i, i + 1, arms, nq, command, spans, played)
            return servos.put[row].tolist()

        for i, (row, asked) in enumerate(zip(rows.tolist(), command.tolist(), strict=True)):
            self._done[row].append(("step", asked, steps))
            one, torques = self.rows[row], put[i]
            try:
                one.close_on(asked[-1])
                for k, ((first, second), spans) in enumerate(plans):
                    if k:
                        torques = planned(i, row, spans, 2)
                    one.go(torques[0], first)
                    if second and one.felt:
                        one.go(planned(i, row, (spans[1], 0.0), 1)[0], second)
                    elif second:
                        one.go(torques[1], second)
                one.read()
            except one.p.error:
                self._void[row] = True

    def _copies(self, rows: Rows, *arrays: Any) -> Any:
        """What arrays of n rows hold of some of them."""
        if len(rows) == self.n:
            return [array.copy() for array in arrays]
        return [array.take(rows, axis=0) for array in arrays]

    def observe(self, rows: Rows) -> Observation:
        """What the sensors read now, without faults: copies."""
        q, dq, grip, tool, objects, force = self._copies(
            rows, self._q, self._dq, self._grip, self._tool, self._objects, self._force
        )
        return Observation(q=q, dq=dq, grip=grip, tool=tool, objects=objects, force=force)

    def truth(self, rows: Rows) -> Truth:
        """Ground truth: copies. Held: both fingers press on a thing, which is between them and not below them."""
        return Truth(*self._copies(rows, self._q, self._dq, self._tool, self._objects, self._held, self._pressed))

    def status(self, rows: Rows) -> Bools:
        """(n,) True where the physics of a row failed since its last reset."""
        return self._void[rows]

    def jac(self, rows: Rows) -> Floats:
        """(n, 6, nq) Jacobian of the tool point in the robot's base frame: linear rows first, then angular."""
        return self.cell.arm.jac(self._q[rows])

    def set_field(self, rows: Rows, field: str, scale: Floats) -> None:
        """Scale a field (`FIELDS`) of rows against the nominal value; 1 restores it."""
        kept = self._known(field)
        values = np.broadcast_to(np.asarray(scale, np.float64).reshape(-1, kept.shape[1]), (len(rows), kept.shape[1]))
        if field in CANNOT["pybullet"] and (values != 1.0).any():
            raise ValueError(f"PyBullet cannot scale {field!r}: {CANNOT['pybullet'][field]}")
        kept[rows] = values
        for row, value in zip(rows.tolist(), values, strict=True):
            self._done[row].append(("field", field, value.tolist()))
            if field == "thing_size" and self.rows[row].size != value[0] and not self._void[row]:
                self._obey(row, "resize", float(value[0]))
            self._drives(row)
        _sense(rows, 0.0, *self._sensed)

    def _known(self, field: str) -> Floats:
        if field not in self._scales:
            raise ValueError(f"unknown field {field!r} (fields: {', '.join(self._scales)})")
        return self._scales[field]

    def get_field(self, rows: Rows, field: str) -> Floats:
        """(n, nq) or (n, 1): the scale in force now; of friction and size NaN where Bullet has another."""
        found = self._known(field)[rows]
        for i, row in enumerate(rows):
            if field == "friction":
                wanted, there = np.sqrt(self.parts.mu * found[i, 0]), self.rows[row].rubs()
            elif field == "thing_size":
                wanted, there = found[i, 0], self.rows[row].sizes()
            else:
                break
            if not np.allclose(there, wanted, rtol=1e-9, atol=0.0):
                found[i] = np.nan
        return found

    def fields_digest(self, rows: Rows) -> bytes:
        """A hash of everything `set_field` can change, as the rows and their clients have it."""
        parts = [repr((of.loss, of.rubs(), of.sizes())) for of in (self.rows[row] for row in rows)]
        return xxhash.xxh3_128_digest("\n".join(parts).encode() + self.servos.law(rows))

    def torque(self, rows: Rows) -> tuple[Floats, Floats]:
        """(n, nq) Nm that each drive gave in the last physics step, and what a sound one gives in the state after it."""
        arm = self.cell.arm
        q, dq = self._q[rows], self._dq[rows]
        asked = arm.stiffness * (self._asked(rows, q) - q) - arm.damping * dq
        return self.servos.given[rows], np.minimum(np.maximum(asked, -arm.torque), arm.torque)

    def _asked(self, rows: Rows, otherwise: Floats) -> Floats:
        """(n, nq) rad, the joint targets in force."""
        last = [next((done[1] for done in reversed(self._done[row]) if done[0] == "step"), None) for row in rows]
        return np.array([otherwise[i] if asked is None else asked[:-1] for i, asked in enumerate(last)])

    def effort(self, rows: Rows) -> Floats:
        """(n, nq) share of its torque limit that each drive gives."""
        return np.abs(self.servos.given[rows]) / self.cell.arm.torque

    def shift(self, rows: Rows, by: Floats) -> None:
        """Move the first thing of each row by `by` (n, 3) m and let it fall."""
        for row, way in zip(rows.tolist(), by, strict=True):
            self._obey(row, "shift", way)
            self._done[row].append(("shift", way.copy()))
        _sense(rows, 0.0, *self._sensed)

    def state(self, rows: Rows) -> Floats:
        """(n, k) C-contiguous: all of the next step's causes that Bullet tells; not what its solver remembers of the last."""
        return self._table if len(rows) == self.n else self._table[rows]

    def snapshot(self) -> dict[str, Any]:
        """How each row's episode began and what was done to it since, and the state that this led to."""
        everyone = np.arange(self.n, dtype=np.int32)
        return {
            "begun": self._begun.take(everyone),
            "done": [list(done) for done in self._done],
            "state": self._table.copy(),
            "void": self._void.copy(),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Run every row again from where its episode began; one that ends elsewhere than the snapshot says is void."""
        everyone = np.arange(self.n, dtype=np.int32)
        self.reset(everyone, snapshot["begun"])
        for row, done in enumerate(snapshot["done"]):
            one = everyone[row : row + 1]
            for what, *arguments in done:
                if what == "step":
                    self.step(one, np.array([arguments[0]]), arguments[1])
                elif what == "field":
                    self.set_field(one, arguments[0], np.array([arguments[1]]))
                else:
                    self.shift(one, arguments[0][None])
        same = np.array([a.tobytes() == b.tobytes() for a, b in zip(self._table, snapshot["state"], strict=True)])
        self._void[:] = snapshot["void"] | ~same

    def close(self) -> None:
        """Let the clients go; the world is of no use afterwards."""
        self._gone()

    def __getstate__(self) -> dict[str, Any]:
        """A client does not pickle: the cell, the size and a snapshot do."""
        return {"cell": self.cell, "n": self.n, "snapshot": self.snapshot()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["cell"], state["n"])  # type: ignore[misc]
        self.restore(state["snapshot"])


@functools.cache
def _plans(steps: int, most: int, step_s: float) -> list[tuple[tuple[int, int], Spans]]:
    """Steps in as few holds as there can be of at most so many, two by two (0 where there is none), and how long each is, s."""
    holds = -(-steps // most)
    lengths = [steps // holds + (i < steps % holds) for i in range(holds)] + [0] * (holds % 2)
    pairs = zip(lengths[::2], lengths[1::2], strict=True)
    return [((one, two), (step_s * one, step_s * two)) for one, two in pairs]


@compiled
def _ready(rows: Rows, void: Bools, command: Floats, range_: Floats, asked: Floats) -> bool:
    """Into `asked` the command, kept to its range; whether all of it is finite and no row failed."""
    ready = True
    for i in range(len(rows)):
        ready &= not void[rows[i]]
        for j in range(command.shape[1]):
            ready &= np.isfinite(command[i, j])
            asked[i, j] = min(max(command[i, j], range_[0, j]), range_[1, j])
    return ready


@compiled
def _sense(
    rows: Rows, seconds: float, table: Floats, pads: Floats, clock: int, fixed: Floats, zero: Floats, hand: int, free: int,
    rails: Floats, size: Floats, void: Bools, grip: Floats, tool: Floats, objects: Floats, force: Floats, held: Bools,
    pressed: Floats,
) -> None:  # fmt: skip
    """Put the clock of rows on, and out of their lines of the table (joints begin at column 0, fingers at `hand`, what lies
    free at `free`) work out what is observed and true. A row whose state is not finite is void."""
    nq, lying = len(zero), objects.shape[1] - len(rails)
    for row in rows:
        line = table[row]
        line[clock] += seconds
        for value in line:
            void[row] |= not np.isfinite(value)
        grip[row] = line[hand] + line[hand + 1]
        tool[row, 0], tool[row, 1], tool[row, 2] = point_of(fixed, zero, line[:nq])
        for a in range(3):
            force[row, a] = -(pads[row, 0, 0, a] + pads[row, 0, 1, a])
        for k in range(lying):
            for a in range(7):
                objects[row, k, a] = line[free + 7 * k + a]
        for k in range(len(rails)):
            for a in range(3):
                objects[row, lying + k, a] = rails[k, 1 + a] + line[int(rails[k, 0])] * rails[k, 4 + a]
                objects[row, lying + k, 4 + a] = 0.0
            objects[row, lying + k, 3] = 1.0
        one = slice(row, row + 1)
        felt(pads[one], objects[one], tool[one], size, held[one], pressed[one])


def _close(rows: list[Row]) -> None:
    for row in rows:
        row.close()
