"""Who gets which cell: every built-in scheduler, and what holds for all of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.farm.drawn import AUTO, OPS, SURE, drawn, play
from tests.farm.scenes import Played, breaks, cells, fails, opened
from twin.core.errors import SpecError
from twin.farm.schedulers import FairShare, Priority
from twin.farm.work import Work

KINDS = ("fifo", "priority", "fair_share", "earliest_deadline", "batch_by_setup")
TASKS = ("pick", "push")


def listed(*kinds, **more):
    return [{"kind": "list", "jobs": [{"job": f"j{i + 1}"} | job | more for i, job in enumerate(kinds)]}]


def order(found):
    return [e.job for e in found.of("job.assigned")]


def test_priority_comes_first_and_waiting_makes_up_for_it(tmp_path):
    asked = listed({}, {"priority": 1, "at_s": 10}, {"priority": 1, "at_s": 1000}, {"at_s": 1001}, episodes=20)
    found = play(tmp_path, jobs=asked, outcomes=SURE, scheduler={"kind": "priority", "level_min": 16.5})
    assert order(found) == ["j1", "j2", "j3", "j4"]


@settings(max_examples=10)
@given(data=st.data())
def test_nobody_is_passed_by_a_job_that_came_too_late_to_pass_it(tmp_path_factory, data):
    """The bound on starvation: a job is passed only by those that came within `level_min` × the difference of priorities."""
    asked = data.draw(
        st.lists(st.fixed_dictionaries({"priority": st.integers(0, 5), "at_s": st.integers(0, 9000)}), min_size=9)
    )
    found = play(tmp_path_factory.mktemp("p"), jobs=listed(*asked, episodes=10), outcomes=SURE,
                 scheduler={"kind": "priority", "level_min": 10})  # fmt: skip
    nobody_is_passed_too_late(found, asked, level_s=600, job_s=520)


def nobody_is_passed_too_late(found, asked, level_s, job_s):
    """Whoever was served earlier came within a level's time of each priority that it has more."""
    turn = order(found)
    for early in range(len(turn)):
        for late in turn[early + 1 :]:
            passed, by = (asked[int(name[1:]) - 1] for name in (late, turn[early]))
            assert by["at_s"] <= passed["at_s"] + level_s * max(0, by["priority"] - passed["priority"]) + job_s


def test_a_priority_that_never_ages_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(Priority, "place", lambda _, job: (-job.asks["priority"],))
    asked = [{"priority": 0, "at_s": 0}] + [{"priority": 5, "at_s": 400 * i} for i in range(15)]
    found = play(tmp_path, jobs=listed(*asked, episodes=10), outcomes=SURE, scheduler={"kind": "priority", "level_min": 10})
    with pytest.raises(AssertionError):
        nobody_is_passed_too_late(found, asked, level_s=600, job_s=520)


def test_the_earliest_deadline_is_served_first(tmp_path):
    asked = listed({}, {}, {"deadline_s": 1e5}, {"deadline_s": 2e4}, episodes=2)
    found = play(tmp_path, jobs=asked, outcomes=SURE, scheduler={"kind": "earliest_deadline"})
    assert order(found) == ["j4", "j3", "j1", "j2"]


def test_batching_saves_set_ups_until_somebody_waited_too_long(tmp_path):
    asked = listed(*[{"task": TASKS[i % 2]} for i in range(20)], episodes=4)
    where = cells("a", tasks=list(TASKS), setup_s=100)
    changes = {
        kind: len([e for e in play(tmp_path, jobs=asked, cells=where, outcomes=SURE, scheduler=given).of("reset.done")
                   if e.payload["reset"] == "setup"])
        for kind, given in {"fifo": {}, "batch": {"kind": "batch_by_setup"},
                            "impatient": {"kind": "batch_by_setup", "longest_wait_min": 0.01}}.items()
    }  # fmt: skip
    assert changes["fifo"] == changes["impatient"] == 19 and changes["batch"] < 10


def shares(found, until_us):
    """Robot-time by owner, from the leases that the log tells of."""
    owner = {e.job: e.payload["owner"] for e in found.of("job.arrived")}
    had, since = dict.fromkeys(owner.values(), 0), {}
    for e in found.of("authority"):
        if e.kind == "authority.granted":
            since[e.cell] = (owner[e.job], e.t_us)
        elif e.kind == "authority.released":
            who, t = since.pop(e.cell)
            had[who] += e.t_us - t
    for who, t in since.values():
        had[who] += until_us - t
    return {who: us / sum(had.values()) for who, us in had.items()}


