"""When faults begin: on events, and drawn over targets and time."""

from __future__ import annotations

import numpy as np
import pytest

from tests.farm.scenes import cells, opened, play, scene
from twin.core.errors import SpecError

STUCK = {"component": "sensor", "mode": "stuck", "joint": 0, "duration_s": 0.1}
BOTH = cells("a", "b")


def on(names):
    """Work without an end for each cell."""
    return [{"kind": "list", "jobs": [{"job": name, "on": name, "episodes": 999} for name in names]}]


def onsets(played, cell=None):
    return [event.t_us / 1e6 for event in played.of("fault.onset", cell=cell)]


def test_a_fault_follows_every_event_of_its_cell_after_its_delay(tmp_path):
    fault = STUCK | {"target": "b", "onset": {"event": "episode.end", "delay_s": 0.5}}
    played = play(tmp_path, cells=BOTH, jobs=on("ab"), faults=[fault])
    ends = [event.t_us / 1e6 for event in played.of("episode.end", cell="b")]
    assert onsets(played) == onsets(played, "b") == [end + 0.5 for end in ends if end < 29.5] and len(ends) > 5


def test_it_follows_as_likely_as_its_probability_says(tmp_path):
    fault = STUCK | {"onset": {"event": "episode.start", "probability": 0.3}}
    played = play(tmp_path, faults=[fault], duration_s=900)
    begun = len(played.of("episode.start"))
    assert len(onsets(played)) == pytest.approx(0.3 * begun, abs=3 * np.sqrt(0.21 * begun)) and begun > 200


def test_in_an_episode_it_begins_so_long_after_the_start(tmp_path):
    played = play(tmp_path, faults=[STUCK | {"onset": {"per_episode": 1, "after_s": 0.7}}])
    starts = [event.t_us / 1e6 for event in played.of("episode.start")]
    assert onsets(played) == pytest.approx([t + 0.7 for t in starts if t < 29.3]) and len(starts) > 5


def test_a_fault_of_people_follows_an_event_of_any_cell(tmp_path):
    away = {"component": "people", "mode": "absent", "target": "ops", "onset": {"event": "reset.stuck"}, "duration_s": 3}
    stuck = [{"kind": "person", "pool": "ops", "deadline_s": 60}]
    played = play(tmp_path, cells=BOTH, jobs=on("ab"), resets=stuck, faults=[away])
    first = played.of("reset.stuck")[0].t_us
    assert onsets(played)[0] == first / 1e6 and played.farm.receipts()[0]["status"] == "acted"


def test_onsets_that_are_drawn_are_so_many_in_all_spread_over_targets_and_time(tmp_path):
    fault = STUCK | {"onset": {"drawn": 60}}
    played = play(tmp_path, cells=cells("a", "b", "c"), jobs=on("abc"), faults=[fault], duration_s=300)
    rows = played.farm.receipts()
    assert sum(fault.onsets + fault.coincident for fault in played.farm.trouble.injections) == 60 and len(rows) == 3
    assert min(len(onsets(played, name)) for name in "abc") >= 10
    assert np.histogram(onsets(played), bins=3, range=(0, 300))[0].min() >= 10
    assert onsets(play(tmp_path, cells=cells("a", "b", "c"), jobs=on("abc"), faults=[fault], duration_s=300)) == onsets(played)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"onset": {"at_s": 3, "clock": "operating"}}, "'clock' goes only with moments or table"),
        ({"onset": {"at_s": 3, "probability": 0.5}}, "'probability' goes only with event"),
        ({"onset": {"rate_per_h": 3, "delay_s": 2}}, "'delay_s' goes only with event"),
        ({"onset": {"event": "episode.start", "within_s": 3}}, "'within_s' goes only with per_episode"),
        ({"onset": {"at_s": 3, "after_s": 2}}, "'after_s' goes only with per_episode"),
        ({"onset": {"per_episode": 1, "within_s": 3, "after_s": 2}}, "needs one of 'within_s' and 'after_s'"),
        ({"onset": {"at_s": 3}, "duration_s": 0}, "must not be 0: that would change nothing"),
        ({"onset": {"at_s": 3}, "thing": 1}, "a sensor of joint has no 'thing'"),
    ],
)
def test_a_key_that_would_do_nothing_is_refused(tmp_path, change, told):
    with pytest.raises(SpecError, match=told):
        opened(tmp_path, scene(faults=[STUCK | change]))


def test_a_stop_that_brings_another_is_one_of_its_own_cell_and_its_own_fault(tmp_path):
    def stop(name, **more):
        return {"component": "safety", "mode": "protective_stop", "name": name, "recover_s": 1, "target": "a"} | more

    again = stop("more", onset={"event": "stop.cleared", "of": "lead*", "delay_s": 0.5})
    leads = [
        stop("leader", onset={"at_s": 3}),
        stop("leader there", onset={"at_s": 9}, target="b"),
        stop("other", onset={"at_s": 15}),
    ]
    played = play(tmp_path, cells=BOTH, jobs=on("ab"), faults=[*leads, again], duration_s=25)
    assert [(e.cell, e.payload["reason"]) for e in played.of("stop.protective")] == [
        ("a", "leader"), ("a", "more"), ("b", "leader there"), ("a", "other")
    ]  # fmt: skip


def test_what_a_stop_came_of_is_asked_of_stops_only(tmp_path):
    with pytest.raises(SpecError, match="'of' goes only with the event of a stop"):
        play(tmp_path, faults=[STUCK | {"onset": {"event": "episode.end", "of": "x"}}])
