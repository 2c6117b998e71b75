"""Where faults act on a lane: named ports. A port applies what is active and measures its output against its input.

sense      a copy of the observation, before filter and policy see it   (signals.py)
command    what the policy asks, before the filter                      (signals.py)
actuator   the certified command, after the filter                      (signals.py)
world      a quantity of the physics, undone at clear                   (fields.py)
link       arrival of messages                                          (messages.py)
process    control periods of the cell's controller, and its release    (controller.py)

With nothing active a port returns what it was given. What a fault had to act on (its exposure) is read off a port's input, what
it did off its output: a port that does nothing has exposure without effect, and the receipt says inert. Several faults at one
port act in the order of the plan, each on what the one before left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twin.core.clock import US
from twin.core.records import Floats, Ints, Observation, Rows
from twin.faults.controller import ProcessPort
from twin.faults.fields import WorldPort
from twin.faults.group import Body, Group, enter, leave
from twin.faults.injection import Injection
from twin.faults.messages import LinkPort
from twin.faults.signals import SignalPort
from twin.world.base import World


class Ports:
    """The faults of one lane. `place` maps a row to its position among the rows of this tick, -1 where it is not stepped."""

    def __init__(self, n: int, body: Body) -> None:
        """n rows, all of one `body`."""
        self.body, arm = body, body.arm
        self.place: Ints = np.full(n, -1)
        self.rows: Rows = np.zeros(0, np.int32)
        self.signals = {name: SignalPort(name, self.body) for name in ("sense", "command", "actuator")}
        self.world, self.link, self.process = WorldPort(self.body), LinkPort(self.body, n), ProcessPort()
        self._shown: Floats = np.full((n, 3 + arm.nq), np.nan)
        """Where a faulty encoder put the tool, and its joints, a tick ago."""

    def enter(self, fault: Injection, world: World, now_us: int) -> None:
        """A fault that acts at one of this lane's ports begins."""
        if fault.spec.PORT == "world":
            self.world.enter(fault, world, now_us)
        elif fault.spec.PORT == "process":
            self.process.enter(fault)
        else:
            for port in (fault.spec.PORT, *getattr(fault.spec, "ALSO", ())):
                enter(self._groups(port), fault)

    def leave(self, fault: Injection, world: World, now_us: int) -> None:
        """It ends: what it changed is put back."""
        if fault.spec.PORT == "world":
            self.world.leave(fault, world, now_us)
        elif fault.spec.PORT == "process":
            self.process.leave(fault)
        else:
            for port in (fault.spec.PORT, *getattr(fault.spec, "ALSO", ())):
                leave(self._groups(port), fault)
            self._shown[fault.row] = np.nan

    def _groups(self, port: str) -> list[Group]:
        return self.link.groups if port == "link" else self.signals[port].groups

    def idle(self) -> bool:
        """Whether nothing is in force."""
        process = self.process.faults or self.process.rolled
        return not (process or self.world.groups or self.link.groups or any(port.groups for port in self.signals.values()))

    def after_reset(self, row: int, world: World, now_us: int) -> None:
        """A reset restored the model of `row`; faults that go on are put back."""
        self._shown[row] = np.nan
        for name in ("command", "actuator"):
            for group in self.signals[name].groups:
                if group.spec.AFRESH:
                    group.forget(row)
        if self.world.groups:
            self.world.after_reset(row, world, now_us)

    def stepped(self, rows: Rows) -> None:
        """The rows that run from now on."""
        self.rows = rows
        self.place[:] = -1
        self.place[rows] = np.arange(len(rows))

    def first(self, now_us: int, row: int, seen: Observation) -> Observation:
        """What `row` sees at the start of an episode, before it runs."""
        if not self.signals["sense"].groups:
            return seen
        running = self.rows
        self.stepped(np.array([row], np.int32))
        self.sense(now_us, seen)
        self.stepped(running)
        return seen

    def sense(self, now_us: int, seen: Observation) -> Observation:
        """Sensor faults, on the lane's own copy of the observation: joints, and the tool as the controller works it out."""
        port = self.signals["sense"]
        if not port.groups:
            return seen
        things = seen.objects.reshape(len(seen.objects), -1)  # a view: the seven columns of one thing after those of the other
        touched = port.act({"q": seen.q, "force": seen.force, "objects": things}, now_us, self.place)
        encoders = [(channel.columns, at) for channel, at in touched if channel.array == "q"]
        if encoders:
            self._show(seen, encoders)
        return seen

    def _show(self, seen: Observation, encoders: list[tuple[slice, Any]]) -> None:
        """Speeds of the joints that are shown, tool and its speed as they follow from them, each row by itself."""
        at = np.unique(np.concatenate([at for _, at in encoders]))
        shown = np.concatenate((self.body.arm.fk(seen.q[at])[0], seen.q[at]), axis=1)
        moved = (shown - self._shown[self.rows[at]]) * (US / self.body.period_us)
        known = ~np.isnan(self._shown[self.rows[at]])
        seen.tool[at] = shown[:, :3]
        if len(seen.tool_v) == len(seen.q):
            seen.tool_v[at] = np.where(known[:, :3], moved[:, :3], seen.tool_v[at])
        for columns, some in encoders:
            i = np.searchsorted(at, some)
            seen.dq[some, columns] = np.where(known[:, 3:], moved[:, 3:], seen.dq[at])[i, columns]
        self._shown[self.rows[at]] = shown

    def command(self, now_us: int, asked: Floats) -> Floats:
        """Faults of what is asked, before the filters."""
        return self._told("command", now_us, asked, None)

    def actuator(self, now_us: int, command: Floats, held_ticks: Ints) -> Floats:
        """Faults of drives and gripper: the command that reaches them. held_ticks: how long each of the lane's rows held
        something."""
        return self._told("actuator", now_us, command, held_ticks)

    def _told(self, name: str, now_us: int, command: Floats, held_ticks: Ints | None) -> Floats:
        port = self.signals[name]
        if not port.groups:
            return command
        out = command.copy()
        held_us = None if held_ticks is None else held_ticks * self.body.period_us
        port.act({"command": out}, now_us, self.place, held_us)
        return out

    def measure(self, world: World, now_us: int) -> None:
        """After a tick: what the physics has of the faults that it got; time that links were in use."""
        if self.world.groups:
            self.world.measure(world, now_us, self.place)
        if self.link.groups:
            self.link.measure(self.place)
