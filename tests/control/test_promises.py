"""The judge of promises: it sees each one broken, whoever breaks it, and says nothing where they are kept."""

import numpy as np
import pytest

from benchmarks import attacks
from tests.control.rig import CELLS, robot_bounds
from twin.control.safety import separation
from twin.control.safety.build import promised, promises
from twin.control.safety.limits import JointLimits, untouched
from twin.control.safety.persons import Persons
from twin.control.safety.promises import BREACHES, JUDGES, Tick
from twin.core.records import Truth
from twin.world.spheres import spheres

PANDA, BOUNDS = CELLS["panda"], robot_bounds("panda")
SPECS = {str(f["kind"]): attacks.JUDGED[str(f["kind"])] for f in attacks.CHAIN}
ONE = np.zeros(1, np.int32)


def judge():
    return promises(SPECS, PANDA, BOUNDS, Persons(1, spheres(PANDA)), 1, SPECS.values())


def tick(**changed):
    """An arm at home that stands, in the middle of a run."""
    q = changed.get("q", PANDA.arm.home)
    tool = PANDA.arm.fk(q[None])[0]
    none, still = np.zeros((1, 1, 7)), np.zeros((1, 7))
    truth = Truth(q[None], changed.get("dq", still), tool, none, none[..., 0] > 0, np.array([changed.get("force", 0.0)]))
    before = np.append(changed.get("before", q), 0.04)[None]
    sent = np.append(changed.get("sent", q), 0.04)[None]
    before_v, born_us = changed.get("before_v", still), np.zeros(1, np.int64)
    return Tick(changed.get("now_us", 0), ONE, truth, before, before_v, sent, born_us, ONE > 0)


def broken(found, each, times=1):
    """The promises that so many ticks alike break, once the row has run for a while."""
    for _ in range(3):
        found.judge(tick(), np.ones(1, bool))
    for _ in range(times):
        out = found.judge(each, np.ones(1, bool))
    return {kind for kind, bad in zip(found.kinds, out[0], strict=True) if bad}


def test_an_arm_that_stands_breaks_no_promise():
    assert broken(judge(), tick(), 20) == set()


HOME = PANDA.arm.home
BACK = HOME * [1, -4, 0.2, 1, 1, 1, 1]  # the hand behind the base, beyond the box and within a volume


@pytest.mark.parametrize(
    ("kinds", "each", "times"),
    [
        ({"joint_limits"}, {"sent": HOME + 0.02 * BOUNDS.velocity * 1.01, "before_v": BOUNDS.velocity[None]}, 1),
        ({"joint_limits"}, {"sent": HOME + 0.02 * BOUNDS.gain * 1.1}, 1),
        ({"workspace_box", "keep_out", "cbf"}, {"q": BACK}, 1),
        ({"contact"}, {"force": 151.0}, 2),
        ({"stale"}, {"now_us": 200_000, "sent": HOME + 0.02 * BOUNDS.gain * 0.5}, 1),
        ({"tracking"}, {"before": HOME + 0.26, "sent": HOME + 0.26}, 7),
        ({"torque"}, {"before": HOME - np.eye(7)[6], "sent": HOME - np.eye(7)[6], "now_us": 1}, 1),
    ],
)
def test_each_promise_is_seen_broken(kinds, each, times):
    assert kinds <= broken(judge(), tick(**each), times)


FACE = 3 * PANDA.arm.torque / PANDA.arm.stiffness
"""How far (rad) a command may be from a joint that stands, by `torque`."""
AWAY = HOME + FACE + 0.1


def pushed(sent):
    """An arm that has been pushed off its command, further than limits can follow, and what it is sent to then."""
    return tick(before=AWAY, sent=sent)


def test_a_joint_that_torque_has_to_let_give_way_is_excused_to_the_very_number():
    assert broken(judge(), pushed(HOME + FACE)) == set()
    assert "torque" in broken(judge(), pushed(HOME + FACE + 1e-3))
    assert "joint_limits" in broken(judge(), pushed(HOME + FACE - 1e-4))


def test_a_jump_that_torque_cuts_short_is_no_excuse():
    assert broken(judge(), tick(sent=HOME + FACE)) == {"joint_limits"}  # the limits could have been kept


