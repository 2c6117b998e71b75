"""What a grasp off the middle hangs on: `python -m benchmarks.grasps [--n 200] [--arms ur3 panda]` prints its table.

Every row is one aim: the script of `pick_place` reaches beside the object by the error of its camera, the same on both engines
and under each change of one parameter of the contact. Nothing but script and physics takes part: no filters, no links.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np

from twin.control.scripted import ERROR, HORIZON, Scripted
from twin.control.spec import ScriptedPolicy
from twin.core.chance import Chance
from twin.core.records import Bools, Floats
from twin.world.cell import CellModel, build_cell
from twin.world.compose import FINGERS
from twin.world.mujoco import MujocoWorld
from twin.world.pybullet.world import PybulletWorld
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

PERIOD_S, LONGEST_S = 0.02, 10.4
CLIENTS = 50
"""Rows of PyBullet at a time: 30 MB each."""


Change = Callable[[Any], None]


def play(world: Any, error: Floats, first: int = 0, change: Change | None = None) -> Bools:
    """(n,) whether the script, off by `error` (n, 3) m, brings the object where it belongs; start states from `first` on."""
    n, model, chance = len(error), world.cell, Chance(11)
    rows, task = np.arange(n, dtype=np.int32), tasks_of(model)["pick_place"]
    script = Scripted(model, ScriptedPolicy(), PERIOD_S)
    start = task.start([chance.stream(f"c{first + i}", "start") for i in range(n)])
    world.reset(rows, start)
    if change is not None:
        change(world)
    memory = script.memory(n)
    script.begin(memory, seen(world, rows, start), [chance.stream("c", "policy")] * n)
    memory["state"][:, ERROR] = error
    for _ in range(round(LONGEST_S / PERIOD_S / HORIZON)):
        actions = script.act(seen(world, rows, start), memory).actions
        for k in range(HORIZON):
            world.step(rows, actions[:, k], round(1e6 * PERIOD_S / world.step_us))
    return task.success(world.truth(rows), start)


def seen(world: Any, rows: Any, start: Any) -> Any:
    """What the script looks at."""
    return replace(world.observe(rows), goal=start.goal, task=np.zeros(len(rows), np.int64))


def cell(arm: str, change: Change | None = None, **specs: Any) -> CellModel:
    """The usual cell, its compiled model changed; `specs` are of the gripper and of the object."""
    gripper = GripperSpec(**{k: v for k, v in specs.items() if k in GripperSpec.model_fields})
    table = WorkcellSpec(**{k: v for k, v in specs.items() if k in WorkcellSpec.model_fields})
    made = build_cell(SimpleNamespace(model=arm), gripper, table)
    model = copy.deepcopy(made.model)
    if change is not None:
        change(model)
    return replace(made, model=model)


def on_mujoco(arm: str, error: Floats, change: Change | None = None, **specs: Any) -> Bools:
    """Success of each aim on MuJoCo, its compiled model changed."""
    return play(MujocoWorld(cell(arm, change, **specs), len(error), 2), error)


def on_bullet(arm: str, error: Floats, change: Change | None = None, **specs: Any) -> Bools:
    """Success of each aim on PyBullet, its clients changed."""
    parts = []
    for first in range(0, len(error), CLIENTS):
        world = PybulletWorld(cell(arm, **specs), len(error[first : first + CLIENTS]))
        parts.append(play(world, error[first : first + CLIENTS], first, change))
        world.close()
    return np.concatenate(parts)


def set_(**fields: Any) -> Change:
    """Options of a MuJoCo model."""

    def change(model: Any) -> None:
        for name, value in fields.items():
            setattr(model.opt, name, value)

    return change


def times(field: str, factor: float, column: Any = slice(None)) -> Change:
    """A field of a MuJoCo model's pairs, scaled."""

    def change(model: Any) -> None:
        getattr(model, field)[:, column] *= factor

    return change


def fingers(share: float) -> Change:
    """What a finger that is pushed back by force resists with, beside its drive."""

    def change(model: Any) -> None:
        for name in FINGERS:
            model.dof_damping[model.joint(name).dofadr[0]] *= share

    return change


def bullet(**parameters: Any) -> Change:
    """Parameters of Bullet's solver."""

    def change(world: Any) -> None:
        for row in world.rows:
            row.p.setPhysicsEngineParameter(**parameters, physicsClientId=row.client)

    return change


CHANGES: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "friction 0.64 for 0.8": {"specs": {"object_friction": 0.64}},
    "friction 0.4": {"specs": {"object_friction": 0.4}},
    "grip force 80 N for 40": {"specs": {"force_N": 80.0}},
    "object of 160 g for 80": {"specs": {"object_kg": 0.16}},
    "physics step 1 ms for 2": {"specs": {"physics_step_ms": 1.0}},
    "contacts twice as slow": {"mujoco": times("pair_solref", 2.0, 0)},
    "contacts six times as slow": {"mujoco": times("pair_solref", 6.0, 0)},
    "impratio 1 for 3": {"mujoco": set_(impratio=1.0)},
    "pyramidal cones": {"mujoco": set_(cone=int(mujoco.mjtCone.mjCONE_PYRAMIDAL))},
    "fingers damped a tenth": {"mujoco": fingers(0.1)},
    "fingers damped a fortieth": {"mujoco": fingers(0.025)},
    "no torsional friction": {"mujoco": times("pair_friction", 1e-3, 2)},
    "50 rounds for 200": {"bullet": bullet(numSolverIterations=50)},
    "100 rounds": {"bullet": bullet(numSolverIterations=100)},
    "400 rounds": {"bullet": bullet(numSolverIterations=400)},
    "contact erp 0.8 for 0.2": {"bullet": bullet(contactERP=0.8)},
    "a cone of friction": {"bullet": bullet(enableConeFriction=1)},
}
"""What is changed, one at a time, on both engines or on one."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="python -m benchmarks.grasps --n 80")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--arms", nargs="+", default=["ur3", "panda"])
    parser.add_argument("--error-mm", type=float, default=8.0)
    parser.add_argument("--changes", nargs="+", default=list(CHANGES), metavar="WORDS", help="only these, by their words")
    args = parser.parse_args()
    error = 1e-3 * args.error_mm * np.random.default_rng(5).standard_normal((args.n, 3)) * (1.0, 1.0, 0.2)
    print(f"{'arm':6} {'change':28} {'MuJoCo':>8} {'PyBullet':>9}   % of {args.n} aims that succeed")
    for arm in args.arms:
        for name in args.changes:
            change = CHANGES[name]
            specs, whole = change.get("specs", {}), not change or "specs" in change
            found = ["", ""]
            for i, (engine, play_) in enumerate((("mujoco", on_mujoco), ("bullet", on_bullet))):
                if whole or engine in change:
                    found[i] = f"{100 * play_(arm, error, change.get(engine), **specs).mean():.1f}"
            print(f"{arm:6} {name:28} {found[0]:>8} {found[1]:>9}", flush=True)


if __name__ == "__main__":
    main()
