"""From a breakage to work again: parts, self-tests, suspicion, and what a repair renews."""

import pytest

from tests.farm.scenes import SCENE, breaks, cells, fails, jobs, play

ARM = SCENE["fleet"]["robots"]["arm"]
QUICK = {"move_rad": 0.08, "joint_s": 0.2}
PART = {"arm": ARM | {"reliability": {"repair_h": 1 / 3600, "part": "gear"}}}


def weak(**more):
    """A drive of the robot is dead, and nobody is told."""
    return {"component": "actuator", "mode": "weak", "joint": 1, "torque": 0.0, **more}


def parts(played):
    return [(e.payload["state"], e.payload["stock"], e.cell) for e in played.of("repair.part")]


def results(played):
    return [(e.payload["passed"], e.payload["wrong"]) for e in played.of("repair.tested")]


def test_a_repair_takes_a_part_from_the_store_and_another_is_ordered(tmp_path):
    played = play(tmp_path, robots=PART, parts={"gear": {"stock": 1, "delivery_h": 0.01}}, faults=[breaks(1)], duration_s=60)
    assert parts(played) == [("taken", 0, "a"), ("delivered", 1, None)]
    assert played.kinds("repair")[:3] == ["repair.start", "repair.part", "repair.done"]


def test_a_repair_without_a_part_waits_for_its_delivery_and_calls_again(tmp_path):
    played = play(tmp_path, robots=PART, parts={"gear": {"stock": 0, "delivery_h": 0.01}}, faults=[breaks(1)], duration_s=60)
    assert [(e.kind, e.t_us / 1e6) for e in played.of("repair")][:5] == [
        ("repair.start", 1), ("repair.part", 6), ("repair.part", 42), ("repair.start", 42), ("repair.done", 48),
    ]  # fmt: skip
    assert parts(played) == [("missing", 0, "a"), ("delivered", 0, "a")]
    assert played.kinds("person.free") == ["person.free"] * 2


def test_who_asked_first_gets_the_part(tmp_path):
    both = {"robots": PART, "parts": {"gear": {"stock": 0, "delivery_h": 0.02}}, "cells": cells("a", "b")}
    played = play(tmp_path, **both, faults=[breaks(1, "b"), breaks(9, "a")], duration_s=150)
    assert [cell for state, _, cell in parts(played) if state == "delivered"] == ["b", "a"]


def test_a_repaired_robot_tests_itself_before_it_works(tmp_path):
    quick = {"arm": ARM | {"reliability": {"repair_h": 1 / 3600}}}
    played = play(tmp_path, robots=quick, faults=[breaks(1)], duration_s=40)
    assert results(played) == [(True, [])]
    test, begun = played.of("repair.tested")[0], played.of("episode.start")[1]
    assert test.t_us < begun.t_us and played.of("repair.test")[0].payload["why"] == "repaired"


def test_a_robot_that_fails_its_self_test_three_times_is_given_up(tmp_path):
    quick = {"arm": ARM | {"reliability": {"repair_h": 1 / 3600}}}
    played = play(tmp_path, robots=quick, faults=[breaks(1), weak(onset={"at_s": 2})], duration_s=90)
    assert results(played) == [(False, ["joint 1"])] * 3
    assert played.kinds("reset") == ["reset.abandoned"] and played.farm.cells["a"].state == "out"


def test_failures_in_a_row_lead_to_a_self_test_that_finds_a_silent_breakage(tmp_path):
    silent = weak(onset={"at_s": 1}, until="repaired")
    mended = {"arm": ARM | {"reliability": {"repair_h": 1 / 3600}}}
    played = play(tmp_path, robots=mended, self_test=QUICK | {"after_failures": 3}, faults=[silent], duration_s=60)
    first = played.of("repair.test")[0]
    assert first.payload["why"] == "failures" and sum(e.t_us < first.t_us for e in played.of("episode.end")) == 3
    assert results(played)[:2] == [(False, ["joint 1"]), (True, [])]
    assert [r["status"] for r in played.farm.receipts()] == ["acted"] and played.kinds("fault")[1] == "fault.cleared"


def test_a_healthy_robot_with_failures_in_a_row_goes_on_after_its_test(tmp_path):
    played = play(tmp_path, self_test=QUICK | {"after_failures": 3}, duration_s=60)
    assert len(results(played)) >= 2 and all(passed for passed, _ in results(played))
    assert played.kinds("authority.offered") == ["authority.offered"]  # its lease went on


def test_a_self_test_is_due_after_so_many_operating_hours(tmp_path):
    played = play(tmp_path, self_test=QUICK | {"every_h": 5 / 3600}, duration_s=60)
    gaps = [sum(r["duration_s"] for r in played.rows if r["start_s"] < e.t_us / 1e6) for e in played.of("repair.test")]
    assert gaps[:3] == pytest.approx([6, 12, 18])


def test_a_component_wears_out_by_its_own_law_and_only_it_is_renewed(tmp_path):
    at = {"kind": "kaplan_meier", "at": [3 / 3600], "surviving": [0]}
    elbow = {"fails_h": at, "repair_h": 1 / 3600}
    worn = {"arm": ARM | {"reliability": {"fails_h": at | {"at": [9.5 / 3600]}, "components": {"elbow": elbow}}}}
    played = play(tmp_path, robots=worn, duration_s=90, self_test=QUICK)
    names = [e.payload["fault"] for e in played.of("fault.onset")]
    assert names == ["wear/a-r1/elbow"] * 3 + ["wear/a-r1"]


def test_a_component_wears_out_in_episodes(tmp_path):
    cycles = {"fails_cycles": {"kind": "kaplan_meier", "at": [4], "surviving": [0]}, "repair_h": 1 / 3600}
    played = play(tmp_path, robots={"arm": ARM | {"reliability": {"components": {"fingers": cycles}}}}, duration_s=80)
    broke = [sum(e.t_us <= b.t_us for e in played.of("episode.end")) for b in played.of("repair.start")]
    assert broke[:3] == [4, 8, 12] and all(r["end_reason"] == "timeout" for r in played.rows if r["end_reason"])


def test_what_wore_out_and_how_long_it_was_away_is_told_in_a_receipt_each(tmp_path):
    played = play(tmp_path, robots=fails(shape=50, scale=3 / 3600, repair_h=1 / 3600), cells=cells("a", "b"), duration_s=60)
    assert [(r["fault"], r["unit"]) for r in played.farm.receipts()] == [("wear/a-r1", "h"), ("wear/b-r1", "h")]


def test_a_robot_that_breaks_during_its_self_test_is_repaired(tmp_path):
    quick = {"arm": ARM | {"reliability": {"repair_h": 1 / 3600}}}
    played = play(tmp_path, robots=quick, faults=[breaks(1), breaks(9)], jobs=jobs({"episodes": 9}), duration_s=40)
    assert played.kinds("repair")[:5] == ["repair.start", "repair.done", "repair.test", "repair.start", "repair.done"]
    assert not len(played.farm.lanes[0].rows) or played.farm.cells["a"].state in ("episode", "test")


def test_what_a_self_test_commands_is_not_stale(tmp_path):
    aged = {"filters": [{"kind": "joint_limits"}, {"kind": "stale", "hold_ms": 400}], "checks": [{"never": "stale_violation"}]}
    played = play(tmp_path, self_test=QUICK | {"after_failures": 3}, duration_s=30, **aged)
    assert results(played) and not played.of("filter.breach")
