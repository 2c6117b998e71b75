"""The fitted servo in MuJoCo: the same free-running runs on the engine that the farm runs on."""

from __future__ import annotations

import mujoco
import numpy as np

from twin.calibrate.actuators.runs import Runs
from twin.calibrate.actuators.servo import FINEST_S, Values, delayed, values
from twin.core.records import Floats


def pendulum(p: Values, mass: float, length: float, gravity: float, step_s: float) -> mujoco.MjModel:
    """A pendulum with the load of one run and the servo's armature; torque comes from outside."""
    spec = mujoco.MjSpec()
    spec.option.timestep = step_s
    spec.option.gravity = [0, 0, -gravity * float(p.gravity_scale[0, 0])]
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    body = spec.worldbody.add_body(name="arm")
    joint = body.add_joint(name="servo", type=mujoco.mjtJoint.mjJNT_HINGE, axis=[0, 1, 0])
    joint.armature = float(p.armature[0, 0])
    joint.frictionloss = float(p.coulomb[0, 0])
    joint.solref_friction = [2 * step_s, 1.0]
    joint.solimp_friction = [0.99, 0.9999, 0.001, 0.5, 2.0]
    joint.damping = [float(p.viscous[0, 0]), 0, 0]
    body.mass, body.ipos, body.inertia = mass, [0, 0, -length], [1e-9, 1e-9, 1e-9]
    body.explicitinertial = True
    return spec.compile()


def simulate(table: Floats, runs: Runs, gravity: float) -> Floats:
    """(R, N) angles in rad of R runs under one set of parameters (12,), in MuJoCo."""
    p = values(table)
    command = delayed(runs, p.delay)[0]
    return np.array([_run(p, runs, i, command[i], gravity) for i in range(len(runs.names))])


def _run(p: Values, runs: Runs, i: int, command: Floats, gravity: float) -> Floats:
    substeps = max(1, int(np.ceil(runs.step_s / FINEST_S)))
    model = pendulum(p, float(runs.mass[i]), float(runs.length[i]), gravity, runs.step_s / substeps)
    data = mujoco.MjData(model)
    zero, gain = float(p.zero[0, 0]), float(p.stiffness[0, 0] * runs.gain[i])
    weight = float(p.gravity_scale[0, 0] * runs.mass[i] * runs.length[i]) * gravity
    volt, emf, viscous = (float(v[0, 0]) for v in (p.torque_per_volt, p.back_emf, p.viscous))
    coulomb, load = float(p.coulomb[0, 0]), float(p.load_friction[0, 0])
    stribeck, slow = float(p.stribeck[0, 0]), float(p.stribeck_speed[0, 0])
    data.qpos[0], data.qvel[0] = runs.position[i, 0] + zero, runs.speed[i]
    out = np.empty(len(command))
    for k in range(len(command)):
        q = data.qpos[0] - zero
        out[k] = q
        on = bool(runs.enabled[i, k])
        model.dof_damping[0] = viscous + emf * on
        for _ in range(substeps):
            q, v = data.qpos[0] - zero, data.qvel[0]
            torque = volt * runs.volts[i, k] * on * min(max(gain * (command[k] - q), -1.0), 1.0)
            fall = -weight * np.sin(q + zero)
            model.dof_frictionloss[0] = coulomb + load * abs(torque - fall) + stribeck * np.exp(-abs(v) / slow)
            data.qfrc_applied[0] = torque
            mujoco.mj_step(model, data)
    return out
