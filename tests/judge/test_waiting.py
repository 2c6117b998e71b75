"""Who waited and what was lost, of two farms on the same seeds."""

import json

import pytest

from tests.farm.drawn import SURE, drawn
from tests.farm.scenes import cells, jobs
from tests.judge.synthetic import event, make_log
from twin.cli import main
from twin.core.chance import Chance
from twin.core.errors import InputError
from twin.judge.report.waiting import write
from twin.judge.waiting import asked, compare


def farm(seed, wait=60.0, scheduler="fifo", spread=5.0):
    """Ten jobs of two owners; those of b wait `wait` s, give or take."""
    stream, events = Chance(seed).stream("jobs", "wait"), []
    for n in range(10):
        owner, t = "ab"[n % 2], 300.0 * n
        waits = wait + spread * stream.standard_normal() if owner == "b" else 10.0
        job, began, over = f"j{n}", t + waits, t + waits + 20
        events += [
            event(t, "job.arrived", job=job, owner=owner, task="pick_place", priority=0, episodes=1),
            event(began, "job.assigned", "c1", job=job),
            event(began, "authority.granted", "c1", job=job),
            event(over, "job.done", job=job),
            event(over, "authority.released", "c1", job=job),
        ]
    spec = {"scheduler": {"kind": scheduler}}
    return make_log(events, [{"usable": True}], sim_s=4000.0, seed=seed, stored={"spec": spec})


def row(told, group, key="wait_mean_s"):
    return next(r for r in told.rows if (r.group, r.key) == (group, key))


def test_a_job_is_told_from_its_events():
    told = asked(farm(1))
    assert [j.owner for j in told[:2]] == ["a", "b"] and all(j.state == "done" and j.robot_us == 20_000_000 for j in told)


def test_one_farm_beside_itself_differs_in_nothing():
    told = compare([farm(s) for s in (1, 2, 3)], [farm(s) for s in (1, 2, 3)])
    assert {r.verdict for r in told.rows} == {"the same"} and not told.differs


def test_who_waits_longer_is_found_and_who_does_not_is_not_accused():
    told = compare([farm(s) for s in range(6)], [farm(s, 200, "batch") for s in range(6)])
    assert row(told, "owner b").verdict == "higher" and row(told, "owner b").difference.value == pytest.approx(140, abs=1)
    assert row(told, "owner a").verdict == "the same" and told.differs == ("scheduler.kind: fifo → batch",)
    assert "owner b 60" in told.sentence()


def test_chance_alone_is_seldom_called_a_difference():
    sides = [[farm(s, spread=spread) for s in range(8)] for spread in (5.0, 6.0)]
    assert row(compare(*sides), "owner b").verdict == "cannot tell"


def test_one_seed_has_no_interval():
    told = compare([farm(1)], [farm(1, 200)])
    assert row(told, "owner b").difference.low is None and "more seeds" in told.sentence()


def test_a_job_that_nobody_began_waits_until_it_fails_or_the_run_ends():
    come = [event(0, "job.arrived", job=j, owner="", task="t", priority=0, episodes=1) for j in "xy"]
    log = make_log([*come, event(40, "job.failed", job="x", reason="deadline")], sim_s=100.0)
    told = compare([log], [log])
    assert row(told, "all jobs").first.value == 70 and row(told, "all jobs", "waiting_at_end").first.value == 0.5


@pytest.mark.parametrize(("first", "second", "told"), [([1], [2], "no seed in common"), ([1, 1], [1], "seed 1 is there twice")])
def test_sides_that_cannot_be_paired_are_refused(first, second, told):
    with pytest.raises(InputError, match=told):
        compare([farm(s) for s in first], [farm(s) for s in second])


def test_two_scenario_files_are_run_with_the_same_seeds_and_set_side_by_side(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    work = jobs({"episodes": 30, "owner": "bulk"}, {"episodes": 2, "owner": "urgent", "at_s": 60, "priority": 5})
    for kind in ("fifo", "fair_share"):
        made = drawn(scenario=kind, cells=cells("a"), jobs=work, outcomes=SURE, scheduler={"kind": kind}, duration_s=3000)
        (tmp_path / f"{kind}.yaml").write_text(json.dumps(made))
    assert main(["compare", "fifo.yaml", "fair_share.yaml", "--seeds", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    urgent = next(r for r in told["rows"] if r["group"] == "owner urgent" and r["measure"] == "wait_mean_s")
    assert urgent["difference"]["value"] < -300 and told["seeds"] == [0, 1]
    page = (tmp_path / "comparison.html").read_text()
    assert "fifo beside fair_share" in page and "scheduler.kind" in page


def test_the_page_draws_every_group_and_says_what_was_lost(tmp_path):
    told = compare([farm(s) for s in range(3)], [farm(s, 200, "batch") for s in range(3)])
    page = write(told, tmp_path / "c.html").read_text()
    assert page.count("share that waited longer") == 3 and "robot-hours lost" in page
