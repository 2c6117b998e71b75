"""The built-in filters of a lane, made from their specs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from twin.control import spec as specs
from twin.control.safety.cbf import Barrier
from twin.control.safety.chain import Filter
from twin.control.safety.contact import Contact
from twin.control.safety.jerk import JerkLimits
from twin.control.safety.keepout import KeepOut
from twin.control.safety.limits import Bounds, JointLimits
from twin.control.safety.persons import Persons
from twin.control.safety.promises import BREACHES, Promises
from twin.control.safety.separation import Separation
from twin.control.safety.stale import Stale
from twin.control.safety.torque import Torque
from twin.control.safety.tracking import Tracking
from twin.control.safety.workspace import WorkspaceBox
from twin.core.records import Floats
from twin.world.cell import CellModel
from twin.world.spheres import spheres


def build_filter(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    """A built-in filter for a lane of `rows` cells."""
    return _MAKERS[type(spec)](spec, cell, bounds, rows)


def _box(spec: Any, cell: CellModel) -> Floats:
    """(2, 3) m: what is left out is the workcell's own."""
    low = cell.workspace.low if spec.low_m is None else np.array(spec.low_m)
    return np.stack((low, cell.workspace.high if spec.high_m is None else np.array(spec.high_m)))


def volumes(spec: Any) -> Floats:
    """(k, 2, 3) m."""
    return np.array([(v.low_m, v.high_m) for v in spec.volumes], np.float64).reshape(-1, 2, 3)


def promises(
    judged: Mapping[str, Any], cell: CellModel, bounds: Bounds, persons: Persons, rows: int, chain: Iterable[Any]
) -> Promises:
    """The judge of what filters of specs `judged`, by kind, promise on a lane of `rows` cells; chain: those that are there."""
    boxes = {kind: _box(spec, cell) for kind, spec in judged.items() if kind in ("workspace_box", "cbf")}
    share = next((spec.share for spec in chain if isinstance(spec, specs.TorqueFilter)), None)
    return Promises(judged, persons.body, bounds, boxes, persons, rows, share)


def _limits(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return JointLimits(bounds, rows) if bounds.jerk is None else JerkLimits(bounds, rows)


def _workspace(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return WorkspaceBox(cell.arm, bounds, *_box(spec, cell))


def _tracking(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Tracking(spec.error_rad, spec.for_ms / 1000, bounds.dt, rows)


def _keep_out(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return KeepOut(spheres(cell), bounds, volumes(spec), spec.table, rows)


def _barrier(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Barrier(spheres(cell), bounds, _box(spec, cell), volumes(spec), spec.table, spec.gamma_per_s, rows, spec.itself)


def _contact(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Contact(bounds, spec.force_N, spec.power_W)


def _separation(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Separation(bounds, spheres(cell), spec.clearance_m, rows, spec.person_mps)


def _stale(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Stale(bounds, spec.hold_ms / 1000, spec.stop_ms / 1000, rows)


def _torque(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Torque(cell.arm, spec.share * cell.arm.torque, spec.for_ms / 1000, bounds.dt, rows)


DEFAULTS: Mapping[str, Any] = {
    "joint_limits": specs.JointLimitsFilter(kind="joint_limits"),
    "jerk": specs.JointLimitsFilter(kind="joint_limits"),
    "keep_out": specs.KeepOutFilter(kind="keep_out"),
    "itself": specs.BarrierFilter(kind="cbf"),
    "contact": specs.ContactFilter(kind="contact"),
    "stale": specs.StaleFilter(kind="stale"),
    "tracking": specs.TrackingMonitor(kind="tracking"),
    "torque": specs.TorqueFilter(kind="torque"),
}
"""What is judged of a promise where no built-in filter of a chain makes it: the user's own is held to the same."""


def promised(filters: Iterable[Any], breaches: Iterable[str]) -> dict[str, Any]:
    """The specs by which broken promises of these names are told. Volumes are those of `keep_out` and `cbf` alike."""
    given = {spec.kind: spec for spec in filters if not isinstance(spec, specs.UseSpec)}
    found = {kind: given.get(kind, DEFAULTS[kind]) for kind in dict.fromkeys(BREACHES[name] for name in breaches)}
    if "keep_out" in found and "cbf" in given and "keep_out" not in given:
        found["keep_out"] = specs.KeepOutFilter(kind="keep_out", volumes=given["cbf"].volumes, table=given["cbf"].table)
    return found


_MAKERS: Mapping[type, Callable[[Any, CellModel, Bounds, int], Filter]] = {
    specs.JointLimitsFilter: _limits,
    specs.WorkspaceFilter: _workspace,
    specs.TrackingMonitor: _tracking,
    specs.KeepOutFilter: _keep_out,
    specs.BarrierFilter: _barrier,
    specs.ContactFilter: _contact,
    specs.SeparationFilter: _separation,
    specs.StaleFilter: _stale,
    specs.TorqueFilter: _torque,
}
