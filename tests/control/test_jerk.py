"""The jerk limit: no command breaks it or any other limit of a joint, and targets are still met."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control.rig import KINDS, PERIOD_S, SLACK, adversary, drive, random_bounds, robot_bounds, seen, with_grip, worst
from twin.control.safety import jerk
from twin.control.safety.jerk import JerkLimits
from twin.control.safety.limits import JointLimits, braked

N, TICKS = 4, 150
seeds = st.integers(0, 10**6)
PANDA = robot_bounds("panda")
PANDA.jerk = np.full(7, 150.0)


@st.composite
def jerky_bounds(draw, slowest=0.1):
    """Limits of an arm with a jerk limit, from one that a period is too short for to one that is never met."""
    bounds = draw(random_bounds(slowest))
    bounds.jerk = 10 ** np.random.default_rng(draw(seeds)).uniform(0.5, 4, len(bounds.low))
    return bounds


def middle(bounds, n=N):
    return np.tile(0.5 * (bounds.low + bounds.high), (n, 1))


def turn(bounds, sent):
    """The greatest jerk of joints (T, n, nq), from rest, as a share of the limit."""
    change = np.diff(np.concatenate((sent[:1], sent)), n=3, axis=0)
    return (np.abs(change) / (bounds.jerk * bounds.dt**3)).max()


@given(jerky_bounds(), st.sampled_from(KINDS), seeds)
@settings(max_examples=40)
def test_no_command_breaks_the_jerk_limit_or_any_other(bounds, kind, seed):
    sent, _ = drive(JerkLimits(bounds, N), adversary(kind, bounds, TICKS, N, seed), middle(bounds), bounds.dt)
    beyond, velocity, acceleration = worst(bounds, sent)
    assert beyond <= 1e-8 and velocity <= SLACK and acceleration <= 1 + 1e-7 and turn(bounds, sent) <= 1 + 1e-5


@given(jerky_bounds(), st.sampled_from(KINDS), seeds)
@settings(max_examples=30)
def test_whatever_brakes_behind_it_can_do_so_at_any_time_within_the_limits(bounds, kind, seed):
    sent, _ = drive(JerkLimits(bounds, N), adversary(kind, bounds, TICKS, N, seed), middle(bounds), bounds.dt)
    last, last_v = sent[1:].reshape(-1, len(bounds.low)), (np.diff(sent, axis=0) / bounds.dt).reshape(-1, len(bounds.low))
    slower = bounds.reachable(braked(bounds, last_v), last, last_v)
    assert (np.abs(slower - last_v) / bounds.gain).max() <= 1 + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_limits_alone_let_jerks_through(kind):
    sent, _ = drive(JointLimits(PANDA, N), adversary(kind, PANDA, TICKS, N, 0), middle(PANDA), PERIOD_S)
    assert turn(PANDA, sent) > 1.5


def test_a_filter_that_forgets_what_a_smooth_stop_takes_breaks_a_limit(monkeypatch):
    monkeypatch.setattr(JerkLimits, "certify", blind(JerkLimits.certify))
    sent, _ = drive(JerkLimits(PANDA, N), adversary("holds", PANDA, TICKS, N, 0), middle(PANDA), PERIOD_S)
    assert max(turn(PANDA, sent), worst(PANDA, sent)[2]) > 1 + 1e-3


def blind(certify):
    """A filter that takes joints to stand: the acceleration they have is not seen."""

    def mutant(self, seen, command):
        self.speed[seen.rows] = np.nan
        return certify(self, seen, command)

    return mutant


@given(jerky_bounds(slowest=1.0), seeds)
@settings(max_examples=20)
def test_a_target_is_approached_without_overshoot_and_met(bounds, seed):
    goal = np.random.default_rng(seed).uniform(bounds.low, bounds.high, (N, len(bounds.low)))
    span, a = bounds.high - bounds.low, bounds.acceleration
    longest_s = span / bounds.velocity + 3 * bounds.velocity / a + 3 * np.sqrt(span / a)
    longest_s = (longest_s + 4 * a / bounds.jerk + 4 * np.cbrt(span / bounds.jerk)).max()
    ticks = 20 + int(longest_s / bounds.dt)
    sent, changed = drive(JerkLimits(bounds, N), np.tile(goal, (ticks, 1, 1)), middle(bounds), bounds.dt)
    assert np.array_equal(sent[-1], goal) and not changed[-1].any()
    assert (np.sign(goal - middle(bounds)) * np.diff(sent, axis=0)).min() >= -1e-6


def test_what_keeps_the_limits_passes_bit_for_bit():
    t = np.arange(400) * PERIOD_S
    asked = middle(PANDA) + (0.25 * (1 - np.cos(1.5 * t)) * np.minimum(t / 4, 1) ** 3)[:, None, None]
    sent, changed = drive(JerkLimits(PANDA, N), asked, middle(PANDA), PERIOD_S)
    assert not changed.any() and np.array_equal(sent[2:], asked)


@pytest.mark.parametrize("shed", [1.0, 0.4])
def test_an_arm_that_something_else_braked_goes_on_and_does_not_swing_back(shed):
    step, asked = JerkLimits(PANDA, 1), middle(PANDA, 1) + 0.5
    last, last_v, speeds = with_grip(middle(PANDA, 1)), np.zeros((1, 7)), []
    for tick in range(90):
        command = step.certify(seen(last, last_v), with_grip(asked)).command
        if 10 <= tick < 15:  # something brakes with all there is
            command = last + with_grip(np.maximum(last_v - shed * PANDA.gain, 0.0) * PERIOD_S)
        last_v, last = (command[:, :-1] - last[:, :-1]) / PERIOD_S, command
        speeds.append(last_v[0].min())
    assert max(speeds) > 0.1 and min(speeds) >= -1e-6 and speeds[-1] == 0


def test_a_joint_that_was_pushed_faster_than_it_may_be_is_back_within_its_limits_at_once():
    bounds, filter_ = PANDA, JerkLimits(PANDA, 1)
    q, v = middle(bounds, 1), np.zeros((1, 7))
    for tick in range(12):
        if tick == 3:  # as `torque` does where something pushes the joint
            q, v = q + np.float64(5.0) * bounds.dt * (np.arange(7) == 5), np.where(np.arange(7) == 5, 5.0, v)
        to = filter_.certify(seen(with_grip(q), v), with_grip(q - 0.5)).command[:, :-1]
        gained = (to - q) / bounds.dt - v
        assert np.all(np.abs(v + gained) <= bounds.velocity * SLACK)
        assert tick == 3 or np.all(np.abs(gained) <= bounds.gain * (1 + 1e-7))
        q, v = to, v + gained


def test_a_row_alone_gets_the_bits_that_it_gets_among_others():
    asked = adversary("holds", PANDA, 200, N, 3)
    together, _ = drive(JerkLimits(PANDA, N), asked, middle(PANDA), PERIOD_S)
    alone, _ = drive(JerkLimits(PANDA, 1), asked[:, [0]], middle(PANDA, 1), PERIOD_S)
    assert np.array_equal(alone[:, 0], together[:, 0])


def test_a_pickled_filter_goes_on_where_it_was():
    asked, step = adversary("holds", PANDA, 90, N, 4), JerkLimits(PANDA, N)
    first, _ = drive(step, asked[:45], middle(PANDA), PERIOD_S)
    rest = [drive(f, asked[45:], first[-1], PERIOD_S).sent for f in (step, pickle.loads(pickle.dumps(step)))]
    assert np.array_equal(*rest)


@given(st.floats(0, 5), st.floats(1e-4, 5))
def test_what_is_shed_less_and_less_is_the_whole_speed(v, h):
    w, left = jerk._shed(v, h), v
    while w > 0:
        left, w = left - w, w - h
    assert abs(left) <= 1e-9 * (1 + v)
