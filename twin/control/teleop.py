"""Teleoperation: somebody afar drives an arm over a link, and sees what it did a while ago.

    cell ──observation──▶ link ──▶ operator ──command──▶ link ──▶ cell

`Console` is the cell's side: it sends observations, takes commands in order and under the lease only, and holds where none
comes. Whoever sits at the other side is a `Driver`: the modelled operator here, or a device that a real person holds.

The modelled operator (Sheridan and Ferrell 1963; Sheridan 1993): goes from waypoint to waypoint, judging by what is seen;
answers after a reaction time; above a latency moves by a step and waits to see what came of it; aims with an error, and tries
again where the fingers closed on air.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from twin.control.authority import Authority
from twin.control.links import DOWN as BACK
from twin.control.links import UP, LinkBank
from twin.control.spec import OperatorSpec
from twin.core.chance import Stream
from twin.core.clock import US
from twin.core.quantity import draw
from twin.core.records import Floats, Ints, Observation, Rows
from twin.faults.messages import NEVER
from twin.world.kinematics import Arm

DOWN = np.diag((1.0, -1.0, -1.0))
RAISE_M, TIP_M = 0.10, 0.014
"""Height of ways above things; the tool stays so high above what a thing lies on."""
RISE, ABOVE, REACH, CLOSE, LIFT, OVER, LOW, OPEN, AWAY, DONE = range(10)


class View(NamedTuple):
    """What reaches the operator: taken at sent_us; tool (3,) m, joints (nq,), opening m, the thing's place (3,) m."""

    sent_us: int
    tool: Floats
    q: Floats
    grip: float
    thing: Floats


class Driver(Protocol):
    """Who drives one cell: called each control period with the newest view that arrived, answers a command (nu,) or None."""

    def drive(self, now_us: int, view: View | None) -> Floats | None:
        """What to send now."""
        ...

    def finished(self) -> bool:
        """Whether the driver considers the work done, or gives up."""
        ...


class ModelledOperator:
    """One modelled operator at one cell: brings a thing to a goal."""

    def __init__(self, spec: OperatorSpec, arm: Arm, goal: Floats, object_m: float, period_s: float, stream: Stream) -> None:
        self.spec, self.arm, self.goal, self.object_m, self.dt = spec, arm, goal, object_m, period_s
        self.stream = stream
        self.phase, self.tries, self.resume_us = RISE, 0, 0
        self.target: Floats | None = None
        self.aim: Floats = np.zeros(3)
        self.sent: Floats | None = None
        self.round_us = 0.0
        """How long it takes to see what a command did, as felt so far."""
        self.step_left = 0.0

    def finished(self) -> bool:
        """Done, or given up."""
        return self.phase == DONE or self.tries > self.spec.tries

    def drive(self, now_us: int, view: View | None) -> Floats | None:
        """Straight to the next waypoint in joint space, at the operator's speed."""
        if view is None or self.finished():
            return self.sent
        if self.sent is None:  # bumpless: the first command is where the arm is seen
            self.sent = np.append(view.q, view.grip)
            self._wait(now_us)
        self.round_us += (
            0.05 * (2.0 * (now_us - view.sent_us) - self.round_us) if self.round_us else 2.0 * (now_us - view.sent_us)
        )
        if now_us < self.resume_us:
            return self.sent
        if self.target is None:
            self._choose(view)
        assert self.target is not None
        way = self.target[:-1] - self.sent[:-1]
        far = float(np.abs(way).max())
        if far > 1e-9:
            allowed = self.spec.speed_radps * self.dt
            if 1e-3 * self.round_us > 1000 * self.spec.wait_above_s:
                if self.step_left <= 0.0:  # seen what came of the last step: take the next
                    self.step_left = self.spec.step_rad
                allowed = min(allowed, self.step_left)
                self.step_left -= allowed
                if self.step_left <= 0.0:
                    self._wait(now_us)
            self.sent = np.append(self.sent[:-1] + way * min(1.0, allowed / far), self.target[-1])
        else:
            self.sent = self.target.copy()
            if float(np.abs(view.q - self.target[:-1]).max()) < 0.02:
                self._arrived(now_us, view)
        return self.sent

    def _wait(self, now_us: int) -> None:
        """React, and above the latency wait until the last move can be seen."""
        wait_us = draw(self.spec.reaction_s, self.stream) * US
        if self.round_us > self.spec.wait_above_s * US:
            wait_us += self.round_us
        self.resume_us = now_us + round(wait_us)

    def _arrived(self, now_us: int, view: View) -> None:
        """The waypoint is seen to be reached: what next?"""
        self.target = None
        self._wait(now_us)
        if self.phase == CLOSE:
            if view.sent_us < self.resume_us - round(0.2 * US) and view.grip > self.object_m + 0.01:
                return  # the fingers are still seen to move
            if view.grip < 0.5 * self.object_m:
                self.phase, self.tries = ABOVE, self.tries + 1
                return
        self.phase += 1

    def _choose(self, view: View) -> None:
        """The next waypoint from what is seen now."""
        assert self.sent is not None
        wide = self.object_m + 0.02
        if self.phase == RISE and view.tool[2] >= view.thing[2] + 0.9 * RAISE_M:
            self.phase = ABOVE  # nothing to get clear of first
        if self.phase == ABOVE:
            self.aim = 1e-3 * self.spec.error_mm * np.append(self.stream.standard_normal(2), 0.0)
        thing = view.thing + self.aim
        thing[2] = max(thing[2], view.thing[2] - 0.5 * self.object_m + TIP_M)
        up = np.array([0.0, 0.0, RAISE_M])
        places: dict[int, tuple[Floats, float]] = {
            RISE: (np.append(view.tool[:2], thing[2]) + up, wide),
            ABOVE: (thing + up, wide), REACH: (thing, wide), LIFT: (thing + up, 0.0),
            OVER: (self.goal + up, 0.0), LOW: (self.goal + 0.1 * up, 0.0), AWAY: (self.goal + up, wide),
        }  # fmt: skip
        if self.phase in places:
            place, opening = places[self.phase]
            q, _ = self.arm.reach(place[None], DOWN, self.sent[None, :-1], rounds=12)
            self.target = np.append(q[0], opening)
        else:
            self.target = np.append(self.sent[:-1], 0.0 if self.phase == CLOSE else wide)


