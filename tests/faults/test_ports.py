"""Ports: what each fault does to what passes, that it is measured there, and that it leaves no trace."""

from __future__ import annotations

import pickle
from itertools import count
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import TypeAdapter

from tests.poses import lying
from twin.control.links import LinkBank
from twin.control.spec import LinkSpec
from twin.core.chance import Chance
from twin.core.records import Observation
from twin.faults.catalogue import CATALOGUE, FAULTS, FaultSpec
from twin.faults.gripper import SLIP_S
from twin.faults.group import Body
from twin.faults.injection import SURELY, Injection
from twin.faults.messages import NEVER
from twin.faults.ports import Ports
from twin.world.base import Start
from twin.world.cell import build_cell
from twin.world.kinematic import KinematicWorld
from twin.world.mujoco import MujocoWorld
from twin.world.spec import GripperSpec, WorkcellSpec

CELL = build_cell(SimpleNamespace(model="ur3"), GripperSpec(), WorkcellSpec())
N, PERIOD_US, OPEN_M = 3, 100_000, 0.08
NUMBERS = count()
ALL = np.arange(N, dtype=np.int32)
HOME = np.tile(CELL.arm.home, (N, 1))


def fault(component, mode, row=1, **more):
    """Faults stand in a plan in the order in which they are made."""
    spec = TypeAdapter(FaultSpec).validate_python({"component": component, "mode": mode, "onset": {"at_s": 0}} | more)
    made = Injection(f"{component}-{mode}", spec, f"c{row}", 0, row, number := next(NUMBERS))
    made.begin(0, number)
    return made


class Rig:
    """Ports of three rows, all of which run, with a world and links."""

    def __init__(self, *faults, world=KinematicWorld, loss=0.0):
        self.ports, self.world = Ports(N, Body(CELL.arm, OPEN_M, PERIOD_US, CELL.beyond)), world(CELL, N)
        self.now_us = 0
        self.links = LinkBank([LinkSpec(latency_ms=10, loss=loss)] * N, ["c0", "c1", "c2"], Chance(0), self.ports.link)
        for row in ALL:
            self.links.begin(row, 1)
        self.ports.stepped(ALL)
        self.reset(ALL)
        self.enter(*faults)

    def reset(self, rows):
        n = len(rows)
        at = np.tile(CELL.areas["start"].centre + [0, 0, 0.02], (n, 1))
        self.world.reset(np.array(rows, np.int32), Start(HOME[:n], np.full(n, OPEN_M), lying(at), np.zeros((n, 3))))
        for row in rows:
            self.ports.after_reset(int(row), self.world, 0)

    def enter(self, *faults):
        for one in faults:
            self.ports.enter(one, self.world, 0)

    def leave(self, *faults):
        for one in faults:
            self.ports.leave(one, self.world, 0)

    def sense(self, q, tool_v=None, ports=None):
        tool = CELL.arm.fk(q)[0]
        seen = Observation(q.copy(), np.ones_like(q), np.zeros(len(q)), tool, lying(0 * tool))
        seen.tool_v = np.zeros((len(q), 3)) if tool_v is None else tool_v
        self.now_us += PERIOD_US
        return (ports or self.ports).sense(self.now_us, seen)

    def send(self, n=1):
        return np.array([self.links.send(ALL, np.zeros(N, np.int64)) for _ in range(n)])


# -- sense ---------------------------------------------------------------------------------------------------------------------


def test_a_stuck_encoder_repeats_its_first_reading_and_says_it_stands():
    rig = Rig(stuck := fault("sensor", "stuck", joint=2))
    rig.sense(HOME)
    seen = rig.sense(HOME + 0.1)
    assert seen.q[1, 2] == HOME[1, 2] and seen.dq[1, 2] == 0 and stuck.effect == pytest.approx(0.1)
    others = np.ones_like(HOME, bool)
    others[1, 2] = False
    assert np.array_equal(seen.q[others], (HOME + 0.1)[others]) and (seen.dq[others] == 1).all()


def test_the_tool_that_a_controller_shows_follows_from_the_joints_it_reads():
    rig = Rig(fault("sensor", "stuck", joint=0))
    shown = [rig.sense(HOME + turn, tool_v=np.full((N, 3), 9.0)) for turn in (0.0, 0.1, 0.2)]
    for seen in shown:
        np.testing.assert_allclose(seen.tool, CELL.arm.fk(seen.q)[0], atol=1e-12)
    np.testing.assert_allclose(shown[2].tool_v[1], (shown[2].tool[1] - shown[1].tool[1]) / 0.1, atol=1e-12)
    assert (shown[0].tool_v == 9).all() and (shown[2].tool_v[[0, 2]] == 9).all()


