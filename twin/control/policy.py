"""`Policy`: what drives a robot towards its task, whether a script or a learned model behind a link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from twin.core.chance import Stream
from twin.core.records import Chunk, Observation
from twin.world.kinematics import Arm

Memory = dict[str, Any]
"""Arrays with one line a row. The farm owns, copies and snapshots them; a policy keeps nothing about rows anywhere else."""


class Wanted(NamedTuple):
    """One observation that a policy reads: its shape without the row axis, and how often it should be fresh."""

    shape: tuple[int, ...]
    rate_hz: float


@dataclass(frozen=True)
class PolicySpec:
    """What a policy declares. `nu` commands a tick (joint targets in rad, gripper opening in m), `horizon` ticks a chunk;
    after `replan` ticks of a chunk the next one is asked for, so that it can arrive before this one ends."""

    observations: Mapping[str, Wanted]
    nu: int
    horizon: int
    replan: int
    version: str


@dataclass(frozen=True)
class Setup:
    """What a policy may know of the cells that it drives, handed to its constructor: the arm, the tasks there by name (an
    observation's `task` is the index), how many things can be moved, the edge of an object and the widest opening in m, and the
    control period in s."""

    arm: Arm
    tasks: tuple[str, ...]
    things: int
    object_m: float
    stroke_m: float
    period_s: float


class Policy(Protocol):
    """Vectorised over rows: `memory` and `seen` of a call hold the same rows, in the same order.

    What a row gets depends on its own observation and memory only, bit for bit: a row may be served alone or with a
    thousand others. All randomness comes from the streams given to `begin`.
    """

    def spec(self) -> PolicySpec:
        """What it reads, what it commands, and its version."""
        ...

    def memory(self, n: int) -> Memory:
        """Fresh memory for n rows: arrays whose first axis has length n."""
        ...

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Stream]) -> None:
        """Start an episode on these rows: edits `memory` in place. One stream a row."""
        ...

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """The next chunk for these rows, (n, horizon, nu): edits `memory` in place. Never raises because of a row's values."""
        ...
