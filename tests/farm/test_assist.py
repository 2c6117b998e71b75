"""An operator takes over in the middle of an episode, and gives the robot back to the policy in the same one."""

import numpy as np
import pytest

from tests.farm.scenes import SCENE, Played, begun, cells, opened, scene
from twin.build import build, strategies
from twin.core.clock import to_us
from twin.core.errors import SpecError
from twin.snapshot import freeze, thaw

FAST = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 40, "stop_recover_s": 1}}
ASSIST = {"pool": "ops", "after_s": 2, "drive": {"reaction_s": 0.1, "error_mm": 0.5, "speed_radps": 1.5, "silence_s": 1}}
DEAD = {"component": "link", "mode": "loss", "loss": 1, "onset": {"at_s": 6}, "duration_s": 4}


def made(assist=ASSIST, **changes):
    """One cell whose policy is stuck in every other attempt."""
    stand = {"robots": FAST, "cells": cells("a", link="l"), "links": {"l": {"latency_ms": 20}}} | changes
    made = scene(policy={"use": "policies:Stuck"}, **{"episode_timeout_s": 25, "duration_s": 25} | stand)
    made["fleet"]["assist"] = assist
    return made


def played(folder, assist=ASSIST, **changes):
    return Played(opened(folder, made(assist, **changes)))


def play_kinds(found, *kinds):
    return [(e.kind.partition(".")[2], e.payload.get("how") or e.payload.get("end_reason")) for e in found.of(*kinds)]


def test_an_episode_that_gets_nowhere_is_helped_and_goes_on_to_its_end(tmp_path):
    found = played(tmp_path)
    taken, back = found.of("authority.taken")[0], found.of("authority.returned")[0]
    row = found.rows[0]
    assert found.of("page.sent")[0].t_us == 2_000_000 and back.payload["how"] == "done"
    assert {e.episode for e in (found.of("page.sent")[0], taken, back)} == {1}
    assert row["end_reason"] == "done" and row["interventions"] == 1
    assert row["intervention_s"] == pytest.approx((back.t_us - taken.t_us) / 1e6)


def test_without_help_it_runs_out_of_time(tmp_path):
    assert played(tmp_path, None, duration_s=26).rows[0]["end_reason"] == "timeout"


@pytest.mark.parametrize("engine", ["kinematic", "mujoco"])
def test_both_hand_overs_keep_speed_and_acceleration_though_no_filter_is_there(tmp_path, engine):
    farm, sent, holders = begun(opened(tmp_path, made(), engine=engine), 0.0), [], []
    lane = farm.lanes[0]
    while farm.step(to_us(20)) and farm.cells["a"].count < 2:
        if len(sent) < lane.ticks:
            sent.append(lane.sent[0, :-1].copy())
            holders.append(int(lane.authority.holder[0]))
    v = np.diff(np.array(sent), axis=0) / lane.period_s
    assert (np.diff(holders) != 0).sum() == 2  # there and back
    assert (np.abs(v) / lane.stops.bounds.velocity).max() <= 1 + 1e-6
    assert (np.abs(np.diff(v, axis=0)) / lane.stops.bounds.gain).max() <= 1 + 1e-6


def test_a_link_that_dies_leaves_the_robot_nobodys_until_somebody_else_is_called(tmp_path):
    found = played(tmp_path, ASSIST | {"per_episode": 2}, faults=[DEAD], checks=[{"holds": {"rule": "one_authority"}}])
    assert play_kinds(found, "authority.taken", "authority.lost", "authority.returned")[:4] == [
        ("taken", None), ("lost", "link"), ("taken", None), ("returned", "done")
    ]  # fmt: skip
    lost, again = found.of("authority.lost")[0], found.of("authority.taken")[1]
    assert found.rows[0]["interventions"] == 2 and again.payload["lease"] > lost.payload["lease"]


def test_a_robot_that_is_stopped_while_it_is_driven_goes_on_with_its_policy(tmp_path):
    stop = {"component": "safety", "mode": "protective_stop", "onset": {"at_s": 6}}
    found = played(tmp_path, faults=[stop])
    assert play_kinds(found, "authority.returned", "stop.cleared", "episode.end")[:3] == [
        ("returned", "stop"), ("cleared", None), ("end", "done")
    ]  # fmt: skip


def test_a_call_that_nobody_answers_is_dropped_and_made_again(tmp_path):
    away = [{"component": "people", "mode": "absent", "target": "ops", "onset": {"at_s": 0}, "duration_s": 6}]
    found = played(tmp_path, ASSIST | {"deadline_s": 4, "per_episode": 5}, faults=away)
    assert play_kinds(found, "page")[:4] == [("sent", None), ("expired", None), ("sent", None), ("answered", None)]
    assert found.rows[0]["end_reason"] == "done"


def test_an_episode_that_ends_meanwhile_frees_the_operator_for_the_reset(tmp_path):
    ladder = [{"kind": "person", "pool": "ops", "deadline_s": 20}]
    found = played(tmp_path, resets=ladder, episode_timeout_s=6)
    assert play_kinds(found, "authority.returned", "page", "episode.end")[2:6] == [
        ("returned", "ended"), ("done", None), ("end", "timeout"), ("sent", None)
    ]  # fmt: skip
    assert "done" in [what for what, _ in play_kinds(found, "page")][3:]


def test_a_farm_that_is_killed_while_somebody_drives_goes_on_as_it_would_have(tmp_path):
    scenario = opened(tmp_path, made())
    whole, cut = begun(scenario, 20), begun(scenario, 6)
    assert cut.lanes[0].console.seats
    again = thaw(build(scenario, "run", 1), freeze(cut), strategies(scenario))
    while again.step(to_us(20)):
        pass
    assert (
        again.book.chain.digest == whole.book.chain.digest and again.cells["a"].interventions == whole.cells["a"].interventions
    )


def test_a_call_to_people_who_are_not_there_is_refused(tmp_path):
    with pytest.raises(SpecError, match="unknown pool of people 'opps'"):
        opened(tmp_path, made(ASSIST | {"pool": "opps"}))
