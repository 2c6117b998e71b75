"""The world port: quantities of the physics model, put back at clear and put on again after a reset.

A fault scales one model field of its row, or one joint's share of it. Several faults on one field multiply in the plan's order;
each is measured by what it takes from what it was given, as far as the physics has it: the field is read back from the engine.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from twin.core.records import Floats, Ints
from twin.faults.group import Body, Group, Memory, Moment, enter, leave
from twin.faults.injection import Injection
from twin.faults.spec import Fault
from twin.world.base import World

NEAR = 1e-6
"""A field read back from the engine is what was set if it is this close."""


class FieldFault(Fault):
    """A fault that scales a model field of the world."""

    PORT: ClassVar[str] = "world"
    FOLD = "max"
    FIELD: ClassVar[str]

    def column(self) -> int:
        """Which column of the field: a joint, or 0."""
        return 0

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """(k,) factors on the field."""
        raise NotImplementedError


class WorldPort:
    """The faults of one lane that change its physics."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.groups: list[Group] = []

    def enter(self, fault: Injection, world: World, now_us: int) -> None:
        """A fault begins: its row's field changes at once."""
        enter(self.groups, fault)
        self.put_on(fault.row, world, now_us, fault.spec.FIELD)

    def leave(self, fault: Injection, world: World, now_us: int) -> None:
        """It ends: the field is what the others leave of it."""
        leave(self.groups, fault)
        self.put_on(fault.row, world, now_us, fault.spec.FIELD)

    def put_on(self, row: int, world: World, now_us: int, field: str | None = None) -> None:
        """Write what the faults of `row` make of a field (None: of every field that they touch)."""
        fields = [field] if field else list(dict.fromkeys(g.spec.FIELD for g in self.groups if row in g.rows))
        one = np.array([row], np.int32)
        for name in fields:
            values = np.ones_like(world.get_field(one, name))
            for group in self.groups:
                if name == group.spec.FIELD and row in group.rows:
                    values[0, group.spec.column()] *= self._scale(group, np.flatnonzero(group.rows == row), now_us)[0]
            world.set_field(one, name, values if values.shape[1] > 1 else values[:, 0])

    def _scale(self, group: Group, which: Any, now_us: int) -> Floats:
        none = np.zeros(len(which), np.int64)
        factors: Floats = group.spec.scale(group.moment(now_us, self.body, which, none, 0), group.take(which))
        return factors

    def measure(self, world: World, now_us: int, place: Ints) -> None:
        """After a tick: what each fault takes away, where the physics agrees."""
        left: dict[tuple[str, int], Floats] = {}
        steps: list[tuple[Group, Any, Floats, Floats]] = []
        for group in self.groups:
            which = np.flatnonzero(place[group.rows] >= 0)
            if len(which):
                given = left.setdefault((group.spec.FIELD, group.spec.column()), np.ones(world.n))
                rows = group.rows[which]
                before = given[rows]
                given[rows] = before * self._scale(group, which, now_us)
                steps.append((group, which, before, given[rows]))
        for group, which, before, after in steps:
            rows, back = np.unique(group.rows[which], return_inverse=True)
            found = world.get_field(rows, group.spec.FIELD)[back, group.spec.column()]
            asked = left[group.spec.FIELD, group.spec.column()][group.rows[which]]
            effect = np.where(np.abs(found - asked) < NEAR, np.abs(before - after), 0.0)
            group.report(which, effect, self.body.period_us)
