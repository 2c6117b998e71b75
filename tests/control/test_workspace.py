"""Workspace box: whoever drives, the tool stays inside, and a tool that stays inside is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control.rig import CELLS, PERIOD_S, robot_bounds, seen, with_grip
from tests.poses import lying
from twin.control.safety.braking import levers
from twin.control.safety.chain import Chain
from twin.control.safety.limits import JointLimits
from twin.control.safety.workspace import WorkspaceBox
from twin.core.records import Floats
from twin.world.base import Start
from twin.world.kinematic import KinematicWorld

N = 24
ROBOTS = ("ur3", "panda")
ADVERSARIES = ("at a face", "all joints", "anywhere", "at random")


def box(name: str) -> WorkspaceBox:
    area = CELLS[name].workspace
    return WorkspaceBox(CELLS[name].arm, robot_bounds(name), area.low, area.high)


def asked_by(kind: str, t: int, rng: Any, world: KinematicWorld, last: Floats, held: dict[str, Floats]) -> Floats:
    """(n, nq) what an adversary wants next. It holds on to a whim for 30 ticks."""
    arm, shape = world.cell.arm, last.shape
    if t % 30 == 0:
        held["face"] = rng.normal(size=(len(last), 3))
        held["joints"] = rng.choice([-1.0, 0.0, 1.0], shape)
        held["pose"] = rng.uniform(arm.limits[:, 0] - 0.5, arm.limits[:, 1] + 0.5, shape)
    if kind == "at a face":
        way = np.einsum("nij,ni->nj", world.jac(np.arange(len(last), dtype=np.int32))[:, :3], held["face"])
        return last + PERIOD_S * arm.velocity * way / np.abs(way).max(axis=1, keepdims=True)
    if kind == "all joints":
        return last + PERIOD_S * arm.velocity * held["joints"]
    return held["pose"] if kind == "anywhere" else last + rng.normal(scale=0.05, size=shape)


def furthest_out(name: str, kind: str, filters: list[Any], ticks: int = 300) -> float:
    """How far beyond a face, in m, the tool of any of N robots got: ground truth of a world that does what it is told."""
    world, rng, rows = KinematicWorld(CELLS[name], N), np.random.default_rng(1), np.arange(N, dtype=np.int32)
    home, area, chain = np.tile(world.cell.arm.home, (N, 1)), world.cell.workspace, Chain(filters)
    world.reset(rows, Start(home, np.zeros(N), lying(np.tile(area.centre, (N, 1))), np.zeros((N, 3))))
    last, last_v, tool, out, held = with_grip(home), 0 * home, world.truth(rows).tool, -1.0, {}
    for t in range(ticks):
        now = world.truth(rows).tool
        asked = with_grip(asked_by(kind, t, rng, world, last[:, :-1], held))
        command = chain.certify(seen(last, last_v, tool=now, tool_v=(now - tool) / PERIOD_S), asked).command
        last_v, last, tool = (command[:, :-1] - last[:, :-1]) / PERIOD_S, command, now
        world.step(rows, command, round(PERIOD_S * 1e6) // world.step_us)
        out = max(out, float(np.maximum(area.low - now, now - area.high).max()))
    return out


@pytest.mark.parametrize("kind", ADVERSARIES)
@pytest.mark.parametrize("name", ROBOTS)
def test_no_adversary_gets_the_tool_out_of_the_box(name, kind):
    assert furthest_out(name, kind, [JointLimits(robot_bounds(name), N), box(name)]) <= 0


@pytest.mark.parametrize("kind", ADVERSARIES)
def test_without_the_filter_every_adversary_gets_out(kind):
    assert furthest_out("panda", kind, [JointLimits(robot_bounds("panda"), N)]) > 0.02


def random_motion(name: str, seed: int, n: int = 400) -> tuple[Floats, Floats, Floats]:
    """Joints (n, nq) whose tools are inside the box, their speeds, and commands that keep the limits."""
    arm, bounds, area, rng = CELLS[name].arm, robot_bounds(name), CELLS[name].workspace, np.random.default_rng(seed)
    q = rng.uniform(bounds.low, bounds.high, (60 * n, arm.nq))
    q = q[area.holds(arm.fk(q)[0])][:n]
    speed = bounds.velocity * rng.uniform(-1, 1, q.shape) * rng.uniform(0, 1, (len(q), 1))
    asked = bounds.reachable(speed + rng.uniform(-1, 1, q.shape) * bounds.gain, q, speed)
    return q, speed, q + asked * PERIOD_S


@given(st.sampled_from(ROBOTS), st.integers(0, 2**32))
@settings(max_examples=10)
def test_what_passes_can_be_braked_from_with_the_tool_inside_all_the_way(name, seed):
    arm, bounds, (q, speed, command) = CELLS[name].arm, robot_bounds(name), random_motion(name, seed)
    before = arm.fk(q - speed * PERIOD_S)[0]
    tool = arm.fk(q)[0]
    out = box(name).certify(seen(with_grip(q), speed, tool=tool, tool_v=(tool - before) / PERIOD_S), with_grip(command))
    passed = out.changed == 0
    start, v = q[passed], (command - q)[passed] / PERIOD_S
    way = v * (np.abs(v) / bounds.gain).max(axis=1, keepdims=True) * 0.5 * PERIOD_S + v * PERIOD_S
    on_the_way = np.concatenate([arm.fk(start + u * way)[0] for u in np.linspace(0, 1, 12)])
    area = CELLS[name].workspace
    assert passed.sum() > 20 and np.maximum(area.low - on_the_way, on_the_way - area.high).max() < 0.0


@pytest.mark.parametrize("name", ROBOTS)
def test_braking_keeps_the_joint_limits(name):
    bounds, (q, speed, command) = robot_bounds(name), random_motion(name, 5)
    out = box(name).certify(seen(with_grip(q), speed, tool=CELLS[name].arm.fk(q)[0]), with_grip(command)).command[:, :-1]
    turn = np.abs((out - q) / PERIOD_S - speed) / bounds.gain
    assert (turn <= 1 + 1e-9).mean() > 0.9 and (out <= bounds.high + 1e-12).all() and (out >= bounds.low - 1e-12).all()


@pytest.mark.parametrize("name", ROBOTS)
def test_a_row_alone_gets_the_bits_that_it_gets_among_others(name):
    q, speed, command = random_motion(name, 7, n=60)
    tool, filters = CELLS[name].arm.fk(q)[0], [JointLimits(robot_bounds(name), len(q)), box(name)]

    def certified(rows):
        observed = seen(with_grip(q)[rows], speed[rows], tool=tool[rows], tool_v=0.1 * tool[rows])
        out = Chain(filters).certify(observed, with_grip(command)[rows])
        return [part.tobytes() for part in (out.command[0], out.changed[0], out.margin[0], out.stop[0])]

    everybody = np.arange(len(q))
    assert all(certified([row]) == certified(np.roll(everybody, -row)) for row in range(0, len(q), 5))


def test_a_tool_in_the_middle_is_left_alone():
    cell = CELLS["panda"]
    q = np.tile(cell.arm.home, (3, 1))
    command = with_grip(q + 0.002)
    out = box("panda").certify(seen(with_grip(q), 0 * q, tool=cell.arm.fk(q)[0]), command)
    assert out.command is command and not out.changed.any() and (out.margin > 0).all()


def test_the_margin_is_the_room_that_is_left_once_a_moving_arm_stands():
    cell, box_ = CELLS["panda"], box("panda")
    q = np.tile(cell.arm.home, (2, 1))
    tool = np.tile(cell.workspace.centre, (2, 1))
    fast = with_grip(q + np.array([[0.0], [0.02]]))
    margin = box_.certify(seen(with_grip(q), 0 * q, tool=tool), fast).margin
    half = 0.5 * (box_.high - box_.low).min()
    assert margin[0] == pytest.approx(half) and margin[1] < half - 0.02 * levers(cell.arm).max()


def test_a_tool_outside_may_come_back_but_not_go_further():
    cell, bounds = CELLS["panda"], robot_bounds("panda")
    inside, _ = cell.arm.reach(np.array([[0.4, 0.0, 0.08]]), np.diag((1.0, -1, -1)), cell.arm.home[None], rounds=50)
    outside, _ = cell.arm.reach(np.array([[0.4, 0.0, -0.03]]), np.diag((1.0, -1, -1)), inside, rounds=50)
    step = 0.4 * (inside - outside) * (bounds.gain * PERIOD_S / np.abs(inside - outside)).min()
    q = np.repeat(outside, 2, axis=0)
    command = with_grip(q + np.concatenate((step, -step)))
    out = box("panda").certify(seen(with_grip(q), 0 * q, tool=cell.arm.fk(q)[0]), command)
    assert out.changed.tolist() == [0, 1] and np.array_equal(out.command[1, :-1], q[1])


def test_a_tool_held_up_by_something_is_judged_by_where_it_is_sent():
    cell = CELLS["panda"]
    there = np.array([[0.4, 0.0, 0.05], [0.4, 0.0, -0.12]])
    q, _ = cell.arm.reach(there, np.diag((1.0, -1, -1)), np.tile(cell.arm.home, (2, 1)), rounds=50)
    measured = np.repeat(q[:1], 2, axis=0)
    down = q + (q[1] - q[0]) * 0.002
    out = box("panda").certify(seen(with_grip(q), 0 * q, q=measured, tool=cell.arm.fk(measured)[0]), with_grip(down))
    assert out.changed.tolist() == [0, 1]


def test_blind_sensors_do_not_open_the_box():
    q, speed, command = random_motion("panda", 9, n=200)
    tool, blind = CELLS["panda"].arm.fk(q)[0], np.full((len(q), 3), np.nan)
    sees, sees_not = (box("panda").certify(seen(with_grip(q), speed, tool=t), with_grip(command)) for t in (tool, blind))
    assert sees.changed.any() and (sees_not.changed >= sees.changed).all()


@pytest.mark.parametrize("name", ROBOTS)
def test_no_pose_has_a_longer_lever_than_is_reckoned_with(name):
    arm = CELLS[name].arm
    poses = np.random.default_rng(2).uniform(arm.limits[:, 0], arm.limits[:, 1], (20_000, arm.nq))
    assert (np.linalg.norm(arm.jac(poses)[:, :3], axis=1).max(axis=0) <= levers(arm) + 1e-9).all()
