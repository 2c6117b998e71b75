"""Predictions: what is an assumption, what hangs on it, and where the published figure lies."""

import pytest

from tests.farm.drawn import AUTO, drawn
from tests.farm.scenes import opened
from twin.cli import main
from twin.core.errors import InputError
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
