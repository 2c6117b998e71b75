"""PyBullet beside MuJoCo: `python -m benchmarks.engines [speed|clients|free|success]` prints its table.

speed    a world's tick (step, observe, truth, state) against the time that `stepSimulation` alone takes in it
clients  one client a row against all rows' bodies in one client
free     free motion: the furthest that joints of both engines are apart over 2 s
success  pick_place over 200 episodes a world and arm, with trajectories side by side
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks import words
from twin.core.chance import Chance
from twin.core.records import Floats
from twin.cross import apart
from twin.judge.engines import across
from twin.log.stored import whole
from twin.log.tables import open_run
from twin.run import run
from twin.scenario.load import load
from twin.world.cell import CellModel, build_cell
from twin.world.engines import BOTH
from twin.world.mujoco import MujocoWorld
from twin.world.pybullet.loaded import engine
from twin.world.pybullet.world import PybulletWorld
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import at_rest, tasks_of

STEPS = 10
CLEAR_M = 0.12
"""A tool that stays above this touches nothing: the motion is free."""


def cell(arm: str, kind: Any = "table") -> CellModel:
    """A cell with the usual gripper."""
    return build_cell(SimpleNamespace(model=arm), GripperSpec(), WorkcellSpec(kind=kind))


class Timed:
    """PyBullet, counting the seconds that `stepSimulation` takes. All else is the module's own, at the module's own cost."""

    def __init__(self, module: Any) -> None:
        self.__dict__ |= {name: value for name, value in vars(module).items() if name != "stepSimulation"}
        self._step, self.seconds = module.stepSimulation, 0.0

    def stepSimulation(self, client: int) -> None:  # noqa: N802
        """As PyBullet's, timed."""
        began = time.perf_counter()
        self._step(client)
        self.seconds += time.perf_counter() - began


def picks(world: Any, ticks: int) -> float:
    """Seconds that a world takes for so many ticks towards its objects and around them, with feedback."""
    rows, chance = np.arange(world.n, dtype=np.int32), Chance(7)
    task = next(iter(tasks_of(world.cell).values()))
    world.reset(rows, task.start([chance.stream(f"c{i}", "start") for i in rows]))
    commands = np.empty((ticks, world.n, world.nu))
    seen, total = world.observe(rows), 0.0
    for tick in range(ticks):
        way = seen.objects[:, 0, :3] - seen.tool
        way *= 0.02 / np.sqrt((way * way).sum(axis=1, keepdims=True))
        turn = (world.jac(rows)[:, :3] * way[:, :, None]).sum(axis=1)
        commands[tick] = np.concatenate((seen.q + turn, 0.05 + 0.1 * way[:, 2:]), axis=1)
        began = time.perf_counter()
        world.step(rows, commands[tick], STEPS)
        seen, _, _ = world.observe(rows), world.truth(rows), world.state(rows)
        total += time.perf_counter() - began
    return total


def speed(ns: tuple[int, ...] = (2, 32, 64), ticks: int = 50, segments: int = 5) -> None:
    """Prints, for cells and numbers of rows, robot-seconds per second and the share of a tick that the bare engine takes of it:
    both of the same ticks, the medians of some segments."""
    print(f"{'cell':12} {'rows':>4} {'ms a tick and row':>18} {'robot-s per s':>14} {'of bare':>8}")
    for arm, kind in (("ur3", "table"), ("panda", "table"), ("panda", "bin"), ("ur3", "drawer")):
        for n in ns:
            world, timed = PybulletWorld(cell(arm, kind), n), Timed(engine())
            picks(world, 10)
            for row in world.rows:
                row.p = timed
            each, shares = [], []
            for _ in range(segments):
                timed.seconds = 0.0
                whole = picks(world, ticks)
                each.append(whole / ticks / n)
                shares.append(timed.seconds / whole)
            rate = STEPS * world.step_us * 1e-6 / np.median(each)
            print(
                f"{arm + ' ' + kind:12} {n:4} {1e3 * np.median(each):18.3f} {rate:14.1f} {np.median(shares):8.2f}", flush=True
            )
            world.close()


def clients(n: int = 16, steps: int = 200) -> None:
    """Prints what a step of one arm costs, each in a client of its own and all in one client, where none can rest alone."""
    p, parts = engine(), PybulletWorld(cell("ur3"), 1).parts
    for apart_ in (True, False):
        before, many = _megabytes(), [p.connect(p.DIRECT) for _ in range(n if apart_ else 1)]
        for i in range(n):
            for file, _ in parts.trees:
                flags = p.URDF_USE_INERTIA_FROM_FILE
                p.loadURDF(file, [2.0 * i, 0, 0], useFixedBase=True, flags=flags, physicsClientId=many[i % len(many)])
        began = time.perf_counter()
        for _ in range(steps):
            for client in many:
                p.stepSimulation(client)
        each = 1e6 * (time.perf_counter() - began) / steps / n
        print(f"{len(many):3} clients, {n} arms: {each:6.1f} µs an arm and step, {(_megabytes() - before) / n:6.1f} MB an arm")
        for client in many:
            p.disconnect(client)


