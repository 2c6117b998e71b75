"""The software under test is killed and starts again by its own means; no job is lost or run twice, and a check says so."""

from __future__ import annotations

import pytest

from tests.farm.scenes import begun, cells, opened, scene
from twin.build import build, strategies
from twin.core.clock import to_us
from twin.core.errors import UseError
from twin.farm.standing import Standing
from twin.farm.work import Work
from twin.log.tables import read_run
from twin.run import run
from twin.snapshot import freeze, thaw

KILLED = {"component": "compute", "mode": "scheduler_crash", "onset": {"at_s": 5.3}, "duration_s": 3}
AGAIN = KILLED | {"name": "again", "onset": {"at_s": 14.1}, "duration_s": 4}
BASE = {
    "cells": cells("a", "b"),
    "jobs": [{"kind": "list", "jobs": [{"job": f"j{k}", "at_s": 0.4 * k, "episodes": 1 + k % 3} for k in range(12)]}],
    "checks": [{"jobs": {"waiting_s": 5}}],
    "faults": [KILLED, AGAIN],
    "duration_s": 50,
}


def made(tmp_path, scheduler="fifo", **changes):
    named = {"kind": scheduler} if scheduler.islower() else {"use": f"strategies:{scheduler}"}
    return opened(tmp_path, scene(**BASE | {"scheduler": named} | changes))


def judged(tmp_path, *given, **changes):
    """The verdict of a run, what its check says, and its receipts."""
    result = run(made(tmp_path, *given, **changes), tmp_path / "out")
    return result.meta["verdict"], result.meta["checks"][0]["detail"], read_run(result.folder).receipts


def texts(scenario):
    """All that a farm said."""
    return begun(scenario, 20).book.new


@pytest.mark.parametrize("scheduler", ["fifo", "Lifo", "Keeper", "LockedKeeper"])
def test_no_job_is_lost_or_run_twice_by_a_scheduler_that_was_killed(tmp_path, scheduler):
    verdict, told, receipts = judged(tmp_path, scheduler)
    assert (verdict, told) == ("pass", "12 jobs, none lost, none run twice")
    assert list(receipts["status"]) == ["acted", "acted"] and (receipts["effect"] >= 1).all()


def test_a_strategy_that_saves_goes_on_from_there_and_is_told_only_what_it_missed(tmp_path):
    told = {name: begun(made(tmp_path, name), 8.4).work.strategies.hosts[0] for name in ("Lifo", "Keeper")}
    assert told["Keeper"].origin is not None and told["Lifo"].origin is None
    assert told["Keeper"].told < told["Lifo"].told and told["Keeper"].strategy.asked > told["Lifo"].strategy.asked


def test_a_strategy_that_forgets_what_waits_loses_it_and_the_check_says_so(tmp_path):
    verdict, told, _ = judged(tmp_path, "Forgetful")
    assert verdict == "fail" and "waits beside a free cell" in told


def test_a_strategy_that_is_not_told_again_loses_jobs_and_the_check_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Standing, "told_again", lambda _: [])
    verdict, told, _ = judged(tmp_path)
    assert verdict == "fail" and "waits beside a free cell" in told


def test_a_strategy_that_gives_out_again_what_it_gave_out_is_refused(tmp_path, monkeypatch):
    saw = Standing._saw
    monkeypatch.setattr(Standing, "_saw", lambda s, event: event.kind == "job.assigned" or saw(s, event))
    assert judged(tmp_path)[:2] == ("pass", "12 jobs, none lost, none run twice")
    assert any("job is assigned" in text for text in texts(made(tmp_path)))


def test_a_farm_that_gives_a_job_out_twice_fails(tmp_path, monkeypatch):
    saw = Standing._saw
    monkeypatch.setattr(Standing, "_saw", lambda s, event: event.kind == "job.assigned" or saw(s, event))
    assign = Work._assign

    def anyhow(work, action, cell, role):
        job = work.jobs.get(action.job)
        if job is not None and job.state == "assigned":
            job.state = "queued"
        return assign(work, action, cell, role)

    monkeypatch.setattr(Work, "_assign", anyhow)
    verdict, told, _ = judged(tmp_path, duration_s=12)
    assert verdict == "fail" and "was given to" in told


def test_a_crashed_controller_gives_its_job_back_and_one_that_keeps_it_fails(tmp_path, monkeypatch):
    crash = {"component": "compute", "mode": "crash", "target": "a", "onset": {"at_s": 5}, "duration_s": 4}
    assert judged(tmp_path, faults=[crash])[0] == "pass"
    monkeypatch.setattr(Work, "give_back", lambda work, cell, reason: setattr(cell, "job", None))
    (tmp_path / "lost").mkdir()
    assert judged(tmp_path / "lost", faults=[crash])[0] == "fail"


@pytest.mark.parametrize("scheduler", ["Lifo", "Keeper", "LockedKeeper"])
def test_a_farm_whose_scheduler_was_killed_goes_on_from_snapshots_as_it_would_have(tmp_path, scheduler):
    scenario = made(tmp_path, scheduler)
    whole, farm = begun(scenario, 30), begun(scenario, 1)
    for until_s in (5, 7, 9, 15, 17, 30):
        farm = thaw(build(scenario, "run", 1), freeze(farm), strategies(scenario))
        while farm.step(to_us(until_s)):
            pass
    assert farm.book.chain.digest == whole.book.chain.digest


def test_a_saved_state_that_does_not_pickle_is_refused_with_its_reason(tmp_path):
    with pytest.raises(UseError, match=r"scheduler: what saved\(\) returns cannot be pickled"):
        begun(made(tmp_path, "Unkept"), 1)
