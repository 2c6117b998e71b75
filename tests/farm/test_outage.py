"""Lost networks and dead servers where episodes are drawn: what runs stands until they are over, or its time is up."""

import pytest

from tests.farm.drawn import AUTO, SURE, drawn, play, rows
from tests.farm.scenes import begun, cells, fails, opened
from tests.farm.scenes import play as simulate
from twin.build import build, strategies
from twin.core.clock import to_us
from twin.core.errors import SpecError
from twin.farm.drawn import Drawn
from twin.snapshot import freeze, thaw

CUT = [
    {"component": "link", "mode": "partition", "target": "a", "duration_s": 7},
    {"component": "link", "mode": "reconnect", "target": "a", "down_s": 6.98},
    {"component": "facility", "mode": "network_lost", "target": "row", "duration_s": 7},
    {"component": "compute", "mode": "server_pause", "target": "server", "duration_s": 7},
    {"component": "compute", "mode": "server_crash", "target": "server", "duration_s": 5, "cold_start_s": 2},
]
NET = {
    "links": {"wifi": {"latency_ms": 1}},
    "compute": {"server": {"inference_ms": 10, "timeout_ms": 400}},
    "groups": {"row": ["a"]},
    "cells": cells("a", link="wifi", compute="server") + cells("b"),
    "resets": [AUTO | {"success": 1}],
    "duration_s": 300,
}


def outage(at_s=10, **fault):
    return {"faults": [{"name": "outage", "onset": {"at_s": at_s}} | fault]}


def ran(folder, cut, **changes):
    return play(folder, outcomes=SURE, **{"jobs": BOTH} | NET | outage(**cut) | changes)


BOTH = [{"kind": "list", "jobs": [{"job": c, "on": c, "episodes": 1000} for c in "ab"]}]


@pytest.mark.parametrize("cut", CUT, ids=lambda cut: cut["mode"])
def test_an_episode_ends_as_much_later_as_nothing_was_answered(tmp_path, cut):
    found = ran(tmp_path, cut)
    first = {r["cell"]: r for r in reversed(rows(found))}
    assert first["a"]["duration_s"] == pytest.approx(57, abs=1e-3) and first["a"]["symptoms"] == ["link_timeout"]
    assert first["b"]["duration_s"] == 50.0 and not first["b"]["symptoms"]
    (receipt,) = found.farm.trouble.receipts()
    assert receipt["status"] == "acted" and receipt["unit"] == "s" and 5 <= receipt["effect"] <= 7


def test_in_physics_it_stands_for_as_long_once_its_chunk_is_played(tmp_path):
    fault = outage(3, **CUT[0] | {"duration_s": 16})["faults"]
    given = {"links": NET["links"], "compute": NET["compute"], "cells": cells("a", link="wifi", compute="server")}
    cut, sound = (simulate(tmp_path, **given, episode_timeout_s=40, faults=f, duration_s=40).rows[0] for f in (fault, []))
    assert 16 - 3 < cut["duration_s"] - sound["duration_s"] <= 16
    assert "link_timeout" in cut["symptoms"] and not sound["symptoms"]


def test_one_that_outlasts_the_time_limit_fails_episode_after_episode(tmp_path):
    ended = [r for r in rows(ran(tmp_path, CUT[0] | {"duration_s": 180}, episode_timeout_s=80)) if r["cell"] == "a"]
    assert [(r["end_reason"], r["truth"], r["duration_s"]) for r in ended[:2]] == [("timeout", False, 80)] * 2
    assert ended[2]["end_reason"] == "done" and all(r["symptoms"] == ["link_timeout"] for r in ended[:3])


def test_a_stop_and_an_outage_hold_an_episode_until_both_are_over(tmp_path):
    stop = {"component": "safety", "mode": "protective_stop", "target": "a", "onset": {"at_s": 12}, "recover_s": 9.5}
    faults = outage(**CUT[0])["faults"] + [stop]
    found = play(tmp_path, outcomes=SURE, jobs=BOTH, **NET | {"faults": faults})
    assert next(r for r in rows(found) if r["cell"] == "a")["duration_s"] == pytest.approx(62)  # from 10 to 22 s


def test_a_robot_breaks_while_its_episode_stands(tmp_path):
    found = ran(tmp_path, CUT[0] | {"duration_s": 90}, robots=fails(shape=50, scale=70 / 3600), episode_timeout_s=100)
    first = next(r for r in rows(found) if r["cell"] == "a")
    assert first["end_reason"] == "crash" and 50 < first["duration_s"] < 90


def test_an_outage_of_cells_at_rest_is_masked(tmp_path):
    (receipt,) = ran(tmp_path, CUT[2], jobs=[{"kind": "list", "jobs": [{"on": "b"}]}]).farm.trouble.receipts()
    assert receipt["status"] == "masked"


def test_a_tier_on_which_an_outage_does_nothing_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(Drawn, "cut_off", lambda *_: None)
    monkeypatch.setattr(Drawn, "answered", lambda *_: None)
    (receipt,) = ran(tmp_path, CUT[2]).farm.trouble.receipts()
    assert receipt["status"] == "inert"


def test_it_goes_on_from_a_snapshot_as_it_would_have(tmp_path):
    scenario = opened(tmp_path, drawn(outcomes=SURE, jobs=BOTH, **NET | outage(**CUT[4])))
    farm, whole = begun(scenario, 12), begun(scenario, 200)
    farm = thaw(build(scenario, "run", 1), freeze(farm), strategies(scenario))
    while farm.step(to_us(200)):
        pass
    assert farm.book.chain.digest == whole.book.chain.digest


def test_a_link_that_is_only_slow_is_refused_where_there_are_no_messages(tmp_path):
    with pytest.raises(SpecError, match=r"link/latency acts on signals.*put its effect into the outcomes"):
        ran(tmp_path, {"component": "link", "mode": "latency", "added_ms": 50})