def _megabytes() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


ARMS = ("iiwa7", "panda", "ur3", "wx250s")


def free(seeds: int = 8) -> None:
    """Prints, for each arm, how far any joint of the two engines is apart over 2 s: the median and the most over ways.

    smooth: 1.5 s to a pose up to 0.8 rad away in each joint. hardest: as fast as the data sheet lets the joints accelerate,
    up to half its speed. A step of 0.2 rad, which no filter lets through, drives them into their torque limits."""
    print(f"{'arm':8} {'way':8} {'ways':>5} {'median mrad':>12} {'most mrad':>10}")
    for arm in ARMS:
        model = cell(arm)
        worlds = (MujocoWorld(model, 1), PybulletWorld(model, 1))
        for kind in ("smooth", "hardest", "step"):
            far: list[float] = []
            for seed in range(10 * seeds):
                if len(far) == seeds:
                    break
                path, other = (moved(world, seed, kind) for world in worlds)
                if model.arm.point(path)[:, 2].min() > CLEAR_M:
                    far.append(1e3 * float(np.abs(path - other).max()))
            print(f"{arm:8} {kind:8} {len(far):5} {np.median(far):12.2f} {max(far):10.2f}")


def moved(world: Any, seed: int, kind: str) -> Floats:
    """(100, nq) rad, joints at every tick of a way."""
    model, one = world.cell, np.zeros(1, np.int32)
    arm, random = model.arm, np.random.default_rng(seed)
    to = np.clip(arm.home + random.uniform(-0.8, 0.8, model.nq), arm.limits[:, 0] + 0.1, arm.limits[:, 1] - 0.1) - arm.home
    world.reset(one, at_rest(model, model.poses(model.model.qpos0[None]), np.zeros((1, 3))))
    seen, at, speed = [], np.zeros(model.nq), np.zeros(model.nq)
    for tick in range(100):
        if kind == "smooth":
            s = min(tick * 0.02 / 1.5, 1.0)
            at = to * (10 * s**3 - 15 * s**4 + 6 * s**5)
        elif kind == "step":
            at = 0.25 * to
        else:
            stop = np.sign(to - at) * np.sqrt(2 * arm.acceleration * np.abs(to - at))
            wanted = np.clip(stop, -0.5 * arm.velocity, 0.5 * arm.velocity)
            speed += np.clip(wanted - speed, -0.02 * arm.acceleration, 0.02 * arm.acceleration)
            at = at + 0.02 * speed
        world.step(one, np.append(arm.home + at, model.stroke_m)[None], STEPS)
        seen.append(world.observe(one).q[0])
    return np.array(seen)


SORTING = f"""
scenario: sorting
duration_s: 3000
seed: 3
episode_timeout_s: 30
jobs:
  - kind: list
    jobs: [{", ".join(f"{{job: {arm}, task: pick_place, episodes: 200, on: {arm}}}" for arm in ARMS)}]
policy: {{kind: scripted, perception_error_mm: 8}}
checks: [{{at_least: {{what: episodes, min: 1}}}}]
fleet:
  fleet: an arm of each kind
  grippers: {{hand: {{stroke_mm: 80}}}}
  people: {{operators: {{count: 4, response_s: 1, work_s: 1}}}}
  robots: {{{", ".join(f"{arm}: {{model: {arm}, gripper: hand, control_ms: 20}}" for arm in ARMS)}}}
  resets: [{{kind: automatic, attempts: 1, seconds: 1}}, {{kind: person, pool: operators, deadline_s: 60}}]
  cells: [{", ".join(f"{{name: {arm}, robots: [{{robot: {arm}}}]}}" for arm in ARMS)}]
"""
"""200 episodes an arm with a camera that is 8 mm off, so that many grasps are marginal: where engines would differ first."""


def success() -> None:
    """Prints success of pick_place on both engines, the gap with its interval, and where trajectories part."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sorting.yaml"
        file.write_text(SORTING)
        logs = {}
        for name in BOTH:
            logs[name] = open_run(run(load(file, engine=name), Path(folder) / name).folder)
            ended = whole(logs[name].episodes).dropna(subset=["truth"])
            for arm, labels in ended.groupby("robot_model").truth:
                print(f"{name:9} {arm:7} {len(labels)} episodes, {100 * labels.mean():.1f} % succeed", flush=True)
        found = across(*([log] for log in logs.values()))
        for group, row in found.uncertainty():
            if row.key == "success":
                print(f"{group}: {row.apart}")
        for path in apart(load(file), BOTH):
            print(path.sentence())


TABLES: Mapping[str, Callable[[], None]] = {"speed": speed, "clients": clients, "free": free, "success": success}


if __name__ == "__main__":
    for name in words(__doc__, TABLES, ["speed"]):
        TABLES[name]()
