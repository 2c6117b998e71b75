"""Authority and teleoperation: one lease a cell, bumpless both ways, and an operator who really drives."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.control.rig import CELLS, PERIOD_S, robot_bounds
from twin.control.authority import NOBODY, OPERATOR, POLICY, TECHNICIAN, Authority
from twin.control.links import LinkBank
from twin.control.safety.chain import Chain
from twin.control.safety.limits import JointLimits
from twin.control.spec import LinkSpec, OperatorSpec
from twin.control.teleop import Console, ModelledOperator
from twin.core.chance import Chance
from twin.core.records import Observation
from twin.faults.messages import NEVER
from twin.world.base import Start
from twin.world.kinematic import KinematicWorld

ONE = np.zeros(1, np.int32)
CELL = CELLS["panda"]
GOAL = np.array([0.33, -0.10, 0.02])


def test_two_operators_cannot_hold_one_cell():
    desk = Authority(1)
    first = desk.take(0, OPERATOR, "ann", 0)
    assert first is not None and desk.take(0, OPERATOR, "ben", 0) is None
    assert desk.give_back(0, first, 0) and desk.take(0, OPERATOR, "ben", 0) is not None


def test_a_stale_lease_moves_nothing_and_gives_nothing_back():
    desk = Authority(1)
    old = desk.take(0, OPERATOR, "ann", 0)
    desk.take(0, TECHNICIAN, "tom", 0)
    assert not desk.accepts(0, old, 0) and not desk.give_back(0, old, 0) and desk.holder[0] == TECHNICIAN


def test_a_lease_ends_when_its_link_dies():
    desk = Authority(1)
    lease = desk.take(0, OPERATOR, "ann", 0, silence_s=1.0)
    assert desk.accepts(0, lease, 900_000) and desk.silent(ONE, 1_800_000) == []
    assert desk.silent(ONE, 2_000_000) == [0] and desk.holder[0] == NOBODY and not desk.accepts(0, lease, 2_000_000)


class Seat:
    """A cell with its object out of place, driven from afar on the world without dynamics, through joint limits."""

    def __init__(self, link, cut_s=1e9, **how):
        self.spec, self.cut_s = OperatorSpec(**how), cut_s
        self.world, self.bounds = KinematicWorld(CELL, 1), robot_bounds("panda")
        thing = np.array([[[0.36, 0.05, 0.02, 1, 0, 0, 0]]])
        self.world.reset(ONE, Start(CELL.arm.home[None], np.full(1, 0.08), thing, GOAL[None]))
        self.desk, self.chain = Authority(1), Chain([JointLimits(self.bounds, 1)], self.bounds)
        self.console = Console(self.desk, LinkBank([link], ["a"], Chance(3)))
        driver = ModelledOperator(self.spec, CELL.arm, GOAL, 0.04, PERIOD_S, Chance(3).stream("ann", "hand"))
        lease = self.desk.take(0, OPERATOR, "ann", 0, self.spec.silence_s)
        self.console.sit(0, driver, lease, 0, 0, self.spec.deadline_s, 1)
        self.last = np.append(CELL.arm.home, 0.08)[None]
        self.last_v, self.sent, self.now_us = np.zeros((1, 7)), [self.last], 0

    def run(self, seconds):
        """Drive; returns how it ended, or None."""
        for _ in range(round(seconds / PERIOD_S)):
            if self.now_us > self.cut_s * 1e6 and 0 in self.console.seats:
                self.console.links.send = lambda rows, at_us, way: at_us + NEVER
            o = self.world.observe(ONE)
            seen = Observation(o.q, o.dq, o.grip, o.tool, o.objects, rows=ONE, last=self.last, last_v=self.last_v)
            asked = self.last.copy()
            ended = self.console.ask(self.now_us, ONE, seen, asked)
            command = self.chain.certify(seen, asked).command
            self.last_v, self.last = (command[:, :-1] - self.last[:, :-1]) / PERIOD_S, command
            self.sent.append(command)
            self.world.step(ONE, command, 10)
            self.now_us += 20_000
            if ended:
                self.console.leave(0, self.now_us)
                return ended[0][1]
        return None

    def away(self):
        """How far, m, the object is from where it should be."""
        return float(np.linalg.norm(self.world.truth(ONE).objects[0, 0, :2] - GOAL[:2]))


@pytest.mark.parametrize("ms", [0, 50, 400])
def test_an_operator_drives_the_arm_to_a_rescue(ms):
    seat = Seat(LinkSpec(latency_ms=ms) if ms else None, error_mm=1.0)
    assert seat.run(180) == "done" and seat.away() < 0.02 and seat.desk.holder[0] == POLICY


def test_a_rescue_takes_longer_the_longer_the_round_trip():
    took = []
    for ms in (1, 100, 300, 600):
        seat = Seat(LinkSpec(latency_ms=ms), error_mm=0.0)
        seat.run(180)
        took.append(seat.now_us / 1e6)
    assert took == sorted(took) and took[-1] > 1.5 * took[0]


def test_taking_over_and_giving_back_is_bumpless():
    seat = Seat(LinkSpec(latency_ms=100))
    seat.run(20)
    q = np.array(seat.sent)[:, 0, :-1]
    turn = np.abs(np.diff(q, 2, axis=0)) / (seat.bounds.gain * PERIOD_S)
    assert turn.max() <= 1 + 1e-9


def test_a_cell_whose_operator_is_cut_off_holds_and_is_nobodys():
    seat = Seat(LinkSpec(latency_ms=50), cut_s=4.0)
    assert seat.run(30) == "link" and seat.now_us < 9e6 and seat.desk.holder[0] == NOBODY
    before = seat.world.truth(ONE).q
    seat.run(3)
    assert np.abs(seat.world.truth(ONE).q - before).max() < 0.05


def test_a_pickled_console_goes_on_with_the_same_bits():
    seat = Seat(LinkSpec(latency_ms=80, loss=0.1))
    seat.run(8)
    again = pickle.loads(pickle.dumps(seat))
    seat.run(8), again.run(8)
    assert np.array_equal(np.array(seat.sent), np.array(again.sent))


class Scripted:
    """Somebody whose messages are what a bad link makes of them."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def drive(self, now_us, view):
        return self.answers.pop(0) if self.answers else None

    def finished(self):
        return False


def test_commands_out_of_order_and_replayed_ones_move_nothing():
    seat = Seat(LinkSpec(latency_ms=0))
    place, q = seat.console.seats[0], CELL.arm.home
    seat.run(0.1)
    place.driver, place.commands = Scripted(), type(place.commands)()
    old, new = np.append(q + 0.1, 0.08), np.append(q + 0.02, 0.08)
    now = seat.now_us
    place.commands.extend(
        [(now, now, now, new), (now + 20_000, now - 50_000, now - 50_000, old), (now + 40_000, now, now, old)]
    )
    seat.run(0.2)
    assert np.array_equal(place.command, new) and place.stamp == now


def test_a_command_that_is_no_number_holds_the_arm():
    seat = Seat(LinkSpec(latency_ms=0))
    seat.run(0.1)
    seat.console.seats[0].driver = Scripted(*[np.full(8, np.nan)] * 20)
    before = seat.sent[-1]
    seat.run(0.3)
    assert np.isfinite(seat.sent).all() and np.abs(seat.sent[-1] - before).max() < 0.05
