"""A two-link arm that plays the real one: torques of known parameters, written as a log and calibrated."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from twin.calibrate.dynamics.fit import fit
from twin.calibrate.dynamics.models import robot
from twin.calibrate.dynamics.regressor import body_parameters, movable_bodies, regressor
from twin.calibrate.given import Given
from twin.calibrate.spec import load_plan
from twin.core.chance import Chance

PLAN = """\
calibrate: arm
logs:
  run: {path: run.csv, time: {column: t}, columns: {q: {column: [q1, q2]}, v: {column: [v1, v2]}, tau: {column: [u1, u2]}}}
parts: [{kind: dynamics, log: run, model: MODEL, cutoff_hz: 8, OPTIONS}]
"""


class Arm:
    """The log of an arm whose masses are 1.2 times the model's, in a folder with a plan."""

    def __init__(self, folder: Path, seed: int = 0, noise: float = 0.03, seconds: float = 20.0) -> None:
        self.folder, self.mass, self.coulomb, self.offset = folder, 1.2, np.array([0.21, 0.08]), np.array([0.05, -0.03])
        stream = Chance(seed).stream("test", "excitation")
        self.t = np.arange(0, seconds, 0.002)
        a, f, p = stream.uniform(0.2, 0.5, (3, 2)), stream.uniform(0.2, 1.2, (3, 2)), stream.uniform(0, 6, (3, 2))
        w = 2 * np.pi * f
        angle = w * self.t[:, None, None] + p
        self.q, self.v = (a * np.sin(angle)).sum(axis=1), (a * w * np.cos(angle)).sum(axis=1)
        acceleration = (-a * w**2 * np.sin(angle)).sum(axis=1)
        model = robot("double_pendulum", folder, None, 2).model
        Y, known = regressor(model, self.q, self.v, acceleration)
        pi = self.mass * np.concatenate([body_parameters(model, b) for b in movable_bodies(model)])
        self.tau = Y @ pi + known + acceleration * model.dof_armature + noise * stream.normal(size=self.q.shape)
        self.tau += np.sign(self.v) * self.coulomb + self.v * 0.02 + self.offset

    def write(self) -> None:
        """The log as a CSV file."""
        table = np.column_stack([self.t, self.q, self.v, self.tau])
        np.savetxt(self.folder / "run.csv", table, delimiter=",", header="t,q1,q2,v1,v2,u1,u2", comments="", fmt="%.8g")

    def calibrate(self, options: str = "rollout: null", model: str = "double_pendulum") -> SimpleNamespace:
        """What the part finds: its result, estimates by the end of their name, and all findings as one text."""
        self.write()
        (self.folder / "plan.yaml").write_text(PLAN.replace("OPTIONS", options).replace("MODEL", model))
        plan = load_plan(self.folder / "plan.yaml")
        result = fit(plan.spec.parts[0], Given(dict(plan.spec.logs), plan.folder, {}, plan.spec.confidence))
        named = {".".join(map(str, e.path[2:])): e for e in result.estimates}
        return SimpleNamespace(result=result, named=named, told=" | ".join(f"{f.level}: {f.text}" for f in result.findings))


@pytest.fixture
def arm(tmp_path):
    return Arm(tmp_path)
