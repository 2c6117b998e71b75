"""Joint limits: nothing that anybody asks for gets past them, and nothing within them is touched."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control.rig import KINDS, PERIOD_S, SLACK, adversary, drive, random_bounds, robot_bounds, seen, with_grip, worst
from twin.control.safety.chain import Chain
from twin.control.safety.limits import Bounds, JointLimits

N, TICKS = 8, 300
seeds = st.integers(0, 2**32)
PANDA = robot_bounds("panda")


def middle(bounds: Bounds, n: int = N) -> np.ndarray:
    return np.tile(0.5 * (bounds.low + bounds.high), (n, 1))


def calm(bounds: Bounds, ticks: int = 400, n: int = N) -> np.ndarray:
    """Targets that swing at 40 % of the limits, from rest."""
    swing = 0.45 * (bounds.high - bounds.low)
    rate = np.minimum(0.8 * bounds.velocity / swing, np.sqrt(0.8 * bounds.acceleration / swing))
    t = bounds.dt * np.arange(1, ticks + 1)[:, None, None]
    return middle(bounds, n) + 0.5 * swing * (1 - np.cos(rate * t)) * np.ones((1, n, 1))


@given(random_bounds(), st.sampled_from(KINDS), seeds)
@settings(max_examples=40)
def test_no_command_breaks_a_limit_whatever_is_asked(bounds, kind, seed):
    sent, _ = drive(JointLimits(bounds, N), adversary(kind, bounds, TICKS, N, seed), middle(bounds), bounds.dt)
    beyond, velocity, acceleration = worst(bounds, sent)
    assert beyond <= 1e-9 and velocity <= SLACK and acceleration <= SLACK


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_filter_the_same_commands_break_limits(kind):
    sent, _ = drive(None, adversary(kind, PANDA, TICKS, N, 0), middle(PANDA), PERIOD_S)
    assert max(worst(PANDA, sent)[1:]) > 1.5


@given(random_bounds(), seeds)
@settings(max_examples=20)
def test_garbage_never_passes_the_chain(bounds, seed):
    rng = np.random.default_rng(seed)
    asked = adversary("walk", bounds, 300, N, seed)
    asked[rng.random(asked.shape) < 0.1] = np.nan
    for garbage in (np.inf, -np.inf, 1e300, -1e7):
        asked[rng.random(asked.shape) < 0.02] = garbage
    sent, _ = drive(Chain([JointLimits(bounds, N)]), asked, middle(bounds), bounds.dt)
    beyond, velocity, acceleration = worst(bounds, sent)
    assert np.isfinite(sent).all() and beyond <= 1e-9 and velocity <= SLACK and acceleration <= SLACK


@given(random_bounds())
def test_what_keeps_the_limits_passes_bit_for_bit(bounds):
    asked = calm(bounds)
    sent, changed = drive(JointLimits(bounds, N), asked, middle(bounds), bounds.dt)
    assert not changed.any() and np.array_equal(sent[2:], asked)


@given(random_bounds(), st.sampled_from(KINDS), seeds)
@settings(max_examples=20)
def test_what_passed_a_filter_passes_another_untouched(bounds, kind, seed):
    sent, _ = drive(JointLimits(bounds, N), adversary(kind, bounds, 200, N, seed), middle(bounds), bounds.dt)
    again, changed = drive(JointLimits(bounds, N), sent[2:], middle(bounds), bounds.dt)
    assert not changed.any() and np.array_equal(again, sent)


@given(random_bounds(slowest=1.0), seeds)
@settings(max_examples=20)
def test_a_target_out_of_reach_at_once_is_approached_without_overshoot_and_met(bounds, seed):
    goal = np.random.default_rng(seed).uniform(bounds.low, bounds.high, (N, len(bounds.low)))
    span = bounds.high - bounds.low
    longest_s = (
        span / bounds.velocity + 3 * bounds.velocity / bounds.acceleration + 3 * np.sqrt(span / bounds.acceleration)
    ).max()
    ticks = 20 + int(longest_s / bounds.dt)
    sent, changed = drive(JointLimits(bounds, N), np.tile(goal, (ticks, 1, 1)), middle(bounds), bounds.dt)
    way = np.sign(goal - middle(bounds))
    assert np.array_equal(sent[-1], goal) and not changed[-1].any()
    assert (way * np.diff(sent, axis=0)).min() >= -1e-12


def test_a_joint_asked_to_stop_at_once_brakes_returns_and_rests():
    moving = np.cumsum(np.tile(0.5 * PANDA.gain * PERIOD_S, (10, N, 1)) * np.arange(1, 11)[:, None, None], axis=0)
    asked = middle(PANDA) + np.concatenate((moving, np.tile(moving[-1], (100, 1, 1))))
    sent, changed = drive(JointLimits(PANDA, N), asked, middle(PANDA), PERIOD_S)
    turns = (np.diff(np.sign(np.diff(sent[:, 0, 0]).round(12))) != 0).sum()
    assert changed[10:14].all() and not changed[60:].any() and np.array_equal(sent[-1], asked[-1]) and turns <= 4


def test_a_target_beyond_the_range_is_met_at_its_end():
    sent, changed = drive(JointLimits(PANDA, N), np.tile(middle(PANDA) + 9, (300, 1, 1)), middle(PANDA), PERIOD_S)
    assert np.abs(sent[-1] - PANDA.high).max() < 1e-9 and changed[-1].all()


def test_a_moving_target_is_caught_up_after_a_gap():
    asked = calm(PANDA, 300)
    asked[60:90] = asked[60]
    asked[90:] = asked[90:] - asked[90] + asked[60]
    asked[150:] += 0.05
    _, changed = drive(JointLimits(PANDA, N), asked, middle(PANDA), PERIOD_S)
    assert changed[60:70].any() and changed[90:95].any() and changed[150].all() and not changed[200:].any()


def test_a_robot_told_to_stay_where_it_is_sent_brakes():
    step, bounds = JointLimits(PANDA, 1), PANDA
    last, last_v, speeds = with_grip(middle(bounds, 1)), 0.5 * bounds.velocity[None], []
    for _ in range(30):
        command = step.certify(seen(last, last_v), last.copy()).command
        last_v, last = (command[:, :-1] - last[:, :-1]) / PERIOD_S, command
        speeds.append(np.abs(last_v).max())
    assert speeds[-1] == 0 and (np.diff(speeds) <= 1e-12).all()


def test_a_joint_that_starts_beyond_its_range_may_stay_or_come_back_but_not_go_further():
    start = np.tile(PANDA.high + 0.01, (3, 1))
    asked = np.stack((start[0], start[0] + 0.01, start[0] - 0.05))
    sent, _ = drive(JointLimits(PANDA, 3), np.tile(asked, (60, 1, 1)), start, PERIOD_S)
    np.testing.assert_allclose(sent[-1], [start[0], start[0], asked[2]], atol=1e-12)


def test_a_row_alone_gets_the_bits_that_it_gets_among_others():
    asked = adversary("holds", PANDA, 200, N, 3)
    together, _ = drive(JointLimits(PANDA, N), asked, middle(PANDA), PERIOD_S)
    for row in (0, 5):
        alone, _ = drive(JointLimits(PANDA, 1), asked[:, [row]], middle(PANDA, 1), PERIOD_S)
        assert np.array_equal(alone[:, 0], together[:, row])


def test_a_pickled_filter_goes_on_where_it_was():
    asked, step = adversary("holds", PANDA, 90, N, 4), JointLimits(PANDA, N)
    first, _ = drive(step, asked[:45], middle(PANDA), PERIOD_S)
    other = pickle.loads(pickle.dumps(step))
    rest = [drive(f, asked[45:], first[-1], PERIOD_S).sent for f in (step, other)]
    assert np.array_equal(*rest)


def test_a_new_episode_forgets_what_was_pursued():
    step = JointLimits(PANDA, 2)
    drive(step, np.tile(middle(PANDA, 2) + 1, (3, 1, 1)), middle(PANDA, 2), PERIOD_S)
    step.begin(0)
    assert step.pursuit.tolist() == [False, True]


@pytest.mark.parametrize("speed", [1.0, 1 + 1e-7])
def test_the_limit_itself_passes_and_nothing_beyond_it(speed):
    last, last_v = with_grip(middle(PANDA, 1)), PANDA.velocity[None] - 0.5 * PANDA.gain
    command = last + with_grip(speed * PANDA.velocity[None] * PERIOD_S)
    out = JointLimits(PANDA, 1).certify(seen(last, last_v), command)
    assert out.changed[0] == (speed > 1)


def test_the_filter_never_edits_what_it_is_given():
    last, command = with_grip(middle(PANDA)), with_grip(middle(PANDA) + 1)
    o = seen(last, np.zeros((N, 7)))
    JointLimits(PANDA, N).certify(o, command)
    assert np.array_equal(command, with_grip(middle(PANDA) + 1)) and np.array_equal(o.last, with_grip(middle(PANDA)))


@given(random_bounds(), seeds)
def test_a_joint_stops_within_the_distance_from_which_its_speed_was_allowed(bounds, seed):
    distance = np.random.default_rng(seed).uniform(0, 2, (50, 1)) ** 4 * np.ones_like(bounds.low)
    speed = bounds.stoppable(distance)
    made = np.zeros_like(speed)
    while (speed > 0).any():
        made, speed = made + speed * bounds.dt, np.maximum(speed - bounds.gain, 0)
    assert (made <= distance * SLACK).all()
