"""Arms with hidden parameters play the real one: do 90 % intervals of the dynamics calibration cover the truth?

    python -m benchmarks.dynamics_recovery [--arms 20]

Every arm is a shipped model whose bodies, armature and friction were drawn anew. It follows a random excitation; MuJoCo's
inverse dynamics say its torques, to which come offsets, coloured noise and a quantised encoder, with stamps that jitter. The
calibration is given the shipped model and the log, chooses friction and sensor errors as always, and its intervals are held
against the truth.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import mujoco
import numpy as np
from scipy import stats

from twin.calibrate.dynamics.fit import outcome
from twin.calibrate.dynamics.models import Robot, Values, as_given, robot, with_values
from twin.calibrate.dynamics.physical import parameters, possible, pseudo
from twin.calibrate.dynamics.regressor import body_parameters, movable_bodies
from twin.calibrate.dynamics.story import result
from twin.calibrate.given import Given
from twin.calibrate.spec import load_plan
from twin.core.chance import Chance, Stream
from twin.core.records import Floats

MODELS = ("double_pendulum", "ur3")
ENCODER = 2 * np.pi / 2**17
SECONDS, STEP = 40.0, 0.004
LEVELS = 10


def hidden(bot: Robot, stream: Stream) -> Values:
    """Bodies stretched, shifted and weighed anew in their own measure (they stay possible), armature and friction drawn."""
    bodies = {}
    for body in movable_bodies(bot.model):
        root = np.linalg.cholesky(pseudo(possible(body_parameters(bot.model, body))))
        change = root @ (np.eye(4) + 0.15 * stream.normal(size=(4, 4)))
        bodies[body] = parameters(change @ change.T)
    nv, given = bot.model.nv, as_given(bot.model)
    armature = np.maximum(given.armature, 1e-3) * np.exp(0.3 * stream.normal(size=nv))
    return Values({**given.bodies, **bodies}, armature, stream.uniform(0.05, 0.4, nv), stream.uniform(0.01, 0.3, nv))


def logged(model: mujoco.MjModel, stream: Stream) -> tuple[Floats, Floats]:
    """A table (n, 1 + 2 nv) of stamps, positions and torques, and the torques' offsets (nv,)."""
    nv = model.nv
    model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONTACT) | int(mujoco.mjtDisableBit.mjDSBL_LIMIT)
    friction, model.dof_frictionloss[:] = np.array(model.dof_frictionloss), 0.0
    t = np.arange(0, SECONDS, STEP) + 0.1 * STEP * stream.uniform(-1, 1, int(SECONDS / STEP))
    a, p = stream.uniform(0.1, 0.4, (5, nv)), stream.uniform(0, 2 * np.pi, (5, nv))
    w = 2 * np.pi * stream.uniform(0.1, 0.8, (5, nv))
    angle = w * t[:, None, None] + p
    q, v, acc = (np.sum(x, axis=1) for x in (a * np.sin(angle), a * w * np.cos(angle), -a * w**2 * np.sin(angle)))
    data, torque = mujoco.MjData(model), np.empty_like(q)
    for i in range(len(t)):
        data.qpos[:], data.qvel[:], data.qacc[:] = q[i], v[i], acc[i]
        mujoco.mj_inverse(model, data)
        torque[i] = data.qfrc_inverse
    offset = 0.02 * torque.std(axis=0) * stream.normal(size=nv)
    white = stream.normal(size=q.shape)
    noise = 0.02 * torque.std(axis=0) * (white + np.array([0.7]) * np.roll(white, 1, axis=0))
    return np.column_stack([t, np.round(q / ENCODER) * ENCODER, torque + friction * np.sign(v) + offset + noise]), offset


def recovery(number: int, folder: Path) -> list[tuple[str, float, float, float]]:
    """Name, truth, estimate and standard error of every identified value of one arm."""
    name = MODELS[number % len(MODELS)]
    stream = Chance(7).stream("recovery", "arm", number)
    bot = robot(name, folder, None, mujoco.MjModel.from_xml_path(str(_file(name))).njnt)
    truth = hidden(bot, stream)
    table, offset = logged(with_values(bot, truth).compile(), stream)
    nv = bot.model.nv
    names = [f"{s}{j + 1}" for s in "qu" for j in range(nv)]
    np.savetxt(folder / "log.csv", table, delimiter=",", header=",".join(["t", *names]), comments="", fmt="%.9g")
    columns = {"q": {"column": names[:nv]}, "tau": {"column": names[nv:]}}
    plan = {
        "calibrate": "recovery",
        "logs": {"run": {"path": "log.csv", "time": {"column": "t"}, "columns": columns}},
        "parts": [
            {"kind": "dynamics", "log": "run", "model": name, "rollout": None, "split": {"by": "time", "hold_out": 0.25}}
        ],
    }
    (folder / "plan.yaml").write_text(json.dumps(plan))
    loaded = load_plan(folder / "plan.yaml")
    spec, given = loaded.spec.parts[0], Given(dict(loaded.spec.logs), loaded.folder, {})
    found = outcome(spec, given)  # type: ignore[arg-type]
    layout = found.fitted.layout
    rigid = np.concatenate([*(truth.bodies[b] for b in layout.free), truth.armature])
    known = {f"base.{n}": float(row @ rigid) for n, row in zip(found.base.names, found.base.weights, strict=True)}
    for j, joint in enumerate(bot.joints):
        friction = {
            "coulomb": truth.coulomb[j],
            "presliding": truth.coulomb[j],
            "viscous": truth.viscous[j],
            "offset": offset[j],
        }
        known |= {f"joints.{joint}.{kind}": float(value) for kind, value in friction.items()}
    out = []
    for e in result(spec, given, found).estimates:  # type: ignore[arg-type]
        label = ".".join(map(str, e.path[2:]))
        if e.identified and label in known and e.high is not None:
            out.append((label, known[label], float(e.value), (e.high - float(e.value)) / stats.norm.ppf(0.95)))  # type: ignore[arg-type]
    return out


def _file(name: str) -> Path:
    from twin.core.assets import asset

    return asset(f"robots/{name}.xml")


def coverage(arms: int) -> dict[str, float]:
    """Share of true values inside 90 % intervals over all arms, and the ranks' fit to a uniform distribution."""
    ranks: list[float] = []
    for number in range(arms):
        with tempfile.TemporaryDirectory() as folder:
            found = recovery(number, Path(folder))
        mine = [float(stats.norm.cdf((truth - value) / error)) for _, truth, value, error in found]
        inside = np.mean([abs(r - 0.5) <= 0.45 for r in mine])
        wide = [f"{n} {(t - v) / e:+.1f}" for n, t, v, e in found if abs(t - v) > 3 * e]
        print(
            f"arm {number:2d} {MODELS[number % len(MODELS)]:16s} {len(found):3d} values, {inside:.0%} inside  {' '.join(wide)}",
            flush=True,
        )
        ranks += mine
    counts = np.histogram(ranks, bins=LEVELS, range=(0, 1))[0]
    print("ranks", counts.tolist())
    return {
        "arms": arms,
        "values": len(ranks),
        "coverage": float(np.mean([abs(r - 0.5) <= 0.45 for r in ranks])),
        "rank_p": float(stats.chisquare(counts).pvalue),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", type=int, default=20)
    found = coverage(parser.parse_args().arms)
    print(f"90 % intervals cover {found['coverage']:.1%} of {found['values']:.0f} true values (wanted 85 to 95 %)")
    print(json.dumps({"dynamics_recovery": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
