"""With what force an arm presses, and how fingers give way: `python -m benchmarks.pressing [down|aside]` prints its table.

down   a finger presses on an object that stands on the table, from above, on both engines, and on MuJoCo changed: contacts
       whose friction does not creep, or that give way less. The force of the contact beside that which the servos' torques
       come to at the tool: what they say is the same, so that it is where the arm stands that differs
aside  a finger that rests is pushed in its own direction, 20 ms and 0.5 s later
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np

from benchmarks import words
from twin.core.records import Floats
from twin.world.cell import CellModel, build_cell
from twin.world.mujoco import MujocoWorld
from twin.world.pybullet.loaded import engine
from twin.world.pybullet.world import PybulletWorld
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import at_rest

ONE, STEPS = np.zeros(1, np.int32), 10
BESIDE_M, DEEP_M, OPEN_M = 0.03, 0.006, 0.06
"""One finger of an open hand comes down on the middle of the object, its target 6 mm into it."""


def cell(arm: str, **table: Any) -> CellModel:
    """The usual cell, its object changed."""
    return build_cell(SimpleNamespace(model=arm), GripperSpec(), WorkcellSpec(**table))


def resting(model: CellModel, opening: float) -> Any:
    """A start at home, open by some metres."""
    start = at_rest(model, model.poses(model.model.qpos0[None]), np.zeros((1, 3)))
    return replace(start, grip=np.array([opening]))


def reached(model: CellModel, q: Floats, to: Floats) -> Floats:
    """(nq,) rad that bring the tool point to (3,) m, turned as at `q`."""
    q = q.copy()
    for _ in range(200):
        way = np.append(to - model.arm.point(q[None])[0], np.zeros(3))
        jac = model.arm.jac(q[None])[0]
        q += np.clip(jac.T @ np.linalg.solve(jac @ jac.T + 1e-8 * np.eye(6), way), -0.1, 0.1)
    return q


def pressed(world: Any) -> tuple[Floats, Floats, float]:
    """(3,) N on the fingers 0.8 s after the target came to rest, what the servos come to at the tool, and the peak of z."""
    model, start = world.cell, resting(world.cell, OPEN_M)
    over = start.objects[0, 0, :3] + (0.0, BESIDE_M, 0.0)
    up = reached(model, model.arm.home, over + (0.0, 0.0, 0.08))
    down = reached(model, up, over + (0.0, 0.0, 0.029 - DEEP_M))
    start.q[0], peak = up, 0.0
    world.reset(ONE, start)
    for tick in range(100):
        s = min(tick / 60, 1.0)
        at = up + (down - up) * (10 * s**3 - 15 * s**4 + 6 * s**5)
        world.step(ONE, np.append(at, OPEN_M)[None], STEPS)
        peak = max(peak, float(world.observe(ONE).force[0, 2]))
    seen, arm = world.observe(ONE), model.arm
    torque = arm.stiffness * (down - seen.q[0]) - arm.damping * seen.dq[0]
    return seen.force[0], -np.linalg.lstsq(arm.jac(seen.q)[0].T, torque, rcond=1e-6)[0][:3], peak


def changed(model: CellModel, contacts: float = 1.0, **options: Any) -> CellModel:
    """A cell with other options of MuJoCo's, and contacts so many times as slow."""
    made = copy.deepcopy(model.model)
    made.pair_solref[:, 0] *= contacts
    for name, value in options.items():
        setattr(made.opt, name, value)
    return replace(model, model=made)


CHANGES: Mapping[str, Mapping[str, Any]] = {
    "as it is": {},
    "impratio 30 for 3": {"impratio": 30.0},
    "friction that does not creep": {"noslip_iterations": 20},
    "and contacts a third as slow": {"noslip_iterations": 20, "contacts": 1.0 / 3.0},
}
"""Of MuJoCo, whose cell has steps of 0.5 ms here: contacts as quick as the last need them."""


