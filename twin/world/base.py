"""`World`: what every physics offers to a lane, over rows of one batch.

Rows are sorted unique int32 indices. Every array argument and result has one line a row *of the call*, in the order of `rows`.
A world never resets itself; a row that fails says so in `status` and the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from twin.core.records import Bools, Floats, Observation, Rows, Truth


@dataclass
class Start:
    """Start states of n rows, and what is asked there. q (n, nq) rad; grip (n,) m; objects (n, k, 7) poses of the things in the
    cell (position in m, unit quaternion); goal (n, 3) m, where the task wants its object."""

    q: Floats
    grip: Floats
    objects: Floats
    goal: Floats

    @staticmethod
    def blank(n: int, nq: int, things: int) -> Start:
        """n rows of zeros."""
        return Start(np.zeros((n, nq)), np.zeros(n), np.zeros((n, things, 7)), np.zeros((n, 3)))

    def take(self, rows: Rows) -> Start:
        """Copies of some of its rows."""
        return Start(self.q[rows], self.grip[rows], self.objects[rows], self.goal[rows])

    def put(self, rows: Any, start: Start) -> None:
        """Write a start of as many rows into these."""
        self.q[rows], self.grip[rows] = start.q, start.grip
        self.objects[rows], self.goal[rows] = start.objects, start.goal


FIELDS: Mapping[str, str] = {
    "actuator_strength": "torque limit of each joint's drive",
    "actuator_gain": "torque of each joint's drive: what is left of it in any state",
    "joint_drag": "1 + friction of each joint, in shares of its drive's torque limit",
    "brake": "torque with which the shut brake of each joint holds",
    "power": "of the drives: at 0 they give no torque and the brakes are shut",
    "friction": "of the things",
    "tack": "1 + N with which each contact of one finger holds on to a thing",
    "jam": "1 + N with which each contact of table and tray holds on to a thing",
    "thing_size": "edge of the things",
}
"""What `set_field` can scale, and what it is."""
PER_JOINT = ("actuator_strength", "actuator_gain", "joint_drag", "brake")
"""Fields with a value a joint, (n, nq); the others have one, (n,)."""


class World(Protocol):
    """n rows of one cell model: `nq` arm joints, `nu = nq + 1` commands (joint targets in rad, gripper opening in m)."""

    n: int
    nq: int
    nu: int
    step_us: int
    """The physics step in µs; a control period is a whole number of them."""

    def reset(self, rows: Rows, start: Start) -> None:
        """Put rows into start states, at rest, undoing every field set by `set_field`."""
        ...

    def step(self, rows: Rows, command: Floats, steps: int) -> None:
        """Hold `command` (n, nu) for `steps` physics steps. Rows not named keep every bit."""
        ...

    def observe(self, rows: Rows) -> Observation:
        """What the sensors read now, without faults: copies."""
        ...

    def truth(self, rows: Rows) -> Truth:
        """Ground truth: copies."""
        ...

    def status(self, rows: Rows) -> Bools:
        """(n,) True where the physics of a row failed (NaN or engine warning) since its last reset."""
        ...

    def jac(self, rows: Rows) -> Floats:
        """(n, 6, nq) Jacobian of the tool point in the robot's base frame: linear rows first, then angular."""
        ...

    def set_field(self, rows: Rows, field: str, scale: Floats) -> None:
        """Scale a model quantity of rows by `scale` (n,) or (n, k) against its nominal value; 1 restores it.

        Fields (`FIELDS`): see there. One that is nominally zero is 1 + what is added to it.
        """
        ...

    def get_field(self, rows: Rows, field: str) -> Floats:
        """(n, nq) or (n, 1): the scale in force now, read back from the physics (1: nominal)."""
        ...

    def fields_digest(self, rows: Rows) -> bytes:
        """A hash of everything `set_field` can change, to prove that faults were undone."""
        ...

    def torque(self, rows: Rows) -> tuple[Floats, Floats] | None:
        """(n, nq) Nm that each drive gives, and (n, nq) Nm that a sound one would give in this state; None without dynamics."""
        ...

    def effort(self, rows: Rows) -> Floats:
        """(n, nq) share of its limit that each drive gives: of torque, without dynamics of speed."""
        ...

    def shift(self, rows: Rows, by: Floats) -> None:
        """Move the first thing of each row by `by` (n, 3) m and let it fall; what is held is let go."""
        ...

    def state(self, rows: Rows) -> Floats:
        """(n, k) C-contiguous: all that the next step depends on, for the run's hash."""
        ...

    def snapshot(self) -> dict[str, Any]:
        """Plain arrays from which `restore` goes on bit for bit."""
        ...

    def restore(self, snapshot: dict[str, Any]) -> None:
        """The inverse of `snapshot`, on a world built from the same cell model and n."""
        ...
