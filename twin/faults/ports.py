"""Where faults act: named ports of a lane. A port applies what is active and measures output against input.

sense      a copy of the observation, before filter and policy see it (sensor)
actuator   the certified command, after the filter (gripper)
world      a model quantity of the physics, undone at clear and put back after a reset (actuator)
link       delay and loss of messages (link)

With nothing active a port returns what it was given. What a fault had to act on (its exposure) is read off a port's input, what
it did off its output: a port that does nothing has exposure without effect, and the receipt says inert.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from twin.core.clock import US
from twin.core.records import Floats, Observation
from twin.faults.catalogue import PORTS, UNITS
from twin.faults.injection import Injection
from twin.world.base import World
from twin.world.kinematics import Arm

__all__ = ["PORTS", "UNITS", "Link", "Ports"]

SLIP_S = 0.4
"""How long slipping fingers stay open (s)."""
SAME = 1e-9
"""Less than this (rad, m) is no difference."""


class Link(Protocol):
    """What the link port needs of a lane's links."""

    loss: Any
    added_us: Any
    lost_by_fault: Any
    delayed_by_fault_us: Any

    def sent(self, row: int) -> int:
        """Messages sent so far."""
        ...

    def disturb(self, row: int, added_us: int, added_loss: float) -> None:
        """Set extra delay and loss."""
        ...


