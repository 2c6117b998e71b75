import numpy as np
import pytest

from tests.farm.scenes import SCENE, Played, begun, breaks, cells, jobs, opened, scene
from twin.farm.lane import Lane

ROBOTS = {
    "arm": {"model": "ur3", "gripper": "g", "control_ms": 40, "sensors": ["eye"]},
    "fast": {"model": "panda", "gripper": "g", "control_ms": 20, "sensors": ["eye"]},
}
SLOW = cells("a1", "a2", link="l", compute="s")
FAST = [{"name": name, "robots": [{"robot": "fast"}], "link": "l", "compute": "t"} for name in ("f1", "f2")]
NOT_ITS_OWN = ("episode", "attempt_of", "data_uri")


def mixed(cells, **changes):
    pinned = jobs(*({"on": cell["name"], "episodes": 99, "job": cell["name"]} for cell in cells))
    faults = [
        {"component": "gripper", "mode": "slips", "onset": {"per_episode": 0.5}},
        {"component": "link", "mode": "loss", "loss": 0.2, "onset": {"rate_per_h": 600}, "duration_s": 2},
        breaks(1, "a2"),
    ]
    quick = {name: robot | {"reliability": {"repair_h": 0.0005}} for name, robot in ROBOTS.items()}
    ladder = [{"kind": "automatic", "attempts": 1, "seconds": 0.5, "success": 0.6}, {"kind": "person", "pool": "reset"}]
    parts = {
        "links": {"l": {"latency_ms": {"kind": "lognormal", "median": 20, "sigma": 0.5}, "loss": 0.02}},
        "compute": {"s": {"inference_ms": 30}, "t": {"inference_ms": 30}},
        "sensors": {"eye": {"kind": "camera", "noise": 0.002}},
        "people": {
            k: {"count": 4, "skills": [k], "response_s": {"kind": "exponential", "mean": 1}, "work_s": 1}
            for k in ("reset", "repair")
        },
    }
    made = scene(
        robots=quick, cells=cells, resets=ladder, jobs=pinned, episode_timeout_s=4, duration_s=25, faults=faults, **changes
    )
    made["fleet"] |= parts
    return made


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    return Played(opened(tmp_path_factory.mktemp("both"), mixed(SLOW + FAST)))


def test_at_equal_times_discrete_entries_come_first_and_then_lanes_by_index(tmp_path, monkeypatch):
    seen = []
    pop = "twin.core.clock.Clock.pop"
    from twin.core.clock import Clock

    inner = Clock.pop
    monkeypatch.setattr(pop, lambda self: seen.append(self.peek()[:2]) or inner(self))
    begun(opened(tmp_path, mixed(SLOW + FAST)), 6)
    shared = {when for when, rank in seen if rank == 1} & {when for when, rank in seen if rank == 2}
    assert seen == sorted(seen) and len(shared) > 100 and any(rank == 0 and when in shared for when, rank in seen)


def test_lanes_tick_at_their_own_periods(both):
    slow, fast = both.farm.lanes
    assert (slow.period_us, fast.period_us) == (40_000, 20_000)
    assert {row["robot_model"] for row in both.rows} == {"ur3", "panda"}
    assert fast.ticks > 1.5 * slow.ticks > 600


def test_a_second_lane_changes_no_bit_of_the_first(both, tmp_path):
    alone = Played(opened(tmp_path, mixed(SLOW)))
    rows = [
        [{k: v for k, v in row.items() if k not in NOT_ITS_OWN} for row in p.rows if row["cell"] < "b"] for p in (alone, both)
    ]
    assert rows[0] == rows[1] and len(rows[0]) > 8
    assert {row["end_reason"] for row in rows[0]} >= {"timeout", "crash"}


def test_a_lane_with_nothing_to_do_leaves_the_clock(tmp_path):
    farm = begun(opened(tmp_path, scene(jobs=jobs({}))), 30)
    assert farm.clock.entries() == [] and farm.episodes.running == [False] and farm.lanes[0].ticks == 10


def test_a_lane_comes_back_to_the_clock_on_its_own_grid(tmp_path, monkeypatch):
    when = []
    inner = Lane.tick
    monkeypatch.setattr(Lane, "tick", lambda self, now, log: when.append(now) or inner(self, now, log))
    begun(opened(tmp_path, scene(jobs=jobs({}, {"at_s": 7.3}))), 30)
    assert when[0] == 0 and when[10] == 7_400_000 and all(t % 200_000 == 0 for t in when)


def relay(others):
    """Cell a starts at the µs at which a tick of the later lane of b ends an episode; `others` keep its lane busy or not."""
    robots = SCENE["fleet"]["robots"] | {"late": SCENE["fleet"]["robots"]["arm"]}
    stand = cells("a", *others) + [{"name": "b", "robots": [{"robot": "late"}]}]
    pinned = jobs(*({"on": name, "episodes": 9} for name in ("a", "b", *others)))
    use = {"use": "strategies:Relay"}
    return scene(robots=robots, cells=stand, jobs=pinned, scheduler=use, episode_timeout_s=20, duration_s=40)


def test_when_a_cell_starts_does_not_depend_on_whether_its_lane_runs(tmp_path):
    alone, busy = (Played(opened(tmp_path, relay(others))) for others in ([], ["c"]))
    first = [next(row for row in played.rows if row["cell"] == "a") for played in (alone, busy)]
    assert [row["start_s"] for row in first] == [13.8, 13.8]
    assert first[0]["duration_s"] == first[1]["duration_s"] == 14.0


def test_a_promise_broken_by_the_last_step_of_an_episode_is_told_before_its_end(tmp_path, monkeypatch):
    late = np.array([[True, False, False, False]])
    monkeypatch.setattr(Lane, "_broken", lambda self, now_us, rows, true: late if now_us >= 2_000_000 else None)
    kinds = Played(opened(tmp_path, scene(duration_s=2.5))).kinds("filter.breach", "episode.end")  # the episode ends at 2 s
    assert kinds == ["filter.breach", "episode.end"]
