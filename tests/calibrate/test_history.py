"""What happened to each cell, on the clock of its own operation."""

import numpy as np
import pandas as pd
import pytest

from twin.calibrate.reliability import history
from twin.calibrate.reliability.inside import inside
from twin.log.episodes import episode_frame


def table(*rows):
    """(start, duration, symptoms) one row an episode of one cell."""
    return episode_frame(
        {
            "episode": i + 1,
            "source": "real",
            "schema": 1,
            "cell": "c1",
            "start_s": s,
            "duration_s": d,
            "censored": d is None,
            "symptoms": m,
        }
        for i, (s, d, m) in enumerate(rows)
    )


def events(*rows):
    names = ["t_s", "kind"]
    return pd.DataFrame([dict(zip(names, r, strict=True)) | {"cell": "c1", "payload": "{}", "episode": None} for r in rows])


QUIET = table((0.0, 10.0, []), (12.0, 10.0, []), (24.0, 10.0, []))


def test_the_clock_runs_in_episodes_only():
    told = history.happened(
        QUIET, events((5.0, "stop.protective"), (5.0, "stop.cleared"), (14.0, "stop.protective")), "protective_stop"
    )
    assert told[0].stretches[0].at == pytest.approx([5, 12]) and told[0].operated == pytest.approx(30)


def test_time_spent_stopped_is_no_operation():
    told = history.happened(
        QUIET, events((5.0, "stop.protective"), (9.0, "stop.cleared"), (14.0, "stop.protective")), "protective_stop"
    )
    assert told[0].stretches[0].at == pytest.approx([5, 8]) and told[0].operated == pytest.approx(26)


def test_an_episode_without_duration_parts_two_stretches():
    told = history.happened(table((0.0, 10.0, []), (12.0, None, []), (24.0, 10.0, ["grip_loss"])), None, "grip_loss")[0]
    assert [s.until for s in told.stretches] == [10, 10] and told.whole.at == pytest.approx([15])


def test_times_between_are_censored_at_the_end_and_the_first_ran_already():
    told = history.happened(QUIET, events((5.0, "stop.protective"), (14.0, "stop.protective")), "protective_stop")[0]
    new, times = told.times(new=True), told.times(new=False)
    assert times.t == pytest.approx([5, 7, 18]) and times.ended.tolist() == [True, True, False]
    assert times.running.tolist() == [True, False, False] and not new.running.any()


def test_what_never_happened_is_one_censored_time():
    told = history.happened(QUIET, events((0.0, "episode.start")), "breakage")[0]
    times = told.times(new=False)
    assert times.events == 0 and times.t.sum() == pytest.approx(30)


def test_what_a_stop_costs_is_told_by_the_cycles_that_had_one():
    rows = [(40.0 * i, 20.0, []) for i in range(6)] + [(240.0 + 60 * i, 35.0, ["protective_stop"]) for i in range(4)]
    stops = pd.DataFrame({"t_s": 1.0, "kind": "stop.protective", "cell": "c1", "payload": "{}", "episode": [7, 8, 9, 10]})
    assert history.time_lost(table(*rows), stops, placed=True) == pytest.approx([15] * 4)


def played(spread, cost, episodes=300, rate=0.01):
    """Episodes of about 20 s with stops at a rate, each cleared after 2 s and then `cost` more."""
    s, t, rows, told = np.random.default_rng(1), 0.0, [], []
    for k in range(episodes):
        own = 20 * np.exp(spread * s.standard_normal())
        at = np.sort(s.uniform(0, own, s.poisson(rate * own))) + (2 + cost) * np.arange(1)
        for i, a in enumerate(at):
            told += [
                (t + a + i * (2 + cost) + after, kind, k + 1) for after, kind in ((0, "stop.protective"), (2, "stop.cleared"))
            ]
        rows.append((t, own + (2 + cost) * at.size, ["protective_stop"] if at.size else []))
        t += rows[-1][1] + 3
    return table(*rows), pd.DataFrame([{"t_s": a, "kind": b, "cell": "c1", "payload": "{}", "episode": c} for a, b, c in told])


@pytest.mark.parametrize("cost", [0.0, 12.0])
def test_what_a_stop_costs_is_no_longer_the_more_episodes_vary(cost):
    lost = history.time_lost(*played(0.5, cost), placed=False)
    assert abs(lost.mean() - (2 + cost)) < 3 * lost.std() / np.sqrt(lost.size)


@pytest.mark.parametrize("spread", [0.05, 0.6])
def test_stops_at_a_rate_keep_to_no_place_however_long_episodes_take(spread):
    assert inside(*played(spread, 0.0, episodes=1000), ["c1"]).at_a_place() > 0.01


@pytest.mark.real
def test_moments_of_the_recording_are_those_that_were_counted(real_data):
    from twin.log.importer import import_events, import_log

    path = real_data / "ur3_cobotops" / "dataset_02052023.csv"
    told = import_events(path, "ur3_cobotops")
    assert (told["kind"] == "stop.protective").sum() == 108
    cell = history.happened(import_log(path, "ur3_cobotops"), told, "protective_stop")[0]
    assert np.nansum(cell.had) == 78 and cell.count <= 108


def stopped(rows):
    """Twelve episodes of 20 s with stops at the offsets of `rows`, each cleared after 2 s, and twelve without."""
    frame = table(*((30.0 * i, 20.0, ["protective_stop"] if i < len(rows) else []) for i in range(len(rows) + 12)))
    kinds = [(30.0 * i + at + after, i + 1, kind) for i, stops in enumerate(rows) for at in stops
             for after, kind in ((0.0, "stop.protective"), (2.0, "stop.cleared"))]  # fmt: skip
    told = pd.DataFrame([{"t_s": t, "kind": k, "cell": "c1", "payload": "{}", "episode": e} for t, e, k in kinds])
    return inside(frame, told, ["c1"])


def test_stops_that_begin_at_one_place_of_the_episode_are_no_rate_over_time():
    assert stopped([[3.0 + 0.1 * i] for i in range(12)]).at_a_place() < 1e-3
    assert stopped([[0.3 + 1.6 * i] for i in range(12)]).at_a_place() > 0.05
    assert stopped([[3.0]] * 9).at_a_place() is None


def test_a_stop_that_follows_the_end_of_another_is_brought_by_it():
    told = stopped([[3.0, 6.0]] * 6 + [[3.0]] * 6)
    known, p = told.followers(placed=True)
    assert told.again == pytest.approx([1.0] * 6) and known.value == pytest.approx(6 / 18) and p == 0


def test_stops_at_a_rate_that_follow_each_other_by_chance_bring_none():
    assert stopped([[2.0, 11.0], [7.0], [16.0], []] * 6).followers(placed=False) is None
