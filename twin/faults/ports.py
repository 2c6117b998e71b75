"""Where faults act: named ports of a lane. A port applies what is active and measures output against input.

sense      a copy of the observation, before filter and policy see it (sensor)
actuator   the certified command, after the filter (gripper)
world      a model quantity of the physics, undone at clear and put back after a reset (actuator)
link       delay and loss of messages (link)

With nothing active a port returns what it was given.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from twin.core.clock import US
from twin.core.records import Floats, Observation
from twin.faults.injection import Injection
from twin.world.base import World
from twin.world.kinematics import Arm

SLIP_S = 0.4
"""How long slipping fingers stay open, and how long they must have held before (s)."""


class Link(Protocol):
    """What the link port needs of a lane's links."""

    added_us: Any
    added_loss: Any
    sent: Any
    lost_by_fault: Any
    delayed_by_fault_us: Any


UNITS = {
    ("sensor", "stuck"): "rad",
    ("actuator", "weak"): "share of torque lost",
    ("gripper", "slips"): "s open",
    ("safety", "protective_stop"): "s stopped",
    ("link", "latency"): "ms added a message",
    ("link", "loss"): "messages lost",
    ("joint", "breaks"): "h out of service",
}
"""What each mode's effect is measured in."""

PORTS = {"sensor": "sense", "actuator": "world", "gripper": "actuator", "link": "link", "safety": "process", "joint": "process"}
"""The port at which each component's faults act."""


class Ports:
    """The faults of one lane. `place` maps a row to its position among the rows of this tick, -1 where it is not stepped."""

    def __init__(self, n: int, arm: Arm, period_us: int, open_m: float) -> None:
        self.arm, self.period_us, self.open_m = arm, period_us, open_m
        self.place = np.full(n, -1)
        self.sensors: list[Injection] = []
        self.grippers: list[Injection] = []
        self.drives: list[Injection] = []
        self.links: list[Injection] = []

    def enter(self, fault: Injection, world: World, links: Link) -> None:
        """A fault that acts at one of this lane's ports begins."""
        match PORTS[fault.spec.component]:
            case "sense":
                self.sensors.append(fault)
            case "actuator":
                self.grippers.append(fault)
            case "world":
                self.drives.append(fault)
                self._drive(fault.row, world)
            case "link":
                fault.since = _counters(fault.row, links)
                self.links.append(fault)
                self._set_links(fault.row, links)

    def leave(self, fault: Injection, world: World, links: Link) -> None:
        """It ends: what it changed is put back."""
        for port in (self.sensors, self.grippers, self.drives, self.links):
            if fault in port:
                if port is self.links:
                    _count(fault, links)
                port.remove(fault)
                if port is self.links:
                    self._set_links(fault.row, links)
                if port is self.drives:
                    self._drive(fault.row, world)

    def after_reset(self, row: int, world: World) -> None:
        """A reset restored the model of `row`; faults that go on are put back."""
        if any(f.row == row for f in self.drives):
            self._drive(row, world)

    def sense(self, seen: Observation) -> Observation:
        """Sensor faults, on the lane's own copy of the observation."""
        for fault in self.sensors:
            i = int(self.place[fault.row])
            if i < 0:
                continue
            before = seen.q[i].copy()
            j = fault.spec.joint
            fault.frozen = float(before[j]) if fault.frozen is None else fault.frozen
            seen.q[i, j], seen.dq[i, j] = fault.frozen, 0.0
            seen.tool[i] = self.arm.fk(seen.q[i : i + 1])[0][0]
            fault.effect = max(fault.effect, float(np.abs(seen.q[i] - before).max()))
            fault.exposed_us += self.period_us
        return seen

    def actuator(self, command: Floats, held_ticks: Any, now_us: int) -> Floats:
        """Gripper faults: the command that reaches the fingers."""
        if not self.grippers:
            return command
        out = command.copy()
        for fault in self.grippers:
            i = int(self.place[fault.row])
            if i < 0:
                continue
            if not fault.fired_us and held_ticks[fault.row] * self.period_us >= SLIP_S * US:
                fault.fired_us = now_us
            if fault.fired_us:
                fault.exposed_us += self.period_us
                if now_us - fault.fired_us < SLIP_S * US:
                    out[i, -1] = self.open_m
                if abs(out[i, -1] - command[i, -1]) > 1e-6:
                    fault.effect += self.period_us / US
        return out

    def measure(self, world: World) -> None:
        """After a tick: the drives' torque that the physics has now against nominal; time that links were in use."""
        for fault in self.drives:
            if self.place[fault.row] >= 0:
                ratio = world.get_field(np.array([fault.row], np.int32), "actuator_strength")[0, fault.spec.joint]
                fault.effect = max(fault.effect, float(1.0 - ratio))
                fault.exposed_us += self.period_us
        for fault in self.links:
            if self.place[fault.row] >= 0:
                fault.exposed_us += self.period_us

    def settle(self, links: Link) -> None:
        """Bring the link faults' effects up to date."""
        for fault in self.links:
            _count(fault, links)

    def _drive(self, row: int, world: World) -> None:
        scale = np.ones((1, self.arm.nq))
        for fault in self.drives:
            if fault.row == row:
                scale[0, fault.spec.joint] = min(scale[0, fault.spec.joint], fault.spec.torque)
        world.set_field(np.array([row], np.int32), "actuator_strength", scale)

    def _set_links(self, row: int, links: Link) -> None:
        """Several faults on one link: delays add up, losses are independent."""
        mine = [f for f in self.links if f.row == row]
        links.added_us[row] = sum(f.added_us for f in mine)
        links.added_loss[row] = 1.0 - float(np.prod([1.0 - f.spec.loss for f in mine if f.spec.mode == "loss"]))


def _counters(row: int, links: Link) -> tuple[int, int, int]:
    return int(links.sent[row]), int(links.lost_by_fault[row]), int(links.delayed_by_fault_us[row])


def _count(fault: Injection, links: Link) -> None:
    """Add what the link's counters gained since they were last read."""
    now = _counters(fault.row, links)
    sent, lost, delayed = (a - b for a, b in zip(now, fault.since, strict=True))
    fault.since = now
    fault.messages += sent
    fault.delayed_us += delayed
    if fault.spec.mode == "loss":
        fault.effect += lost
        fault.expected = fault.messages * fault.spec.loss
    elif fault.messages:
        fault.effect = fault.delayed_us / fault.messages / 1000.0
    if not fault.messages:
        fault.expected = 0.0
