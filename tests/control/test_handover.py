"""A robot changes hands in the middle of an episode, to an operator and back, and nothing jumps, in both worlds."""

import numpy as np
import pytest

from tests.farm.scenes import SCENE, begun, cells, opened, scene
from twin.control.authority import NOBODY, OPERATOR, POLICY, RESET, TECHNICIAN
from twin.core.chance import Chance
from twin.core.clock import to_us
from twin.farm.handing import hand_back, hand_over

FAST = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 20}}
FINE = {"table": {"physics_step_ms": 4}}
BACK_S = 3.0


class Jumpy:
    """A hand that jerks the lever: other corners of its reach, again and again, starting far from where the arm is."""

    def __init__(self, far=1.0):
        self.count, self.far = 0, far

    def drive(self, now_us, view):
        self.count += 1
        if view is None:
            return None
        sign = np.where(np.arange(len(view.q)) % 2 == self.count // 25 % 2, 1.0, -1.0)
        return np.append(view.q + self.far * sign, 0.05)

    def finished(self):
        return False


class Handed:
    """An episode of one cell (no filter in its chain), told tick by tick; `at` 1.5 s an operator takes over, for 3 s."""

    def __init__(self, folder, engine, driver, holder=OPERATOR, filters=(), **more):
        made = scene(
            robots=FAST,
            workcells=FINE,
            cells=cells("a", link="l"),
            links={"l": {"latency_ms": 40}},
            filters=list(filters),
            **more,
        )
        self.farm = begun(opened(folder, made | {"episode_timeout_s": 20, "duration_s": 20}, engine=engine), 1.5)
        self.lane, self.sent, self.flagged = self.farm.lanes[0], [], set()
        tick = self.lane.tick

        def told(now_us, log):
            out = tick(now_us, log)
            self.sent.append(self.lane.sent[0, :-1].copy())
            self.flagged |= {detail for _, what, detail in out if what == "filter"}
            return out

        self.lane.tick = told
        self.until(1.6)
        now = self.farm.clock.now_us
        self.lease = hand_over(self.lane, now, 0, holder, "ann", 1.0)
        if driver is not None:
            self.lane.console.sit(0, driver, self.lease, 0, now, 60.0, 1)

    def until(self, seconds):
        while self.farm.step(to_us(seconds)):
            pass

    def back(self):
        assert hand_back(self.lane, self.farm.clock.now_us, 0, self.lease, Chance(1).stream("a", "policy"))

    def roughest(self):
        """The greatest change of speed between ticks, and speed, as shares of the limits."""
        v = np.diff(np.array(self.sent), axis=0) / self.lane.period_s
        bounds = self.lane.stops.bounds
        return (np.abs(np.diff(v, axis=0)) / bounds.gain).max(), (np.abs(v) / bounds.velocity).max()


@pytest.mark.parametrize("engine", ["kinematic", "mujoco"])
def test_hand_over_and_back_are_bumpless_whatever_the_hand_does(tmp_path, engine):
    row = Handed(tmp_path, engine, Jumpy())
    row.until(3.5)
    taken = np.array(row.sent)
    row.back()
    row.until(8)
    change, speed = row.roughest()
    assert change <= 1 + 1e-6 and speed <= 1 + 1e-6
    assert np.ptp(taken[-60:], axis=0).max() > 0.3  # the hand did move it


def test_without_hand_over_the_same_hand_jerks_the_robot(tmp_path, monkeypatch):
    monkeypatch.setattr("twin.control.handover.HandOver.begin", lambda self, row: None)
    row = Handed(tmp_path, "kinematic", Jumpy())
    row.until(3.5)
    assert row.roughest()[0] > 2


def test_the_policy_goes_on_from_where_the_operator_left_the_arm_and_finishes(tmp_path):
    row = Handed(tmp_path, "kinematic", Jumpy(0.05))
    row.until(3)
    assert row.lane.authority.holder[0] == OPERATOR
    row.back()
    row.until(18)
    ends = [e for e in row.farm.book.new if '"episode.end"' in e]
    assert row.lane.authority.holder[0] == POLICY and any('"label":true' in e for e in ends)


def test_an_operator_whose_link_dies_leaves_an_arm_that_brakes_smoothly_and_is_nobodys(tmp_path):
    row = Handed(tmp_path, "kinematic", Jumpy())
    row.until(2.5)
    row.lane.console.links.send = lambda rows, at_us, way: at_us + (1 << 62)
    row.until(6)
    assert row.lane.authority.holder[0] == NOBODY and row.roughest()[0] <= 1 + 1e-6
    assert np.ptp(np.array(row.sent)[-50:], axis=0).max() < 1e-9


def test_what_an_operator_commands_is_not_older_than_what_it_rests_on(tmp_path):
    row = Handed(tmp_path, "kinematic", Jumpy(), filters=[{"kind": "stale", "hold_ms": 300, "stop_ms": 900}])
    row.until(6)
    assert "stale" not in row.flagged


@pytest.mark.parametrize("holder", [RESET, TECHNICIAN])
def test_two_cannot_hold_one_robot_and_a_stale_lease_gives_nothing_back(tmp_path, holder):
    row = Handed(tmp_path, "kinematic", None, holder)
    now, stream = row.farm.clock.now_us, Chance(1).stream("a", "policy")
    assert hand_over(row.lane, now, 0, OPERATOR, "ben", 1.0) is None
    assert not hand_back(row.lane, now, 0, row.lease - 1, stream) and row.lane.authority.holder[0] == holder
    assert hand_back(row.lane, now, 0, row.lease, stream)
    assert hand_over(row.lane, now, 0, OPERATOR, "ben", 1.0) == row.lease + 2


def test_a_technician_takes_over_from_anybody_and_nobody_moves_the_arm_meanwhile(tmp_path):
    row = Handed(tmp_path, "kinematic", Jumpy())
    row.until(2)
    hand_over(row.lane, row.farm.clock.now_us, 0, TECHNICIAN, "tom")
    row.until(4)
    assert not row.lane.console.seats and np.ptp(np.array(row.sent)[-50:], axis=0).max() < 1e-9
    assert row.roughest()[0] <= 1 + 1e-6
