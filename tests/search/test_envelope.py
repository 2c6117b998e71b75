import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.build import build
from twin.cli import main
from twin.commands.envelopes import word_of
from twin.log.tables import read_run
from twin.run import run
from twin.search import edge, picture
from twin.search.copies import log_of, plain, runs
from twin.search.envelope import Edge, Options, Point, judged
from twin.search.quantities import NAMED


def points(words: str) -> list[Point]:
    """One point a letter at 0, 1, 2 …: `h` all seeds hold, `f` one fails, `o` nothing to judge."""
    made = {"h": (2, ()), "f": (1, ("p1",)), "o": (0, ())}
    return [Point((float(i),), *made[w]) for i, w in enumerate(words)]


@pytest.mark.parametrize(
    ("words", "holds", "fails", "backwards", "again"),
    [
        ("hhff", 1, 2, False, False),
        ("ffhh", 2, 1, True, False),
        ("hhhh", 3, None, False, False),
        ("fff", None, 0, False, False),
        ("hfhf", 0, 1, False, True),
        ("fhhf", 2, 3, False, False),
        ("hoof", 0, 3, False, False),
        ("ooo", None, None, False, False),
    ],
)
def test_the_edge_lies_between_the_last_that_holds_and_the_first_that_fails(words, holds, fails, backwards, again):
    found = Edge.of((), points(words), 1.0)
    assert (found.holds, found.fails, found.reversed, found.again) == (holds, fails, backwards, again)


@given(st.text("hfo", min_size=1, max_size=12))
def test_an_edge_never_claims_what_no_point_shows(words):
    found = Edge.of((), points(words), 1.0)
    assert found.holds is None or words[int(found.holds)] == "h"
    assert found.fails is None or words[int(found.fails)] == "f"


@pytest.mark.parametrize(("words", "word"), [("hhf", "edge"), ("hh", "holds"), ("ff", "fails"), ("oo", "undecided")])
def test_a_range_without_an_edge_is_said_to_be_one(words, word):
    assert word_of([Edge.of((), points(words), 1.0)], Options()) == word


def test_a_copy_does_alone_what_it_does_among_others(search, tmp_path):
    asked = search("camera.noise_mm=0..40")
    asked.copies |= {f"p{n}-": (20.0 * n,) for n in range(3)}
    data = {prefix: asked.data(prefix) for prefix in asked.copies}
    (among,) = (run(scenario, tmp_path, threads=1) for scenario, _ in runs(asked.scenario, data, "among"))
    (alone,) = (run(scenario, tmp_path, threads=1) for scenario, _ in runs(asked.scenario, {"p1-": data["p1-"]}, "alone"))
    left, right = (log_of(read_run(found.folder), "p1-").episodes for found in (among, alone))
    same = [c for c in left.columns if c not in ("episode", "run", "attempt_of", "data_uri")]
    assert len(left) > 3
    assert left[same].equals(right[same])


def test_copies_that_differ_in_what_they_share_run_apart(search):
    asked = search("policy.perception_error_mm=0..40")
    asked.copies |= {"p0-": (0.0,), "p1-": (40.0,), "p2-": (40.0,)}
    planned = runs(asked.scenario, {prefix: asked.data(prefix) for prefix in asked.copies}, "x")
    assert [prefixes for _, prefixes in planned] == [("p0-",), ("p1-", "p2-")]
    assert [build(scenario, "x", 1).lanes[0].inbox.policy.error_m for scenario, _ in planned] == [0.0, 0.04]


def test_a_search_finds_the_edge_and_the_scenario_there_fails_by_itself(search, tmp_path):
    asked = search("camera.noise_mm=0..60")
    (found,) = asked.frontier()
    assert found.found and found.fails - found.holds <= 0.2 * 60
    path = edge.write(asked, found, tmp_path / "edge")
    assert main(["run", str(path), "--engine", "kinematic", "--out", str(tmp_path / "again"), "--json"]) == 1
    assert "camera.noise_mm" in picture.draw([found], asked.axes, "success_rate", asked.options, "short")


