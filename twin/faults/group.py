"""One entry of the plan at work on rows of a lane: who they are, when it began there, and what it remembers of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from twin.core.chance import Keys, uniforms
from twin.core.quantity import normal
from twin.core.records import Bools, Floats, Ints, Rows
from twin.faults.injection import Injection

if TYPE_CHECKING:  # a scenario is checked without loading physics
    from twin.world.kinematics import Arm

Memory = dict[str, Any]
"""Arrays with one line a row on which the fault acts: all that a fault remembers, and part of the snapshot."""


@dataclass(frozen=True)
class Body:
    """What a lane's rows have in common: the arm, the gripper's widest opening (m), the control period (µs), and a place
    (3,) m where a thing lies out of reach."""

    arm: Arm
    open_m: float
    period_us: int
    beyond: Floats


@dataclass(frozen=True)
class Moment:
    """A tick as a fault sees it, for k rows. since_us (k,) onset; held_us (k,) how long something was held."""

    now_us: int
    body: Body
    since_us: Ints
    keys: Keys
    held_us: Ints
    count: Any
    """Counts draws: one tick after the other."""
    port: str = ""
    """Where the fault acts now, if it acts at several."""

    @property
    def period_s(self) -> float:
        """The control period in s."""
        return self.body.period_us / 1e6

    def uniform(self, width: int = 1) -> Floats:
        """(k, width) draws in (0, 1), the same ones whenever asked for at this moment."""
        return uniforms(self.keys[:, None], np.asarray(self.count)[..., None] * width + np.arange(width))

    def normal(self, width: int = 1) -> Floats:
        """(k, width) draws from the standard normal law; use beside `uniform` of another width only."""
        drawn: Floats = normal(self.uniform(width))
        return drawn

    def once(self, width: int = 1) -> Floats:
        """(k, width) draws in (0, 1) that last from onset to clear."""
        return uniforms(~self.keys[:, None], np.arange(width))


class Group:
    """The rows of a lane on which one entry of the plan is in force, each with its injection and its memory."""

    def __init__(self, number: int, spec: Any) -> None:
        self.number, self.spec = number, spec
        self.faults: list[Injection] = []
        self.rows: Rows = np.zeros(0, np.int32)
        self.since_us: Ints = np.zeros(0, np.int64)
        self.keys: Keys = np.zeros(0, np.uint64)
        self.memory: Memory = {}
        self.fresh: Bools = np.zeros(0, bool)
        """Rows whose memory begins with the next thing that passes."""

    def add(self, fault: Injection) -> None:
        """A row on which the fault begins."""
        self.faults.append(fault)
        self.rows = np.append(self.rows, np.int32(fault.row))
        self.since_us = np.append(self.since_us, np.int64(fault.began_us))
        self.keys = np.append(self.keys, np.uint64(fault.key))
        self.fresh = np.append(self.fresh, True)
        self.memory = {k: np.concatenate((v, np.zeros_like(v, shape=(1, *v.shape[1:])))) for k, v in self.memory.items()}

    def remove(self, fault: Injection) -> None:
        """A row on which it ends."""
        at = self.faults.index(fault)
        del self.faults[at]
        self.rows, self.since_us = np.delete(self.rows, at), np.delete(self.since_us, at)
        self.keys, self.fresh = np.delete(self.keys, at), np.delete(self.fresh, at)
        self.memory = {k: np.delete(v, at, axis=0) for k, v in self.memory.items()}

    def forget(self, row: int) -> None:
        """What is remembered of `row` begins anew."""
        self.fresh |= self.rows == row

    def moment(self, now_us: int, body: Body, which: Any, held_us: Ints, count: Any, port: str = "") -> Moment:
        """This tick for some of its rows."""
        return Moment(now_us, body, self.since_us[which], self.keys[which], held_us, count, port)

    def take(self, which: Any) -> Memory:
        """Memory of some of its rows: copies, to be put back by `keep`."""
        return {key: value[which] for key, value in self.memory.items()}

    def start(self, which: Any, begun: Memory) -> None:
        """Memory of rows for which it begins."""
        k = len(self.rows)
        for key, value in begun.items():
            if key not in self.memory:
                self.memory[key] = np.zeros_like(value, shape=(k, *value.shape[1:]))
            self.memory[key][which] = value
        self.fresh[which] = False

    def keep(self, which: Any, memory: Memory) -> None:
        """Put memory back."""
        for key, value in memory.items():
            self.memory[key][which] = value

    def report(self, which: Any, effect: Floats, exposed_us: Any, weight: Any = 1.0, chance: Any = None) -> None:
        """Tell the injections of some rows what their port measured."""
        k = len(effect)
        exposed, weights = np.broadcast_to(exposed_us, k), np.broadcast_to(weight, k)
        chances = None if chance is None else np.broadcast_to(chance, k)
        for i, at in enumerate(which):
            likely = None if chances is None else float(chances[i])
            self.faults[at].measured(float(effect[i]), int(exposed[i]), float(weights[i]), likely)


def enter(groups: list[Group], fault: Injection) -> Group:
    """Add an injection to the group of its entry, which stands where the plan has it."""
    for group in groups:
        if group.number == fault.number and group.spec is fault.spec:
            group.add(fault)
            return group
    group = Group(fault.number, fault.spec)
    group.add(fault)
    groups.append(group)
    groups.sort(key=lambda each: each.number)
    return group


def leave(groups: list[Group], fault: Injection) -> None:
    """Take an injection out; a group without rows goes."""
    for group in groups:
        if fault in group.faults:
            group.remove(fault)
    groups[:] = [group for group in groups if group.faults]