def test_a_stuck_encoder_of_a_joint_that_stands_had_nothing_to_hide():
    rig = Rig(stuck := fault("sensor", "stuck", joint=2))
    for _ in range(5):
        rig.sense(HOME)
    assert stuck.status() == "masked"


def test_of_two_faults_on_one_encoder_the_first_acts():
    first, second = fault("sensor", "stuck", joint=2), fault("sensor", "stuck", joint=2)
    rig = Rig(first, second)
    for turn in (0.0, 0.1):
        rig.sense(HOME + turn)
    assert (first.status(), second.status()) == ("acted", "masked")


def test_an_encoder_that_works_again_shows_what_is():
    rig = Rig(stuck := fault("sensor", "stuck", joint=2))
    rig.sense(HOME)
    rig.leave(stuck)
    assert np.array_equal(rig.sense(HOME + 0.1).q, HOME + 0.1)


# -- actuator ------------------------------------------------------------------------------------------------------------------


def grip(rig, ticks, held, opening=0.03):
    """The opening that reaches the fingers of row 1, tick after tick, which have held something for `held` ticks."""
    command = np.full((N, 7), opening)
    return [rig.ports.actuator(t * PERIOD_US, command, np.array([0, held + t, 0]))[1, -1] for t in range(ticks)]


def test_a_grip_slips_once_for_as_long_as_it_says():
    rig = Rig(slip := fault("gripper", "slips"))
    openings = grip(rig, 60, held=1)
    first = openings.index(OPEN_M)
    assert openings == [0.03] * first + [OPEN_M] * 4 + [0.03] * (56 - first) and 3 <= first <= 30
    assert slip.effect == pytest.approx(SLIP_S) and slip.status() == "acted"


def test_a_hand_that_holds_nothing_cannot_slip():
    rig = Rig(slip := fault("gripper", "slips"))
    assert grip(rig, 40, held=-99) == [0.03] * 40 and slip.status() == "masked"


def test_a_hand_that_opens_anyway_did_not_slip():
    rig = Rig(slip := fault("gripper", "slips"))
    grip(rig, 60, held=9, opening=OPEN_M)
    assert slip.status() == "masked"


def test_the_certified_command_itself_is_not_edited():
    command = np.full((N, 7), 0.03)
    out = Rig(fault("gripper", "slips")).ports.actuator(0, command, np.array([99] * 3))
    assert (command == 0.03).all() and (out[[0, 2]] == 0.03).all() and (out[1, :-1] == 0.03).all()


# -- world ---------------------------------------------------------------------------------------------------------------------

WORLDS = [KinematicWorld, MujocoWorld]


@pytest.mark.parametrize("world", WORLDS)
def test_a_weak_drive_has_the_torque_it_says_and_gets_all_of_it_back(world):
    rig, weak = Rig(world=world), fault("actuator", "weak", joint=2, torque=0.3)
    nominal = rig.world.fields_digest(ALL)
    rig.enter(weak)
    rig.ports.measure(rig.world, 0)
    strength = rig.world.get_field(ALL, "actuator_gain")
    assert strength[1, 2] == pytest.approx(0.3) and (strength == 1).sum() == strength.size - 1
    assert (world is MujocoWorld or weak.effect == pytest.approx(0.7)) and rig.world.fields_digest(ALL) != nominal
    rig.leave(weak)
    assert rig.world.fields_digest(ALL) == nominal


@pytest.mark.parametrize("world", WORLDS)
def test_a_weak_drive_is_weak_still_after_a_reset(world):
    rig = Rig(fault("actuator", "weak", joint=2, torque=0.3), world=world)
    rig.reset([1])
    assert rig.world.get_field(ALL[1:2], "actuator_gain")[0, 2] == pytest.approx(0.3)


@pytest.mark.parametrize("world", WORLDS)
def test_a_drive_without_torque_leaves_its_joint_behind(world):
    rig = Rig(fault("actuator", "weak", joint=0, torque=0.0), world=world)
    command = np.column_stack((HOME, np.full(N, OPEN_M)))
    command[:, 0] += 0.2
    for _ in range(40):
        rig.world.step(ALL, command, 10)
    turned = rig.world.observe(ALL).q[:, 0] - HOME[:, 0]
    assert np.abs(turned[[0, 2]] - 0.2).max() < 0.03 and abs(turned[1]) < 0.05