def test_two_quantities_give_an_edge_for_each_value_of_the_second(search):
    asked = search("camera.noise_mm=0..60", "link.rtt_ms=0..200", tolerance=1.0, seeds=1)
    found = asked.frontier()
    assert [one.at for one in found] == [(0.0,), (100.0,), (200.0,)]
    assert all(one.found for one in found)
    assert "link.rtt_ms (ms)" in picture.draw(found, asked.axes, "success_rate", asked.options, "short")


def test_whole_numbers_stay_whole(search):
    asked = search("fleet.people.crew.count=1..4", check="success_rate", tolerance=1.0)
    assert asked.axes[0].between(1, 4, 9) == [1.0, 2.0, 3.0, 4.0]
    asked.copies["p1-"] = (2.0,)
    assert asked.data("p1-")["fleet"]["people"]["p1-crew"]["count"] == 2


def test_a_check_that_passes_because_nothing_ran_says_nothing(search, tmp_path):
    asked = search("camera.noise_mm=0..60", check="never grip_loss")
    asked.copies["p0-"] = (0.0,)
    data = asked.data("p0-") | {"jobs": [{"kind": "list", "jobs": [{"job": "late", "at_s": 25.0}]}]}
    ((scenario, _),) = runs(asked.scenario, {"p0-": data}, "idle")
    assert judged(asked.check, log_of(read_run(run(scenario, tmp_path, threads=1).folder), "p0-")) is None


def test_the_command_says_so_where_the_check_holds_all_over_the_range(short, tmp_path, capsys):
    more = ("--points=2", "--seeds=1", "--engine=kinematic", "--workers=1", "--json", f"--out={tmp_path / 'out'}")
    status = main(["envelope", str(short), "--vary", "link.rtt_ms=0..20", "--check", "object_lost", *more])
    told = json.loads(capsys.readouterr().out)
    assert (status, told["found"], told["edge_scenario"]) == (0, "holds", None)
    assert told["frontier"] == [{"at": {}, "holds": 20.0, "fails": None, "holds_above": False, "holds_again_beyond": False}]


@pytest.mark.parametrize(
    ("vary", "check", "words"),
    [
        ("link.rt_ms=0..3", "success_rate", "did you mean 'link.rtt_ms'?"),
        ("fleet.people.crew.cont=0..3", "success_rate", "did you mean 'fleet.people.crew.count'?"),
        ("link.rtt_ms=9..3", "success_rate", "backwards"),
        ("link.rtt_ms=3..3", "success_rate", "empty"),
        ("link.rtt_ms=0..nan", "success_rate", "NAME=LOW..HIGH"),
        ("link.rtt_ms=0..3", "sucess_rate", "did you mean 'success_rate'?"),
        ("link.rtt_ms=0..3", "never", "name one"),
        ("server.inference_ms=0..3", "success_rate", "has a policy server"),
        ("jobs.per_hour=0..5", "success_rate", "above 0"),
        ("link.loss=0..1", "success_rate", "cannot be with link.loss 1"),
        ("fleet.people.crew.count=0..1.5", "success_rate", "whole"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_refused_with_the_nearest_that_can(short, tmp_path, capsys, vary, check, words):
    more = ("--out", str(tmp_path / "out"), "--engine", "kinematic")
    assert main(["envelope", str(short), "--vary", vary, "--check", check, *more]) == 2
    assert words in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("run.json"))


@pytest.mark.parametrize("name", [name for name in NAMED if name != "server.inference_ms"])
def test_a_named_quantity_gives_a_scenario_that_loads_and_is_another(search, tmp_path, name):
    asked = search(f"{name}=0.1..0.5")
    edge.refuse_what_cannot_be(asked, tmp_path)
    made = [plain(asked.scenario), plain(asked.scenario)]
    for value, data in zip((0.1, 0.5), made, strict=True):
        asked.axes[0].quantity.put(data, asked.scenario, value)
    assert made[0] != made[1]
