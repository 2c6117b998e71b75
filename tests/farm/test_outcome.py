"""The outcome tier: the same farm, its episodes drawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.farm.drawn import AUTO, BAD, GOOD, SURE, drawn, play, rows
from tests.farm.scenes import breaks, cells, fails, jobs, opened
from tests.farm.scenes import play as simulate
from twin.core.errors import SpecError
from twin.farm.outcomes import OutcomeEntry, OutcomeModel, odds
from twin.judge.accounting import account
from twin.judge.report.page import build
from twin.judge.summary import summarise
from twin.log.journal import Journal
from twin.log.stored import Stored
from twin.log.tables import open_run, read_run
from twin.run import execute, replay, run


def test_outcomes_come_as_often_as_the_model_says(tmp_path):
    ended = [r for r in rows(play(tmp_path)) if not r["censored"]]
    assert len(ended) > 600 and abs(sum(r["truth"] for r in ended) / len(ended) - 0.7) < 0.06
    assert {r["end_reason"] for r in ended if not r["truth"]} == {"timeout"}
    assert all(r["symptoms"] == ["grip_loss"] for r in ended if not r["truth"])


def test_the_log_keeps_exceptions_or_all_and_says_the_same_of_episodes(tmp_path):
    few, all_ = (play(tmp_path, log={"events": e}) for e in ("exceptions", "all"))
    assert rows(all_) == rows(few)
    kept = {e.seq: e for e in all_.events}
    assert all(kept[e.seq]._replace(cause=None) == e._replace(cause=None) for e in few.events)
    assert not few.of("episode.start") and len(few.events) < len(all_.events) / 2


def test_another_cell_moves_no_draw(tmp_path):
    on_a = jobs({"on": "a", "episodes": 10_000})
    alone = rows(play(tmp_path, jobs=on_a, resets=[AUTO | {"success": 1}]))
    more = rows(play(tmp_path, jobs=on_a + [{"kind": "list", "jobs": [{"job": "k", "on": "b", "episodes": 9000}]}],
                       cells=cells("a", "b"), resets=[AUTO | {"success": 1}]))  # fmt: skip
    keys = ("start_s", "duration_s", "truth", "label")
    assert [[r.get(k) for k in keys] for r in alone] == [[r.get(k) for k in keys] for r in more if r["cell"] == "a"]


def test_a_stop_lengthens_the_episode_by_as_much_as_it_held(tmp_path):
    stop = {"component": "safety", "mode": "protective_stop", "onset": {"at_s": 10}, "recover_s": 7}
    found = play(tmp_path, outcomes=SURE, faults=[stop], duration_s=150)
    assert [r["duration_s"] for r in rows(found)][:2] == [57.5, 50.0]  # 7 s to the reset, half a second to the start


def test_a_robot_breaks_in_mid_episode_and_is_repaired(tmp_path):
    found = play(tmp_path, faults=[breaks(5)], robots=fails(scale=1e3), duration_s=400)
    assert found.kinds("repair") == ["repair.start", "repair.done", "repair.test", "repair.tested"]
    assert rows(found)[0]["end_reason"] == "crash"
    assert rows(found)[0]["truth"] is False and rows(found)[0]["duration_s"] == 5.0


class Stop(Exception):
    """Thrown into a run."""


def test_a_run_that_is_cut_anywhere_ends_with_the_same_hash(tmp_path):
    made = drawn(robots=fails(scale=0.3), duration_s=40_000, cells=cells("a", "b"), log={"snapshot_s": 700})
    scenario = opened(tmp_path, made)
    with Journal(tmp_path / "whole") as journal:
        whole = execute(scenario, journal, "run", 1)[0].book.chain.hex()
    left = [9]

    def stop(done_s, total_s):
        left[0] -= 1
        if not left[0]:
            left[0] = 14
            raise Stop

    ended = None
    while ended is None:
        with Journal(tmp_path / "cut") as journal:
            try:
                ended = execute(scenario, journal, "run", 1, stop)[0]
            except Stop:
                continue  # as after a kill: the journal is opened again
    assert ended.book.chain.hex() == whole


def test_a_run_is_written_judged_and_found_again_by_a_replay(tmp_path):
    result = run(opened(tmp_path, drawn(checks=[{"success_rate": {"min": 0.5}}], duration_s=4000)), tmp_path / "out")
    assert result.verdict == "pass" and result.meta["tier"] == "outcome" and result.meta["engine"] is None
    assert replay(result.folder).equal


WRONG = {
    "no outcome entry for task 'pour'": {"cells": cells("a", tasks=["pour"]), "jobs": jobs({"task": "pour"}),
                                         "outcomes": {"entries": [{"task": "pick*", "results": [GOOD, BAD]}]}},
    "no outcome entry for attempt 2": {"jobs": jobs({"retries": 1}),
                                       "outcomes": {"entries": [{"attempt": 1, "results": [GOOD, BAD]}]}},
    "tier outcome needs the fleet's 'outcomes'": {"outcomes": None},
    "add up to 0.7, not to 1": {"outcomes": {"entries": [{"results": [GOOD]}]}},
    "a share lies between 0 and 1": {"outcomes": {"entries": [{"results": [GOOD | {"share": 1.7}]}]}},
    r"takes 120 s \(the median\), and episode_timeout_s cuts episodes off at 100 s": {
        "outcomes": {"entries": [{"results": [GOOD, BAD | {"duration_s": 120}]}]}},
    "acts on signals": {"faults": [{"component": "gripper", "mode": "slips", "onset": {"at_s": 1}}]},
}  # fmt: skip


@pytest.mark.parametrize("told", WRONG)
def test_what_the_tier_cannot_do_is_refused(tmp_path, told):
    with pytest.raises(SpecError, match=told):
        opened(tmp_path, drawn(**WRONG[told]))


def test_physics_refuses_a_policy_that_is_known_by_its_outcomes(tmp_path):
    with pytest.raises(SpecError, match="commands no robot"):
        simulate(tmp_path, policy={"kind": "known", "name": "mine"})


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=5), st.floats(0, 1), st.floats(0, 0.999))
def test_scaled_odds_are_as_good_as_they_are_asked_to_be(weights, success, u):
    total = sum(weights)
    kinds = [GOOD | {"share": w / total, "success": i % 2 == 0} for i, w in enumerate(weights)]
    entry = OutcomeEntry.model_validate({"results": kinds})
    made = odds(entry.results, success)
    bounds = (0.0, *made.bounds, 1.0)
    good = sum(b - a for a, b, r in zip(bounds[:-1], bounds[1:], made.results, strict=True) if r.success)
    assert made.drawn(u) in entry.results
    assert good == pytest.approx(success if 0 < entry.success() < 1 else entry.success(), abs=1e-9)


def test_the_first_entry_that_matches_counts():
    first, rest = {"task": "pick*", "attempt": 2, "results": [GOOD, BAD]}, {"results": [BAD | {"share": 1}]}
    model = OutcomeModel.model_validate({"entries": [first, rest]})
    assert model.find("pick_place", "p@1", "arm", 2) is model.entries[0]
    assert model.find("pick_place", "p@1", "arm", 1) is model.entries[1]


def test_the_books_are_the_same_whether_the_log_keeps_exceptions_or_all(tmp_path):
    made = {"cells": cells("a", "b"), "robots": fails(scale=0.5), "duration_s": 20_000}
    one, two = (
        account(read_run(run(opened(tmp_path, drawn(log={"events": e}, **made)), tmp_path / e).folder))
        for e in ("exceptions", "all")
    )
    assert one.lost_us() == two.lost_us() and one.by_cell() == two.by_cell() and one.person_us == two.person_us > 0
    assert one.strips.exact == two.strips.exact


MANY = [
    {"success_rate": {"min": 0.5}}, {"at_least": {"what": "utilisation", "min": 0.5}},
    {"at_least": {"what": "usable_episodes", "min": 9}}, {"always": {"of": "duration_s", "max": 28}},
    {"always": {"of": "usable"}},
    {"quantile": {"of": "duration_s", "q": 0.9, "max": 20}}, {"rate": {"of": "grip_loss", "per": "episode_h", "max_per_h": 1}},
]  # fmt: skip


def test_a_long_run_is_judged_batch_by_batch_to_the_same_verdict(tmp_path, monkeypatch):
    made = drawn(checks=MANY, duration_s=9000)
    whole = run(opened(tmp_path, made), tmp_path / "whole")
    monkeypatch.setattr("twin.log.tables.LONG", 3)
    monkeypatch.setattr("twin.log.stored.BATCH", 7)
    again = run(opened(tmp_path, made), tmp_path / "again")
    assert again.meta["checks"] == whole.meta["checks"] and again.verdict == whole.verdict == "fail"


def test_a_long_run_read_in_batches_gives_the_same_page_and_summary(tmp_path, monkeypatch):
    made = drawn(
        checks=[{"success_rate": {"min": 0.9}}, {"never": "grip_loss"}, {"jobs": {}}], robots=fails(scale=0.5), duration_s=9000
    )
    folder = run(opened(tmp_path, made), tmp_path / "whole").folder
    whole = read_run(folder)
    monkeypatch.setattr("twin.log.tables.LONG", 3)
    monkeypatch.setattr("twin.log.stored.BATCH", 5)
    batched = open_run(folder)
    assert isinstance(batched.events, Stored) and summarise(batched) == summarise(whole)
    assert build(batched, []) == build(whole, [])
    assert len(batched.episodes.whole()) == len(whole.episodes)