@settings(max_examples=6)
@given(weights=st.lists(st.integers(1, 5), min_size=2, max_size=4), size=st.integers(1, 3), long=st.sampled_from([9, 40, 400]))
def test_over_a_saturated_shift_owners_get_their_weights_within_five_per_cent(tmp_path_factory, weights, size, long):
    names = [f"o{i}" for i in range(len(weights))]
    given_ = {"kind": "fair_share", "weights": dict(zip(names, weights, strict=True)), "quantum_min": 5}
    asked = listed(*[{"owner": who, "episodes": long} for _ in range(3600 // long + 4) for who in names])
    found = play(tmp_path_factory.mktemp("f"), jobs=asked, outcomes=SURE, duration_s=8 * 3600,
                 cells=cells(*"abcd"[:size]), resets=[AUTO | {"success": 1}],
                 scheduler=given_)  # fmt: skip
    assert shares_are_fair(found, given_["weights"], size)


TURN_S = 5 * 60 + 55
"""A quantum, and the episode that is finished."""


def shares_are_fair(found, weights, size):
    """Each owner had what its weight says within 5 %, or one turn on one cell."""
    got, total = shares(found, 8 * 3600 * 10**6), sum(weights.values())
    slack = TURN_S / (8 * 3600 * size)
    return all(abs(got[who] - w / total) <= max(0.05 * w / total, slack) for who, w in weights.items())


def test_a_fair_share_that_does_not_look_at_weights_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(FairShare, "weight", lambda *_: 1.0)
    weights = {"x": 1, "y": 3}
    asked = listed(*[{"owner": who, "episodes": 40} for _ in range(90) for who in weights])
    given_ = {"kind": "fair_share", "weights": weights, "quantum_min": 5}
    found = play(tmp_path, jobs=asked, outcomes=SURE, duration_s=8 * 3600, cells=cells("a", "b"),
                 resets=[AUTO | {"success": 1}], scheduler=given_)  # fmt: skip
    assert not shares_are_fair(found, weights, 2)


def test_a_lease_ends_between_two_episodes_and_its_job_goes_on_later(tmp_path):
    asked = listed({"owner": "a", "episodes": 60}, {"owner": "b", "episodes": 10, "at_s": 5})
    found = play(tmp_path, jobs=asked, outcomes=SURE, scheduler={"kind": "fair_share"})
    assert order(found)[:3] == ["j1", "j2", "j1"] and found.of("job.returned")[0].payload["reason"] == "released"
    assert {e.job for e in found.of("job.done")} == {"j1", "j2"}
    assert [e.episode for e in found.of("data.rejected")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_scheduler_asks_for_a_cell_with_a_fault_that_is_known(tmp_path, kind):
    stop = {"name": "door", "component": "safety", "mode": "protective_stop", "announced": True, "target": "a",
            "onset": {"at_s": 1}, "recover_s": 5000}  # fmt: skip
    made = drawn(cells=cells("a", "b"), jobs=listed(*[{"episodes": 1}] * 9), outcomes=SURE, faults=[stop],
                 scheduler={"kind": kind}, duration_s=4000)  # fmt: skip
    found = Played(opened(tmp_path, made))
    assert [e.cell for e in found.of("job.assigned")][2:] == ["b"] * 7


WRONG = {
    "add up to nothing": {"kind": "fair_share", "weights": {"a": 0, "b": 0}},
    "at least 0": {"kind": "fair_share", "weights": {"a": -1}},
    "did you mean 'priority'": {"kind": "priorty"},
}


@pytest.mark.parametrize("told", WRONG)
def test_a_scheduler_that_would_serve_nobody_is_refused(tmp_path, told):
    with pytest.raises(SpecError, match=told):
        opened(tmp_path, drawn(scheduler=WRONG[told]))


fleets = st.fixed_dictionaries(
    {
        "n": st.integers(1, 4),
        "work": st.lists(
            st.fixed_dictionaries(
                {
                    "task": st.sampled_from(TASKS), "episodes": st.integers(1, 9), "retries": st.integers(0, 2),
                    "owner": st.sampled_from("xyz"), "priority": st.integers(0, 3), "at_s": st.integers(0, 3000),
                },
                optional={"deadline_s": st.integers(1, 4000), "on": st.sampled_from(["a", "a*", "b"])},
            ), min_size=1, max_size=12,
        ),
        "wear_h": st.sampled_from([0.05, 0.3, 50.0]),
        "success": st.sampled_from([0.2, 0.9]),
        "duty": st.booleans(), "slow": st.booleans(), "seed": st.integers(0, 10**6),
    }
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10)
@given(fleet=fleets)
def test_no_job_is_lost_or_run_twice_and_no_cell_is_left_alone(tmp_path_factory, kind, fleet):
    where = cells("a", "b", "aa", "c", tasks=list(TASKS), setup_s=3)[: max(2, fleet["n"])]
    if fleet["duty"]:
        where[0]["duty"] = {"work_h": 0.1, "rest_min": 5}
    made = drawn(cells=where, jobs=listed(*fleet["work"]), robots=fails(scale=fleet["wear_h"]), scheduler={"kind": kind},
                 resets=[AUTO | {"success": fleet["success"]}, OPS, OPS | {"deadline_s": 300}], faults=[breaks(700, "a")],
                 people=staff(5000 if fleet["slow"] else 30), duration_s=6000)  # fmt: skip
    found = Played(opened(tmp_path_factory.mktemp("c"), made, seed=fleet["seed"]))
    balance(found)
    tended(found)
    assert left_alone(found.events, 6000 * US) == []


def balance(found):
    """Offered = done + failed + cancelled + queued + running, by name, each in one place; an episode has one lease."""
    end = {kind: [e.job for e in found.of(f"job.{kind}")] for kind in ("arrived", "done", "failed", "cancelled")}
    closed = end["done"] + end["failed"] + end["cancelled"]
    open_ = [j.name for j in found.farm.work.jobs.values() if not j.closed]
    assert sorted(end["arrived"]) == sorted(closed + open_) and len(set(end["arrived"])) == len(end["arrived"])
    holder = {}
    for e in found.of("authority.granted", "authority.released"):
        if e.kind == "authority.granted":
            assert e.job not in holder and e.cell not in holder.values()
            holder[e.job] = e.cell
        else:
            assert holder.pop(e.job) == e.cell


def test_a_farm_that_loses_the_job_of_a_broken_robot_is_found_out(tmp_path, monkeypatch):
    monkeypatch.setattr(Work, "give_back", lambda work, cell, reason: work.jobs.pop(cell.job, None))
    found = play(tmp_path, outcomes=SURE, faults=[breaks(700, "a")], people=staff(30), duration_s=2000)
    with pytest.raises(AssertionError):
        balance(found)


def tended(found):
    """Every cell that is stuck or broken is recovered, given up, or has a call or a deadline that is still to come."""
    times = {order for _, _, order, *_ in found.farm.clock.entries()}
    for cell in found.farm.cells.values():
        if cell.state in ("stuck", "broken"):
            assert cell.page is not None or times & set(cell.timers.values())


US = 10**6
CRIES = ("reset.stuck", "repair.start")
HEARD = ("page.answered", "reset.start", "reset.done", "reset.abandoned", *CRIES)


def staff(response_s):
    return {"ops": {"skills": ["reset"], "response_s": response_s, "work_s": 40},
            "techs": {"skills": ["repair"], "response_s": 2 * response_s, "work_s": 40}}  # fmt: skip


def left_alone(events, end_us):
    """Cries that nobody heard within their deadline: no named person came, no rung was tried, the cell was not given up."""
    waiting, late = {}, []
    for e in events:
        cry = waiting.pop(e.cell, None) if e.kind in HEARD else None
        if cry is not None:
            due = cry.t_us + round(cry.payload["deadline_s"] * US)
            named = e.kind != "page.answered" or e.payload["person"]
            late += [cry.seq] if e.t_us > due or not named else []
        if e.kind in CRIES:
            waiting[e.cell] = e
    return late + [cry.seq for cry in waiting.values() if cry.t_us + round(cry.payload["deadline_s"] * US) < end_us]


def test_a_cry_that_nobody_heard_is_found(tmp_path):
    found = play(tmp_path, outcomes=SURE, faults=[breaks(700, "a")], people=staff(30), duration_s=6000)
    assert left_alone(found.events, 6000 * US) == [] and found.of("page.answered")
    first = found.of(*CRIES)[0]
    assert left_alone([e for e in found.events if e.kind not in HEARD or e is first], 6000 * US) == [first.seq]
