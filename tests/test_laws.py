"""Laws of every farm, whatever its fleet, its jobs and its luck."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.farm.scenes import SCENE, Played, fails, opened, scene

DURATION_S = 100
RESPONSES = st.sampled_from([1, 8, 500])
RUNGS = st.one_of(
    st.fixed_dictionaries(
        {
            "kind": st.just("automatic"),
            "attempts": st.integers(1, 2),
            "seconds": st.sampled_from([0, 1, 2.5]),
            "success": st.sampled_from([0, 0.5, 1]),
        }
    ),
    st.fixed_dictionaries({"kind": st.just("person"), "pool": st.just("ops"), "deadline_s": st.sampled_from([2, 15, 40])}),
)
ONSETS = st.one_of(
    st.fixed_dictionaries({"at_s": st.integers(0, DURATION_S)}),
    st.fixed_dictionaries({"rate_per_h": st.sampled_from([100, 600])}),
    st.fixed_dictionaries({"per_episode": st.sampled_from([0.2, 1])}),
)
FAULTS = st.builds(
    lambda kind, onset, target, duration: kind | {"onset": onset, "target": target} | duration,
    st.sampled_from(
        [
            {"component": "joint", "mode": "breaks"},
            {"component": "safety", "mode": "protective_stop", "recover_s": 1},
            {"component": "safety", "mode": "protective_stop", "recover_s": 0},
            {"component": "actuator", "mode": "weak", "joint": 2, "torque": 0},
        ]
    ),
    ONSETS,
    st.sampled_from(["*", "c01"]),
    st.sampled_from([{}, {"duration_s": 3}]),
)
JOB = st.fixed_dictionaries(
    {"at_s": st.integers(0, 60), "episodes": st.integers(1, 4), "retries": st.integers(0, 1)},
    optional={"on": st.sampled_from(["c01", "c*"]), "deadline_s": st.sampled_from([3, 30])},
)


@st.composite
def farms(draw):
    people = SCENE["fleet"]["people"]
    pools = {
        "ops": people["ops"] | {"count": draw(st.integers(1, 2)), "response_s": draw(RESPONSES)},
        "techs": people["techs"] | {"response_s": draw(RESPONSES)},
    }
    group = {"name": "c", "count": draw(st.integers(1, 3)), "robots": [{"robot": "arm"}]}
    if draw(st.booleans()):
        group["duty"] = {"work_h": 5 / 3600, "rest_min": draw(st.sampled_from([0.1, 0.5]))}
    if draw(st.booleans()):
        group["maintenance"] = [{"at_h": draw(st.integers(0, 50)) / 3600, "for_h": 9 / 3600, "every_h": 40 / 3600}]
    robots = fails(scale=draw(st.sampled_from([10, 1000])) / 3600, repair_h=draw(st.sampled_from([0.5, 10])) / 3600)
    listed = [job | {"job": f"j{i}"} for i, job in enumerate(draw(st.lists(JOB, min_size=1, max_size=6)))]
    load = [{"kind": "list", "jobs": listed}, {"kind": "poisson", "per_hour": 200, "episodes": 2}]
    parts = {"people": pools, "cells": [group], "robots": robots, "resets": draw(st.lists(RUNGS, max_size=3))}
    faults = draw(st.lists(FAULTS, max_size=3))
    return scene(**parts, jobs=load, faults=faults, seed=draw(st.integers(0, 99)), duration_s=DURATION_S)


def played(made):
    with tempfile.TemporaryDirectory() as folder:
        return Played(opened(Path(folder), made))


def jobs_are_conserved(run):
    """arrived = done + failed + cancelled + queued + assigned, and each job takes legal steps only."""
    state = {}
    after = {"arrived": (None,), "assigned": ("arrived", "returned"), "returned": ("assigned",), "done": ("assigned",)}
    for event in run.of("job"):
        step = event.kind.removeprefix("job.")
        assert state.get(event.job) in after.get(step, ("arrived", "returned", "assigned")), event
        state[event.job] = step
    is_open = {name for name, step in state.items() if step not in ("done", "failed", "cancelled")}
    kept = {name: job for name, job in run.farm.work.jobs.items() if not job.closed}
    assert is_open == set(kept)
    assert all((state[name] == "assigned") == (job.state == "assigned") for name, job in kept.items())


def episodes_do_not_overlap(run):
    """started = ended + running; between two starts in a cell lies an end, its reset and, for a new job, a new lease."""
    running, job = {}, {}
    for event in run.of("episode.start", "episode.end", "authority.granted", "authority.released"):
        if event.kind == "episode.start":
            assert running.setdefault(event.cell, None) is None and job[event.cell] == event.job
            running[event.cell] = event.episode
        elif event.kind == "episode.end":
            assert running[event.cell] == event.episode
            running[event.cell] = None
        else:
            job[event.cell] = event.job if event.kind == "authority.granted" else None
    busy = {name: cell.episode for name, cell in run.farm.cells.items() if cell.state == "episode"}
    assert {name: episode for name, episode in running.items() if episode is not None} == busy
    assert len(run.rows) == run.kinds("episode").count("episode.start")


def nothing_waits_for_ever(run):
    """Whoever was stuck or broken is in order again, out of service, or waits for something that has an end and is named."""
    lines = {line.split()[1].rstrip(":"): line for line in run.farm.pending() if line.startswith("cell ")}
    pages = {line.split()[5].rstrip(":"): line for line in run.farm.pending() if line.startswith("page ")}
    for name, cell in run.farm.cells.items():
        if cell.state in ("stuck", "broken"):
            assert "until" in lines[name] or pages[name].endswith("working")
        assert cell.state != "out" or cell.job is None
        assert cell.state != "leased"
        waits = list(cell.timers.values())
        steps = cell.state == "test" and cell.row in run.farm.lanes[cell.lane].rows
        assert cell.state in ("free", "out", "stuck", "broken") or waits or steps
    assert len(pages) == len(run.farm.recovery.people.pages)
    assert {page.cell.name for page in run.farm.recovery.people.pages.values()} <= set(lines)


def everyone_works_at_one_cell(run):
    at = {}
    for event in run.of("person"):
        person = event.payload["person"]
        assert at.get(person) == (None if event.kind == "person.busy" else event.cell)
        at[person] = event.cell if event.kind == "person.busy" else None
    busy = [page.person for page in run.farm.recovery.people.pages.values() if page.person]
    free = [person for people in run.farm.recovery.people.free.values() for person in people]
    assert len(busy + free) == len({*busy, *free}) == sum(spec.count for spec in run.farm.recovery.specs.values())


def every_fault_is_accounted_for(run):
    """A fault that acted had a while to act in; a fault that never began did nothing; none is applied without effect."""
    for receipt in run.farm.receipts():
        assert receipt["status"] in ("not_due", "masked", "acted")
        assert (receipt["onset_s"] is None) == (receipt["status"] == "not_due")
        assert receipt["status"] != "acted" or receipt["effect"] > 0


def time_is_accounted_for(run):
    """Events come in order of time and number; their causes came before them."""
    assert [e.seq for e in run.events] == list(range(1, len(run.events) + 1))
    assert all(0 <= e.t_us < DURATION_S * 1e6 for e in run.events)
    assert all(a.t_us <= b.t_us for a, b in zip(run.events, run.events[1:], strict=False))
    assert all(e.cause is None or e.cause < e.seq for e in run.events)


@settings(max_examples=25)
@given(farms())
def test_whatever_happens_the_laws_of_a_farm_hold(made):
    run = played(made)
    jobs_are_conserved(run)
    episodes_do_not_overlap(run)
    nothing_waits_for_ever(run)
    everyone_works_at_one_cell(run)
    every_fault_is_accounted_for(run)
    time_is_accounted_for(run)
