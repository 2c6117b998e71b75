"""What holds when a fault is over, each with a mutant that breaks it: nothing jumps, nothing old is carried out, and who was
away is inspected before it works."""

from __future__ import annotations

import pytest

from tests.farm.scenes import SCENE, breaks, cells, jobs, opened, play, scene
from twin.control.inbox import READY, Inbox
from twin.farm.cells import Cell
from twin.farm.lane import Lane
from twin.run import run

LINKED = {
    "cells": cells("a", link="wifi", compute="gpu"),
    "links": {"wifi": {"latency_ms": 20}},
    "compute": {"gpu": {"inference_ms": 30, "timeout_ms": 400}},
    "episode_timeout_s": 30,
    "duration_s": 20,
}
STOPPED = {"component": "safety", "mode": "human_enters", "onset": {"at_s": 2}, "duration_s": 3}
CRASHED = {"component": "compute", "mode": "crash", "onset": {"at_s": 2.1}, "duration_s": 1}
DOWN = {"component": "link", "mode": "reconnect", "onset": {"at_s": 1}, "duration_s": 6, "down_s": 3}


def broken(folder, fault, **changes):
    """What was broken, of what is watched after a fault."""
    played = play(folder, **LINKED | changes, faults=[fault])
    return {event.payload["what"] for event in played.of("filter.breach")} & {"stop_violation", "command_jump_violation"}


@pytest.mark.parametrize("fault", [STOPPED, CRASHED, DOWN], ids=lambda fault: fault["mode"])
def test_when_it_is_over_nothing_jumps_and_nothing_old_is_carried_out(tmp_path, fault):
    assert broken(tmp_path, fault) == set()


def test_a_stopped_robot_that_goes_on_with_old_commands_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(Lane, "forget", lambda lane, now_us, row: lane.inbox.barred_us.__setitem__(row, now_us))
    assert "stop_violation" in broken(tmp_path, STOPPED)


def test_a_stopped_robot_that_starts_with_a_jump_is_found_out(tmp_path, monkeypatch):
    drop = Inbox.forget

    def jumping(inbox, row, hold, now_us):
        drop(inbox, row, hold + 0.5 * (inbox.barred_us[row] > 0), now_us)

    monkeypatch.setattr(Inbox, "forget", jumping)
    assert "command_jump_violation" in broken(tmp_path, STOPPED, filters=[])


def test_a_controller_that_replays_what_it_was_told_before_it_crashed_is_found_out(tmp_path, monkeypatch):
    drop = Inbox.forget

    def replaying(inbox, row, hold, now_us):
        if now_us == 0:
            drop(inbox, row, hold, now_us)
        inbox.state[row], inbox.cursor[row] = READY if now_us else inbox.state[row], inbox.horizon

    monkeypatch.setattr(Inbox, "forget", replaying)
    assert "stop_violation" in broken(tmp_path, CRASHED)


def test_a_link_that_delivers_what_was_given_up_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(Inbox, "_give_up", lambda *_: None)
    assert "stop_violation" in broken(tmp_path, DOWN)


AWAY = {
    "repaired": breaks(1),
    "controller": CRASHED,
    "power": {"component": "safety", "mode": "power_cut", "onset": {"at_s": 1}, "duration_s": 4},
    "power between": {"component": "safety", "mode": "power_cut", "onset": {"at_s": 2.4}, "duration_s": 4},
    "brownout": {"component": "facility", "mode": "brownout", "target": "a", "onset": {"at_s": 1}, "duration_s": 4},
}


def inspected(folder, fault):
    mended = {"arm": SCENE["fleet"]["robots"]["arm"] | {"reliability": {"repair_h": 1 / 3600}}}
    slow = [{"kind": "person", "pool": "ops"}]
    made = scene(robots=mended, faults=[fault], resets=slow, jobs=jobs({"episodes": 99}), duration_s=40,
                 checks=[{"holds": {"rule": "inspected_before_work"}}])  # fmt: skip
    return run(opened(folder, made), folder / "out").meta["checks"][0]["passed"]


@pytest.mark.parametrize("name", AWAY)
def test_a_robot_that_was_away_is_inspected_before_it_works(tmp_path, name):
    assert inspected(tmp_path, AWAY[name]) is True


@pytest.mark.parametrize("name", AWAY)
def test_a_farm_that_trusts_a_robot_that_was_away_is_found_out(tmp_path, monkeypatch, name):
    monkeypatch.setattr(Cell, "suspect", property(lambda _: None, lambda *_: None), raising=False)
    assert inspected(tmp_path, AWAY[name]) is False
