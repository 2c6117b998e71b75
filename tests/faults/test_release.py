"""A mixed fleet and bad configurations: acts with the right effect, is masked on an idle cell, clears, survives a kill."""

from __future__ import annotations

import pytest

from tests.farm.scenes import begun, cells, jobs, opened, play, scene
from twin.build import build, strategies
from twin.control.releases import Chains, Versions
from twin.core.clock import to_us
from twin.core.errors import SpecError, UseError
from twin.farm.strategies import Strategies
from twin.snapshot import freeze, thaw

RELEASES = {
    "slow": {"stack_version": "2", "policy": {"kind": "scripted", "speed": 0.3, "version": "9"}},
    "mine": {"stack_version": "4", "policy": {"use": "policies:Slow"}, "filters": [{"use": "policies:Half"}]},
    "boxed": {
        "stack_version": "3",
        "filters": [{"kind": "workspace_box", "low_m": [-1, -1, 0.15], "high_m": [1, 1, 1]}],
    },
}
BASE = {
    "cells": cells("a", "b"),
    "releases": RELEASES,
    "jobs": jobs(*({"on": name, "episodes": 99} for name in ("a", "b"))),
    "episode_timeout_s": 4,
    "duration_s": 40,
}
IDLE = {"jobs": jobs({"on": "a", "episodes": 99})}


def mixed(release="slow", **more):
    onset = {"onset": {"at_s": 6}, "duration_s": 20}
    return {"component": "release", "mode": "mixed", "release": release, "target": "b"} | onset | more


def under(played, cell, **versions):
    return [r["start_s"] for r in played.rows if r["cell"] == cell and all(r[k] == v for k, v in versions.items())]


@pytest.mark.parametrize(
    ("release", "versions"), [("slow", {"policy_version": "9", "stack_version": "2"}), ("boxed", {"stack_version": "3"})]
)
def test_its_cells_run_the_other_version_until_the_roll_back(tmp_path, release, versions):
    played = play(tmp_path, **BASE, faults=[mixed(release)])
    row, began = played.farm.receipts()[0], under(played, "b", **versions)
    assert (row["status"], row["effect"], row["cleared_s"]) == ("acted", len(began), 26.0) and len(began) >= 2
    assert min(began) >= 6 and max(began) <= 26 and not under(played, "a", **versions)
    assert max(under(played, "b", stack_version="1")) > 26


def test_other_filters_decide_on_its_cells_only(tmp_path):
    played = play(tmp_path, **BASE, faults=[mixed("boxed")])
    acted = {(e.cell, dict(e.payload)["filter"]) for e in played.of("filter.acted") if 6 < e.t_us / 1e6 < 26}
    assert ("b", "workspace_box") in acted and ("a", "workspace_box") not in acted


@pytest.mark.parametrize("one", [mixed(), mixed("boxed")])
def test_an_idle_cell_masks_it(tmp_path, one):
    assert play(tmp_path, **BASE | IDLE, faults=[one]).farm.receipts()[0]["status"] == "masked"


def test_a_roll_out_that_reaches_no_policy_is_inert(tmp_path, monkeypatch):
    act = Versions.act
    monkeypatch.setattr(Versions, "act", lambda v, seen, memory: act(v, seen, memory | {"release": 0 * memory["release"]}))
    assert play(tmp_path, **BASE, faults=[mixed()]).farm.receipts()[0]["status"] == "inert"


def test_a_roll_out_that_reaches_no_filter_is_inert(tmp_path, monkeypatch):
    monkeypatch.setattr(Chains, "certify", passed)
    assert play(tmp_path, **BASE, faults=[mixed("boxed")]).farm.receipts()[0]["status"] == "inert"


def passed(chains, seen, command):
    chains.ticks[seen.rows] += 1
    return chains.chains[0].certify(seen, command)


def test_of_two_roll_outs_the_later_is_in_force_and_then_the_earlier_again(tmp_path):
    later = mixed("boxed", onset={"at_s": 12}, duration_s=8)
    played = play(tmp_path, **BASE, faults=[mixed(), later])
    slow, boxed = under(played, "b", stack_version="2"), under(played, "b", stack_version="3")
    assert boxed and min(boxed) >= 12 and max(boxed) <= 20 and min(slow) < 12 and max(slow) >= 20
    assert [row["effect"] for row in played.farm.receipts()[:2]] == [len(slow), len(boxed)]


def test_without_a_roll_out_nothing_changes(tmp_path):
    plain, ready = (play(tmp_path, **BASE | {"releases": which}) for which in ({}, RELEASES))
    assert plain.farm.book.chain.digest == ready.farm.book.chain.digest


@pytest.mark.parametrize("release", RELEASES)
def test_it_goes_on_from_a_snapshot_as_it_would_have(tmp_path, release):
    scenario = opened(tmp_path, scene(**BASE, faults=[mixed(release)]))
    farm, other = begun(scenario, 35), thaw(build(scenario, "run", 1), freeze(begun(scenario, 13)), strategies(scenario))
    while other.step(to_us(35)):
        pass
    assert farm.book.chain.digest == other.book.chain.digest and farm.trouble.receipts() == other.trouble.receipts()


