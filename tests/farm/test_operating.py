"""An operator from afar really drives the arm of a stuck cell, and one cell at a time."""

import pytest

from tests.farm.scenes import SCENE, cells, play

QUICK = {"reaction_s": 0.2, "error_mm": 0.5, "speed_radps": 1.5}
LADDER = [{"kind": "person", "pool": "ops", "remote": True, "deadline_s": 60, "drive": QUICK}]
FAST = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 40}}


def driven(folder, **changes):
    fleet = {"robots": FAST, "resets": LADDER} | changes
    return play(folder, episode_timeout_s=4, duration_s=fleet.pop("duration_s", 60), **fleet)


def test_a_cell_whose_episode_failed_is_put_in_order_by_an_operator_who_drives(tmp_path):
    played = driven(tmp_path)
    taken, returned = played.of("authority.taken"), played.of("authority.returned")
    assert len(taken) >= 2 and returned[0].payload["how"] == "done" and taken[0].payload["holder"] == "operator"
    assert {row["reset_kind"] for row in played.rows[1:] if row["reset_kind"]} == {"operator"}
    assert played.rows[1]["intervention_s"] == pytest.approx((returned[0].t_us - taken[0].t_us) / 1e6)


def test_one_operator_drives_one_cell_at_a_time(tmp_path):
    played = driven(tmp_path, cells=cells("a", "b", "c"))
    held = 0
    for event in played.of("authority"):
        held += {"authority.taken": 1, "authority.returned": -1, "authority.lost": -1}.get(event.kind, 0)
        assert held in (0, 1)


def test_a_link_that_is_dead_ends_the_lease_and_the_next_rung_is_tried(tmp_path):
    ladder = [LADDER[0] | {"drive": QUICK | {"silence_s": 1.0}}, {"kind": "automatic", "success": 1}]
    dead = [{"component": "link", "mode": "loss", "loss": 1, "onset": {"at_s": 5}}]
    stand = cells("a", link="l")
    played = driven(tmp_path, resets=ladder, faults=dead, cells=stand, links={"l": {"latency_ms": 1}}, duration_s=40)
    assert "authority.lost" in played.kinds("authority") and "reset.failed" in played.kinds("reset")
    assert played.rows[1]["reset_kind"] == "automatic"


def test_what_an_operator_commands_is_as_old_as_what_the_operator_saw(tmp_path):
    aged = {"filters": [{"kind": "joint_limits"}, {"kind": "stale", "hold_ms": 900}], "checks": [{"never": "stale_violation"}]}
    played = driven(tmp_path, duration_s=20, **aged)
    assert "authority.returned" in played.kinds("authority") and not played.of("filter.breach")
