"""MTBF, MTTR and availability of a log: beside the closed form, cut off by the end, and with too little to go by."""

import pytest

from tests.farm.drawn import AUTO, drawn
from tests.farm.scenes import SCENE, cells, jobs, opened
from tests.judge.synthetic import event, make_log
from twin.judge import dependability as judge
from twin.judge.accounting import account
from twin.judge.report.page import build
from twin.log.tables import read_run
from twin.run import run

LAW = {"fails_h": {"kind": "exponential", "mean": 4}, "repair_h": {"kind": "exponential", "mean": 1}}
MEANS = (4.0, 1.0, 0.8)
LONG = {"entries": [{"results": [{"share": 1, "success": True, "duration_s": 1500}]}]}


def told(log, groups=None):
    return judge.dependability(log, account(log), groups or {"farm": [c["name"] for c in log.meta["cells"]]})


def inside(row):
    found = zip((row.mtbf, row.mttr, row.availability), row.law, strict=True)
    return [i.low is not None and i.low <= value <= i.high for i, value in found]


@pytest.fixture(scope="module")
def worn(tmp_path_factory):
    folder, names = tmp_path_factory.mktemp("worn"), [f"c{i:02}" for i in range(24)]
    people = {"techs": {"count": 24, "skills": ["repair"], "response_s": 0, "work_s": 1}}
    made = drawn(
        LONG,
        cells=cells(*names),
        jobs=jobs(*({"on": name, "episodes": 999} for name in names)),
        people=people,
        robots={"arm": SCENE["fleet"]["robots"]["arm"] | {"reliability": LAW}},
        resets=[AUTO | {"success": 1}],
        episode_timeout_s=2000,
        duration_s=180_000,
    )
    return read_run(run(opened(folder, made), folder / "out").folder)


def test_the_closed_form_of_exponential_laws_lies_in_the_intervals(worn):
    (row,) = told(worn)
    assert row.law == pytest.approx(MEANS) and inside(row) == [True] * 3
    assert row.breakages > 150 and row.mtbf.high < 1.5 * row.mtbf.low


def test_repairs_that_are_not_counted_do_not_pass_beside_the_closed_form(worn, monkeypatch):
    monkeypatch.setattr("twin.judge.accounting.ENDS", ())
    assert not any(inside(told(worn)[0]))


def test_a_robot_that_has_not_broken_has_a_lower_bound_of_its_mtbf_and_no_value():
    lives = [event(0, "episode.start", "c1", episode=1), event(3600 * 30, "episode.end", "c1", episode=1)]
    (row,) = told(make_log(lives, sim_s=3600 * 40))
    assert row.mtbf == (None, pytest.approx(30 / 2.9957, rel=1e-4), None, 0) and row.mttr.value is None and row.law is None
    assert "Nothing broke" in build(make_log(lives, sim_s=3600 * 40), [])


def test_a_repair_that_failed_and_one_that_was_cut_off_count_with_the_time_they_took():
    h = 3600
    story = [(0, "episode.start"), (10, "episode.end"), (10, "repair.start"), (11, "repair.start"), (12, "repair.done"),
             (13, "repair.tested", False), (13, "repair.start"), (14, "repair.done"), (15, "repair.tested", True),
             (15, "episode.start"), (25, "episode.end"), (25, "repair.start"), (26, "reset.abandoned")]  # fmt: skip
    log = make_log([event(t * h, k, "c1", **({"passed": more[0]} if more else {})) for t, k, *more in story], sim_s=30 * h)
    (row,) = told(log)
    assert (row.operated_h, row.breakages, row.mended) == (20, 2, 1)
    assert (row.mtbf.value, row.mttr.value, row.availability.value) == (10, 10, pytest.approx(2 / 3))
    assert row.mttr.low is row.availability.low is None and "Too little evidence" in build(log, [])


@pytest.mark.parametrize(
    ("robots", "law"),
    [
        ({"a": {"reliability": {"components": {"elbow": LAW, "wrist": LAW}}}}, (2, 1, 2 / 3)),
        ({"a": {"reliability": LAW}, "b": {"reliability": LAW | {"repair_h": 2}}}, None),
        ({"a": {"reliability": LAW | {"fails_cycles": {"kind": "exponential", "mean": 9}}}}, None),
        ({"a": {"reliability": {"fails_h": {"kind": "weibull", "shape": 2, "scale": 4}}}}, None),
        ({"a": {"reliability": {"repair_h": 2}}}, None),
    ],
)
def test_only_exponential_laws_of_one_kind_of_robot_have_a_closed_form(robots, law):
    fleet = {"robots": {name: {"model": "ur3"} | robot for name, robot in robots.items()}}
    lives = [event(0, "episode.start", "c1", episode=1), event(90, "episode.end", "c1", episode=1)]
    (row,) = told(make_log(lives, stored={"spec": {"fleet": fleet}}))
    assert row.law == (None if law is None else pytest.approx(law))
