"""The scripted policy: rows alone, limits, waiting, giving up, and that it succeeds and fails for a cause."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.perception import episodes
from twin.control.policy import Policy
from twin.control.scripted import CLOSED, ERROR, HORIZON, REACH, Scripted
from twin.control.spec import ScriptedPolicy
from twin.core.chance import Chance
from twin.core.records import Chunk, Observation
from twin.world.cell import build_cell
from twin.world.spec import GripperSpec, WorkcellSpec
from twin.world.tasks import tasks_of

CELLS = {name: build_cell(SimpleNamespace(model=name), GripperSpec(), WorkcellSpec()) for name in ("ur3", "panda")}
PERIOD_S = 0.02
LOW = 6
"""The knot of a pick and place at which the object is over its goal and low."""
names = st.sampled_from(list(CELLS))


def policy(name: str = "ur3", error_mm: float = 3.0, speed: float = 1.0) -> Scripted:
    cell = CELLS[name]
    spec = ScriptedPolicy(perception_error_mm=error_mm, speed=speed)
    return Scripted(cell, spec, PERIOD_S)


def look(name: str = "ur3", n: int = 4, seed: int = 0) -> Observation:
    """What n rows see at the start: arm at home, objects anywhere in the start area."""
    cell, rng = CELLS[name], np.random.default_rng(seed)
    q = np.repeat(cell.arm.home[None], n, axis=0)
    thing = np.zeros((n, 1, 7))
    thing[:, 0, :3] = rng.uniform(cell.areas["start"].low, cell.areas["start"].high, (n, 3))
    thing[:, 0, 2:4] = 0.5 * cell.object_m, 1.0
    goal = tasks_of(cell)["pick_place"].start([Chance(0).stream("a", "start")] * n).goal
    return Observation(q, 0 * q, np.full(n, 0.08), cell.arm.fk(q)[0], thing, goal, np.zeros(n, np.int64))


def begin(pol: Scripted, seen: Observation, ids: Any = None) -> dict[str, Any]:
    ids = range(len(seen.q)) if ids is None else ids
    memory = pol.memory(len(seen.q))
    pol.begin(memory, seen, [Chance(5).stream(f"c{i}", "policy") for i in ids])
    return memory


def set_out(pol: Scripted, seen: Observation) -> dict[str, Any]:
    """The memory after a first chunk, which every row's plan begins with."""
    memory = begin(pol, seen)
    pol.act(seen, memory)
    return memory


def follow(seen: Observation, memory: dict[str, Any], grip: float = 0.04) -> None:
    """The arm is where its last command was; the fingers are `grip` apart."""
    seen.q, seen.grip = memory["last"][:, :-1].copy(), np.full(len(seen.q), grip)


def play(pol: Scripted, seen: Observation, memory: dict[str, Any], grip: float = 0.04) -> list[Chunk]:
    """All chunks of an episode whose arm follows exactly."""
    chunks: list[Chunk] = []
    while not (chunks and chunks[-1].done.all()):
        follow(seen, memory, grip)
        chunks.append(pol.act(seen, memory))
        assert len(chunks) < 200
    return chunks


def commands(chunks: list[Chunk]) -> Any:
    return np.concatenate([chunk.actions for chunk in chunks], axis=1)


def test_it_is_a_policy_that_declares_what_it_reads():
    pol: Policy = policy()
    spec = pol.spec()
    assert set(spec.observations) == {"q", "grip", "objects"}
    assert (spec.nu, spec.horizon) == (7, HORIZON) and 0 < spec.replan <= HORIZON
    assert {len(v) for v in pol.memory(3).values()} == {3}


@settings(max_examples=15)
@given(names, st.integers(1, 9), st.integers(0, 99), st.data())
def test_a_row_gets_the_same_bits_whatever_stands_beside_it(name, n, seed, data):
    pol, seen = policy(name), look(name, n, seed)
    rows = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1)))
    part = seen.take(rows)
    whole = commands(play(pol, seen, begin(pol, seen)))[rows]
    alone = commands(play(pol, part, begin(pol, part, rows)))
    assert np.array_equal(alone, whole[:, : alone.shape[1]])


@settings(max_examples=10)
@given(names, st.integers(0, 99), st.floats(0.4, 1.0))
def test_commands_stay_well_within_velocity_and_acceleration_limits(name, seed, speed):
    pol, seen = policy(name, speed=speed), look(name, 4, seed)
    arm = CELLS[name].arm
    at = np.concatenate((seen.q[:, None], commands(play(pol, seen, begin(pol, seen)))[..., :-1]), axis=1)
    velocity = np.diff(at, axis=1, prepend=at[:, :1]) / PERIOD_S
    assert (np.abs(velocity) <= 0.36 * arm.velocity).all()
    assert (np.abs(np.diff(velocity, axis=1)) / PERIOD_S <= 0.36 * arm.acceleration).all()
    assert (at >= arm.limits[:, 0]).all() and (at <= arm.limits[:, 1]).all()


@pytest.mark.parametrize("name", CELLS)
def test_without_error_it_reaches_the_object_and_the_goal_exactly(name):
    pol, seen = policy(name, error_mm=0.0), look(name)
    plan = set_out(pol, seen)["plan"]
    reach, low = (CELLS[name].arm.fk(plan[:, knot, :-2])[0] for knot in (REACH, LOW))
    assert reach == pytest.approx(seen.objects[:, 0, :3], abs=1e-6)
    assert low == pytest.approx(seen.goal + (0, 0, 0.008), abs=1e-6)


