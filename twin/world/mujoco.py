"""`MujocoWorld`: rows of one cell model on `mujoco.batch.Batch`.

Kept thin, because at 64 rows everything that is not the engine must fit into a fifth of a tick. What is derived (tool point,
finger forces) is copied out of the batch after each call, for the rows of that call only: the batch's own arrays hold another
row's values elsewhere. Derived values describe the state before the last physics step, joints and object the state after it.
"""

from __future__ import annotations

import os
from typing import Any
from weakref import WeakSet

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError

from twin.core.compiled import compiled
from twin.core.records import Bools, Floats, Observation, Rows, Truth
from twin.world.base import Start
from twin.world.cell import CellModel
from twin.world.fields import Fields
from twin.world.grasp import truth_of

_NONE = int(mujoco.mjtStage.mjSTAGE_NONE)
_threaded: WeakSet[Any] = WeakSet()
"""Engines with threads of this process."""
_inherited: list[Any] = []
"""Engines of the process that this one was forked from: their threads are not here, so that to destroy one would hang."""
os.register_at_fork(after_in_child=lambda: _inherited.extend(_threaded))
WAKING = 1e-9
"""Speed that is no motion but wakes, m/s."""


def quiet() -> None:
    """A row that fails says so in `status`: keep the engine from printing it and from leaving MUJOCO_LOG.TXT behind."""
    config = mujoco.MjLogConfig.get()
    config.logto_console = config.logto_file = False
    config.set()


