"""A user's filter that breaks in the middle of things: its cell stops by category 1, the log names it, the others go on."""

import pytest

from tests.farm.scenes import SCENE, cells, jobs, play

FAST = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 40, "stops_per_episode": 1, "stop_recover_s": 1}}
WORDS = {"raise": "raised ZeroDivisionError: no time left (filters.py:", "shape": "returned", "nan": "not finite"}


def broken(folder, filter_):
    """Cell b begins later than a: a filter of its own that fails after so many ticks is not there yet when the run ends."""
    pinned = jobs({"on": "a", "episodes": 9}, {"on": "b", "episodes": 9, "at_s": 2})
    guards = [{"kind": "joint_limits"}, filter_]
    return play(folder, robots=FAST, cells=cells("a", "b"), jobs=pinned, filters=guards, duration_s=5.5)


@pytest.mark.parametrize("how", WORDS)
@pytest.mark.parametrize(("kind", "name"), [("Fails", "mine"), ("Alone", "alone")])
def test_a_filter_that_fails_about_one_cell_stops_that_cell_and_no_other(tmp_path, kind, name, how):
    played = broken(tmp_path, {"use": f"filters:{kind}", "with": {"how": how, "after": 80}})
    first, stop = played.of("filter.failed")[0], played.of("stop.protective")[0]
    assert first.payload["filter"] == name and WORDS[how] in first.payload["error"]
    assert (stop.cell, stop.t_us, stop.payload["category"]) == ("a", first.t_us, 1)
    assert {e.cell for e in played.of("stop.protective", "filter.failed")} == {"a"}
    assert next(row["end_reason"] for row in played.rows if row["cell"] == "b") == "timeout"  # as episodes here end


def test_a_failure_is_told_once_a_stop_and_not_at_every_tick(tmp_path):
    played = broken(tmp_path, {"use": "filters:Fails"})
    assert len(played.of("filter.failed")) == len(played.of("stop.protective")) in (1, 2, 3)
