"""Forward simulation beside a log: started from it again and again, driven by its torques or commands, open loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from twin.calibrate.dynamics import dry
from twin.calibrate.dynamics.signals import Motion
from twin.core.errors import InputError
from twin.core.records import Floats
from twin.world.mujoco import quiet


@dataclass(frozen=True)
class Growth:
    """Rms error over all starts, by horizon: s (h,), simulated and standing still (h, nv), rad; how many starts."""

    horizon_s: Floats
    simulated: Floats
    still: Floats
    starts: int
    lost: int
    """Starts whose simulation diverged; they count with the error of standing still at their worst."""


@dataclass(frozen=True)
class Window:
    """One start: where, and the trajectories from there, logged and simulated (n, nv)."""

    run: str
    at_s: float
    logged: Floats
    simulated: Floats


def windows(
    model: mujoco.MjModel, motions: Sequence[Motion], *, horizon_s: float, every_s: float, step_s: float, ctrl: bool = False
) -> list[Window]:
    """Simulated pieces of the log. `ctrl`: the logged input goes to the actuators, else to the joints as torque."""
    quiet()
    model.opt.timestep = step_s
    model.opt.disableflags |= int(
        mujoco.mjtDisableBit.mjDSBL_CONTACT
    )  # shapes of neighbours overlap; the log is of free motion
    data, shape = mujoco.MjData(model), dry.read(model)
    rubs = None if shape is None else dry.Rubbing(shape, model)
    if ctrl and model.nu != motions[0].tau.shape[1]:
        raise InputError(f"the log commands {motions[0].tau.shape[1]} inputs and the model has {model.nu} actuators")
    out = []
    for motion in motions:
        n, every = round(horizon_s / motion.dt), max(1, round(every_s / motion.dt))
        states = None if shape is None else shape.settled(motion.v, motion.dt)
        for start in range(0, len(motion.q) - n, every):
            rows = slice(start, start + n + 1)
            if rubs is not None and states is not None:
                rubs.z = states[start]
            path = _run(model, data, motion.q[start], motion.v[start], motion.tau[rows], motion.dt, ctrl, rubs)
            out.append(Window(motion.run, start * motion.dt, motion.q[rows], path))
    if not out:
        raise InputError(f"no stretch of the log is longer than the horizon of {horizon_s:g} s")
    return out


def _run(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    q: Floats,
    v: Floats,
    tau: Floats,
    dt: float,
    ctrl: bool,
    rubs: dry.Rubbing | None,
) -> Floats:
    """Positions (n, nv) at the log's moments; NaN from where the simulation breaks."""
    step = float(model.opt.timestep)
    mujoco.mj_resetData(model, data)
    data.qpos[:], data.qvel[:] = q, v
    out, at = np.full((len(tau), model.nv), np.nan), 0.0
    out[0] = q
    for i in range(1, len(tau)):
        while at < i * dt - 0.5 * step:
            part = min(max(at / dt - (i - 1), 0.0), 1.0)
            drive = (1 - part) * tau[i - 1] + part * tau[i]
            if ctrl:
                data.ctrl[:] = drive
                drive = np.zeros(model.nv)
            if rubs is not None:
                drive = drive - rubs.torque(data.qvel, drive + data.qfrc_actuator)
            data.qfrc_applied[:] = drive
            mujoco.mj_step(model, data)
            at += step
        if data.warning[int(mujoco.mjtWarning.mjWARN_BADQACC)].number or not np.isfinite(data.qpos).all():
            break
        out[i] = data.qpos - data.qvel * (at - i * dt)
    return out


def growth(found: Sequence[Window], dt: float, horizons: Sequence[float]) -> Growth:
    """Error at each horizon against the baseline of a robot that stays where it was."""
    at = [min(round(h / dt), len(found[0].logged) - 1) for h in horizons]
    still = np.array([[w.logged[k] - w.logged[0] for k in at] for w in found])
    error = np.array([[w.simulated[k] - w.logged[k] for k in at] for w in found])
    lost = ~np.isfinite(error).all(axis=(1, 2))
    error = np.where(np.isfinite(error), error, np.abs(still).max(axis=0))
    rms = [np.sqrt(np.mean(x**2, axis=0)) for x in (error, still)]
    return Growth(np.array(at) * dt, rms[0], rms[1], len(found), int(lost.sum()))


def position_rmse(found: Sequence[Window]) -> Floats:
    """Rms of the position's error over whole windows (nv,)."""
    error = np.concatenate([w.simulated - w.logged for w in found])
    bad = ~np.isfinite(error)
    error[bad] = np.nanmax(np.abs(error)) if (~bad).any() else np.inf
    return np.asarray(np.sqrt(np.mean(error**2, axis=0)))