@pytest.mark.parametrize("name", CELLS)
def test_the_last_command_of_the_way_down_is_the_plans_own_knot(name):
    pol, seen = policy(name), look(name)
    memory = begin(pol, seen)
    at = commands(play(pol, seen, memory))[0, :, :-1]
    held = round(memory["plan"][0, CLOSED, -1] / PERIOD_S) - 2
    assert np.array_equal(at[held], memory["plan"][0, REACH, :-2])


def test_the_camera_error_scales_with_its_parameter_and_not_with_other_draws():
    small, large = (begin(policy(error_mm=e), look())["state"][:, ERROR] for e in (1.0, 10.0))
    assert large == pytest.approx(10 * small)


def test_the_camera_error_has_the_spread_it_is_asked_for():
    n = 4000
    error = begin(policy(error_mm=5.0), look(n=n))["state"][:, ERROR]
    assert error.std(axis=0) == pytest.approx([0.005, 0.005, 0.001], rel=0.05)


def test_how_late_an_observation_is_changes_nothing():
    pol, fresh, stale = policy(), look(), look()
    one, two = begin(pol, fresh), begin(pol, stale)
    for _ in range(30):
        before = one["last"][:, :-1].copy()
        assert np.array_equal(pol.act(fresh, one).actions, pol.act(stale, two).actions)
        follow(fresh, one)
        stale.q, stale.grip = before, fresh.grip


def test_nan_in_one_row_holds_that_row_alone():
    pol, seen, clean = policy(), look(), look()
    memory, other = set_out(pol, seen), set_out(pol, clean)
    before = memory["last"][1].copy()
    seen.q[1, 3] = seen.objects[2, 0, 0] = np.nan
    chunk, wanted = pol.act(seen, memory).actions, pol.act(clean, other).actions
    assert (chunk[1] == before).all() and np.isfinite(chunk).all()
    assert np.array_equal(chunk[[0, 2, 3]], wanted[[0, 2, 3]])


def test_a_row_that_is_blind_at_the_start_goes_once_it_sees():
    pol, seen, clean = policy(), look(), look()
    seen.objects[0], seen.q[1] = np.nan, np.nan
    memory = begin(pol, seen)
    first = pol.act(seen, memory).actions
    assert (first[0] == first[0, :1]).all() and np.isfinite(first).all()
    later = play(pol, clean, memory)
    assert later[-1].done.all()
    assert np.isfinite(commands(later)).all()


def test_an_empty_grip_gives_up_early_and_opens():
    pol, seen = policy(), look()
    full, empty = (play(pol, seen, begin(pol, seen), grip) for grip in (0.04, 0.0))
    assert len(empty) < 0.7 * len(full)
    assert (empty[-1].actions[:, -1, -1] > 0.05).all()


def test_an_object_out_of_reach_ends_the_episode_where_it_began():
    pol, seen = policy(), look()
    seen.objects[2, 0, :3] = (1.5, 0.0, 0.02)
    chunk = pol.act(seen, begin(pol, seen))
    assert chunk.done.tolist() == [False, False, True, False]
    assert (chunk.actions[2, :, :-1] == seen.q[2]).all()


def test_an_arm_that_strays_is_waited_for():
    pol, seen = policy(), look()
    memory = set_out(pol, seen)
    time = memory["state"][:, 0].copy()
    seen.q[3, 0] += 1.5
    chunk = pol.act(seen, memory)
    assert (chunk.actions[3] == chunk.actions[3, 0]).all()
    assert (memory["state"][:, 0] > time).tolist() == [True, True, True, False]


def test_what_was_dropped_is_done_after_the_stop():
    pol, seen = policy(), look()
    memory = set_out(pol, seen)
    chunks = [pol.act(seen, memory) for _ in range(3)]
    time = memory["state"][:, 0].copy()
    follow(seen, memory)
    seen.q[2], seen.unplayed = chunks[1].actions[2, 5, :-1], np.array([0, 0, 14, 0])
    told = pol.act(seen, memory)
    assert np.allclose(told.actions[2], np.concatenate((chunks[1].actions, chunks[2].actions), axis=1)[2, 6:16])
    assert np.allclose(memory["state"][:, 0] - time, PERIOD_S * np.array([10, 10, -4, 10]))


def test_memory_is_all_there_is_to_know():
    pol, seen = policy(), look()
    memory = begin(pol, seen)
    for _ in range(7):
        follow(seen, memory)
        pol.act(seen, memory)
    kept = {key: value.copy() for key, value in memory.items()}
    again = commands(play(policy(), look(), kept))
    assert np.array_equal(commands(play(pol, seen, memory)), again)


def test_slower_takes_longer_and_a_plan_lasts_some_seconds():
    fast, slow = (set_out(policy(speed=v), look())["plan"][:, -1, -1] for v in (1.0, 0.5))
    assert ((fast > 8) & (fast < 15)).all() and (slow > 1.5 * fast).all()


@pytest.mark.parametrize("name", CELLS)
def test_a_good_camera_succeeds_in_physics_and_a_bad_one_misses(name):
    good, bad = (episodes(CELLS[name], error, 24, seed=1, threads=2) for error in (1.5, 16.0))
    assert good.success.mean() >= 0.9
    assert 0.2 <= bad.success.mean() <= 0.75
    assert bad.grasped.mean() < good.grasped.mean()
