"""Predictions: what is an assumption, what hangs on it, and where the published figure lies."""

import json

import pytest

from tests.farm.drawn import AUTO, drawn
from tests.farm.scenes import cells, opened
from twin.cli import main
from twin.core.errors import InputError
from twin.judge.report.prediction import miss
from twin.scenario.load import load, ships
from twin.suite.predict import assumptions, predict

PUBLISHED = sorted(name for name, path in ships().items() if path.parent.name == "published")
HALF = {"value": 0.5, "low": 0.2, "high": 0.9, "source": "assumption: a coin"}
LONG = {"value": 50, "low": 25, "high": 100, "source": "assumption: a minute or so"}


def guessed(share=HALF, seconds=LONG, **more):
    results = [
        {"share": share, "success": True, "duration_s": seconds},
        {"share": 0.5, "success": False, "duration_s": seconds},
    ]
    return drawn(outcomes={"entries": [{"results": results}]}, resets=[AUTO | {"success": 1, "seconds": 0}], **more)


def test_the_rate_follows_from_the_durations_and_the_published_count_is_set_beside(tmp_path):
    made = guessed(duration_s=36_000, published=[{"count": 144, "robot_h": 2, "source": "a paper"}])
    found = predict(opened(tmp_path, made))
    assert found.rate == pytest.approx(72, rel=0.01)
    (beside,) = found.beside
    assert beside.predicted == pytest.approx(144, rel=0.01) and beside.holds
    assert beside.low < 144 < beside.high


def test_an_assumption_that_moves_more_comes_first(tmp_path):
    found = predict(opened(tmp_path, guessed(duration_s=36_000)))
    assert [a.path.rpartition(".")[2] for a in found.assumptions] == ["duration_s", "duration_s", "share"]
    assert found.assumptions[0].swing > 10 * found.assumptions[-1].swing


def test_a_prediction_over_months_needs_the_outcome_tier():
    with pytest.raises(InputError, match="needs tier: outcome"):
        predict(load("tiny"))


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_was_not_published_is_a_named_assumption_with_a_range(name):
    scenario = load(name)
    held = [a for _, a in assumptions(scenario.spec.model_dump(mode="json", by_alias=True))]
    assert len(held) >= 4 and all(a["low"] < a["value"] < a["high"] and a["source"] for a in held)
    assert scenario.spec.published and all("arXiv" in p.source for p in scenario.spec.published)


def test_a_fleet_is_predicted_from_the_command_line(tmp_path, capsys):
    assert len(PUBLISHED) == 6
    assert main(["predict", "autoeval", "--duration-s", "20000", "--out", str(tmp_path / "p.html")]) == 0
    assert "published 850" in capsys.readouterr().out and "What hangs on each" in (tmp_path / "p.html").read_text()


def test_more_people_mean_shorter_waits_and_more_episodes(tmp_path, capsys):
    call = [{"kind": "person", "pool": "ops", "deadline_s": 1e6}]
    lost = {"entries": [{"results": [{"share": 1, "success": True, "in_reach": False, "duration_s": 60}]}]}
    people = {"ops": {"count": 1, "skills": ["reset"], "response_s": 0, "work_s": 60}}
    asked = [{"kind": "list", "jobs": [{"job": c, "on": c, "episodes": 999} for c in "abcd"]}]
    opened(tmp_path, drawn(outcomes=lost, resets=call, people=people, cells=cells(*"abcd"), jobs=asked, duration_s=20_000))
    command = ["predict", str(tmp_path / "scene.yaml"), "--json", "--out", str(tmp_path / "s.html"), "--vary"]
    assert main([*command, "fleet.people.ops.count=1,2,4"]) == 0
    waits, rates = zip(*[(p["wait_s"], p["rate"]) for p in json.loads(capsys.readouterr().out)["points"]], strict=True)
    assert list(waits) == sorted(waits, reverse=True) and list(rates) == sorted(rates) and waits[-1] == 0
    assert main([*command, "fleet.people.nobody.count=1"]) == 2


def test_a_prediction_that_misses_says_so_and_by_how_much():
    assert "misses what was published by a factor of 3.0" in miss(300, 200, 400, 100)
    assert "lies inside" in miss(300, 50, 400, 100) and "factor of 4.0" in miss(25, 10, 50, 100)
