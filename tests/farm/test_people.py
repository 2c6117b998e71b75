"""People: when they are there, whom they go to next; and queues against their formulas."""

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.farm.drawn import drawn, play
from tests.farm.scenes import cells, opened
from twin.core.errors import SpecError
from twin.farm.shifts import ShiftSpec, on_duty

BERLIN = ZoneInfo("Europe/Berlin")
EARLY = {"from": "06:00", "to": "14:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
STUCK = {"entries": [{"results": [{"share": 1, "success": True, "in_reach": False,
                                   "duration_s": {"kind": "exponential", "mean": 600}}]}]}  # fmt: skip
LONG = {"outcomes": STUCK, "episode_timeout_s": 1e4}
CALL = [{"kind": "person", "pool": "ops", "deadline_s": 1e8}]
AUTO = [{"kind": "automatic", "seconds": 0, "success": 1}]


def shift(**made):
    return ShiftSpec.model_validate(EARLY | made)


@given(st.integers(0, 400 * 24 * 60), st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]))
def test_between_two_changes_as_many_are_there(minutes, zone):
    shifts, now = [shift(count=2, breaks=[{"from": "12:00", "to": "12:30"}]), shift(**{"from": "22:00", "to": "06:00"})], None
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    there, change = on_duty(shifts, 3, ZoneInfo(zone), now)
    half = now + (change - now) / 2
    assert on_duty(shifts, 3, ZoneInfo(zone), half)[0] == there <= 3
    assert now < change <= now + timedelta(days=3)


def test_a_shift_begins_at_the_same_time_on_the_wall_in_summer_and_winter():
    begins = [on_duty([shift()], 1, BERLIN, datetime(2026, month, 14, 0, tzinfo=UTC))[1] for month in (1, 7)]
    assert [t.astimezone(BERLIN).hour for t in begins] == [6, 6] and [t.hour for t in begins] == [5, 4]


def test_a_call_out_of_hours_waits_for_the_shift(tmp_path):
    ops = {"count": 1, "response_s": 0, "work_s": 60, "shifts": [{"from": "10:00", "to": "12:00"}]}
    found = play(tmp_path, **LONG, resets=CALL, people={"ops": ops}, start_utc="2026-01-05T08:00:00Z")
    first = found.of("page.answered")[0].t_us / 3.6e9
    last = max(e.t_us for e in found.of("page.answered")) / 3.6e9
    assert found.of("page.sent")[0].t_us < 3.6e9 and first == pytest.approx(2.0) and last < 4.0, (first, last)


def test_the_nearest_call_is_answered_first_and_the_way_there_takes_time(tmp_path):
    ops = {"count": 1, "response_s": 10, "work_s": 100, "walk_s": 7, "queue": "nearest_first"}
    sure = {"entries": [{"results": [{"share": 1, "success": True, "in_reach": False, "duration_s": 5}]}]}
    asked = [{"kind": "list", "jobs": [{"job": c, "on": c, "at_s": t} for c, t in (("a", 0), ("c", 1), ("b", 2))]}]
    found = play(tmp_path, outcomes=sure, resets=CALL, people={"ops": ops}, cells=cells("a", "b", "c"), jobs=asked)
    assert [(e.cell, e.t_us / 1e6) for e in found.of("page.answered")] == [("a", 15), ("b", 132), ("c", 249)]


def test_the_least_loaded_pool_is_called(tmp_path):
    pools = {"ops": {"response_s": 0, "work_s": 1e5}, "others": {"response_s": 0, "work_s": 1e5}}
    found = play(tmp_path, **LONG, resets=CALL, people=pools, cells=cells("a", "b"), dispatch={"kind": "least_loaded"},
                 jobs=[{"kind": "list", "jobs": [{"job": "j"}, {"job": "k"}]}])  # fmt: skip
    assert [e.payload["pool"] for e in found.of("page.sent")][:2] == ["ops", "others"]