@dataclass
class _Seat:
    """One cell's operator: who drives, under which lease, and what is on its way each way."""

    driver: Any
    lease: int
    thing: int
    deadline_us: int
    views: deque[tuple[int, View]] = field(default_factory=deque)
    commands: deque[tuple[int, int, int, Floats]] = field(default_factory=deque)
    """Each: when it arrives, was sent, and what it rests on was seen."""
    newest: View | None = None
    stamp: int = -1
    born_us: int = 0
    """When what the command in use rests on was seen."""
    command: Floats | None = None


class Console:
    """The cells' side of teleoperation, for the n rows of a lane."""

    def __init__(self, authority: Authority, links: LinkBank) -> None:
        """links: those between cells and operators; a view is a request, a command its answer."""
        self.authority, self.links = authority, links
        self.seats: dict[int, _Seat] = {}

    def sit(self, row: int, driver: Driver, lease: int, thing: int, now_us: int, deadline_s: float, call: int) -> None:
        """Somebody drives a row from now on. `call` counts a row's operators: what their messages' draws are keyed by."""
        self.links.begin(row, call)
        self.seats[row] = _Seat(driver, lease, thing, now_us + round(deadline_s * US), born_us=now_us)

    def leave(self, row: int, now_us: int) -> None:
        """Nobody sits there any more; the policy has the row again, unless the lease was lost before."""
        seat = self.seats.pop(row, None)
        if seat is not None:
            self.authority.give_back(row, seat.lease, now_us)

    def ask(self, now_us: int, rows: Rows, seen: Observation, asked: Floats) -> list[tuple[int, str]]:
        """Put what operators command in place of what was asked (n, nu); returns rows where it ended, and how."""
        self.authority.silent(rows, now_us)
        ended = []
        for i in np.flatnonzero(self.authority.by_hand(rows)):
            row = int(rows[i])
            asked[i] = seen.last[i]  # held, unless somebody commands
            seat = self.seats.get(row)
            if seat is None:
                continue
            if seat.lease != self.authority.lease[row]:
                ended.append((row, "link"))
                continue
            self._exchange(now_us, row, int(i), seat, seen)
            if seat.command is not None:
                asked[i] = seat.command
            if seat.driver.finished() or now_us >= seat.deadline_us:
                ended.append((row, "done" if now_us < seat.deadline_us else "late"))
        return ended

    def born(self, rows: Rows, asked_us: Ints) -> Ints:
        """asked_us (n,) with, for rows that operators drive, when what is commanded there was seen."""
        for row, seat in self.seats.items():
            asked_us[rows == row] = seat.born_us
        return asked_us

    def _exchange(self, now_us: int, row: int, i: int, seat: _Seat, seen: Observation) -> None:
        """One period of messages: views down, the driver's answer up, what has arrived into use."""
        thing = seen.objects[i, seat.thing, :3].copy()
        view = View(now_us, seen.tool[i].copy(), seen.q[i].copy(), float(seen.grip[i]), thing)
        if (at := self._sent(row, now_us, UP)) is not None:
            seat.views.append((at, view))
        for there in (view for at, view in seat.views if at <= now_us):
            if seat.newest is None or there.sent_us > seat.newest.sent_us:
                seat.newest = there
        seat.views = deque(item for item in seat.views if item[0] > now_us)
        answer = seat.driver.drive(now_us, seat.newest)
        if answer is not None and (at := self._sent(row, now_us, BACK)) is not None:
            seen_us = seat.born_us if seat.newest is None else seat.newest.sent_us
            seat.commands.append((at, now_us, seen_us, np.array(answer)))
        arrived = sorted((c for c in seat.commands if c[0] <= now_us), key=lambda c: c[:2])
        seat.commands = deque(c for c in seat.commands if c[0] > now_us)
        for _, sent_us, seen_us, command in arrived:
            if sent_us > seat.stamp and self.authority.accepts(row, seat.lease, now_us):  # out of order and replayed: dropped
                seat.stamp, seat.born_us, seat.command = sent_us, seen_us, command

    def _sent(self, row: int, now_us: int, way: int) -> int | None:
        """When a message sent now arrives; None: lost."""
        at = int(self.links.send(np.array([row], np.int32), np.array([now_us]), way)[0])
        return None if at >= NEVER else at
