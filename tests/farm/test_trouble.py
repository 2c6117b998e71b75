import numpy as np
import pytest
from scipy.special import gamma

from tests.farm.scenes import SCENE, breaks, cells, fails, jobs, opened, play, scene
from twin.build import build

SLOW = {"ops": SCENE["fleet"]["people"]["ops"], "techs": {"skills": ["repair"], "response_s": 5, "work_s": 1}}


def stop(at_s, recover_s=1, **more):
    return {"component": "safety", "mode": "protective_stop", "onset": {"at_s": at_s}, "recover_s": recover_s, **more}


def receipts(played):
    return [(r["status"], r["effect"], r["onset_s"], r["cleared_s"]) for r in played.farm.trouble.receipts()]


def test_drawn_times_to_failure_agree_with_the_weibull_law(tmp_path):
    many = scene(robots=fails(shape=1.5, scale=2.0), cells=[{"name": "c", "count": 600, "robots": [{"robot": "arm"}]}])
    farm = build(opened(tmp_path, many), "run", 1)
    farm.begin()
    hours = np.array([lives["robot"].ends_us for lives in farm.wear.lives.values()]) / 3.6e9
    assert hours.mean() == pytest.approx(2.0 * gamma(1 + 1 / 1.5), rel=0.08)
    assert (hours <= 2.0).mean() == pytest.approx(1 - np.exp(-1), abs=0.06)


def test_only_operating_time_wears_a_robot_out(tmp_path):
    played = play(
        tmp_path,
        robots=fails(shape=50, scale=5 / 3600),
        resets=[{"kind": "automatic", "seconds": 10, "success": 1}],
        duration_s=40,
    )
    (broke, *_) = played.of("repair.start")
    operated = sum(row["duration_s"] for row in played.rows if row["end_reason"] and row["start_s"] < broke.t_us / 1e6)
    assert operated == pytest.approx(5, rel=0.1) and broke.t_us > 20e6


def test_a_repaired_robot_is_as_good_as_new(tmp_path):
    played = play(tmp_path, robots=fails(shape=50, scale=3 / 3600, repair_h=1 / 3600), duration_s=90)
    starts = [e.t_us / 1e6 for e in played.of("repair.start")]
    assert len(starts) >= 4 and min(np.diff(starts)) > 3 * 0.8
    assert played.kinds("repair").count("repair.done") in (len(starts), len(starts) - 1)


def test_wear_has_a_receipt_with_hours_out_of_service_and_in_operation(tmp_path):
    played = play(tmp_path, robots=fails(shape=50, scale=3 / 3600, repair_h=1 / 3600), duration_s=60)
    (wear,) = played.farm.receipts()
    down = [e.t_us / 3.6e9 for e in played.of("repair.done")]
    up = [e.t_us / 3.6e9 for e in played.of("repair.start")]
    assert wear["status"] == "acted" and wear["effect"] == pytest.approx(
        sum(down) + (len(up) > len(down)) * 60 / 3600 - sum(up)
    )
    assert wear["exposed_s"] == pytest.approx(sum(row["duration_s"] for row in played.rows))


def test_a_stop_holds_the_robot_and_the_episode_goes_on(tmp_path):
    played = play(tmp_path, episode_timeout_s=30, faults=[stop(3, 4)], duration_s=20)
    told = [("stop.protective", 3), ("stop.standstill", 3), ("stop.reset", 7), ("stop.cleared", 7.5)]
    assert [(e.kind, e.t_us / 1e6) for e in played.of("stop")] == told
    assert receipts(played) == [("acted", 4.5, 3.0, 7.5)]
    made_up = 13.8 + 4.5  # all that the stop dropped is done after it; an episode ends with a chunk of 2 s
    assert made_up <= played.rows[0]["duration_s"] < made_up + 2 and played.rows[0]["label"] is True


def test_too_many_stops_end_the_episode_once_the_last_is_unlocked(tmp_path):
    once = {"arm": SCENE["fleet"]["robots"]["arm"] | {"stops_per_episode": 2}}
    played = play(tmp_path, robots=once, episode_timeout_s=30, faults=[stop(1), stop(3)], duration_s=20)
    assert (played.rows[0]["end_reason"], played.rows[0]["duration_s"]) == ("stop", 4.0)
    assert [r[0] for r in receipts(played)] == ["acted", "acted"]


