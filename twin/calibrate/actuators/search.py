"""Least squares over free-running simulations: starts on a grid, then Gauss–Newton with a batched Jacobian."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.optimize import least_squares

from twin.calibrate.actuators.parameters import NAMES, PARAMETERS
from twin.calibrate.actuators.runs import Runs
from twin.calibrate.actuators.servo import simulate
from twin.core.records import Floats, Ints

HUBER_RAD = 0.05
"""Errors beyond this count linearly: a run that fell off must not decide."""
THIN = 3
"""Every so many samples make a residual."""
FREE = {
    "coulomb": tuple(name for name in NAMES if name not in ("load_friction", "stribeck", "stribeck_speed")),
    "load": tuple(name for name in NAMES if name not in ("stribeck", "stribeck_speed")),
    "stribeck": NAMES,
}
"""What each friction model may move. With one load all torques and inertias could grow together: the load's weight is then
taken as it is said, and sets the scale."""


@dataclass(frozen=True)
class Fitted:
    """Parameters (12,) in SI; indices of the free ones; Jacobian (n, F), residuals (n,) and run of each row."""

    friction: str
    table: Floats
    free: Ints
    jacobian: Floats
    residuals: Floats
    run: Ints
    scale: Floats
    """(F,) d SI / d fit of the free parameters."""
    low: Floats
    high: Floats
    """(F,) the bounds of the search, SI."""


def _scales(runs: Runs, gravity: float) -> Floats:
    """(12,) what turns relative parameters into SI: the load's torque where a parameter is one."""
    torque = float(np.median(runs.mass * runs.length)) * gravity
    scale = np.array([torque if parameter.scaled else 1.0 for parameter in PARAMETERS])
    scale[NAMES.index("torque_per_volt")] /= max(float(np.median(runs.volts)), 1e-9) / 7.4
    scale[NAMES.index("stiffness")] /= max(float(np.median(runs.gain)), 1e-9) / 200
    return scale


class _Space:
    """The fit's own coordinates: logarithms of what is positive, in units of the load."""

    def __init__(self, runs: Runs, gravity: float, max_delay_s: float, free: Ints) -> None:
        self.scale, self.free = _scales(runs, gravity), free
        self.log = np.array([parameter.log for parameter in PARAMETERS])
        self.low = self.into(np.array([parameter.low for parameter in PARAMETERS]) * self.scale)
        high = np.array([parameter.high for parameter in PARAMETERS])
        high[NAMES.index("delay")] = max_delay_s
        self.high = self.into(high * self.scale)
        self.start = self.into(np.array([parameter.start for parameter in PARAMETERS]) * self.scale)

    def into(self, table: Floats) -> Floats:
        relative = table / self.scale
        out: Floats = np.where(self.log, np.log(np.maximum(relative, 1e-12)), relative)
        return out

    def out(self, x: Floats) -> Floats:
        back: Floats = np.where(self.log, np.exp(np.where(self.log, x, 0.0)), x) * self.scale
        return back


def fit(
    runs: Runs,
    friction: str,
    gravity: float,
    max_delay_s: float,
    held: Mapping[str, float],
    start: Floats | None = None,
    rounds: int = 60,
) -> Fitted:
    """The parameters that follow `runs` best, those in `held` (SI) kept; `start` (12,) in SI, else the best of a grid."""
    one_load = ("gravity_scale",) if np.ptp(runs.mass * runs.length) == 0 else ()
    free = np.array([NAMES.index(name) for name in FREE[friction] if name not in one_load and name not in held])
    space = _Space(runs, gravity, max_delay_s, free)
    keep = runs.there[:, ::THIN]
    real = runs.position[:, ::THIN][keep]

    def misses(x: Floats) -> Floats:
        """(M, n) of M points (M, 12)."""
        got = simulate(space.out(x), runs, gravity)[:, :, ::THIN]
        out: Floats = np.nan_to_num(got[:, keep] - real, nan=1e3, posinf=1e3, neginf=-1e3)
        return out

    at = _begin(space, held, start)
    if start is None:
        at = _best_of_grid(at, misses, [NAMES[i] for i in free.tolist()])

    def whole(x: Floats) -> Floats:
        full = at.copy()
        full[free] = x
        return full

    steps = np.where(space.log, 1e-3, 1e-3 * (space.high - space.low))[free]

    def jacobian(x: Floats) -> Floats:
        signed = np.where(x + steps < space.high[free], steps, -steps)
        points = np.array([whole(x), *(whole(x + signed * row) for row in np.eye(len(free)))])
        found = misses(points)
        slopes: Floats = ((found[1:] - found[0]) / signed[:, None]).T
        return slopes

    inner = np.clip(at[free], space.low[free] + 1e-9, space.high[free] - 1e-9)
    found = least_squares(
        lambda x: misses(whole(x)[None])[0], inner, jac=jacobian, bounds=(space.low[free], space.high[free]),
        x_scale="jac", loss="soft_l1", f_scale=HUBER_RAD, max_nfev=rounds,
    )  # fmt: skip
    full = whole(found.x)
    run = np.broadcast_to(np.arange(len(runs.names))[:, None], keep.shape)[keep]
    table = space.out(full)
    scale = np.where(space.log, table, space.scale)[free]
    low, high = (space.out(bound)[free] for bound in (space.low, space.high))
    return Fitted(friction, table, free, jacobian(found.x), misses(full[None])[0], run, scale, low, high)


def _begin(space: _Space, held: Mapping[str, float], start: Floats | None) -> Floats:
    """(12,) where a search begins: what does not move is nothing, as usual, or as it is held."""
    at = space.start.copy() if start is None else np.clip(space.into(start), space.low, space.high)
    known = space.into(np.array([held.get(name, 1.0) for name in NAMES]))
    for i, name in enumerate(NAMES):
        if name in held:
            at[i] = known[i]
        elif i not in space.free.tolist():
            at[i] = space.start[i] if name in ("stribeck_speed", "gravity_scale") else 0.0
    return at


def _best_of_grid(at: Floats, misses: Callable[[Floats], Floats], free: list[str]) -> Floats:
    """The best of 27 starts: stiffness, torque and friction are what a local search cannot cross."""
    spread = (("stiffness", (-1.5, 0.0, 1.5)), ("torque_per_volt", (-0.8, 0.0, 0.8)), ("coulomb", (-1.0, 0.0, 1.0)))
    shifts = [(name, values) for name, values in spread if name in free]
    points = []
    for moves in product(*(values for _, values in shifts)):
        point = at.copy()
        for (name, _), move in zip(shifts, moves, strict=True):
            point[NAMES.index(name)] += move
        points.append(point)
    table = np.array(points)
    best: Floats = table[int(np.argmin(np.abs(misses(table)).mean(axis=1)))]
    return best