class Ports:
    """The faults of one lane. `place` maps a row to its position among the rows of this tick, -1 where it is not stepped."""

    def __init__(self, n: int, arm: Arm, period_us: int, open_m: float) -> None:
        """n rows; open_m: the gripper's opening when it slips."""
        self.arm, self.period_us, self.open_m = arm, period_us, open_m
        self.place = np.full(n, -1)
        self.sensors: list[Injection] = []
        self.grippers: list[Injection] = []
        self.drives: list[Injection] = []
        self.links: list[Injection] = []
        self._shown: Floats = np.full((n, 3), np.nan)
        """Where a faulty encoder put the tool a tick ago."""

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
                self.settle(links, fault.row)
                fault.since = _counters(fault.row, links)
                self.links.append(fault)
                self._set_links(fault.row, links)

    def leave(self, fault: Injection, world: World, links: Link) -> None:
        """It ends: what it changed is put back."""
        if fault in self.sensors:
            self.sensors.remove(fault)
            self._shown[fault.row] = np.nan
        elif fault in self.grippers:
            self.grippers.remove(fault)
        elif fault in self.drives:
            self.drives.remove(fault)
            self._drive(fault.row, world)
        elif fault in self.links:
            self.settle(links, fault.row)
            self.links.remove(fault)
            self._set_links(fault.row, links)

    def after_reset(self, row: int, world: World) -> None:
        """A reset restored the model of `row`; faults that go on are put back."""
        self._shown[row] = np.nan
        if any(f.row == row for f in self.drives):
            self._drive(row, world)

    # -- sense -----------------------------------------------------------------------------------------------------------------

    def sense(self, seen: Observation) -> Observation:
        """Sensor faults, on the lane's own copy of the observation: joints, and the tool as the controller works it out."""
        hit = [(fault, int(self.place[fault.row])) for fault in self.sensors if self.place[fault.row] >= 0]
        if not hit:
            return seen
        for fault, i in hit:
            j = fault.spec.joint
            read = float(seen.q[i, j])
            if fault.frozen is None:
                fault.frozen = read
            self._stick(seen, i, j, fault.frozen)
            if abs(read - fault.frozen) > SAME:
                fault.exposed_us += self.period_us
                fault.effect = max(fault.effect, abs(float(seen.q[i, j]) - read))
        self._show(seen, hit)
        return seen

    def _stick(self, seen: Observation, i: int, joint: int, value: float) -> None:
        seen.q[i, joint], seen.dq[i, joint] = value, 0.0

    def _show(self, seen: Observation, hit: list[tuple[Injection, int]]) -> None:
        """Tool and its speed as they follow from the joints that are shown, each row by itself."""
        places = {i: fault.row for fault, i in hit}
        at, rows = list(places), list(places.values())
        tool = self.arm.fk(seen.q[at])[0]
        moved = (tool - self._shown[rows]) * (US / self.period_us)
        seen.tool[at] = tool
        if len(seen.tool_v) == len(seen.q):
            seen.tool_v[at] = np.where(np.isnan(moved), seen.tool_v[at], moved)
        self._shown[rows] = tool

    # -- actuator --------------------------------------------------------------------------------------------------------------

    def actuator(self, command: Floats, held_ticks: Any, now_us: int) -> Floats:
        """Gripper faults: the command that reaches the fingers. held_ticks: how long each of the lane's rows held something."""
        if not self.grippers:
            return command
        out = command.copy()
        for fault in self.grippers:
            i = int(self.place[fault.row])
            if i < 0:
                continue
            if fault.fired_us is None and held_ticks[fault.row] * self.period_us >= fault.wait_us:
                fault.fired_us = now_us
            if fault.fired_us is not None and now_us - fault.fired_us < SLIP_S * US:
                self._slip(out, i)
                if abs(float(command[i, -1]) - self.open_m) > SAME:
                    fault.exposed_us += self.period_us
                    fault.effect += self.period_us / US if abs(float(out[i, -1] - command[i, -1])) > SAME else 0.0
        return out

    def _slip(self, command: Floats, i: int) -> None:
        command[i, -1] = self.open_m

    # -- world -----------------------------------------------------------------------------------------------------------------

    def measure(self, world: World) -> None:
        """After a tick: the drives' torque that the physics has now against nominal; time that links were in use."""
        drives = [fault for fault in self.drives if self.place[fault.row] >= 0]
        if drives:
            rows = np.unique(np.array([fault.row for fault in drives], np.int32))
            strength = world.get_field(rows, "actuator_strength")
            for fault in drives:
                lost = 1.0 - float(strength[np.searchsorted(rows, fault.row), fault.spec.joint])
                fault.effect = max(fault.effect, min(lost, 1.0 - fault.spec.torque))  # what is more is another fault's
                fault.exposed_us += self.period_us
        for fault in self.links:
            if self.place[fault.row] >= 0:
                fault.exposed_us += self.period_us

    def _drive(self, row: int, world: World) -> None:
        """Several faults on one drive: the weakest counts."""
        scale = np.ones((1, self.arm.nq))
        for fault in self.drives:
            if fault.row == row:
                scale[0, fault.spec.joint] = min(scale[0, fault.spec.joint], fault.spec.torque)
        world.set_field(np.array([row], np.int32), "actuator_strength", scale)

    # -- link ------------------------------------------------------------------------------------------------------------------

    def settle(self, links: Link, row: int | None = None) -> None:
        """Bring the effects of link faults up to date, on one row or on all."""
        for fault in self.links:
            if row is None or fault.row == row:
                self._count(fault, links)

    def _set_links(self, row: int, links: Link) -> None:
        """Several faults on one link: delays add up, losses are independent."""
        mine = [f for f in self.links if f.row == row]
        kept = float(np.prod([1.0 - f.spec.loss for f in mine if f.spec.mode == "loss"]))
        links.disturb(row, sum(f.added_us for f in mine), 1.0 - kept)

    def _count(self, fault: Injection, links: Link) -> None:
        """Add the fault's share of what the link's counters gained since they were last read."""
        now = _counters(fault.row, links)
        sent, lost, delayed = (a - b for a, b in zip(now, fault.since, strict=True))
        fault.since = now
        fault.messages += sent
        mine = [f for f in self.links if f.row == fault.row and f.spec.mode == fault.spec.mode]
        if fault.spec.mode == "loss":
            fault.effect += lost * fault.spec.loss / sum(f.spec.loss for f in mine)
            arriving = 1.0 - float(links.loss[fault.row])
            fault.expected = (fault.expected or 0.0) + sent * arriving * fault.spec.loss
            return
        fault.delayed_us += delayed * fault.added_us / max(1, sum(f.added_us for f in mine))
        fault.effect = fault.delayed_us / max(1, fault.messages) / 1000.0
        # every message that is sent must be late; without messages, or without delay, there is nothing to see
        fault.expected = None if fault.messages and fault.added_us else 0.0


def _counters(row: int, links: Link) -> tuple[int, int, int]:
    return links.sent(row), int(links.lost_by_fault[row]), int(links.delayed_by_fault_us[row])
