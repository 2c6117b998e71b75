"""Trajectory refinement: what the regression found is moved until forward roll-outs fit, by `mujoco.sysid`.

Every parameter is the logarithm of a factor, so that nothing changes its sign and bodies stay possible. What comes out is kept
only if roll-outs over held-out data end nearer to the log than the regression's do.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import mujoco
import numpy as np

from twin.calibrate.dynamics.models import Robot, Values, with_values
from twin.calibrate.dynamics.prepare import Task
from twin.calibrate.dynamics.rollouts import position_rmse, windows
from twin.calibrate.dynamics.signals import Motion
from twin.calibrate.dynamics.spec import RefineSpec
from twin.core.errors import InputError
from twin.core.records import Floats

WIDEST = 1.5
"""Bound of every log factor: between a fifth and five times."""
STEP_S = 0.002
ITERATIONS = 12


@dataclass(frozen=True)
class Refined:
    """The values that are kept, whether they are the refined ones, and the held-out rms position error of both (nv,), rad."""

    values: Values
    kept: bool
    before: Floats
    after: Floats
    factors: tuple[tuple[str, float, float], ...]
    """Name, log factor and its half interval at 90 %."""


def refine(spec: RefineSpec, task: Task, values: Values, fit: Sequence[Motion], held: Sequence[Motion]) -> Refined:
    """Refined values, or the regression's where they predict better. Raises `InputError` where the extra is not installed."""
    sysid: Any = importlib.import_module("mujoco.sysid")
    if not hasattr(sysid, "optimize"):
        raise InputError("refine needs the extra of MuJoCo's system identification: pip install 'robot-farm-twin[sysid]'")
    names = _names(spec, task.bot)
    params = sysid.ParameterDict({name: sysid.Parameter(name, 0.0, -WIDEST, WIDEST) for name in names})

    def moved(x: Floats) -> mujoco.MjSpec:
        return _driven(with_values(task.bot, scaled(task.bot, values, _factors(names, x))), task.bot)

    residual = sysid.build_residual_fn(
        models_sequences=[_sequences(sysid, moved(np.zeros(len(names))), fit, spec)],
        build_model=lambda p, _: moved(p.as_vector()).compile(),
        n_threads=1,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        best, answer = sysid.optimize(params, residual, optimizer="mujoco", verbose=False, max_iters=ITERATIONS)
    x = best.as_vector()
    _, half = sysid.calculate_intervals(residual(x, best)[0], np.asarray(answer.jac), alpha=0.1)
    new = scaled(task.bot, values, _factors(names, x))
    before, after = (_error(spec, task.bot, v, held) for v in (values, new))
    kept = bool(np.sum(after**2 / before**2) < len(before))
    told = tuple((name, float(a), float(b)) for name, a, b in zip(names, x, half, strict=True))
    return Refined(new if kept else values, kept, before, after, told)


def _names(spec: RefineSpec, bot: Robot) -> list[str]:
    out = [f"{what} {joint}" for what in ("friction", "damping", "armature") if what in spec.move for joint in bot.joints]
    bodies = [bot.model.body(int(bot.model.jnt_bodyid[j])).name for j in range(bot.model.njnt)]
    return out + ([f"mass {body}" for body in dict.fromkeys(bodies)] if "mass" in spec.move else [])


def _factors(names: Sequence[str], x: Floats) -> dict[str, float]:
    return {name: float(np.exp(value)) for name, value in zip(names, x, strict=True)}


def scaled(bot: Robot, values: Values, factors: dict[str, float]) -> Values:
    """The values times factors that are named `friction elbow`, `mass lower` …"""

    def by(what: str) -> Floats:
        return np.array([factors.get(f"{what} {joint}", 1.0) for joint in bot.joints])

    bodies = {b: p * factors.get(f"mass {bot.model.body(b).name}", 1.0) for b, p in values.bodies.items()}
    return replace(
        values,
        bodies=bodies,
        armature=values.armature * by("armature"),
        coulomb=values.coulomb * by("friction"),
        viscous=values.viscous * by("damping"),
    )


def _driven(spec: mujoco.MjSpec, bot: Robot) -> mujoco.MjSpec:
    """The arm with a motor and a position sensor a joint."""
    for name in bot.joints:
        motor = spec.add_actuator(name=f"twin {name}", target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        motor.set_to_motor()
        kind, what = mujoco.mjtSensor.mjSENS_JOINTPOS, mujoco.mjtObj.mjOBJ_JOINT
        spec.add_sensor(name=f"twin {name}", type=kind, objtype=what, objname=name)
    spec.option.timestep = STEP_S
    return spec


def _sequences(sysid: Any, driven: mujoco.MjSpec, motions: Sequence[Motion], spec: RefineSpec) -> Any:
    """Windows spread evenly over the log, as `mujoco.sysid` wants them."""
    model = driven.compile()
    size = [max(1, int(spec.horizon_s / m.dt)) for m in motions]
    starts = [(m, k) for m, n in zip(motions, size, strict=True) for k in range(0, len(m.q) - n - 1, n)]
    if not starts:
        raise InputError(f"no stretch of the log is longer than the refinement's horizon of {spec.horizon_s:g} s")
    pick = np.unique(np.linspace(0, len(starts) - 1, min(spec.windows, len(starts))).astype(int))
    states, controls, sensors = [], [], []
    names = [f"twin {j}" for j in _joints(model)]
    for motion, at in (starts[i] for i in pick):
        n = int(spec.horizon_s / motion.dt)
        t = np.arange(n + 1) * motion.dt
        rows = slice(at, at + n + 1)
        states.append(sysid.create_initial_state(model, motion.q[at], motion.v[at]))
        controls.append(_series("control", model, t, motion.tau[rows], names))
        sensors.append(_series("sensor", model, t, motion.q[rows], names))
    return sysid.ModelSequences("arm", driven, [f"window {i}" for i in range(len(states))], states, controls, sensors)


def _series(what: str, model: mujoco.MjModel, t: Floats, values: Floats, names: Sequence[str]) -> Any:
    series: Any = importlib.import_module("mujoco.sysid").TimeSeries
    if what == "control":
        return series.from_control_names(t, values, model, names)
    return series.from_names(t, values, model, names)


def _joints(model: mujoco.MjModel) -> list[str]:
    return [model.joint(j).name for j in range(model.njnt)]


def _error(spec: RefineSpec, bot: Robot, values: Values, held: Sequence[Motion]) -> Floats:
    model = with_values(bot, values).compile()
    return position_rmse(windows(model, held, horizon_s=spec.horizon_s, every_s=spec.horizon_s, step_s=STEP_S))
