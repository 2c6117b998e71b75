"""Stops of categories 0, 1 and 2: they stop, they latch, and nothing starts by itself."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.control.rig import CELLS, PERIOD_S, robot_bounds
from tests.poses import lying
from twin.control.safety.stops import BRAKING, READY, RUNNING, STANDING, Stops
from twin.world.base import Start
from twin.world.mujoco import MujocoWorld

PERIOD_US = 20_000
ALL = np.arange(2, dtype=np.int32)


class Moving:
    """Two arms that swing joint 1 at `share` of its speed; the first one is stopped."""

    def __init__(self, name="panda", share=0.8, ticks=30, limit_s=1.0):
        cell = CELLS[name]
        self.world, self.bounds = MujocoWorld(cell, 2), robot_bounds(name)
        home = np.tile(cell.arm.home, (2, 1))
        self.world.reset(ALL, Start(home, np.full(2, 0.05), lying(np.tile([0.33, -0.12, 0.02], (2, 1))), np.zeros((2, 3))))
        self.stops, self.now_us = Stops(self.bounds, 2, limit_s), 0
        self.sent = np.concatenate((home, np.full((2, 1), 0.05)), axis=1)
        self.sent_v = np.zeros((2, cell.nq))
        self.speed = np.zeros(cell.nq)
        self.speed[0] = share * self.bounds.velocity[0]
        self.run(ticks)

    def run(self, ticks):
        """Step; returns what came to rest."""
        found = []
        for _ in range(ticks):
            way = self.sent_v + np.clip(self.speed - self.sent_v, -self.bounds.gain, self.bounds.gain)
            asked = self.sent[:, :-1] + way * PERIOD_S
            held = ~self.stops.running(ALL)
            asked[held] = self.stops.slowed(self.sent[held, :-1], self.sent_v[held])
            self.sent_v = (asked - self.sent[:, :-1]) / PERIOD_S
            self.sent[:, :-1] = asked
            self.world.step(ALL, self.sent, 10)
            self.now_us += PERIOD_US
            found += self.stops.watch(self.now_us, ALL, self.world)
        return found

    def moves(self):
        return np.abs(self.world.truth(ALL).dq).max(axis=1) > 0.1


@pytest.mark.parametrize("name", ["panda", "ur3"])
@pytest.mark.parametrize(("category", "seconds"), [(0, 0.3), (1, 0.7), (2, 0.7)])
def test_an_arm_comes_to_rest_in_its_time_and_the_other_goes_on(name, category, seconds):
    rig = Moving(name)
    assert rig.moves().all() and rig.stops.trip(0, category, rig.now_us, rig.world)
    (stop,) = rig.run(60)
    assert stop.row == 0 and stop.category == category and 0 < stop.time_s <= seconds and 0.005 < stop.distance_m < 0.4
    assert rig.moves().tolist() == [False, True] and rig.stops.state.tolist() == [STANDING, RUNNING]
    assert rig.world.get_field(ALL, "power")[:, 0].tolist() == [float(category == 2), 1.0]


@pytest.mark.parametrize("joint", [3, 5])
def test_a_joint_whose_end_lies_on_the_way_stops_there_while_the_others_brake_on(joint):
    bounds = robot_bounds("ur3")
    stops, at, speed = Stops(bounds, 1), np.zeros((1, 6)), np.zeros((1, 6))
    speed[0, 0], speed[0, joint] = bounds.velocity[0], -0.4 * bounds.velocity[joint]
    at[0, joint] = bounds.low[joint] + 0.2  # it could stop there by itself, and not as late as the base
    for _ in range(60):
        way = stops.slowed(at, speed)
        before, at, speed = speed, way, (way - at) / PERIOD_S
        assert at[0, joint] >= bounds.low[joint] and (np.abs(speed - before) <= bounds.gain * (1 + 1e-9)).all()
    assert not speed.any() and at[0, 0] > 0.4


def test_power_goes_where_an_arm_does_not_come_to_rest_in_its_time():
    rig = Moving(limit_s=0.04)
    rig.stops.trip(0, 1, rig.now_us, rig.world)
    (stop,) = rig.run(60)
    assert stop.late and stop.time_s < 0.4 and rig.stops.off[0]


def test_a_stricter_stop_takes_over_and_a_milder_one_does_not():
    rig = Moving()
    assert [rig.stops.trip(0, c, rig.now_us, rig.world) for c in (2, 2, 1, 2, 0, 1)] == [True, False, True, False, True, False]
    assert rig.stops.category[0] == 0 and rig.stops.off[0]


def test_a_reset_moves_nothing_and_only_a_start_lets_commands_through():
    rig = Moving()
    rig.stops.trip(0, 1, rig.now_us, rig.world)
    assert not rig.stops.reset(0, rig.world) and rig.stops.state[0] == BRAKING
    rig.run(60)
    assert not rig.stops.start(0)
    assert rig.stops.reset(0, rig.world) and rig.stops.state[0] == READY
    rig.run(20)
    assert not rig.moves()[0] and rig.stops.start(0) and rig.run(20) == [] and rig.moves()[0] and not rig.stops.any


def test_a_joint_that_moves_while_it_should_stand_is_stopped_by_its_brakes():
    rig = Moving()
    rig.stops.trip(0, 2, rig.now_us, rig.world)
    rig.run(60)
    rig.sent[0, 0] += 0.3  # a drive that runs away
    moved, again = rig.run(14)
    assert moved.moved and moved.category == 0 and rig.stops.off[0] and not again.moved


def test_brakes_that_slip_let_a_stopped_arm_fall():
    rig = Moving(share=0.0)
    rig.world.set_field(ALL, "brake", np.zeros((2, 7)))
    rig.stops.trip(0, 0, rig.now_us, rig.world)
    before = rig.world.truth(ALL).tool
    assert rig.run(40) == [] and rig.stops.state[0] == BRAKING
    fell = np.abs(rig.world.truth(ALL).tool - before).max(axis=1)
    assert fell[0] > 0.05 and fell[1] < 0.001


def test_a_pickled_machine_goes_on_where_it_was():
    rig = Moving()
    rig.stops.trip(0, 1, rig.now_us, rig.world)
    rig.run(3)
    rig.stops = pickle.loads(pickle.dumps(rig.stops))
    (stop,) = rig.run(60)
    assert stop.time_s > 3 * PERIOD_S and rig.stops.off[0]
