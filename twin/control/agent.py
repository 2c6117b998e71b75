"""What an agent trained in Gymnasium sees and does, in arrays: the same for the environments and for the farm.

`flat` is what it sees, `Actions` turns what it answers into commands. `Agent` is the policy behind an environment: it plays
what the caller of `step` has written into its memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.control.policy import Memory, PolicySpec, Setup, Wanted
from twin.core.chance import Stream
from twin.core.errors import InputError, nearest
from twin.core.records import Chunk, Floats, Observation

CONTROLS = ("joint", "tool")
"""How an action is meant: see `Actions`."""
SHARE = 0.35
"""Share of a joint's velocity limit that an action of 1 asks for."""
TOOL_MPS = 0.25
"""Speed of the tool (m/s) that an action of 1 asks for."""
DOWN = np.diag((1.0, -1.0, -1.0))


def flat(seen: Observation) -> Floats:
    """(n, m) all that an agent sees: q (nq) rad, dq (nq) rad/s, grip (1) m, tool (3) m, objects (7 each: m, unit quaternion),
    goal (3) m. m is `2 nq + 7 + 7 k`."""
    n = len(seen.q)
    parts = (seen.q, seen.dq, seen.grip[:, None], seen.tool, seen.objects.reshape(n, -1), seen.goal)
    return np.concatenate(parts, axis=1)


class Actions:
    """Actions from -1 to 1 as commands.

    `joint` (n, nq + 1): each joint's target moves on from the last command, at 1 with `SHARE` of its velocity limit. `tool`
    (n, 4): the tool moves along x, y, z of the base with up to `TOOL_MPS`, pointing down. The last number is the gripper: -1
    shut, 1 wide open.
    """

    def __init__(self, setup: Setup, control: str = "joint") -> None:
        """Raises `InputError` for an unknown control."""
        if control not in CONTROLS:
            raise InputError(f"unknown control {control!r}{nearest(control, CONTROLS)}")
        self.arm, self.control, self.stroke_m = setup.arm, control, setup.stroke_m
        self.size = setup.arm.nq + 1 if control == "joint" else 4
        self.step = setup.arm.velocity * (SHARE * setup.period_s)
        self.reach_m = TOOL_MPS * setup.period_s

    def commands(self, last: Floats, action: Floats) -> Floats:
        """(n, nq + 1) joint targets in rad and the opening in m, from the last command (n, nq + 1) and actions (n, size)."""
        action = np.minimum(np.maximum(action, -1.0), 1.0)
        q = last[:, :-1]
        way = action[:, :-1] * self.step if self.control == "joint" else self._tool_way(q, action[:, :-1])
        target = np.minimum(np.maximum(q + way, self.arm.limits[:, 0]), self.arm.limits[:, 1])
        return np.concatenate((target, 0.5 * self.stroke_m * (action[:, -1:] + 1.0)), axis=1)

    def _tool_way(self, q: Floats, action: Floats) -> Floats:
        """(n, nq) rad: one damped step of the joints that moves the tool and turns it down."""
        _, turned, jac = self.arm.solve(q)
        error: Floats = np.empty((len(q), 6))
        error[:, :3] = action * self.reach_m
        turn = DOWN @ turned.transpose(0, 2, 1)
        error[:, 3:] = 0.5 * (turn[:, (2, 0, 1), (1, 2, 0)] - turn[:, (1, 2, 0), (2, 0, 1)])
        across = jac.transpose(0, 2, 1)
        inner = jac @ across
        inner.reshape(-1, 36)[:, ::7] += 1e-4
        way = (across @ np.linalg.solve(inner, error[:, :, None]))[:, :, 0]
        return np.minimum(np.maximum(way, -self.step), self.step)


class Agent:
    """The policy of somebody outside: memory `action` (n, nq + 1) is what each row's next request is answered with."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup

    def spec(self) -> PolicySpec:
        """Everything, every tick; one command an answer."""
        nq, hz = self.setup.arm.nq, 1.0 / self.setup.period_s
        shapes = {"q": (nq,), "dq": (nq,), "grip": (), "tool": (3,), "objects": (self.setup.things, 7)}
        return PolicySpec({key: Wanted(shape, hz) for key, shape in shapes.items()}, nq + 1, 1, 1, "agent")

    def memory(self, n: int) -> Memory:
        """`action` (n, nq + 1)."""
        return {"action": np.zeros((n, self.setup.arm.nq + 1))}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Stream]) -> None:
        """Nothing to forget."""

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """What was written, and never the end."""
        return Chunk(memory["action"][:, None], np.zeros(len(seen.q), bool))
