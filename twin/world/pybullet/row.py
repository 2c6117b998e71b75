"""One cell on Bullet as it moves: steps under torques that are kept, and what it reads afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any

import numpy as np

from twin.core.records import Floats
from twin.world.pybullet.loaded import Loaded, Parts
from twin.world.pybullet.parts import FREE

ANY = -2
"""Any link, to `getContactPoints`."""


class Row(Loaded):
    """One cell. `read` writes into what is its own of a world's arrays: `line`, qpos and qvel as in the MuJoCo model (speeds of
    what lies free all in the world frame), and `pads` (1 + things, 2, 3) N, the forces of the pads after the last step, on all
    that they touch and on each thing. `feel` writes into `arm_now` (2 nq,) the angles and speeds of the arm's joints."""

    def __init__(self, parts: Parts, line: Floats, arm_now: Floats, pads: Floats) -> None:
        super().__init__(parts)
        model, self.line, self.pads = parts.cell.model, line, pads
        self._line, self._arm_now = line.data.cast("B"), arm_now.data.cast("B")
        self._pack, self._pack_arm = (Struct(f"{k}d").pack_into for k in (model.nq + model.nv, 2 * parts.cell.nq))
        self._torque = self.p.TORQUE_CONTROL
        self.felt = False
        self.loss: list[float] = parts.loss.tolist()

    def build(self, qpos: Floats) -> None:
        """Load the cell and put it into a state, at rest."""
        super().build(qpos)
        self.force = self.opens = 0.0
        self.p.setJointMotorControlArray(
            self.arm, self.fingers, self.p.VELOCITY_CONTROL, forces=[0.0, 0.0], physicsClientId=self.client
        )
        self.drag(self.parts.loss)
        self.pads[:], self.felt = 0.0, False
        self.open = sum(self.p.getJointState(self.arm, finger, self.client)[0] for finger in self.fingers)

    def resize(self, share: float) -> None:
        """Scale the edges of what lies free: the cell is loaded again as it is, but for what contacts remember."""
        self.size, model = share, self.parts.cell.model
        line, loss = self.line.tolist(), self.loss
        self.build(np.array(line[: model.nq]))
        for joint, (body, at) in self.joints.items():
            own = model.joint(joint)
            place, speed = line[int(own.qposadr[0])], line[model.nq + int(own.dofadr[0])]
            self.p.resetJointState(body, at, place, speed, physicsClientId=self.client)
        free = [int(model.jnt_dofadr[joint]) for joint in range(model.njnt) if model.jnt_type[joint] == FREE]
        for body, at in zip(self.things, free, strict=True):
            speeds = line[model.nq + at : model.nq + at + 6]
            self.p.resetBaseVelocity(body, speeds[:3], speeds[3:], physicsClientId=self.client)
        self.drag(np.array(loss))
        self.read()

    def drag(self, loss: Floats) -> None:
        """Friction (nq,) Nm of the arm's joints, shut brakes among it."""
        self.loss = loss.tolist()
        if self.client >= 0:
            still, forces = [0.0] * len(self.loss), self._motors(self.loss)
            self.p.setJointMotorControlArray(
                self.arm, self.driven, self.p.VELOCITY_CONTROL, targetVelocities=still, forces=forces,
                physicsClientId=self.client,
            )  # fmt: skip

    def _motors(self, forces: Sequence[float]) -> list[float]:
        """Limits of Bullet's own motors, N or Nm, as it wants them: it keeps them as impulses of a whole call to it, and
        applies them in each of the steps that it makes of the call."""
        return [force / self.steps for force in forces]

    def close_on(self, opening: float) -> None:
        """The force of MuJoCo's drive on either finger, for as long as the command is held: what it is at the speed that the
        fingers will have under it, under their damping, and under the push of what they touch, which is taken to last.

        `finger_drag` is of both, and the opening changes twice as fast as either moves: drag × its speed = 4 × force + push.
        """
        parts = self.parts
        short, push = opening - self.open, parts.finger_drag * self.opens - 4.0 * self.force
        self.opens = (4.0 * parts.grip_gain * short + push) / (parts.finger_drag + 4.0 * parts.grip_drag)
        force = parts.grip_gain * short - parts.grip_drag * self.opens
        self.force = min(parts.grip_force, max(-parts.grip_force, force))

    def go(self, torques: Sequence[float], steps: int) -> None:
        """Step under torques (nq,) Nm and the fingers' force that are kept: one call to Bullet, which itself makes `steps` of
        it."""
        p, client = self.p, self.client
        if steps != self.steps:
            self.steps = steps
            p.setPhysicsEngineParameter(fixedTimeStep=self.step_s * steps, numSubSteps=steps, physicsClientId=client)
        # by place: half as dear as by name
        put = [*torques, self.force, self.force]
        p.setJointMotorControlArray(self.arm, self.moving, self._torque, put, put, put, put, put, client)
        p.stepSimulation(client)

    def feel(self) -> None:
        """Where the arm's joints are by now, and how fast."""
        q, dq, *_ = zip(*self.p.getJointStates(self.arm, self.driven, self.client), strict=True)
        self._pack_arm(self._arm_now, 0, *q, *dq)

    def read(self) -> None:
        """State and forces, as Bullet has them now."""
        p, client = self.p, self.client
        q, dq, *_ = zip(*p.getJointStates(self.arm, self.moving, client), strict=True)
        self.open, self.opens = q[-2] + q[-1], dq[-2] + dq[-1]
        places, speeds = [*q], [*dq]
        for body in self.things:
            place, (x, y, z, w) = p.getBasePositionAndOrientation(body, client)
            places += place
            places += w, x, y, z
            for part in p.getBaseVelocity(body, client):
                speeds += part
        for body, at, _ in self.slides:
            place, speed, *_ = p.getJointState(body, at, client)
            places.append(place)
            speeds.append(speed)
        self._pack(self._line, 0, *places, *speeds)
        touching = p.getContactPoints(self.arm, -1, ANY, ANY, client)
        if touching or self.felt:
            self._press(touching)

    def _press(self, touching: Any) -> None:
        """Into `pads` the forces of contact points of the arm's."""
        self.pads[:], self.felt = 0.0, False
        for touch in touching:
            pad = self.pad_links.get(touch[3])
            if pad is None:
                continue
            self.felt, thing = True, self.touched.get((touch[2], touch[4]))
            force = self.steps * _force(touch)  # Bullet takes the impulse of a step for that of a whole call
            self.pads[0, pad] -= force
            if thing is not None:
                self.pads[1 + thing, pad] -= force

    def shift(self, by: Floats) -> None:
        """Move the first thing and let it fall."""
        p, client = self.p, self.client
        place, turn = p.getBasePositionAndOrientation(self.things[0], client)
        p.resetBasePositionAndOrientation(self.things[0], (np.array(place) + by).tolist(), turn, client)
        self.read()


def _force(touch: Any) -> Floats:
    """(3,) N on the first body of a contact point."""
    along, across, around = touch[9], touch[10], touch[12]
    ways = zip(touch[7], touch[11], touch[13], strict=True)
    return np.array([along * normal + across * one + around * other for normal, one, other in ways])
