"""One cell loaded into a PyBullet client of its own, afresh for every episode.

A client of its own is what makes a row's bits its own: `stepSimulation` steps all that a client holds. Built afresh, because
contacts that Bullet remembers, and the order in which it meets them, would outlive a reset.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from twin.core.clock import US
from twin.core.records import Floats
from twin.world.cell import CellModel
from twin.world.compose import FINGERS, PADS, TURNING_M
from twin.world.engines import need
from twin.world.pybullet.parts import FREE, SHARE, SLICK, link_of, pose_of, stands, trees, units, urdf

REBUILDS = 64
"""A client is given up after so many episodes: each leaves some 0.2 MB behind in Bullet."""
_FREE: list[tuple[int, int]] = []
"""Clients that no row uses, with their age: a new one costs 30 MB and as many milliseconds."""
FINER = 2
"""Bullet's steps to one of the cell's. With one its contacts give way under a finger that comes down on a thing, which then
slips into the hand: `python -m benchmarks.grasps`."""
ROUNDS = 200
"""Of the solver at the most in a step; where nothing is pressed it ends sooner. After Bullet's usual 50, an arm that presses on
a thing which stands on the table finds it slipping away: `python -m benchmarks.grasps`."""
LOCKED_N = 1e4
"""What keeps the fingers level with each other, and with what turns with them."""
SLOWER = 0.01
"""How fast the flywheel slides to a finger: so slowly that Bullet's damping, which has a part that grows with the square, is
all but linear."""


def engine() -> Any:
    """The module pybullet, imported without its greeting; InputError where it is not installed."""
    need("pybullet")
    with _quiet():
        return importlib.import_module("pybullet")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing that C code writes to stderr gets through."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Parts:
    """What all rows of a cell model load: files of URDF in a folder that goes with it, colliders, the law of the drives."""

    def __init__(self, cell: CellModel) -> None:
        self.cell, model = cell, cell.model
        self.colliders = units(model)
        self.folder = tempfile.TemporaryDirectory(prefix="twin-urdf-")
        self.trees: list[tuple[str, str]] = []
        for root in trees(model):
            file = Path(self.folder.name) / f"{model.body(root).name}.urdf"
            file.write_text(urdf(model, root, self.colliders))
            self.trees.append((str(file), model.body(root).name))
        boxes = [unit.geoms[0] for unit in self.colliders if stands(model, unit.body)]
        self.standing = {geom: pose_of(model, geom) for geom in boxes}
        self.links = {model.body(body).name: link_of(model, body) for body in range(1, model.nbody)}
        self.g = -float(model.opt.gravity[2])
        self.mu = cell.workcell.object_friction
        arm = cell.arm_q
        self.loss: Floats = model.dof_frictionloss[arm].copy()
        self.step_s = cell.step_us / US / FINER
        grip, finger = model.nu - 1, cell.grip_q.start
        self.grip_force = float(model.actuator_forcerange[grip, 1])
        self.grip_gain, self.grip_drag = float(model.actuator_gainprm[grip, 0]), -float(model.actuator_biasprm[grip, 2])
        self.finger_drag = 2.0 * float(model.dof_damping[finger])
        self.flywheel_kg = 2.0 * float(model.dof_armature[finger]) + self.finger_drag * self.step_s


class Loaded:
    """A cell in a client: what stands, hangs together and lies there, and what touches it with what friction."""

    def __init__(self, parts: Parts) -> None:
        self.parts, self.p = parts, engine()
        self.client, self.age = -1, 0
        self.friction = self.size = 1.0
        self.step_s, self.steps = parts.step_s, 1

    def build(self, qpos: Floats) -> None:
        """Load the cell and put it into a state, at rest."""
        p = self.p
        if self.age >= REBUILDS:
            self.close()
        if self.client < 0:
            self.client, self.age = _FREE.pop() if _FREE else (p.connect(p.DIRECT), 0)
        self.age += 1
        client = self.client
        with _quiet():
            p.resetSimulation(physicsClientId=client)
            self.steps = 1
            p.setPhysicsEngineParameter(
                fixedTimeStep=self.step_s, numSubSteps=1, numSolverIterations=ROUNDS, deterministicOverlappingPairs=1,
                enableFileCaching=0, physicsClientId=client,
            )  # fmt: skip
            p.setGravity(0.0, 0.0, -self.parts.g, physicsClientId=client)
            self.ids: dict[str, tuple[int, int]] = {}
            self.joints: dict[str, tuple[int, int]] = {}
            for file, name in self.parts.trees:
                self._load(file, name)
            self._place(qpos)
        self._contacts()
        self._joints(qpos)

    def _load(self, file: str, name: str) -> None:
        """A tree of links: their inertia, and damping by nothing but the law of the drives."""
        p, client, model = self.p, self.client, self.parts.cell.model
        tree = p.loadURDF(file, useFixedBase=True, flags=p.URDF_USE_INERTIA_FROM_FILE, physicsClientId=client)
        carries_slick = {key.removesuffix(SLICK) for key in self._names(tree) if key.endswith(SLICK)}
        self.ids[p.getBodyInfo(tree, physicsClientId=client)[0].decode()] = (tree, -1)
        for at, link in enumerate(self._names(tree)):
            self.ids[link] = (tree, at)
            own = self.parts.links[link.removesuffix(SLICK)]
            share = SHARE if link.endswith(SLICK) else 1.0 - SHARE * (link in carries_slick)
            p.changeDynamics(
                tree, at, localInertiaDiagonal=(own.moments * share).tolist(), linearDamping=0.0, angularDamping=0.0,
                jointDamping=0.0, physicsClientId=client,
            )  # fmt: skip
            joint = p.getJointInfo(tree, at, physicsClientId=client)
            if joint[2] != p.JOINT_FIXED:
                self.joints[joint[1].decode()] = (tree, at)
        for joint, (body, at) in self.joints.items():
            if body == tree and joint not in self.parts.cell.arm.names and joint not in FINGERS:
                damping = float(model.dof_damping[model.joint(joint).dofadr[0]])
                p.changeDynamics(tree, at, jointDamping=damping, physicsClientId=client)

    def _names(self, tree: int) -> list[str]:
        count = self.p.getNumJoints(tree, physicsClientId=self.client)
        return [self.p.getJointInfo(tree, at, physicsClientId=self.client)[12].decode() for at in range(count)]

    def _place(self, qpos: Floats) -> None:
        """What stands still, and what lies free."""
        p, client, model = self.p, self.client, self.parts.cell.model
        self.solid: dict[int, tuple[int, int]] = {}
        in_trees = {int(model.body(name.removesuffix(SLICK)).id) for name in self.ids if name != "world"}
        for unit in self.parts.colliders:
            if unit.body in in_trees:
                continue
            geom, lies = unit.geoms[0], not stands(model, unit.body)
            half = model.geom_size[geom] * (self.size if lies else 1.0)
            shape = p.createCollisionShape(p.GEOM_BOX, halfExtents=half.tolist(), physicsClientId=client)
            if lies:
                at = int(model.jnt_qposadr[model.body_jntadr[unit.body]])
                where, turn, mass = qpos[at : at + 3], qpos[at + 3 : at + 7], float(model.body_mass[unit.body])
            else:
                where, turn, mass = *self.parts.standing[geom], 0.0
            body = p.createMultiBody(
                mass, shape, basePosition=where.tolist(), baseOrientation=turn[[1, 2, 3, 0]].tolist(), physicsClientId=client
            )
            self.solid[geom] = (body, -1)
            moments = model.body_inertia[unit.body].tolist() if mass else [0.0] * 3
            p.changeDynamics(
                body, -1, localInertiaDiagonal=moments, linearDamping=0.0, angularDamping=0.0, physicsClientId=client
            )

    def _contacts(self) -> None:
        """Who touches whom, and with what friction: the root of a pair's on either side, none on slick links."""
        p, client, model = self.p, self.client, self.parts.cell.model
        for index in range(p.getNumBodies(physicsClientId=client)):
            body = p.getBodyUniqueId(index, physicsClientId=client)
            for at in range(-1, p.getNumJoints(body, physicsClientId=client)):
                p.setCollisionFilterGroupMask(body, at, 0, 0, physicsClientId=client)
        self.rough: list[tuple[int, int, float]] = []
        for index, unit in enumerate(self.parts.colliders):
            name = model.body(unit.body).name + SLICK * unit.slick
            body, at = self.ids[name] if name in self.ids else self.solid[unit.geoms[0]]
            mask = sum(1 << other for other in unit.touches)
            p.setCollisionFilterGroupMask(body, at, 1 << index, mask, physicsClientId=client)
            if unit.slick:
                p.changeDynamics(body, at, lateralFriction=0.0, spinningFriction=0.0, physicsClientId=client)
            else:
                turning = TURNING_M if model.geom(unit.geoms[0]).name in PADS else 0.0
                self.rough.append((body, at, turning))
        self.rub(self.friction)

    def rub(self, share: float) -> None:
        """Scale the friction of things."""
        self.friction, root = share, float(np.sqrt(self.parts.mu * share))
        if self.client < 0:
            return
        for body, at, turning in self.rough:
            self.p.changeDynamics(
                body, at, lateralFriction=root, spinningFriction=turning * root, rollingFriction=0.0, restitution=0.0,
                physicsClientId=self.client,
            )  # fmt: skip

    def sizes(self) -> list[float]:
        """The edges of what lies free, as Bullet has them, in shares of the model's."""
        edge = self.parts.cell.object_m
        found = [self.p.getCollisionShapeData(body, -1, physicsClientId=self.client)[0][3] for body in self.things]
        return [side / edge for sides in found for side in sides]

    def rubs(self) -> list[float]:
        """The friction of every collider that has some, as Bullet has it."""
        return [self.p.getDynamicsInfo(body, at, physicsClientId=self.client)[1] for body, at, _ in self.rough]

    def _joints(self, qpos: Floats) -> None:
        """Joints into their state; fingers level with each other; friction where a joint has some."""
        p, client, cell = self.p, self.client, self.parts.cell
        for joint, (body, at) in self.joints.items():
            where = float(qpos[cell.model.joint(joint).qposadr[0]])
            p.resetJointState(body, at, where, 0.0, physicsClientId=client)
        names = [*cell.arm.names, *FINGERS]
        self.arm = self.joints[names[0]][0]
        self.moving = [self.joints[name][1] for name in names]
        self.driven, self.fingers = self.moving[: cell.nq], self.moving[cell.nq :]
        level = p.createConstraint(
            self.arm, self.fingers[0], self.arm, self.fingers[1], p.JOINT_GEAR, [0, 1, 0], [0, 0, 0], [0, 0, 0],
            physicsClientId=client,
        )  # fmt: skip
        p.changeConstraint(level, gearRatio=-1, erp=0.2, maxForce=LOCKED_N, physicsClientId=client)
        self._flywheel()
        self.slides: list[tuple[int, int, int]] = []
        for joint, (body, at) in self.joints.items():
            if joint in names:
                continue
            own = cell.model.joint(joint)
            self.slides.append((body, at, int(own.qposadr[0])))
            loss = float(cell.model.dof_frictionloss[own.dofadr[0]])
            p.setJointMotorControl2(body, at, p.VELOCITY_CONTROL, targetVelocity=0.0, force=loss, physicsClientId=client)
        free = [joint for joint in range(cell.model.njnt) if cell.model.jnt_type[joint] == FREE]
        geom_of = {unit.body: unit.geoms[0] for unit in self.parts.colliders}
        self.things = [self.solid[geom_of[int(cell.model.jnt_bodyid[joint])]][0] for joint in free]
        fingers = [cell.model.body(int(cell.model.geom(pad).bodyid[0])).name for pad in PADS]
        links = {finger + part: i for i, finger in enumerate(fingers) for part in ("", SLICK)}
        self.pad_links = {self.ids[link][1]: i for link, i in links.items() if link in self.ids}
        self.touched = {(body, -1): i for i, body in enumerate(self.things)}
        for rail in range(len(cell.rails)):
            body, at, _ = self.slides[rail]
            self.touched[body, at] = len(self.things) + rail

    def _flywheel(self) -> None:
        """What of the fingers Bullet's joints have not: the mass of their rotors, and damping that is taken in every step.

        A mass of its own slides along, geared to a finger. Bullet takes the damping of bodies at the speed before a step; with
        what it takes in a step added to the mass, this is the speed after it (implicit Euler): any damping is stable.
        """
        p, client, parts = self.p, self.client, self.parts
        zero, level = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]
        wheel = p.createMultiBody(
            0.0, linkMasses=[parts.flywheel_kg / SLOWER**2], linkCollisionShapeIndices=[-1], linkVisualShapeIndices=[-1],
            linkPositions=[zero], linkOrientations=[level], linkInertialFramePositions=[zero],
            linkInertialFrameOrientations=[level], linkParentIndices=[0], linkJointTypes=[p.JOINT_PRISMATIC],
            linkJointAxis=[[1.0, 0.0, 0.0]], physicsClientId=client,
        )  # fmt: skip
        drag = parts.finger_drag / parts.flywheel_kg
        p.changeDynamics(wheel, -1, linearDamping=drag, angularDamping=0.0, jointDamping=0.0, physicsClientId=client)
        p.setJointMotorControl2(wheel, 0, p.VELOCITY_CONTROL, force=0.0, physicsClientId=client)
        geared = p.createConstraint(
            self.arm, self.fingers[0], wheel, 0, p.JOINT_GEAR, [1, 0, 0], zero, zero, physicsClientId=client
        )
        p.changeConstraint(geared, gearRatio=-1.0 / SLOWER, erp=0.0, maxForce=LOCKED_N, physicsClientId=client)

    def close(self) -> None:
        """Let the client go: to the next row, or for good where it is worn out."""
        if self.client >= 0 and self.age < REBUILDS:
            _FREE.append((self.client, self.age))
        elif self.client >= 0:
            with contextlib.suppress(self.p.error):
                self.p.disconnect(self.client)
        self.client = -1