WRONG = {
    "no shift falls into it": [{"from": "06:00", "to": "07:00", "days": ["sun"]}],
    "lasts no time": [{"from": "06:00", "to": "06:00"}],
    "a time of day": [{"from": "6 am", "to": "14:00"}],
    "did you mean 'mon'": [EARLY | {"days": ["mn"]}],
}


@pytest.mark.parametrize("told", WRONG)
def test_shifts_in_which_nobody_would_be_there_are_refused(tmp_path, told):
    with pytest.raises(SpecError, match=told):
        opened(tmp_path, drawn(people={"ops": {"shifts": WRONG[told]}}))


def batch_means(values, batches=20):
    """Mean of correlated values and its standard error from batches."""
    parts = [part.mean() for part in np.array_split(np.asarray(values), batches)]
    return np.mean(parts), np.std(parts, ddof=1) / batches**0.5


def erlang_c_wait(c, load, service):
    """Mean wait of M/M/c (Erlang C): `load` offered in servers, `service` mean service time."""
    terms = [load**k / math.factorial(k) for k in range(c)]
    last = load**c / math.factorial(c) * c / (c - load)
    return last / (sum(terms) + last) * service / (c - load)


def test_jobs_on_cells_wait_as_long_as_in_m_m_c(tmp_path):
    mean, error = waits_of_jobs(tmp_path)
    assert abs(mean - erlang_c_wait(3, 2.4, 60)) < 4 * error and error < 0.25 * mean


def waits_of_jobs(folder):
    """Mean wait of jobs for one of three cells, and its standard error."""
    timed = {"entries": [{"results": [{"share": 1, "success": True, "duration_s": {"kind": "exponential", "mean": 60}}]}]}
    found = play(folder, outcomes=timed, resets=AUTO, cells=cells("a", "b", "c"), episode_timeout_s=1e6, duration_s=2e5,
                 jobs=[{"kind": "poisson", "per_hour": 144, "episodes": 1}])  # fmt: skip
    came = {e.job: e.t_us for e in found.of("job.arrived")}
    return batch_means([(e.t_us - came[e.job]) / 1e6 for e in found.of("job.assigned")])


def test_a_farm_whose_draws_are_all_alike_is_no_m_m_c(tmp_path, monkeypatch):
    monkeypatch.setattr("twin.farm.drawn.quantile", lambda law, u: 60.0)
    mean, error = waits_of_jobs(tmp_path)
    assert abs(mean - erlang_c_wait(3, 2.4, 60)) > 4 * error


def repairman_wait(n, c, up, down):
    """Mean wait for a repairman of M/M/c//N (finite source): n machines, up for `up`, repaired in `down`, c repairmen."""
    p = [1.0]
    for k in range(n):
        p.append(p[-1] * (n - k) / up / (min(k + 1, c) / down))
    p = np.array(p) / sum(p)
    waiting, rate = sum(max(0, k - c) * x for k, x in enumerate(p)), sum((n - k) / up * x for k, x in enumerate(p))
    return waiting / rate


def test_cells_wait_for_operators_as_long_as_machines_for_repairmen(tmp_path):
    ops = {"count": 2, "skills": ["reset"], "response_s": 0, "work_s": {"kind": "exponential", "mean": 200}}
    asked = [{"kind": "list", "jobs": [{"job": c, "on": c, "episodes": 10**5} for c in "abcdefgh"]}]
    found = play(tmp_path, outcomes=STUCK, resets=CALL, people={"ops": ops}, cells=cells(*"abcdefgh"), duration_s=4e5,
                 episode_timeout_s=1e6, jobs=asked)  # fmt: skip
    sent = {e.payload["page"]: e.t_us for e in found.of("page.sent")}
    mean, error = batch_means([(e.t_us - sent[e.payload["page"]]) / 1e6 for e in found.of("page.answered")])
    assert abs(mean - repairman_wait(8, 2, 600, 200)) < 4 * error and error < 0.15 * mean
