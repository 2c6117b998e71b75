"""`KinematicWorld`: a world without dynamics, to test a farm, a policy or a filter against in milliseconds.

What it does, exactly:
- Joints go straight to their command, as fast as the arm's velocity limit lets them over the period; the gripper at `GRIP_MPS`.
- A gripper that closes to a thing's width takes hold of it if it lies between the fingers: within half the free opening
  along their line of motion, within half its size across it and below or above the tool point. Else it closes on air.
- What is held moves with the tool point and keeps its turn; what slides on a rail follows along the rail only. It drops, at
  once, onto table or tray or what lies there, when the gripper opens wider than it, or while `friction` is below `SLIPPERY`.
- Fingers that are closed take along what lies in their way: seen from above, both are round.
- A drive scaled below `DEAD`, or without power, does not move; above it, its speed scales. Brakes always hold. There are no
  other contacts: the arm goes through all things.

Same protocol and the same conformance tests as `MujocoWorld`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xxhash

from twin.core.clock import US
from twin.core.records import Bools, Floats, Observation, Rows, Truth
from twin.world.base import FIELDS, PER_JOINT, Start
from twin.world.cell import CellModel
from twin.world.compose import GRIP_MPS

DEAD = 0.1
"""A drive with less than this share of its torque does not move its joint."""
TIP_M, CLOSED_M = 0.010, 0.010
"""Radius of closed fingers seen from above; with less than this between them they count as closed."""
G = 9.81
"""m/s²."""
JAM_N, TACK_N = 10.0, 2.0
"""What jams or sticks with less than this is taken, or let go, as if it did not."""
SLIPPERY = 0.5
"""With less than this share of its friction the object slips out of the fingers."""


def _finite(values: Floats) -> Bools:
    """(n,) rows without NaN or infinity."""
    finite: Bools = np.logical_and.reduce(np.isfinite(values), axis=1)
    return finite


class KinematicWorld:
    """n rows of a cell, each one line of a table: joints, their speed, opening, tool point and line of the fingers, the things'
    poses and whether each is held; failed, time.

    `held` is kept as 0 or 1, and what is held keeps its offset from the tool point. Rows are computed element by element, so
    that no row's bits depend on another.
    """

    def __init__(self, model: CellModel, n: int) -> None:
        if n < 1:
            raise ValueError(f"a world needs at least one row, got {n}")
        self.cell = model
        self.n, self.nq, self.nu = n, model.nq, model.nq + 1
        self.step_us = model.step_us
        nq, k = self.nq, model.things
        self._q, self._dq, self._grip = slice(0, nq), slice(nq, 2 * nq), 2 * nq
        self._tool, self._line = slice(2 * nq + 1, 2 * nq + 4), slice(2 * nq + 4, 2 * nq + 7)
        at = 2 * nq + 7
        self._poses, self._held = slice(at, at + 7 * k), slice(at + 7 * k, at + 8 * k)
        self._void, self._time = at + 8 * k, at + 8 * k + 1
        self._table: Floats = np.zeros((n, at + 8 * k + 2))
        self._columns: dict[str, slice] = {}
        for name in FIELDS:
            begins = max((columns.stop for columns in self._columns.values()), default=0)
            self._columns[name] = slice(begins, begins + (nq if name in PER_JOINT else 1))
        self._scale: Floats = np.ones((n, max(columns.stop for columns in self._columns.values())))

    def reset(self, rows: Rows, start: Start) -> None:
        """Put rows into start states, at rest, undoing every field set by `set_field`."""
        self._scale[rows] = 1.0
        table: Floats = np.zeros((len(rows), self._table.shape[1]))
        table[:, self._q], table[:, self._grip] = start.q, start.grip
        self._things(table)[:] = start.objects
        self._slide(table)
        self._place_tool(table)
        self._table[rows] = table
        self._fail(rows, ~_finite(table))

    def step(self, rows: Rows, command: Floats, steps: int) -> None:
        """Hold `command` (n, nu) for `steps` physics steps. Rows not named, and rows that failed, keep every bit."""
        self._fail(rows, ~(_finite(command) & _finite(self._table[rows])))
        able = self._table[rows, self._void] == 0
        rows, command = rows[able], command[able]
        if not len(rows) or not steps:
            return
        table, scale, period = self._table[rows], self._scale[rows], steps * self.step_us / US
        before = table[:, self._tool].copy()
        self._move_joints(table, scale, command[:, :-1], period)
        opening = table[:, self._grip].copy()
        wanted = np.clip(command[:, -1], 0.0, self.cell.stroke_m)
        table[:, self._grip] += np.clip(wanted - opening, -GRIP_MPS * period, GRIP_MPS * period)
        self._push(table, table[:, self._tool] - before)
        self._grasp(table, scale, opening)
        self._drop(table, scale)
        table[:, self._time] += period
        self._table[rows] = table

    def _fail(self, rows: Rows, bad: Bools) -> None:
        if bad.any():
            self._table[rows[bad], self._void] = 1.0

    def _move_joints(self, table: Floats, scale: Floats, asked: Floats, period: float) -> None:
        """Joints towards their commands; tool point and what it holds follow."""
        arm = self.cell.arm
        of = {name: scale[:, columns] for name, columns in self._columns.items()}
        strength = of["actuator_strength"] * of["actuator_gain"] * of["power"] - (of["joint_drag"] - 1.0)
        share = np.where(strength < DEAD, 0.0, np.minimum(strength, 1.0))
        step = share * arm.velocity * period
        move = np.clip(np.clip(asked, arm.limits[:, 0], arm.limits[:, 1]) - table[:, self._q], -step, step)
        table[:, self._q] += move
        table[:, self._dq] = move / period
        before = table[:, self._tool].copy()
        self._place_tool(table)
        places = self._things(table)[..., :3]
        places += table[:, self._held, None] * (table[:, self._tool] - before)[:, None]
        self._slide(table)

    def _place_tool(self, table: Floats) -> None:
        """Tool point and line on which the fingers move, from the joints."""
        table[:, self._tool], rotation = self.cell.arm.fk(table[:, self._q])
        table[:, self._line] = rotation[:, :, 1]

    def _slide(self, table: Floats) -> None:
        """What runs on a rail comes back to it."""
        things = self._things(table)
        for i, rail in enumerate(self.cell.rails, start=self.cell.things - len(self.cell.rails)):
            things[:, i, :3] = rail.points(rail.along(things[:, i, :3]))

    def _things(self, table: Floats) -> Floats:
        """(n, things, 7) a view of the poses in a table."""
        return table[:, self._poses].reshape(len(table), self.cell.things, 7)

    def _push(self, table: Floats, moved: Floats) -> None:
        """Closed fingers take an object along that they come into."""
        edge, objects = self.cell.object_m, self._things(table)[:, : self.cell.things - len(self.cell.rails), :3]
        offset = objects - table[:, None, self._tool]
        far = np.sqrt(offset[..., 0] ** 2 + offset[..., 1] ** 2)
        met = (far < TIP_M + 0.5 * edge) & (np.abs(offset[..., 2]) < 0.5 * edge)
        met &= (table[:, self._grip] < CLOSED_M)[:, None]
        met &= offset[..., 0] * moved[:, None, 0] + offset[..., 1] * moved[:, None, 1] > 0
        if met.any():
            objects[..., :2] += np.where(met[..., None], moved[:, None, :2], 0.0)

    def _grasp(self, table: Floats, scale: Floats, before: Floats) -> None:
        """Fingers that have just closed to a thing's width hold it if it is between them, unless it is jammed."""
        share, line = scale[:, self._columns["thing_size"]], table[:, None, self._line]
        width, size = self.cell.width_m * share, self.cell.size_m * share
        places = self._things(table)[..., :3]
        offset = places - table[:, None, self._tool]
        along = offset[..., 0] * line[..., 0] + offset[..., 1] * line[..., 1] + offset[..., 2] * line[..., 2]
        rest = offset - along[..., None] * line
        across = np.sqrt(rest[..., 0] ** 2 + rest[..., 1] ** 2)
        between = np.abs(along) <= 0.5 * (self.cell.stroke_m - width)
        near = between & (across <= 0.5 * size) & (np.abs(rest[..., 2]) <= 0.5 * size)
        grip, held = table[:, self._grip, None], table[:, self._held]
        taken = (before[:, None] > width) & (grip <= width) & near & ~(held == 1).any(axis=1)[:, None]
        taken &= scale[:, self._columns["jam"]] < 1.0 + JAM_N
        taken &= np.cumsum(taken, axis=1) == 1
        places -= np.where(taken, along, 0.0)[..., None] * line
        table[:, self._held] = np.where(taken, 1.0, held)
        stop = np.where(table[:, self._held] == 1, width, 0.0).max(axis=1, initial=0.0)
        table[:, self._grip] = np.maximum(table[:, self._grip], stop)

    def _drop(self, table: Floats, scale: Floats) -> None:
        """Let go where the gripper is open wider than the thing, which does not stick, or it is slippery; it falls at once."""
        of = {name: scale[:, self._columns[name]] for name in ("friction", "tack", "thing_size")}
        held, wide = table[:, self._held] == 1, table[:, self._grip, None] > self.cell.width_m * of["thing_size"]
        loose = held & ((wide & (of["tack"] < 1.0 + TACK_N)) | (of["friction"] < SLIPPERY))
        if not loose.any():
            return
        table[:, self._held] = np.where(loose, 0.0, table[:, self._held])
        places = self._things(table)[..., :3]
        for i in range(self.cell.things - len(self.cell.rails)):
            places[:, i, 2] = np.where(loose[:, i], self._ground(places, i), places[:, i, 2])

    def _ground(self, places: Floats, i: int) -> Floats:
        """(n,) m, where the centre of object i comes to rest: on table, tray, or an object below it."""
        edge, mine = self.cell.object_m, places[:, i]
        ground = self.cell.floor(mine)
        for other in (places[:, j] for j in range(places.shape[1]) if j != i):
            over = (np.abs(other[:, 0] - mine[:, 0]) < 0.5 * edge) & (np.abs(other[:, 1] - mine[:, 1]) < 0.5 * edge)
            below = over & (other[:, 2] < mine[:, 2])
            ground = np.where(below, np.maximum(ground, other[:, 2] + edge), ground)
        return ground

    def observe(self, rows: Rows) -> Observation:
        """What the sensors read now, without faults: copies."""
        table = self._table[rows]
        return Observation(
            q=table[:, self._q].copy(),
            dq=table[:, self._dq].copy(),
            grip=table[:, self._grip].copy(),
            tool=table[:, self._tool].copy(),
            objects=self._things(table).copy(),
            force=self._weight(table),
        )

    def _weight(self, table: Floats) -> Floats:
        """(n, 3) N of what hangs in the fingers; what slides on a rail does not."""
        objects = self._held.start + self.cell.things - len(self.cell.rails)
        force: Floats = np.zeros((len(table), 3))
        force[:, 2] = -G * self.cell.workcell.object_kg * table[:, self._held.start : objects].sum(axis=1)
        return force

    def truth(self, rows: Rows) -> Truth:
        """Ground truth: copies. There are no forces here: `force` is 0."""
        seen, held = self.observe(rows), self._table[rows][:, self._held] == 1
        return Truth(seen.q, seen.dq, seen.tool, seen.objects, held, np.zeros(len(rows)))

    def status(self, rows: Rows) -> Bools:
        """(n,) True where a command or state was not finite since the last reset."""
        failed: Bools = self._table[rows, self._void] == 1
        return failed

    def jac(self, rows: Rows) -> Floats:
        """(n, 6, nq) Jacobian of the tool point in the robot's base frame: linear rows first, then angular."""
        return self.cell.arm.jac(self._table[rows, self._q])

    def set_field(self, rows: Rows, field: str, scale: Floats) -> None:
        """Scale a field of rows against the nominal value; 1 restores it."""
        columns = self._column(field)
        self._scale[rows, columns] = np.asarray(scale, np.float64).reshape(-1, columns.stop - columns.start)

    def _column(self, field: str) -> slice:
        if field not in self._columns:
            raise ValueError(f"unknown field {field!r} (fields: {', '.join(self._columns)})")
        return self._columns[field]

    def get_field(self, rows: Rows, field: str) -> Floats:
        """(n, nq) or (n, 1): the scale in force now (1: nominal)."""
        scale: Floats = self._scale[rows, self._column(field)]
        return scale

    def fields_digest(self, rows: Rows) -> bytes:
        """A hash of everything `set_field` can change, to prove that faults were undone."""
        return xxhash.xxh3_128_digest(self._scale[rows].tobytes())

    def torque(self, rows: Rows) -> None:
        """There are no torques here."""
        return

    def effort(self, rows: Rows) -> Floats:
        """(n, nq) share of its speed limit at which each joint moves."""
        return np.abs(self._table[rows, self._dq]) / self.cell.arm.velocity

    def shift(self, rows: Rows, by: Floats) -> None:
        """Move the first thing of each row by `by` (n, 3) m and let it fall; what is held is let go."""
        table = self._table[rows]
        places = self._things(table)[..., :3]
        places[:, 0] += by
        table[:, self._held.start] = 0.0
        places[:, 0, 2] = self._ground(places, 0)
        self._table[rows] = table

    def state(self, rows: Rows) -> Floats:
        """(n, k) C-contiguous. With all rows it is the live table, not a copy."""
        return self._table if len(rows) == self.n else self._table[rows]

    def snapshot(self) -> dict[str, Any]:
        """Plain arrays from which `restore` goes on bit for bit."""
        return {"state": self._table.copy(), "scale": self._scale.copy()}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """The inverse of `snapshot`, on a world built from the same cell model and n."""
        self._table[:], self._scale[:] = snapshot["state"], snapshot["scale"]

    def close(self) -> None:
        """Nothing to let go of; here for symmetry with worlds that own threads."""
