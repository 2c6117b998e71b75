"""`MujocoWorld`: rows of one cell model on `mujoco.batch.Batch`.

Kept thin, because at 64 rows everything that is not the engine must fit into a fifth of a tick. What is derived (tool point,
finger forces) is copied out of the batch after each call, for the rows of that call only: the batch's own arrays hold another
row's values elsewhere. Derived values describe the state before the last physics step, joints and object the state after it.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import xxhash
from mujoco.batch import Batch, SimulationError

from twin.core.records import Bools, Floats, Observation, Rows, Truth
from twin.world.base import Start
from twin.world.cell import CellModel

_NONE = int(mujoco.mjtStage.mjSTAGE_NONE)
_TOUCH_N = 0.2
"""A finger that feels less than this (N) does not hold anything."""


def _quiet() -> None:
    """A row that fails says so in `status`: keep the engine from printing it and from leaving MUJOCO_LOG.TXT behind."""
    config = mujoco.MjLogConfig.get()
    config.logto_console = config.logto_file = False
    config.set()


class MujocoWorld:
    """n rows of a cell on real physics, stepped by `threads` threads (which change no bit of the result).

    A row fails, and is not stepped again before its next reset, when its command is not finite, the engine warns (bad
    position, velocity, acceleration or control; a full arena) or raises. `state` shows the engine's own array: never write it.
    """

    def __init__(self, model: CellModel, n: int, threads: int = 1) -> None:
        if n < 1 or threads < 1:
            raise ValueError(f"a world needs at least one row and one thread, got {n} and {threads}")
        self.cell = model
        self.n, self.nq, self.nu = n, model.nq, model.nq + 1
        self.step_us = model.step_us
        self.threads = threads
        _quiet()
        self._batch: Any = Batch(model.model, n, threads)
        self._qpos, self._qvel, self._ctrl = (self._batch.bind(name) for name in ("qpos", "qvel", "ctrl"))
        self._sensors = self._batch.bind("sensordata")
        self._warned = self._batch.warning[:, :, 1]
        offset, size = self._batch._component(mujoco.mjtState.mjSTATE_CTRL)
        self._kept = self._batch.state[:, : offset + size]  # what follows (applied forces, …) the twin never writes
        self._derived = np.zeros_like(self._sensors)
        self._void = np.zeros(n, dtype=np.bool_)
        self._any_void = False
        self._strength = np.ones((n, self.nq))
        self._friction = np.ones(n)
        self._power, self._brake = np.ones(n), np.ones((n, self.nq))
        self._scaled = self._braked = False

    def _index(self, rows: Rows) -> tuple[Any, Rows | None]:
        """How to index arrays of n rows by `rows`, and how to name them to the batch: slices where they are all of them."""
        return (slice(None), None) if len(rows) == self.n else (rows, rows)

    def reset(self, rows: Rows, start: Start) -> None:
        """Put rows into start states, at rest, undoing every field set by `set_field`."""
        if not len(rows):
            return
        cell, (index, ids) = self.cell, self._index(rows)
        if self._scaled:
            self._strength[index], self._friction[index] = 1.0, 1.0
            self._power[index], self._brake[index] = 1.0, 1.0
            self._write_fields(index)
        self._batch.reset(ids, stage=_NONE)
        self._qpos[index, cell.arm_q] = start.q
        self._qpos[index, cell.grip_q] = (0.5 * start.grip)[:, None]
        self._place(index, start.objects)
        self._ctrl[index, :-1], self._ctrl[index, -1] = start.q, start.grip
        self._void[index] = ~np.isfinite(self._qpos[index]).all(axis=1)
        self._run(self._batch.forward, index, ids)
        self._any_void = bool(self._void.any())

    def _place(self, index: Any, poses: Floats) -> None:
        qpos = self._qpos[index]
        self.cell.place(qpos, poses)
        self._qpos[index] = qpos

    def step(self, rows: Rows, command: Floats, steps: int) -> None:
        """Hold `command` (n, nu) for `steps` physics steps. Rows not named, and rows that failed, keep every bit."""
        if self._any_void or not np.isfinite(command).all():
            rows, command = self._able(rows, command)
        if not len(rows) or not steps:
            return
        index, ids = self._index(rows)
        self._ctrl[index] = command
        self._run(self._batch.step, index, ids, steps, _NONE)

    def _run(self, call: Any, index: Any, *arguments: Any) -> None:
        """Call the batch, copy out what it derived, note which rows failed."""
        try:
            call(*arguments)
        except SimulationError as error:
            self._void[error.ids] = self._any_void = True
        self._derived[index] = self._sensors[index]
        if self._warned.any():
            self._void |= self._warned.any(axis=1)
            self._any_void = True

    def _able(self, rows: Rows, command: Floats) -> tuple[Rows, Floats]:
        """The rows that can be stepped, with their commands; a command that is not finite voids its row."""
        bad = ~np.isfinite(command).all(axis=1)
        self._void[rows[bad]] = True
        self._any_void = True
        able = ~self._void[rows]
        return rows[able], command[able]

    def observe(self, rows: Rows) -> Observation:
        """What the sensors read now, without faults: copies."""
        cell, (index, _) = self.cell, self._index(rows)
        qpos = self._qpos[index]
        return Observation(
            q=qpos[:, cell.arm_q].copy(),
            dq=self._qvel[index, cell.arm_q].copy(),
            grip=qpos[:, cell.grip_q].sum(axis=1),
            tool=self._derived[index, :3].copy(),
            objects=cell.poses(qpos),
        )

    def truth(self, rows: Rows) -> Truth:
        """Ground truth: copies. Held: both fingers press on a thing, which is between them and not below them."""
        seen, cell = self.observe(rows), self.cell
        pads = self._derived[self._index(rows)[0], 3:].reshape(len(rows), cell.things, 2, 3)
        squared = (pads * pads).sum(axis=3)
        offset = seen.objects[:, :, :3] - seen.tool[:, None]
        between = (offset * offset).sum(axis=2) < cell.size_m**2
        level = np.abs(offset[:, :, 2]) < 0.75 * cell.size_m
        held = (squared.min(axis=2) > _TOUCH_N**2) & between & level
        force = np.sqrt(squared.max(axis=(1, 2), initial=0.0))
        return Truth(seen.q, seen.dq, seen.tool, seen.objects, held, force)

    def status(self, rows: Rows) -> Bools:
        """(n,) True where the physics of a row failed since its last reset."""
        return self._void[rows]

    def jac(self, rows: Rows) -> Floats:
        """(n, 6, nq) Jacobian of the tool point in the robot's base frame: linear rows first, then angular."""
        return self.cell.arm.jac(self._qpos[self._index(rows)[0], self.cell.arm_q])

    def set_field(self, rows: Rows, field: str, scale: Floats) -> None:
        """Scale a field (`FIELDS`) of rows against the nominal value; 1 restores it."""
        index = self._index(rows)[0]
        self._field(field)[index] = scale
        self._scaled = True
        self._braked |= field in ("power", "brake")
        self._write_fields(index)

    def _field(self, name: str) -> Floats:
        """The scales in force of a field, (n,) or (n, nq)."""
        known = {"actuator_strength": self._strength, "friction": self._friction, "power": self._power, "brake": self._brake}
        if name not in known:
            raise ValueError(f"unknown field {name!r} (fields: {', '.join(known)})")
        return known[name]

    def _write_fields(self, index: Any) -> None:
        """Write nominal × scale into the batch's model fields, which become per row on first use."""
        cell, model = self.cell, self.cell.model
        force = self._batch.expand("actuator_forcerange")
        power = self._power[index][:, None]
        force[index, cell.arm_q] = model.actuator_forcerange[cell.arm_q] * (self._strength[index] * power)[:, :, None]
        pair = self._batch.expand("pair_friction")
        share = np.where(cell.thing_pairs, self._friction[index][:, None], 1.0)
        pair[index] = model.pair_friction * share[:, :, None]
        if self._braked:  # without power brakes hold with the torque of the drives, and nothing carries the arm's weight
            loss, carried = self._batch.expand("dof_frictionloss"), self._batch.expand("body_gravcomp")
            loss[index, cell.arm_q] = (1.0 - power) * self._brake[index] * cell.arm.torque
            carried[index] = model.body_gravcomp * power

    def get_field(self, rows: Rows, field: str) -> Floats:
        """(n, nq) or (n, 1): the scale in force now, read back from the model fields that the engine steps with."""
        cell, index = self.cell, self._index(rows)[0]
        if field == "actuator_strength":
            own = self._batch.expanded("actuator_forcerange")
            if own is None:
                return np.ones((len(rows), self.nq))
            strength: Floats = own[index, cell.arm_q, 1] / cell.model.actuator_forcerange[cell.arm_q, 1]
            powered = self._power[index][:, None] > 0
            shown: Floats = np.where(powered, strength, self._strength[index])
            return shown
        if field == "friction":
            own = self._batch.expanded("pair_friction")
            if own is None:
                return np.ones((len(rows), 1))
            pair = cell.thing_pairs[0]
            friction: Floats = own[index, pair, :1] / cell.model.pair_friction[pair, 0]
            return friction
        found: Floats = self._field(field)[index]
        return found.reshape(len(rows), -1).copy()

    def fields_digest(self, rows: Rows) -> bytes:
        """A hash of everything `set_field` can change, to prove that faults were undone."""
        index = self._index(rows)[0]
        parts = []
        for name in ("actuator_forcerange", "pair_friction", "dof_frictionloss", "body_gravcomp"):
            nominal, own = getattr(self.cell.model, name), self._batch.expanded(name)
            values = np.broadcast_to(nominal, (len(rows), *nominal.shape)) if own is None else own[index]
            parts.append(values.tobytes())
        return xxhash.xxh3_128_digest(b"".join(parts))

    def state(self, rows: Rows) -> Floats:
        """(n, k) C-contiguous: the engine's integration state. With all rows it is the live array, not a copy."""
        state: Floats = self._batch.state
        return state if len(rows) == self.n else state[rows]

    def snapshot(self) -> dict[str, Any]:
        """Plain arrays from which `restore` goes on bit for bit."""
        return {
            "state": self._kept.copy(),
            "warning": self._batch.warning.copy(),
            "derived": self._derived.copy(),
            "void": self._void.copy(),
            "strength": self._strength.copy(),
            "friction": self._friction.copy(),
            "power": self._power.copy(),
            "brake": self._brake.copy(),
        }

    def restore(self, snapshot: dict[str, Any]) -> None:
        """The inverse of `snapshot`, on a world built from the same cell model and n."""
        self._kept[:] = snapshot["state"]
        self._batch.warning[:] = snapshot["warning"]
        self._derived[:] = snapshot["derived"]
        self._void[:] = snapshot["void"]
        self._any_void = bool(self._void.any())
        self._strength[:] = snapshot["strength"]
        self._friction[:] = snapshot["friction"]
        self._power[:], self._brake[:] = snapshot["power"], snapshot["brake"]
        self._braked |= bool((self._power != 1).any() or (self._brake != 1).any())
        self._scaled |= self._braked or bool((self._strength != 1).any() or (self._friction != 1).any())
        if self._scaled:
            self._write_fields(slice(None))

    def close(self) -> None:
        """Let the batch and its threads go; the world is of no use afterwards."""
        self._qpos = self._qvel = self._ctrl = self._sensors = self._warned = self._kept = None
        self._batch = None

    def __getstate__(self) -> dict[str, Any]:
        """A batch does not pickle: the cell, the sizes and a snapshot do."""
        return {"cell": self.cell, "n": self.n, "threads": self.threads, "snapshot": self.snapshot()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["cell"], state["n"], state["threads"])  # type: ignore[misc]
        self.restore(state["snapshot"])
