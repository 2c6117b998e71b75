"""Trajectory refinement: what the regression found is moved until forward roll-outs fit, by `mujoco.sysid`.

Every parameter is the logarithm of a factor, so that nothing changes its sign and bodies stay possible. Armature moves as far
as the torques leave it open. What comes out has MuJoCo's own friction only, and is kept only if it comes nearer to the log than
the regression's model does, over the end of the training data, on which it was not refined.
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
PIECES, JUDGED = 3, 0.3
"""From so many pieces of log on whole ones are set aside to judge by; how much of the training part."""


@dataclass(frozen=True)
class Refined:
    """The values that are kept, whether they are the refined ones, and the rms position error (nv,) of both where they are
    judged, rad."""

    values: Values
    kept: bool
    before: Floats
    after: Floats
    factors: tuple[tuple[str, float, float], ...]
    """Name, log factor and its half interval at 90 %."""


def refine(spec: RefineSpec, task: Task, values: Values, loose: Floats, seen: Sequence[Motion]) -> Refined:
    """Refined values, or the regression's where they predict better; both are judged on the end of the motion that may be seen.

    `loose` (nv,): by how much armature may be off for all that the torques say. Raises `InputError` where the extra is not
    installed.
    """
    sysid: Any = importlib.import_module("mujoco.sysid")
    if not hasattr(sysid, "optimize"):
        raise InputError("refine needs the extra of MuJoCo's system identification: pip install 'robot-farm-twin[sysid]'")
    names = _names(spec, task.bot)
    params = sysid.ParameterDict({name: sysid.Parameter(name, 0.0, -WIDEST, WIDEST) for name in names})
    fit, judge = _cut(seen, spec.horizon_s)

    def at(x: Floats) -> Values:
        return scaled(task.bot, values, _factors(names, x), loose)

    def moved(x: Floats) -> mujoco.MjSpec:
        return _driven(with_values(task.bot, at(x)), task.bot)

    residual = sysid.build_residual_fn(
        models_sequences=[_sequences(sysid, moved(np.zeros(len(names))), fit, spec)],
        build_model=lambda p, _: moved(p.as_vector()).compile(),
        n_threads=1,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        best, answer = sysid.optimize(params, residual, optimizer="mujoco", verbose=False, max_iters=ITERATIONS)
    x = best.as_vector()
    _, half = sysid.calculate_intervals(residual(x, best)[0], np.asarray(answer.jac), alpha=0.1)
    new = at(x)
    before, after = (_error(spec, task.bot, v, judge) for v in (values, new))
    kept = bool(np.sum(after**2 / before**2) < len(before))
    told = tuple((name, float(a), float(b)) for name, a, b in zip(names, x, half, strict=True))
    return Refined(new if kept else values, kept, before, after, told)


def _cut(seen: Sequence[Motion], horizon_s: float) -> tuple[list[Motion], list[Motion]]:
    """Motion to refine on, and to judge by: the last of at least three pieces, else the end of each."""
    if len(seen) >= PIECES:
        at = len(seen) - max(1, round(JUDGED * len(seen)))
        return list(seen[:at]), list(seen[at:])
    ends = [len(m.q) - max(round(JUDGED * len(m.q)), round(2 * horizon_s / m.dt)) for m in seen]
    if min(ends) * min(m.dt for m in seen) <= horizon_s:
        raise InputError(f"the log is too short to refine on roll-outs of {horizon_s:g} s and to judge them")
    pairs = list(zip(seen, ends, strict=True))
    return [m.part(0, k) for m, k in pairs], [m.part(k, len(m.q)) for m, k in pairs]


def _names(spec: RefineSpec, bot: Robot) -> list[str]:
    out = [f"{what} {joint}" for what in ("friction", "damping", "armature") if what in spec.move for joint in bot.joints]
    bodies = [bot.model.body(int(bot.model.jnt_bodyid[j])).name for j in range(bot.model.njnt)]
    return out + ([f"mass {body}" for body in dict.fromkeys(bodies)] if "mass" in spec.move else [])


def _factors(names: Sequence[str], x: Floats) -> dict[str, float]:
    return {name: float(np.exp(value)) for name, value in zip(names, x, strict=True)}


def scaled(bot: Robot, values: Values, factors: dict[str, float], loose: Floats) -> Values:
    """The values times factors that are named `friction elbow`, `mass lower` …; armature with what is unsure of it, `loose`."""

    def by(what: str) -> Floats:
        return np.array([factors.get(f"{what} {joint}", 1.0) for joint in bot.joints])

    bodies = {b: p * factors.get(f"mass {bot.model.body(b).name}", 1.0) for b, p in values.bodies.items()}
    return replace(
        values,
        bodies=bodies,
        armature=np.maximum((values.armature + loose) * by("armature") - loose, 0.0),
        coulomb=values.coulomb * by("friction"),
        viscous=values.viscous * by("damping"),
        dry=None,
    )


def _driven(spec: mujoco.MjSpec, bot: Robot) -> mujoco.MjSpec:
    """The arm with a motor and a position sensor a joint."""
    for name in bot.joints:
        motor = spec.add_actuator(name=f"twin {name}", target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        motor.set_to_motor()
        kind, what = mujoco.mjtSensor.mjSENS_JOINTPOS, mujoco.mjtObj.mjOBJ_JOINT
        spec.add_sensor(name=f"twin {name}", type=kind, objtype=what, objname=name)
    spec.option.timestep = STEP_S
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT)  # as roll-outs
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
