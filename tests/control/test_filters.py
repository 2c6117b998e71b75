"""The filters that read more than joints: volumes, contact, people, old data, torque; and the quadratic programme."""

from __future__ import annotations

import pickle
from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks import programme
from tests.control.rig import CELLS, PERIOD_S, adversary, robot_bounds, seen, with_grip, worst
from twin.control.safety.cbf import Barrier
from twin.control.safety.chain import Chain
from twin.control.safety.contact import Contact
from twin.control.safety.itself import Itself
from twin.control.safety.keepout import KeepOut
from twin.control.safety.limits import JointLimits
from twin.control.safety.persons import Persons
from twin.control.safety.separation import Separation
from twin.control.safety.stale import Stale
from twin.control.safety.torque import Torque
from twin.control.safety.watch import Watch
from twin.world.spheres import spheres

N = 12
FENCE = np.array([[[0.2, 0.35, 0.0], [0.8, 0.45, 1.0]], [[0.6, -0.5, 0.0], [0.7, 0.5, 1.0]]])
BOUNDS = robot_bounds("panda")
HOME = np.tile(CELLS["panda"].arm.home, (N, 1))
BOX = np.stack((CELLS["panda"].workspace.low, CELLS["panda"].workspace.high))


@cache
def body() -> Any:
    return spheres(CELLS["panda"])


def least(filters: list[Any], ticks: int = 150, kind: str = "holds") -> float:
    """The least distance, m, of any sphere from the fence that robots which do as they are told come to."""
    judge, chain = Watch(body(), FENCE, True, 0), Chain(filters, BOUNDS)
    last, last_v, found = with_grip(HOME), 0 * HOME, np.inf
    for q in adversary(kind, BOUNDS, ticks, N, 3):
        now = last[:, :-1]
        observed = seen(last, last_v, tool=CELLS["panda"].arm.fk(now)[0])
        command = chain.certify(observed, with_grip(q)).command
        last_v, last = (command[:, :-1] - now) / PERIOD_S, command
        found = min(found, float(judge.gaps(last[:, :-1]).min()))
    return found


def keepers() -> list[Any]:
    return [KeepOut(body(), BOUNDS, FENCE, True, N), Barrier(body(), BOUNDS, BOX, FENCE, True, 4.0, N)]


@pytest.mark.parametrize("which", [0, 1])
def test_no_adversary_gets_a_link_into_a_volume(which):
    assert least([JointLimits(BOUNDS, N), keepers()[which]]) >= 0


def test_without_the_filter_the_same_adversary_gets_in():
    assert least([JointLimits(BOUNDS, N)]) < -0.05


FREE = np.array([[-3.0, -3.0, -3.0], [3.0, 3.0, 3.0]])
NOTHING = np.zeros((0, 2, 3))


def least_apart(name: str, itself: bool) -> float:
    """The least distance, m, of an arm to itself that robots which do as they are told come to, with nothing around them."""
    bounds, arm, spheres_ = robot_bounds(name), CELLS[name].arm, spheres(CELLS[name])
    step = Barrier(spheres_, bounds, FREE, NOTHING, False, 15.0, N, itself)
    chain, judge, home = Chain([JointLimits(bounds, N), step], bounds), Itself(spheres_, 0), np.tile(arm.home, (N, 1))
    last, last_v, found = with_grip(home), 0 * home, np.inf
    for q in adversary("holds", bounds, 200, N, 3):
        now = last[:, :-1]
        command = chain.certify(seen(last, last_v, tool=arm.fk(now)[0]), with_grip(q)).command
        last_v, last = (command[:, :-1] - now) / PERIOD_S, command
        found = min(found, float(judge.gaps(last[:, :-1]).min()))
    return found


@pytest.mark.parametrize("name", CELLS)
def test_no_adversary_folds_an_arm_into_itself(name):
    assert least_apart(name, True) >= 0
    assert least_apart(name, False) < -0.02