def down(arms: tuple[str, ...] = ("ur3", "panda")) -> None:
    """Prints the forces of a finger that presses from above."""
    print(f"{'arm':6} {'friction':>8} {'engine':40} {'contact, N (x y z)':>22} {'servos, N (x y z)':>22} {'peak z':>7}")
    for arm in arms:
        for friction in (0.8, 0.05):
            model = cell(arm, object_friction=friction, physics_step_ms=0.5)
            for name, change in CHANGES.items():
                tell(arm, friction, f"MuJoCo, {name}", pressed(_stepped(MujocoWorld(changed(model, **change), 1), 4)))
            tell(arm, friction, "MuJoCo at 2 ms", pressed(MujocoWorld(cell(arm, object_friction=friction), 1)))
            tell(arm, friction, "PyBullet", pressed(PybulletWorld(cell(arm, object_friction=friction), 1)))


def _stepped(world: Any, more: int) -> Any:
    """A world whose steps are so many times as many."""
    step = world.step
    world.step = lambda rows, command, steps: step(rows, command, more * steps)
    return world


def tell(arm: str, friction: float, name: str, found: tuple[Floats, Floats, float]) -> None:
    """A line of the table."""
    contact, servos = (" ".join(f"{part:6.1f}" for part in force) for force in found[:2])
    print(f"{arm:6} {friction:8} {name:40} {contact:>22} {servos:>22} {found[2]:7.1f}", flush=True)


def on_mujoco(model: CellModel, force: float, ticks: int) -> Floats:
    """(ticks,) m, the opening at every tick while one finger is pushed shut."""
    data, hand = mujoco.MjData(model.model), model.grip_q
    data.qpos[model.arm_q], data.qpos[hand] = model.arm.home, 0.5 * OPEN_M
    data.ctrl[:-1], data.ctrl[-1] = model.arm.home, OPEN_M
    data.qfrc_applied[hand.start] = -force
    found = []
    for _ in range(ticks):
        mujoco.mj_step(model.model, data, STEPS)
        found.append(float(data.qpos[hand].sum()))
    return np.array(found)


class Pushing:
    """PyBullet, pushing a finger of a row shut in every step."""

    def __init__(self, row: Any, force: float) -> None:
        self.__dict__ |= {name: value for name, value in vars(engine()).items() if name != "stepSimulation"}
        self._row, self._force = row, force

    def stepSimulation(self, client: int) -> None:  # noqa: N802
        """As PyBullet's, under the push."""
        p, row = engine(), self._row
        p.setJointMotorControl2(row.arm, row.fingers[0], p.TORQUE_CONTROL, force=-self._force, physicsClientId=client)
        p.stepSimulation(client)


def on_bullet(model: CellModel, force: float, ticks: int) -> Floats:
    """(ticks,) m, as `on_mujoco`."""
    world = PybulletWorld(model, 1)
    world.reset(ONE, resting(model, OPEN_M))
    world.rows[0].p, found = Pushing(world.rows[0], force), []
    for _ in range(ticks):
        world.step(ONE, np.append(model.arm.home, OPEN_M)[None], STEPS)
        found.append(float(world.observe(ONE).grip[0]))
    return np.array(found)


def aside() -> None:
    """Prints how far a hand that rests is pushed shut."""
    model = cell("panda")
    print(f"{'push, N':>7} {'MuJoCo, mm shut after 20 ms, 0.5 s':>36} {'PyBullet':>16}")
    for force in (5.0, 20.0, 60.0, 100.0):
        first, second = (1e3 * (OPEN_M - on(model, force, 25)) for on in (on_mujoco, on_bullet))
        print(f"{force:7.0f} {first[0]:27.1f} {first[-1]:8.1f} {second[0]:7.1f} {second[-1]:8.1f}")


TABLES = {"down": down, "aside": aside}


if __name__ == "__main__":
    for name in words(__doc__, TABLES, TABLES):
        TABLES[name]()
