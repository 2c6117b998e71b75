"""The world port: quantities of the physics model, put back at clear and put on again after a reset; and shoves.

A fault scales one model field of its row, or one joint's share of it. Several faults on one field multiply in the plan's order;
each is measured by what it takes from what it was given, as far as the physics has it: the field is read back from the engine,
and where torque is at stake what a drive gave is compared with what a sound one would have given.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from twin.core.records import Bools, Floats, Ints, Rows
from twin.faults.group import Body, Group, Memory, Moment, enter, leave
from twin.faults.injection import Injection
from twin.faults.spec import Bench, Fault, Fold
from twin.world.base import World

NEAR = 1e-6
"""A field read back from the engine is what was set if it is this close."""
CREEP_RADPS = 0.003
"""A sound brake creeps less than this (the soft constraints of the engine: 1 mrad/s under the arm's weight)."""
SAGS_RAD = 0.005
"""A joint that turned less than this held: a brake has play."""


class FieldFault(Fault):
    """A fault that scales a model field of the world."""

    PORT: ClassVar[str] = "world"
    FOLD: ClassVar[Fold] = "max"
    FIELD: ClassVar[str]
    LATER: ClassVar[bool] = False
    """Whether it comes with the next episode rather than at once."""
    MOVES: ClassVar[bool] = False
    """Whether it changes while it lasts: `advance` is called after every tick."""
    TORQUE: ClassVar[bool] = False
    """Whether its effect is the torque that drives do not give."""
    TURNS: ClassVar[bool] = False
    """Whether its effect is how far its joint turns while its brake is shut; it remembers `shut_at` and `allowed`, rad."""

    def cannot(self, cell: Bench) -> tuple[str, str] | None:
        """Not every engine can scale every field."""
        if self.FIELD in cell.unable:
            return "mode", cell.unable[self.FIELD]
        return super().cannot(cell)

    def column(self) -> int:
        """Which column of the field: a joint, or 0."""
        return 0

    def start(self, now: Moment) -> Memory:
        """What it remembers, from its onset."""
        return {}

    def scale(self, now: Moment, memory: Memory) -> Floats:
        """(k,) factors on the field."""
        raise NotImplementedError

    def advance(self, now: Moment, effort: Floats, memory: Memory) -> None:
        """A tick during which the drive gave `effort` (k,), a share of its limit. `memory` is edited in place."""

    def exposed(self, asked: Floats, left: Floats) -> Bools:
        """(k,) where a torque asked for (share of the limit) can show it, `left` of the field being in force (1 where it takes
        nothing)."""
        shows: Bools = asked > 0.02
        return shows


class JointField(FieldFault):
    """A fault of one joint."""

    joint: int = Field(ge=0)
    """Index of the joint, from 0 at the base."""

    def column(self) -> int:
        """Its joint."""
        return self.joint


class Shove(Fault):
    """A fault that moves a thing, once."""

    PORT: ClassVar[str] = "world"
    FOLD = "max"

    def by(self, now: Moment, place: Floats) -> Floats:
        """(k, 3) m, how far the thing at `place` (k, 3) m is moved."""
        raise NotImplementedError


class WorldPort:
    """The faults of one lane that change its physics."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.groups: list[Group] = []

    def enter(self, fault: Injection, world: World, now_us: int) -> None:
        """A fault begins: its row's field changes at once."""
        group = enter(self.groups, fault)
        if isinstance(fault.spec, FieldFault):
            which = np.flatnonzero(group.rows == fault.row)
            begun = fault.spec.start(self._now(group, which, now_us))
            group.start(which, {"on": np.full(len(which), not fault.spec.LATER)} | begun)
            self.put_on(fault.row, world, now_us, fault.spec.FIELD)

    def leave(self, fault: Injection, world: World, now_us: int) -> None:
        """It ends: the field is what the others leave of it."""
        leave(self.groups, fault)
        if isinstance(fault.spec, FieldFault):
            self.put_on(fault.row, world, now_us, fault.spec.FIELD)

    def after_reset(self, row: int, world: World, now_us: int) -> None:
        """A reset restored the model of `row`: put on what goes on."""
        for group in self._of_fields():
            which = np.flatnonzero(group.rows == row)
            group.keep(which, {"on": np.full(len(which), True)})
        self.put_on(row, world, now_us)

    def put_on(self, row: int, world: World, now_us: int, field: str | None = None) -> None:
        """Write what the faults of `row` make of a field (None: of every field that they touch)."""
        fields = [field] if field else list(dict.fromkeys(g.spec.FIELD for g in self._of_fields() if row in g.rows))
        one = np.array([row], np.int32)
        for name in fields:
            values = np.ones_like(world.get_field(one, name))
            for group in self._of_fields():
                if name == group.spec.FIELD and row in group.rows:
                    values[0, group.spec.column()] *= self._scale(group, np.flatnonzero(group.rows == row), now_us)[0]
            world.set_field(one, name, values if values.shape[1] > 1 else values[:, 0])

    def slips(self, row: int) -> bool:
        """Whether a brake of `row` slips."""
        return any(group.spec.TURNS and row in group.rows for group in self._of_fields())

    def _of_fields(self) -> list[Group]:
        return [group for group in self.groups if isinstance(group.spec, FieldFault)]

    def _now(self, group: Group, which: Any, now_us: int) -> Moment:
        return group.moment(now_us, self.body, which, np.zeros(len(which), np.int64), 0)

    def _scale(self, group: Group, which: Any, now_us: int) -> Floats:
        memory = group.take(which)
        return np.where(memory["on"], group.spec.scale(self._now(group, which, now_us), memory), 1.0)

    def measure(self, world: World, now_us: int, place: Ints) -> None:
        """After a tick: what each fault takes away, where the physics agrees; then what moves, and shoves."""
        left: dict[tuple[str, int], Floats] = {}
        steps: list[tuple[Group, Any, Floats, Floats]] = []
        for group in self.groups:
            which = np.flatnonzero(place[group.rows] >= 0)
            if not len(which):
                continue
            if isinstance(group.spec, Shove):
                self._shove(group, which, world, now_us)
                continue
            given = left.setdefault((group.spec.FIELD, group.spec.column()), np.ones(world.n))
            before = given[group.rows[which]]
            given[group.rows[which]] = before * self._scale(group, which, now_us)
            steps.append((group, which, before, given[group.rows[which]]))
        for group, which, before, after in steps:
            self._report(group, which, before, after, left[group.spec.FIELD, group.spec.column()], world)
        for group, which, _, _ in steps:
            if group.spec.MOVES:
                self._advance(group, which, world, now_us)

    def _report(self, group: Group, which: Any, before: Floats, after: Floats, left: Floats, world: World) -> None:
        spec: FieldFault = group.spec
        rows, back = _rows(group, which)
        found, asked = world.get_field(rows, spec.FIELD)[back, spec.column()], left[group.rows[which]]
        there, lost = np.abs(found - asked) < NEAR, np.abs(before - after)
        on = group.memory["on"][which] & (before > 0)  # where others left nothing, there is nothing to take
        if spec.TURNS:
            self._turned(group, which, there, world)
            return
        torque, mine_left = world.torque(rows) if spec.TORQUE else None, np.where(lost > 0, asked, 1.0)
        if torque is None:  # then all of it may be asked for
            shows = on & spec.exposed(np.ones_like(asked), mine_left)
            group.report(which, np.where(there & shows, lost, 0.0), shows * self.body.period_us, shows * 1.0)
            return
        limit = self.body.arm.torque[spec.column()]
        given, wanted = (np.abs(part[back, spec.column()]) / limit for part in torque)
        shows = on & np.isfinite(given) & spec.exposed(wanted, mine_left)
        share = np.where(shows & there, np.clip(1.0 - given / np.maximum(wanted, NEAR), 0.0, 1.0), 0.0)
        mine = lost / np.maximum(1.0 - asked, NEAR)  # of what several faults take away
        group.report(which, share * np.minimum(mine, 1.0), shows * self.body.period_us, np.where(shows, wanted, 0.0))

    def _turned(self, group: Group, which: Any, there: Bools, world: World) -> None:
        """How far a joint went since its brake shut, beyond its way to a halt at the data sheet's deceleration and the creep of
        a sound brake. A joint that bears no weight stays where it is, and the fault is masked."""
        rows, back = _rows(group, which)
        joint, period_s = group.spec.column(), self.body.period_us / 1e6
        truth, shut = world.truth(rows), world.get_field(rows, "power")[back, 0] == 0.0
        q, dq, memory = truth.q[back, joint], truth.dq[back, joint], group.take(which)
        fresh = shut & np.isnan(memory["shut_at"])
        halt = 0.5 * dq**2 / self.body.arm.acceleration[joint]
        memory["allowed"] = np.where(fresh, halt, memory["allowed"] + CREEP_RADPS * period_s)
        memory["shut_at"] = np.where(fresh, q, np.where(shut, memory["shut_at"], np.nan))
        group.keep(which, memory)
        turned = np.where(shut & there, np.abs(q - memory["shut_at"]) - memory["allowed"], 0.0)
        chance = np.where(there | ~shut, 0.0, 1.0)
        group.report(which, np.where(turned > SAGS_RAD, turned, 0.0), shut * self.body.period_us, chance=chance)

    def _advance(self, group: Group, which: Any, world: World, now_us: int) -> None:
        rows, back = _rows(group, which)
        effort = world.effort(rows)[back, group.spec.column()]
        memory = group.take(which)
        group.spec.advance(self._now(group, which, now_us), effort, memory)
        group.keep(which, memory)
        for row in rows:
            self.put_on(int(row), world, now_us, group.spec.FIELD)

    def _shove(self, group: Group, which: Any, world: World, now_us: int) -> None:
        which = which[group.fresh[which]]
        if not len(which):
            return
        rows, back = _rows(group, which)
        before = world.truth(rows).objects[back, 0, :3]
        by = group.spec.by(self._now(group, which, now_us), before)
        world.shift(rows, by[np.argsort(back)])
        moved = np.sqrt(((world.truth(rows).objects[back, 0, :3] - before) ** 2).sum(axis=1))
        group.start(which, {})
        group.report(which, moved, by.any(axis=1) * self.body.period_us)


def _rows(group: Group, which: Any) -> tuple[Rows, Any]:
    """The rows of some of a group, sorted, and where each of the group's is among them."""
    rows, back = np.unique(group.rows[which], return_inverse=True)
    return rows, back
