"""Model fields of a batch that can be scaled row by row, and read back: where faults and stops reach into the physics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
import xxhash

from twin.core.records import Floats
from twin.world.base import FIELDS, PER_JOINT
from twin.world.cell import CellModel
from twin.world.compose import PADS

WRITES = {
    "actuator_strength": ("actuator_forcerange",),
    "actuator_gain": ("actuator_forcerange", "actuator_gainprm", "actuator_biasprm"),
    "power": ("actuator_forcerange", "dof_frictionloss", "body_gravcomp"),
    "brake": ("dof_frictionloss",),
    "joint_drag": ("dof_frictionloss",),
    "friction": ("pair_friction",),
    "tack": ("pair_adhesion",),
    "jam": ("pair_adhesion",),
    "thing_size": ("geom_size", "geom_rbound"),
}
"""Which fields of the engine's model follow from a field."""


class Fields:
    """The scales in force on n rows of a batch, and the engine's fields that they make.

    The engine's fields become per row on first use; until then nothing here costs anything.
    """

    def __init__(self, batch: Any, cell: CellModel, n: int) -> None:
        self.batch, self.cell = batch, cell
        self.scales: dict[str, Floats] = {name: np.ones((n, cell.nq if name in PER_JOINT else 1)) for name in FIELDS}
        self.used: list[str] = []
        """Fields of the engine that are per row by now."""
        model = cell.model
        first, second = (np.array([model.geom(i).name for i in pair]) for pair in (model.pair_geom1, model.pair_geom2))
        finger = (first == PADS[0]) | (second == PADS[0])
        pads = np.isin(first, PADS) | np.isin(second, PADS)
        self._sticks, self._jams = finger & cell.thing_pairs, cell.thing_pairs & ~pads
        free = [i for i in range(model.njnt) if model.jnt_type[i] == int(mujoco.mjtJoint.mjJNT_FREE)]
        self._things = np.isin(model.geom_bodyid, model.jnt_bodyid[free])

    def set(self, index: Any, name: str, scale: Floats) -> None:
        """Scale a field of rows; raises ValueError for a name that is none."""
        kept = self.known(name)
        kept[index] = np.asarray(scale, np.float64).reshape(-1, kept.shape[1])
        self._write(index, WRITES[name])

    def known(self, name: str) -> Floats:
        """(n, nq) or (n, 1): the scales of a field."""
        if name not in self.scales:
            raise ValueError(f"unknown field {name!r} (fields: {', '.join(self.scales)})")
        return self.scales[name]

    def reset(self, index: Any) -> None:
        """All of it back to nominal."""
        if self.used:
            for scale in self.scales.values():
                scale[index] = 1.0
            self._write(index, self.used)

    def _write(self, index: Any, names: Sequence[str]) -> None:
        for name in names:
            self.batch.expand(name)[index] = self._made(name, index)
            if name not in self.used:
                self.used.append(name)

    def _made(self, name: str, index: Any) -> Floats:
        """A field of the engine as the scales in force have it: (n, …)."""
        cell, model = self.cell, self.cell.model
        of = {key: scale[index] for key, scale in self.scales.items()}
        made: Floats = np.repeat(np.asarray(getattr(model, name), np.float64)[None], len(of["power"]), axis=0)
        arm = cell.arm_q
        match name:
            case "actuator_forcerange":
                made[:, arm] *= (of["actuator_strength"] * of["actuator_gain"] * of["power"])[:, :, None]
            case "actuator_gainprm" | "actuator_biasprm":
                made[:, arm] *= of["actuator_gain"][:, :, None]
            case "dof_frictionloss":  # without power brakes hold with the torque of the drives
                shut = (1.0 - of["power"]) * of["brake"]
                made[:, arm] += (shut + of["joint_drag"] - 1.0) * cell.arm.torque
            case "body_gravcomp":  # and nothing carries the arm's weight
                made *= of["power"]
            case "pair_friction":
                made *= np.where(cell.thing_pairs, of["friction"], 1.0)[:, :, None]
            case "pair_adhesion":
                made += np.where(self._sticks, of["tack"] - 1.0, 0.0) + np.where(self._jams, of["jam"] - 1.0, 0.0)
            case "geom_size" | "geom_rbound":
                share = np.where(self._things, of["thing_size"], 1.0)
                made *= share[:, :, None] if made.ndim == 3 else share
        return made

    def read(self, index: Any, name: str) -> Floats:
        """(n, nq) or (n, 1): the scale in force, as the engine's own fields have it; nominal where they are not per row."""
        scale = self.known(name)[index]
        for field in WRITES[name]:
            own = self.batch.expanded(field)
            nominal: Any = getattr(self.cell.model, field)
            wanted = self._made(field, index)
            found = np.broadcast_to(nominal, wanted.shape) if own is None else own[index]
            if not np.array_equal(found, wanted):
                return np.full(scale.shape, np.nan)
        kept: Floats = scale.copy()
        return kept

    def digest(self, index: Any, n: int) -> bytes:
        """A hash of every field of the engine that can be written here."""
        parts = []
        for name in dict.fromkeys(field for fields in WRITES.values() for field in fields):
            nominal, own = getattr(self.cell.model, name), self.batch.expanded(name)
            parts.append((np.broadcast_to(nominal, (n, *nominal.shape)) if own is None else own[index]).tobytes())
        return xxhash.xxh3_128_digest(b"".join(parts))

    def snapshot(self) -> dict[str, Any]:
        """The scales, where any was ever set."""
        return {"used": list(self.used), "scales": {k: v.copy() for k, v in self.scales.items()} if self.used else {}}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """The inverse of `snapshot`."""
        for name, scale in snapshot["scales"].items():
            self.scales[name][:] = scale
        if not snapshot["scales"]:
            for scale in self.scales.values():
                scale[:] = 1.0
        self._write(slice(None), list(dict.fromkeys([*self.used, *snapshot["used"]])))