def test_a_bad_configuration_keeps_a_cell_from_work_until_the_roll_back(tmp_path):
    bad = {"component": "release", "mode": "bad_configuration", "target": "b", "onset": {"at_s": 6}, "duration_s": 20}
    played = play(tmp_path, **BASE, faults=[bad])
    row, began = played.farm.receipts()[0], under(played, "b")
    assert row["status"] == "acted" and 15 <= row["effect"] <= 20
    assert not [at for at in began if 6 < at < 26] and max(began) >= 26


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"faults": [mixed("slwo")]}, "unknown release 'slwo'.*slow"),
        ({"releases": RELEASES | {"none": {}}}, "it changes nothing"),
        ({"releases": RELEASES | {"mine": {"policy": {"use": "policies:Idel"}}}}, "no class 'Idel'.*Idle"),
    ],
)
def test_releases_that_cannot_be_are_refused(tmp_path, changes, told):
    with pytest.raises(SpecError, match=told):
        opened(tmp_path, scene(**BASE | changes))


def test_versions_of_another_rhythm_are_refused(tmp_path):
    with pytest.raises(UseError, match="horizon 10, replan 10; the fleet's has"):
        play(tmp_path, **BASE | {"releases": {"mine": {"policy": {"use": "policies:Idle"}}}}, faults=[mixed("mine")])


LAST_FIRST = {"releases": {"new": {"scheduler": {"use": "strategies:Lifo", "with": {"pause_us": 0}}}}}
ONE_BY_ONE = {"jobs": [{"kind": "list", "jobs": [{"job": f"j{i:02}"} for i in range(40)]}], "duration_s": 40}


def given(played, cell):
    return {e.t_us / 1e6: e.job for e in played.of("job.assigned", cell=cell)}


def test_a_mixed_scheduler_gives_work_to_its_cells_and_to_no_other(tmp_path):
    played = play(tmp_path, **BASE | LAST_FIRST | ONE_BY_ONE, faults=[mixed("new")])
    (row,), mine, other = played.farm.receipts(), given(played, "b"), given(played, "a")
    assert row["status"] == "acted" and row["effect"] == sum(6 <= at < 26 for at in mine)
    assert all((job > "j20") == (6 <= at < 26) for at, job in mine.items()) and all(job < "j20" for job in other.values())
    assert len({*mine.values(), *other.values()}) == len(mine) + len(other)


def test_a_roll_out_that_reaches_no_scheduler_is_inert(tmp_path, monkeypatch):
    monkeypatch.setattr(Strategies, "scheduler_of", lambda *_: "scheduler")
    row = play(tmp_path, **BASE | LAST_FIRST | ONE_BY_ONE, faults=[mixed("new")]).farm.receipts()[0]
    assert (row["status"], row["effect"]) == ("inert", 0.0)


def test_a_scheduler_whose_cells_were_taken_away_gives_them_no_work(tmp_path):
    """It knows of an offer from before the roll-back, and is refused."""
    late = LAST_FIRST["releases"]["new"]["scheduler"] | {"with": {"pause_us": 9_000_000}}
    played = play(tmp_path, **BASE | {"releases": {"new": {"scheduler": late}}} | ONE_BY_ONE, faults=[mixed("new")])
    assert all(job < "j20" for at, job in given(played, "b").items() if at >= 26)


def test_a_mixed_scheduler_goes_on_from_a_snapshot_as_it_would_have(tmp_path):
    scenario = opened(tmp_path, scene(**BASE | LAST_FIRST | ONE_BY_ONE, faults=[mixed("new")]))
    farm, other = begun(scenario, 35), thaw(build(scenario, "run", 1), freeze(begun(scenario, 13)), strategies(scenario))
    while other.step(to_us(35)):
        pass
    assert farm.book.chain.digest == other.book.chain.digest and farm.trouble.receipts() == other.trouble.receipts()


def test_a_roll_back_ends_what_is_rolled_out_and_the_fleets_own_runs_again(tmp_path):
    back = {"component": "release", "mode": "roll_back", "target": "b", "onset": {"at_s": 15}}
    played = play(tmp_path, **BASE, faults=[mixed(), back])
    out, (status, effect, cleared) = played.farm.receipts()[0], rolled_back(played)
    assert (status, effect, cleared) == ("acted", 1.0, 15.0) and out["cleared_s"] == 15.0
    assert max(under(played, "b", stack_version="2")) < 15 < max(under(played, "b", stack_version="1"))


def test_a_roll_back_of_nothing_is_masked(tmp_path):
    back = {"component": "release", "mode": "roll_back", "target": "b", "onset": {"at_s": 15}}
    assert rolled_back(play(tmp_path, **BASE, faults=[back]))[0] == "masked"


def rolled_back(played):
    row = played.farm.receipts()[-1]
    return row["status"], row["effect"], row["cleared_s"]
