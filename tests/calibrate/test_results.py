"""From results to overlay, drift and page."""

import re

import pytest

from twin.calibrate import drift, overlay, page
from twin.calibrate.overlay import Made, as_data, read_estimates
from twin.calibrate.result import Estimate, Figure, Finding, PartResult, Score
from twin.calibrate.spec import load_plan
from twin.core.errors import InputError

MADE = Made("bay", "2026-01-05")


def result(*estimates, name="part"):
    figure = Figure("<svg></svg>", "A line.")
    return PartResult(
        "network", name, estimates, (Score("MAE", 1.0, 2.0, "before", "ms"),), (Finding("note", "<b>"),), (figure,)
    )


def value(number, half=0.1, path=("links", "wifi", "loss"), **keys):
    return Estimate(path, number, number - half, number + half, 40, **keys)


def test_an_overlay_keeps_interval_count_source_and_date(tmp_path):
    out = overlay.write(as_data([result(value(0.5, unit="1", source="wifi 1a2b"))], MADE), tmp_path / "o.yaml")
    told = read_estimates(out)["links.wifi.loss"]
    assert (told["value"], told["low"], told["high"], told["n"]) == (0.5, 0.4, 0.6, 40)
    assert told["source"] == "wifi 1a2b" and told["date"] == "2026-01-05"


def test_what_is_not_identified_stays_out_of_the_overlay():
    assert "links" not in as_data([result(value(0.5, identified=False))], MADE)


def test_two_parts_that_fit_one_value_are_refused():
    with pytest.raises(InputError, match=r"'one' and 'two' both fit links\.wifi\.loss"):
        as_data([result(value(0.5), name="one"), result(value(0.6), name="two")], MADE)


def test_steps_that_are_numbers_become_lists(tmp_path):
    entries = [value(float(i), path=("links", "wifi", "regimes", i, "loss")) for i in range(2)]
    data = as_data([result(*entries)], MADE)
    assert [entry["loss"]["value"] for entry in data["links"]["wifi"]["regimes"]] == [0.0, 1.0]
    assert read_estimates(overlay.write(data, tmp_path / "o.yaml"))["links.wifi.regimes.1.loss"]["value"] == 1.0


def against(old, new, half=0.1):
    told = {"links.wifi.loss": {"value": old, "low": old - half, "high": old + half}}
    (move,) = drift.compare(told, [result(value(new))], 0.9).moves
    return move.moved


def test_what_moved_is_told_from_what_did_not():
    assert against(0.5, 1.0) is True and against(0.5, 0.55) is False


def test_a_value_without_an_interval_is_not_judged():
    (move,) = drift.compare({"links.wifi.loss": {"value": 0.5}}, [result(value(0.9))], 0.9).moves
    assert move.moved is None


def test_among_many_values_chance_alone_moves_none():
    new = [value(0.5 + 0.13 * (i == 3), path=("links", f"l{i}", "loss")) for i in range(20)]
    old = {e.name: {"value": 0.5, "low": 0.4, "high": 0.6} for e in new}
    assert [move.moved for move in drift.compare(old, [result(*new)], 0.9).moves] == [False] * 20


def test_intervals_of_the_earlier_calibration_count_at_their_own_confidence(tmp_path):
    made = Made("bay", "2026-01-05", confidence=0.5)
    values, sure = overlay.read_earlier(overlay.write(as_data([result(value(0.5))], made), tmp_path / "o.yaml"))
    new = [result(value(0.75, half=0.01))]
    assert sure == 0.5 and not drift.compare(values, new, 0.9, sure).moves[0].moved
    assert drift.compare(values, new, 0.9).moves[0].moved


LIFE = ("robots", "ur3", "reliability", "fails_h")


def test_a_law_of_another_kind_is_told_and_its_mean_is_compared():
    old = {"robots.ur3.reliability.fails_h.kind": {"value": "exponential"},
           "robots.ur3.reliability.fails_h.mean": {"value": 90.0, "low": 80.0, "high": 100.0},
           "links.lan.loss": {"value": 0.1, "low": 0.0, "high": 0.2}}  # fmt: skip
    new = [Estimate((*LIFE, "kind"), "weibull"), value(1.5, path=(*LIFE, "shape")), value(9.0, 2, ("models", *LIFE, "mean"))]
    told = drift.compare(old, [result(*new)], 0.9)
    assert [(m.old, m.new, m.moved) for m in told.moves] == [(90.0, 9.0, True)]
    assert "links.lan.loss" not in {c.name for c in drift.compare(old, [result(*new)], 0.9, whole=False).changes}
    rest = {c.name.rpartition(".")[2]: (c.old, c.new) for c in told.changes}
    assert rest == {"kind": ("exponential", "weibull"), "shape": (None, 1.5), "loss": (0.1, None)}


@pytest.mark.parametrize("word", ["on", "No", "null", "1e3", "é"])
def test_names_that_yaml_would_read_as_something_else_stay_names(tmp_path, word):
    out = overlay.write(as_data([result(value(0.5, path=("models", word, "loss")))], MADE), tmp_path / "o.yaml")
    assert read_estimates(out)[f"models.{word}.loss"]["value"] == 0.5


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "plan.yaml").write_text(
        "calibrate: bay\nlogs: {wifi: {path: rtt.csv}}\nparts: [{kind: network, log: wifi, link: wifi}]\n"
    )
    return load_plan(tmp_path / "plan.yaml")


def test_a_score_that_looks_like_its_reference_is_alike_and_neither_better_nor_worse():
    ours = [Score("loss", v, 0.69184, "resampling") for v in (0.69181, 0.68, 0.7)]
    assert [page.verdict(s) for s in ours] == ["alike", "better", "worse"] and page.verdict(Score("x", 1.0)) == ""


def test_the_page_says_everything_and_asks_for_nothing(plan, tmp_path):
    unknown = value(3.0, path=("models", "x", "mass"), identified=False)
    moved = drift.Drift((), (drift.Change("x.kind", "gamma", None),))
    text = page.render(plan, [result(value(0.5), unknown)], MADE, tmp_path / "r.html", moved).read_text()
    assert all(
        word in text
        for word in ("links.wifi.loss", "What the log does not tell", "models.x.mass", "A line.", "&lt;b&gt;", "gamma")
    )
    assert not re.search(r"(src|href)=[\"']?https?:|url\(http|<script", text)
