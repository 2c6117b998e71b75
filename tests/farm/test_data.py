"""Data as the product: what is lost on the way, what is looked at again, what counts for another goal, what it costs."""

import pytest

from tests.farm.drawn import AUTO, GOOD, SURE, drawn, rows
from tests.farm.drawn import play as draw
from tests.farm.scenes import cells, fails, opened
from twin.judge import facts
from twin.judge.economics import confusion, costs, product, wrong_labels
from twin.judge.report import render
from twin.log.tables import read_run
from twin.run import run

CLEAN = [AUTO | {"success": 1}]
COSTS = {"fixed": 87660, "robot": 87660, "years": 10, "person_h": 40, "running_h": 2, "repair": 300}


def ended(found):
    return [r for r in rows(found) if not r["censored"]]


def test_recordings_are_lost_as_often_as_the_store_says(tmp_path):
    told = ended(draw(tmp_path, resets=CLEAN, store={"recorder_drops": 0.1, "camera_desync": 0.05}))
    share = {why: sum(r.get("reject_reason") == why for r in told) / len(told) for why in ("recorder", "desync")}
    assert share["recorder"] == pytest.approx(0.1, abs=0.04) and share["desync"] == pytest.approx(0.05, abs=0.03)
    assert all(("data_uri" in r) == r["usable"] for r in told)


def test_a_disk_that_fills_faster_than_it_is_emptied_drops_what_has_no_room(tmp_path):
    store = {"episode_mb": 500, "upload_mbps": 20, "disk_gb": 5}  # an episode of 54 s brings 500 MB, of which 135 MB leave
    told = ended(draw(tmp_path, resets=CLEAN, outcomes=SURE, store=store))
    assert [r["usable"] for r in told[:13]].count(False) == 0
    late = told[50:]
    assert sum(r["usable"] for r in late) / len(late) == pytest.approx(0.27, abs=0.03)
    assert {r.get("reject_reason") for r in late} == {None, "disk_full"}


def test_an_audit_corrects_the_label_in_the_table_but_not_what_the_farm_did(tmp_path):
    wrong = cells("a", detector={"false_positive": 0.5, "false_negative": 0.5})
    plain, audited = (ended(draw(tmp_path, cells=wrong, store={"audited": share})) for share in (0, 1))
    assert [r["start_s"] for r in plain] == [r["start_s"] for r in audited]
    assert all(r["label"] == r["truth"] and r["label_source"] == "audit" for r in audited)
    assert sum(r["label"] != r["truth"] for r in plain) > len(plain) / 3


def test_a_failure_that_reached_another_goal_is_kept_for_that_one(tmp_path):
    miss = {"share": 0.3, "success": False, "duration_s": 20, "reached": "place_left"}
    told = ended(draw(tmp_path, outcomes={"entries": [{"results": [GOOD, miss]}]}, store={"hindsight": True}))
    assert {(r["label"], r.get("instruction")) for r in told} == {(True, None), (False, "place_left")}


def test_costs_and_confusion_follow_from_the_log_and_stand_on_the_page(tmp_path):
    detector = {"false_positive": 0.2, "false_negative": 0.1}
    made = drawn(resets=CLEAN, costs=COSTS, cells=cells("a", "b", detector=detector), robots=fails(scale=3),
                 jobs=[{"kind": "list", "jobs": [{"on": c, "episodes": 9999} for c in "ab"]}])  # fmt: skip
    log = read_run(run(opened(tmp_path, made), tmp_path / "out").folder)
    (_, yes, no), (_, false_yes, false_no) = confusion(log)
    assert no / (yes + no) == pytest.approx(0.1, abs=0.04) and false_yes / (false_yes + false_no) == pytest.approx(
        0.2, abs=0.07
    )
    held = costs(log, facts.gather(log))
    assert held.fixed_h == pytest.approx(1) and held.per_cell_h["robots"] == pytest.approx(1)
    spent = held.fixed_h / 2 + sum(held.per_cell_h.values())
    assert held.per_episode(2) == pytest.approx(spent / held.usable_per_cell_h)
    curve = [cost for _, cost in held.curve()]
    assert curve == sorted(curve, reverse=True)
    page = render([log], [], tmp_path / "r.html").read_text()
    assert "Cost of a usable episode" in page and "labelled a failure" in page
    found = dict(wrong_labels(log))
    assert found["detector: successes called a failure"].value == pytest.approx(no / (yes + no))
    assert found["detector: failures called a success"].n == false_yes + false_no
    assert "detector: failures called a success" in page


def test_a_farm_that_names_no_costs_is_given_none(tmp_path):
    log = read_run(run(opened(tmp_path, drawn(duration_s=900)), tmp_path / "out").folder)
    assert product(log, facts.gather(log))["costs"] is None