def test_no_joint_is_excused_where_no_filter_holds_the_torque():
    found = promises(SPECS, PANDA, BOUNDS, Persons(1, spheres(PANDA)), 1, [SPECS["joint_limits"]])
    assert broken(found, pushed(HOME + FACE)) == {"joint_limits"}


def test_a_joint_that_gave_way_owes_to_come_back_within_its_limits():
    found = judge()
    broken(found, pushed(HOME + FACE))
    v = -0.1 / 0.02 * np.ones((1, 7))  # what it was sent away with is more than its limit
    back = {"q": HOME, "before": HOME + FACE, "before_v": v}
    assert found.yields.owing.all()
    assert "joint_limits" not in broken_at(found, tick(**back, sent=HOME + FACE - 0.02 * BOUNDS.velocity))
    assert "joint_limits" in broken_at(found, tick(**back, sent=HOME + FACE + 0.1))


def broken_at(found, each):
    out = found.judge(each, np.ones(1, bool))
    return {kind for kind, bad in zip(found.kinds, out[0], strict=True) if bad}


def test_limits_that_let_through_are_found_out_behind_torque(monkeypatch):
    monkeypatch.setattr(JointLimits, "certify", lambda self, seen, command: untouched(command))
    chain = [f for f in attacks.CHAIN if f["kind"] in ("joint_limits", "torque")]
    found = attacks.attack("adversarial", chain, 200, "ur3", 16)
    assert found.broken["joint_limits"] > 0 == found.broken["torque"]


def test_somebody_near_whom_an_arm_moves_breaks_separation():
    found = judge()
    found.persons.enter(0, 0, np.array([0.6, 0.0, 0.0]), np.array([0.6, 0.0, 0.0]), 1.0)
    assert broken(found, tick(dq=np.ones((1, 7)))) == {"separation"}
    assert "separation" not in broken(found, tick())


def test_a_force_may_last_for_the_tick_in_which_it_is_felt():
    assert "contact" not in broken(judge(), tick(force=151.0), 1)


def test_a_row_that_is_stopped_is_not_judged():
    found = judge()
    out = [found.judge(tick(force=500.0), np.zeros(1, bool)) for _ in range(9)]
    assert not np.any(out) and found.judged == 0


def test_volumes_of_a_barrier_are_those_of_its_keep_out():
    found = promised([SPECS["cbf"]], ["keep_out_violation"])
    assert found["keep_out"].volumes == SPECS["cbf"].volumes
    assert set(BREACHES.values()) <= set(JUDGES)


@pytest.mark.slow
@pytest.mark.parametrize("name", attacks.JUDGED)
def test_a_filter_keeps_its_promise_and_without_it_the_same_policy_breaks_it(name):
    policy = "pressing" if name == "contact" else "adversarial"
    arm = "panda_smooth" if name == "jerk" else "ur3"
    with_it, bare = (attacks.attack(policy, chain, 2000, arm, 16) for chain in (attacks.alone(name), attacks.without(name)))
    assert bare.broken[name] > 0
    assert with_it.broken[name] == 0


@pytest.mark.parametrize(("tense_m", "kept"), [(separation.TENSE_M, True), (np.inf, False)])
def test_an_arm_that_waits_for_somebody_does_not_jump_when_what_it_presses_on_slips_away(tmp_path, monkeypatch, tense_m, kept):
    monkeypatch.setattr(separation, "TENSE_M", tense_m)
    attacked = attacks.Attack("pressing", [{"kind": "joint_limits"}, {"kind": "separation"}], tmp_path, "ur3", 2)
    lane, rows, attacked.due_us = attacked.lane, np.arange(2, dtype=np.int32), 10**12
    attacked.run(2 * 100)
    assert (lane.world.truth(rows).force > 50).all()
    for row in rows.tolist():
        lane.persons.enter(row, attacked.farm.clock.now_us, np.array([2.0, 0.0, 0.0]), np.array([0.3, 0.0, 0.0]), 1.6)
    attacked.run(2 * 170)
    lane.world.set_field(rows, "thing_size", np.full((2, 1), 0.2))
    attacked.run(2 * 190)
    assert (attacked.judge.broken["separation"] == 0) == kept