def test_of_several_faults_on_a_drive_each_takes_its_share_of_what_the_one_before_left():
    one, two = fault("actuator", "weak", joint=2, torque=0.3), fault("actuator", "weak", joint=2, torque=0.6)
    rig = Rig(two, one)
    rig.ports.measure(rig.world, 0)
    assert (one.effect, two.effect) == (pytest.approx(0.7), pytest.approx(0.3 * 0.4))
    rig.leave(one)
    assert rig.world.get_field(ALL[1:2], "actuator_gain")[0, 2] == pytest.approx(0.6)


# -- link ----------------------------------------------------------------------------------------------------------------------


def test_latency_is_added_on_its_row_and_measured_a_message():
    rig = Rig(slow := fault("link", "latency", added_ms=50))
    assert rig.send(20).tolist() == [[10_000, 60_000, 10_000]] * 20 and slow.effect == 50.0
    rig.leave(slow)
    assert rig.send().tolist() == [[10_000] * 3]


def test_loss_is_as_large_as_it_says_and_counted():
    rig = Rig(lossy := fault("link", "loss", loss=0.4), loss=0.5)
    arrived = (rig.send(2000) < NEVER).sum(axis=0)
    rig.leave(lossy)
    assert arrived.tolist() == pytest.approx([1000, 600, 1000], rel=0.1)
    assert lossy.doubt == pytest.approx(-1000 * np.log(0.6), rel=0.1) and lossy.effect == pytest.approx(400, rel=0.15)


def test_faults_on_one_link_act_one_after_the_other_and_each_answers_for_itself():
    one, two = fault("link", "loss", loss=0.5), fault("link", "loss", loss=0.5)
    late, later = (fault("link", "latency", added_ms=ms) for ms in (50, 30))
    sent = Rig(later, two, late, one).send(1000)[:, 1]
    assert (sent < NEVER).mean() == pytest.approx(0.25, abs=0.04) and sent.min() == 90_000
    assert one.effect + two.effect == (sent >= NEVER).sum() and one.effect == pytest.approx(2 * two.effect, rel=0.2)
    assert (late.effect, later.effect) == (pytest.approx(50), pytest.approx(30))


def test_a_link_that_carries_nothing_masks_its_faults():
    slow, lossy = fault("link", "latency", added_ms=50), fault("link", "loss", loss=0.9)
    rig = Rig(slow, lossy)
    rig.ports.measure(rig.world, 0)
    assert slow.exposed_us == PERIOD_US and (slow.status(), lossy.status()) == ("masked", "masked")


def test_too_few_messages_to_expect_a_loss_are_no_proof_that_it_did_not_work():
    lossy = fault("link", "loss", loss=0.1)
    lossy.exposed_us = 1
    found = []
    for lossy.doubt in (0.9 * SURELY, 1.1 * SURELY):
        found.append(lossy.status())
    assert found == ["masked", "inert"]


# -- all -----------------------------------------------------------------------------------------------------------------------


def test_with_nothing_active_a_port_returns_what_it_was_given():
    rig = Rig()
    seen, command = Observation(HOME, HOME, HOME[:, 0], HOME[:, :3], lying(HOME[:, :3])), np.zeros((N, 7))
    assert rig.ports.sense(0, seen) is seen and rig.ports.idle()
    assert rig.ports.actuator(0, command, np.full(N, 9)) is command is rig.ports.command(0, command)


@pytest.mark.parametrize(("component", "more"), [("sensor", {"mode": "stuck", "joint": 2}), ("gripper", {"mode": "slips"})])
def test_a_row_that_is_not_stepped_is_not_touched(component, more):
    rig = Rig(idle := fault(component, **more))
    rig.ports.stepped(ALL[[0, 2]])
    for turn in (0.0, 0.1):
        rig.sense(HOME[:2] + turn)
    rig.ports.actuator(0, np.full((2, 7), 0.03), np.full(N, 99))
    assert idle.status() == "masked"


def test_pickled_ports_go_on_where_they_were():
    rig = Rig(fault("sensor", "stuck", joint=2), fault("gripper", "slips"))
    rig.sense(HOME)
    other = pickle.loads(pickle.dumps(rig.ports))
    seen = [rig.sense(HOME + 0.1, ports=ports) for ports in (rig.ports, other)]
    faults = [ports.signals["sense"].groups[0].faults[0] for ports in (rig.ports, other)]
    assert np.array_equal(seen[0].q, seen[1].q) and faults[0].effect == faults[1].effect > 0


def test_the_catalogue_has_a_line_for_every_fault():
    assert len(CATALOGUE) == len(FAULTS)
    assert all(kind.EFFECT and kind.UNIT and kind.FOLD in ("sum", "max", "mean") for kind in FAULTS)
    assert {kind.PORT for kind in FAULTS} <= {"sense", "command", "actuator", "world", "link", "process", "people", "site"}
