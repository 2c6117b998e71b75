"""The built-in filters of a lane, made from their specs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from twin.control import spec as specs
from twin.control.safety.braking import spread
from twin.control.safety.cbf import Barrier
from twin.control.safety.chain import Filter
from twin.control.safety.contact import Contact
from twin.control.safety.keepout import KeepOut
from twin.control.safety.limits import Bounds, JointLimits
from twin.control.safety.separation import Separation
from twin.control.safety.stale import Stale
from twin.control.safety.torque import Torque
from twin.control.safety.tracking import Tracking
from twin.control.safety.workspace import WorkspaceBox
from twin.core.records import Floats
from twin.world.cell import CellModel
from twin.world.spheres import spheres

HAND_M = 0.15
"""The hand reaches no further than this from its tool point."""


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


def _limits(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return JointLimits(bounds, rows)


def _workspace(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return WorkspaceBox(cell.arm, bounds, *_box(spec, cell))


def _tracking(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Tracking(spec.error_rad, spec.for_ms / 1000, bounds.dt, rows)


def _keep_out(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return KeepOut(spheres(cell), bounds, volumes(spec), spec.table, rows)


def _barrier(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Barrier(spheres(cell), bounds, _box(spec, cell), volumes(spec), spec.table, spec.gamma_per_s, rows)


def _contact(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Contact(bounds, spec.force_N, spec.power_W)


def _separation(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    lever = spheres(cell).levers(spread(cell.arm)).max(axis=0)
    return Separation(bounds, lever, HAND_M, spec.clearance_m, spec.person_mps)


def _stale(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Stale(bounds, spec.hold_ms / 1000, spec.stop_ms / 1000, rows)


def _torque(spec: Any, cell: CellModel, bounds: Bounds, rows: int) -> Filter:
    return Torque(cell.arm, spec.share * cell.arm.torque, spec.for_ms / 1000, bounds.dt, rows)


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