class MujocoWorld:
    """n rows of a cell on real physics, stepped by `threads` threads (which change no bit of the result).

    A row fails, and is not stepped again before its next reset, when its command is not finite, the engine warns (bad
    position, velocity, acceleration or control; a full arena) or raises. `state` shows the engine's own array: never write it.

    Where the workcell says `rest`, things that lie still sleep until something touches, moves or changes them (MuJoCo's
    sleeping islands), which saves their contacts. Which of them sleep is no part of the state that MuJoCo gives out, so that
    a snapshot wakes them all, in the world that it is taken from too: both go on alike.
    """

    def __init__(self, model: CellModel, n: int, threads: int = 1) -> None:
        if n < 1 or threads < 1:
            raise ValueError(f"a world needs at least one row and one thread, got {n} and {threads}")
        self.cell = model
        self.n, self.nq, self.nu = n, model.nq, model.nq + 1
        self.step_us = model.step_us
        self.threads, self._rest = threads, model.workcell.rest
        quiet()
        self._batch: Any = Batch(model.model, n, threads, persistent=self._rest)
        if threads > 1:
            _threaded.add(self._batch._b)
        self._qpos, self._qvel, self._ctrl = (self._batch.bind(name) for name in ("qpos", "qvel", "ctrl"))
        self._sensors = self._batch.bind("sensordata")
        self._warned = self._batch.warning[:, :, 1]
        offset, size = self._batch._component(mujoco.mjtState.mjSTATE_CTRL)
        self._kept = self._batch.state[:, : offset + size]  # what follows (applied forces, …) the twin never writes
        self._derived = np.zeros_like(self._sensors)
        self._void = np.zeros(n, dtype=np.bool_)
        self._any_void = False
        self._fields = Fields(self._batch, model, n)
        self._drives: Any = None
        self._torque = np.zeros((n, self.nq))

    def _index(self, rows: Rows) -> tuple[Any, Rows | None]:
        """How to index arrays of n rows by `rows`, and how to name them to the batch: slices where they are all of them."""
        return (slice(None), None) if len(rows) == self.n else (rows, rows)

    def reset(self, rows: Rows, start: Start) -> None:
        """Put rows into start states, at rest, undoing every field set by `set_field`."""
        if not len(rows):
            return
        cell, (index, ids) = self.cell, self._index(rows)
        self._fields.reset(index)
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
        if self._drives is not None:
            self._torque[index] = self._drives[index, self.cell.arm_q]
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
        cell, n = self.cell, len(rows)
        q, dq, grip = np.empty((n, self.nq)), np.empty((n, self.nq)), np.empty(n)
        tool, force = np.empty((n, 3)), np.empty((n, 3))
        state = self._qpos, self._qvel, self._derived
        _sense(rows, *state, cell.arm_q.start, cell.grip_q.start, q, dq, grip, tool, force)
        return Observation(q=q, dq=dq, grip=grip, tool=tool, objects=cell.poses(self._qpos[self._index(rows)[0]]), force=force)

    def truth(self, rows: Rows) -> Truth:
        """Ground truth: copies. Held: both fingers press on a thing, which is between them and not below them."""
        pads = self._derived[self._index(rows)[0], 3:].reshape(len(rows), 1 + self.cell.things, 2, 3)
        return truth_of(self.cell, self.observe(rows), pads)

    def status(self, rows: Rows) -> Bools:
        """(n,) True where the physics of a row failed since its last reset."""
        return self._void[rows]

    def jac(self, rows: Rows) -> Floats:
        """(n, 6, nq) Jacobian of the tool point in the robot's base frame: linear rows first, then angular."""
        return self.cell.arm.jac(self._qpos[self._index(rows)[0], self.cell.arm_q])

    def set_field(self, rows: Rows, field: str, scale: Floats) -> None:
        """Scale a field (`FIELDS`) of rows against the nominal value; 1 restores it."""
        index = self._index(rows)[0]
        self._fields.set(index, field, scale)
        self._wake(index)

    def _wake(self, index: Any) -> None:
        """What lies in rows sleeps no longer: it may not lie still under another field."""
        if self._rest:
            self._qvel[index, self.nq + 2 :] += WAKING

    def get_field(self, rows: Rows, field: str) -> Floats:
        """(n, nq) or (n, 1): the scale in force now, read back from the model fields; NaN where those have another."""
        return self._fields.read(self._index(rows)[0], field)

    def fields_digest(self, rows: Rows) -> bytes:
        """A hash of everything `set_field` can change, to prove that faults were undone."""
        return self._fields.digest(self._index(rows)[0], len(rows))

    def torque(self, rows: Rows) -> tuple[Floats, Floats]:
        """(n, nq) Nm that each drive gave in the last physics step, and what a sound one gives in the state after it.

        From the second call on: the first one asks the engine to keep what the drives give.
        """
        cell, model, (index, _) = self.cell, self.cell.model, self._index(rows)
        if self._drives is None:
            self._drives = self._batch.bind("actuator_force")
            self._torque[:] = np.nan
        arm = cell.arm_q
        q, dq, ctrl = (part[index, arm] for part in (self._qpos, self._qvel, self._ctrl))
        gain, bias, limit = model.actuator_gainprm[arm, 0], model.actuator_biasprm[arm], model.actuator_forcerange[arm]
        asked = gain * ctrl + bias[:, 0] + bias[:, 1] * q + bias[:, 2] * dq
        return self._torque[index].copy(), np.clip(asked, limit[:, 0], limit[:, 1])

    def effort(self, rows: Rows) -> Floats:
        """(n, nq) share of its torque limit that each drive gives."""
        given = self.torque(rows)[0] / self.cell.arm.torque
        return np.where(np.isnan(given), 0.0, np.abs(given))

    def shift(self, rows: Rows, by: Floats) -> None:
        """Move the first thing of each row by `by` (n, 3) m and let it fall."""
        at = self.cell.object_q.start
        for i, row in enumerate(rows):
            self._qpos[row, at : at + 3] += by[i]

    def state(self, rows: Rows) -> Floats:
        """(n, k) C-contiguous: the engine's integration state. With all rows it is the live array, not a copy."""
        state: Floats = self._batch.state
        return state if len(rows) == self.n else state[rows]

    def snapshot(self) -> dict[str, Any]:
        """Plain arrays from which `restore` goes on bit for bit."""
        kept = self._kept.copy()
        if self._rest:
            self._awake(kept)
        return {
            "state": kept,
            "warning": self._batch.warning.copy(),
            "derived": self._derived.copy(),
            "void": self._void.copy(),
            "fields": self._fields.snapshot(),
            "torque": None if self._drives is None else self._torque.copy(),
        }

    def _awake(self, kept: Floats) -> None:
        """Everything awake, and as long before its sleep as after a reset; not a bit of the state changes."""
        warned = self._batch.warning.copy()
        self._batch.reset(None, stage=_NONE)
        self._kept[:], self._batch.warning[:] = kept, warned

    def restore(self, snapshot: dict[str, Any]) -> None:
        """The inverse of `snapshot`, on a world built from the same cell model and n."""
        self._kept[:] = snapshot["state"]
        self._batch.warning[:] = snapshot["warning"]
        self._derived[:] = snapshot["derived"]
        self._void[:] = snapshot["void"]
        self._any_void = bool(self._void.any())
        self._fields.restore(snapshot["fields"])
        if snapshot["torque"] is not None:
            self._drives = self._batch.bind("actuator_force")
            self._torque[:] = snapshot["torque"]

    def close(self) -> None:
        """Let the batch and its threads go; the world is of no use afterwards."""
        self._qpos = self._qvel = self._ctrl = self._sensors = self._warned = self._kept = None
        self._batch = self._drives = self._fields = None  # type: ignore[assignment]

    def __getstate__(self) -> dict[str, Any]:
        """A batch does not pickle: the cell, the sizes and a snapshot do."""
        return {"cell": self.cell, "n": self.n, "threads": self.threads, "snapshot": self.snapshot()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["cell"], state["n"], state["threads"])  # type: ignore[misc]
        self.restore(state["snapshot"])


@compiled
def _sense(
    rows: Rows,
    qpos: Floats,
    qvel: Floats,
    derived: Floats,
    arm: int,
    hand: int,
    q: Floats,
    dq: Floats,
    grip: Floats,
    tool: Floats,
    force: Floats,
) -> None:
    """Joints, opening, tool and force of rows from the engine's arrays, where joints begin at column `arm`, fingers at `hand`.

    Derived are the tool point and then what each of two fingers feels of everything, of which the hand feels the reverse.
    """
    for i in range(len(rows)):
        row = rows[i]
        for j in range(q.shape[1]):
            q[i, j], dq[i, j] = qpos[row, arm + j], qvel[row, arm + j]
        grip[i] = qpos[row, hand] + qpos[row, hand + 1]
        for a in range(3):
            tool[i, a] = derived[row, a]
            force[i, a] = -(derived[row, 3 + a] + derived[row, 6 + a])