def test_the_distance_of_an_arm_to_itself_changes_with_its_joints_as_its_slope_says():
    q, small = HOME[:1] + 0.3, 1e-6
    watch = Watch(body(), NOTHING, False, 1, None, True)
    turn = np.full((7, 1), 9.0)
    near = watch.near(np.zeros(1, np.int64), q.T, watch.arm.frames(q), turn, watch.left(np.zeros(1, np.int64), q.T, q.T, turn))
    gaps = [[watch._gap(watch.arm.frames(q + s * small * e), near.row, near) for s in (1, -1)] for e in np.eye(7)]
    assert len(near.row) > 20 and near.gap.min() == pytest.approx(float(Itself(body(), 0).gaps(q)[0]))
    assert np.allclose(near.slope, np.array([(a - b) / (2 * small) for a, b in gaps]), atol=1e-6)


def test_spheres_move_as_their_jacobian_says():
    q, small = HOME[:1] + 0.1, 1e-6
    place, jac = body().solve(q)
    numeric = np.stack([(body().at(q + small * e) - body().at(q - small * e))[0] / (2 * small) for e in np.eye(7)], axis=2)
    assert np.allclose(jac[0], numeric, atol=1e-6) and np.array_equal(place, body().at(q))


def test_a_barrier_changes_less_than_braking_does():
    sent = []
    for step in keepers():
        asked, observed = HOME.copy(), seen(with_grip(HOME), 0 * HOME, tool=CELLS["panda"].arm.fk(HOME)[0])
        asked[:, 0] += 0.004
        sent.append(np.abs(step.certify(observed, with_grip(asked)).command[:, :-1] - asked).max())
    assert sent[1] <= sent[0]


def test_the_programme_agrees_with_another_solver_and_finds_what_has_no_solution():
    found = programme.compare(600, seed=7)
    assert found.worst < programme.BOUND and found.infeasible > 100
    assert found.answered_without_solution == found.unanswered == 0


def moving(**more: Any) -> Any:
    observed = seen(with_grip(HOME), np.full_like(HOME, 0.3), tool_v=np.tile([0.5, 0, 0], (N, 1)))
    for key, value in more.items():
        setattr(observed, key, value)
    return observed, with_grip(HOME + 0.3 * PERIOD_S)


def test_a_force_above_the_limit_brakes_and_stops_its_row_and_so_does_one_that_is_no_number():
    force = np.zeros((N, 3))
    force[1], force[2], force[3] = [0, 0, 151], [np.nan, 0, 0], [149, 0, 0]
    observed, command = moving(force=force)
    out = Contact(BOUNDS, 150.0, 300.0).certify(observed, command)
    assert out.stop.tolist()[:4] == [False, True, True, False] and out.changed.tolist()[:4] == [0, 1, 1, 0]
    assert (np.abs(out.command[1] - observed.last[1]) <= np.abs(command[1] - observed.last[1])).all()


def test_power_counts_as_force_does():
    observed, command = moving(force=np.tile([120.0, 0, 0], (N, 1)))
    assert Contact(BOUNDS, 150.0, 50.0).certify(observed, command).stop.all()


@pytest.mark.parametrize(("age_s", "changed"), [(0.0, False), (0.4, True)])
def test_the_age_of_what_a_scanner_says_counts_against_the_robot(age_s, changed):
    human = np.tile([1.8, 0.0, 0.0], (N, 1))
    observed, command = moving(human=human, human_age_s=np.full(N, age_s))
    step = Separation(BOUNDS, body(), 0.3, N)
    out = step.certify(observed, command)
    assert out.changed.any() == changed and not out.stop.any()


def test_nobody_near_changes_nothing():
    observed, command = moving(human=np.full((N, 3), np.nan), human_age_s=np.zeros(N))
    assert Separation(BOUNDS, body(), 0.3, N).certify(observed, command).command is command


def test_an_arm_that_waits_and_sinks_under_its_load_is_followed_once_within_its_limits():
    step, last, last_v, sent = Separation(BOUNDS, body(), 0.3, N), with_grip(HOME), 0 * HOME, [HOME, HOME]
    for _ in range(20):
        observed = seen(last, last_v, q=last[:, :-1] - 0.02)
        observed.dq, observed.human, observed.human_age_s = 0 * HOME, np.tile([0.5, 0.0, 0.0], (N, 1)), np.zeros(N)
        command = step.certify(observed, with_grip(HOME + 1.0)).command
        last_v, last = (command - last)[:, :-1] / PERIOD_S, command
        sent.append(command[:, :-1])
    assert np.allclose(last[:, :-1], HOME - 0.02) and max(worst(BOUNDS, np.array(sent))) < 1 + 1e-9


