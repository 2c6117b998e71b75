"""One cell on Bullet as it moves: steps under torques that are kept, and what it reads afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.core.records import Floats
from twin.world.compose import GRIP_MPS
from twin.world.pybullet.loaded import Loaded, Parts
from twin.world.pybullet.parts import FREE

LEAST_N = 1.0
"""With at least this force a finger's drive holds its finger in place."""
ANY = -2
"""Any link, to `getContactPoints`."""


class Row(Loaded):
    """One cell. `read` gives `line` (qpos and qvel as in the MuJoCo model; speeds of what lies free all in the world frame) and
    `touching` (thing or None, pad, contact point)."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.line: list[float] = []
        self.touching: list[tuple[int | None, int, Any]] = []
        self.states: Any = ()
        self.loss: list[float] = parts.loss.tolist()

    def build(self, qpos: Floats) -> None:
        """Load the cell and put it into a state, at rest."""
        super().build(qpos)
        self.closing = (0.0, 0.0)
        self.drag(self.parts.loss)
        self.line, self.touching = [*qpos.tolist(), *[0.0] * self.parts.cell.model.nv], []
        self.states = self.p.getJointStates(self.arm, self.moving, self.client)

    def resize(self, share: float) -> None:
        """Scale the edges of what lies free: the cell is loaded again as it is, but for what contacts remember."""
        self.size, model = share, self.parts.cell.model
        line, loss = self.line, self.loss
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
                self.arm,
                self.driven,
                self.p.VELOCITY_CONTROL,
                targetVelocities=still,
                forces=forces,
                physicsClientId=self.client,
            )

    def _motors(self, forces: Sequence[float]) -> list[float]:
        """Limits of Bullet's own motors, N or Nm, as it wants them: it keeps them as impulses of a whole call to it, and
        applies them in each of the steps that it makes of the call."""
        return [force / self.steps for force in forces]

    def close_on(self, opening: float) -> None:
        """Fingers as fast as MuJoCo's drive, damped as heavily as there, moves them, with its force at the most."""
        parts, p = self.parts, self.p
        short = opening - self.states[-2][0] - self.states[-1][0]
        speed = 0.5 * min(GRIP_MPS, max(-GRIP_MPS, parts.grip_rate * short))
        force = min(parts.grip_force, max(LEAST_N, abs(parts.grip_gain * short)))
        if (speed, force) == self.closing:
            return
        self.closing = (speed, force)
        speeds, forces, gains = [speed, speed], self._motors([force, force]), [1.0, 1.0]
        p.setJointMotorControlArray(
            self.arm, self.fingers, p.VELOCITY_CONTROL, speeds, speeds, forces, gains, gains, self.client
        )

    def go(self, torques: Sequence[float], steps: int) -> None:
        """Step under torques (nq,) Nm that are kept: one call to Bullet, which itself makes `steps` of it."""
        p, client = self.p, self.client
        if steps != self.steps:
            self.steps = steps
            p.setPhysicsEngineParameter(fixedTimeStep=self.step_s * steps, numSubSteps=steps, physicsClientId=client)
        # by place: half as dear as by name
        p.setJointMotorControlArray(
            self.arm, self.driven, p.TORQUE_CONTROL, torques, torques, torques, torques, torques, client
        )
        p.stepSimulation(client)

    def joints_now(self) -> Any:
        """Angle in rad and speed in rad/s of each of the arm's joints, and more."""
        return self.p.getJointStates(self.arm, self.driven, self.client)

    def read(self) -> None:
        """State and forces, as Bullet has them now."""
        p, client = self.p, self.client
        self.states = p.getJointStates(self.arm, self.moving, client)
        line, speed = [state[0] for state in self.states], [state[1] for state in self.states]
        for body in self.things:
            place, turn = p.getBasePositionAndOrientation(body, client)
            line += place
            line += turn[3], *turn[:3]
            for part in p.getBaseVelocity(body, client):
                speed += part
        for body, at, _ in self.slides:
            state = p.getJointState(body, at, client)
            line.append(state[0])
            speed.append(state[1])
        self.line = line + speed
        self.touching = [
            (self.touched.get((touch[2], touch[4])), pad, touch)
            for touch in p.getContactPoints(self.arm, -1, ANY, ANY, client)
            if (pad := self.pad_links.get(touch[3])) is not None
        ]

    @property
    def pads(self) -> Floats:
        """(1 + things, 2, 3) N, the forces of the pads after the last step, on all that they touch and on each thing."""
        pads: Floats = np.zeros((1 + self.parts.cell.things, 2, 3))
        for thing, pad, touch in self.touching:
            force = self.steps * _force(touch)  # Bullet takes the impulse of a step for that of a whole call
            pads[0, pad] -= force
            if thing is not None:
                pads[1 + thing, pad] -= force
        return pads

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