def test_a_stop_outlives_the_episode_that_it_interrupts_and_the_reset_waits_for_its_start(tmp_path):
    played = play(tmp_path, faults=[stop(1, 3)], duration_s=8)
    assert played.rows[0]["end_reason"] == "timeout" and played.rows[0]["duration_s"] == 2.0
    times = {e.kind: e.t_us / 1e6 for e in reversed(played.of("stop", "reset.start"))}
    assert times["stop.reset"] == 4 and times["stop.cleared"] == times["reset.start"] == 4.5


def test_a_stop_takes_a_cell_out_of_its_automatic_reset(tmp_path):
    slow = [{"kind": "automatic", "attempts": 2, "seconds": 5, "success": 1}]
    played = play(tmp_path, resets=slow, faults=[stop(3, 2)], duration_s=12)
    assert [e.t_us / 1e6 for e in played.of("reset")] == [2, 5.5, 10.5]
    assert receipts(played) == [("acted", 2.5, 3.0, 5.5)]


def test_a_stop_that_the_end_of_the_run_cuts_off_has_acted_so_far(tmp_path):
    played = play(tmp_path, episode_timeout_s=30, faults=[stop(3, 99)], duration_s=8)
    assert receipts(played) == [("acted", 5.0, 3.0, None)]


def test_a_stop_of_an_idle_cell_is_masked(tmp_path):
    played = play(tmp_path, jobs=jobs({"at_s": 10}), faults=[stop(3)])
    assert receipts(played) == [("masked", None, 3.0, 3.0)]


def test_a_fault_due_at_the_very_end_is_not_due(tmp_path):
    played = play(tmp_path, faults=[breaks(30), stop(30)], duration_s=30)
    assert [r[0] for r in receipts(played)] == ["not_due", "not_due"]


def test_a_planned_breakage_lasts_until_the_repair(tmp_path):
    quick = {"arm": SCENE["fleet"]["robots"]["arm"] | {"reliability": {"repair_h": 0.001}}}
    played = play(tmp_path, robots=quick, faults=[breaks(1)], duration_s=12)
    assert receipts(played) == [("acted", pytest.approx(8.6 / 3600), 1.0, 9.6)]
    assert played.kinds("fault") == ["fault.onset", "fault.cleared"]


def test_a_fault_at_a_rate_comes_again_after_one_that_overlapped(tmp_path):
    often = {"component": "sensor", "mode": "stuck", "joint": 0, "onset": {"rate_per_h": 1800}, "duration_s": 6}
    played = play(tmp_path, faults=[often], duration_s=300)
    assert played.kinds("fault").count("fault.onset") == pytest.approx(300 / (6 + 2), abs=9)
    assert max(np.diff([e.t_us / 1e6 for e in played.of("fault.onset")])) < 25


def test_a_fault_of_an_episode_ends_with_it(tmp_path):
    played = play(
        tmp_path, faults=[{"component": "sensor", "mode": "stuck", "joint": 0, "onset": {"per_episode": 1, "within_s": 1}}]
    )
    spans = [e.t_us for e in played.of("fault.onset", "fault.cleared", "episode.end")]
    assert played.kinds("fault", "episode.end")[:3] == ["fault.onset", "episode.end", "fault.cleared"]
    assert spans[1] == spans[2] == 2_000_000
    assert all(row["injected"] == ["sensor-stuck-1"] for row in played.rows if row["end_reason"])


def test_one_cells_faults_do_not_move_when_another_cell_is_added(tmp_path):
    fault = {"component": "safety", "mode": "protective_stop", "onset": {"rate_per_h": 600}, "recover_s": 1}
    one = play(tmp_path, faults=[fault], jobs=jobs({"on": "a", "episodes": 99}))
    two = play(
        tmp_path, faults=[fault], cells=cells("z", "a"), jobs=jobs({"on": "z", "episodes": 99}, {"on": "a", "episodes": 99})
    )
    assert [e.t_us for e in one.of("fault.onset")] == [e.t_us for e in two.of("fault.onset", cell="a")]