def test_an_elbow_is_near_to_a_person_whom_the_tool_is_far_from():
    folded = CELLS["panda"].arm.home + np.array([0, -1.4, 0, 0, 0, 0, 0])  # leans back: the elbow is behind the base
    human = np.array([[-0.9, 0.0, 1.5]])
    place = body().at(folded[None])[0]
    nearest = np.linalg.norm(place[:, :2] - human[0, :2], axis=1).argmin()
    assert not body().hand[nearest]
    people, one = Persons(1, body(), clearance_m=0.9), np.zeros(1, np.int32)
    people.enter(0, 0, human[0], human[0], 1.0)
    assert people.too_near(one, 1, folded[None], np.ones((1, 7))).all()
    assert not people.too_near(one, 1, folded[None], np.zeros((1, 7))).any()


def test_a_person_walks_in_stands_and_leaves_and_the_scanner_is_late():
    people, rows = Persons(2, body(), scanner_s=0.5), np.arange(2, dtype=np.int32)
    people.enter(1, 1_000_000, np.array([3.0, 0, 0]), np.array([1.0, 0, 0]), 2.0)
    people.leave(1, 5_000_000)
    assert [people.where(rows, t)[1, 0] for t in (1_500_000, 3_000_000)] == [2.0, 1.0]
    assert people.seen(rows, 2_000_000)[0][1, 0] == 2.0 and np.isnan(people.where(rows, 5_000_000)).all()
    people.enter(1, 5_000_000, np.array([3.0, 0, 0]), np.array([0.5, 0, 0]), 2.0)
    assert people.too_near(rows, 7_000_000, HOME[:2], np.ones((2, 7))).tolist() == [False, True]


def test_an_old_command_is_held_an_older_one_stops_and_none_goes_back_in_time():
    step = Stale(BOUNDS, 0.5, 2.0, N)
    age = np.zeros(N)
    age[1], age[2], age[3] = 0.6, 2.1, np.nan
    asked_us = np.full(N, 100)
    observed, command = moving(age_s=age, asked_us=asked_us)
    out = step.certify(observed, command)
    assert out.changed.tolist()[:4] == [0, 1, 1, 1] and out.stop.tolist()[:4] == [False, False, True, True]
    observed.asked_us = np.where(np.arange(N) == 0, 99, 100)
    assert step.certify(observed, command).changed[0] == 1


def test_joints_that_are_not_measured_hold_and_stop():
    q = HOME.copy()
    q[0, 2] = np.nan
    observed, command = moving(q=q, age_s=np.zeros(N), asked_us=np.zeros(N, np.int64))
    out = Stale(BOUNDS, 0.5, 2.0, N).certify(observed, command)
    assert out.stop.tolist() == [True] + [False] * (N - 1)


def test_a_command_cannot_run_away_from_an_arm_that_is_held_up_which_is_stopped():
    arm = CELLS["panda"].arm
    step, stops = Torque(arm, arm.torque, 0.1, PERIOD_S, N), []
    for k in range(8):
        observed = seen(with_grip(HOME), 0 * HOME)
        out = step.certify(observed, with_grip(HOME + 0.02 * k))
        asked = np.abs(arm.stiffness * (out.command[:, :-1] - HOME))
        stops.append(bool(out.stop.any()))
        assert (asked <= arm.torque * (1 + 1e-9)).all()
    assert stops[-1] and not stops[2]


@pytest.mark.parametrize("which", [0, 1])
def test_a_pickled_filter_goes_on_with_the_same_bits(which):
    step = keepers()[which]
    observed = seen(with_grip(HOME), 0 * HOME, tool=CELLS["panda"].arm.fk(HOME)[0])
    step.certify(observed, with_grip(HOME + 0.01))
    again = pickle.loads(pickle.dumps(step))
    asked = with_grip(HOME + 0.02)
    assert np.array_equal(step.certify(observed, asked).command, again.certify(observed, asked).command)
