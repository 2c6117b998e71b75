import pytest

from tests.farm.scenes import cells, play
from twin.core.errors import SpecError

S = 1 / 3600
"""A second in hours."""


def withdrawn(played):
    return [(e.payload["reason"], e.t_us / 1e6) for e in played.of("authority.withdrawn")]


def starts(played):
    return [row["start_s"] for row in played.rows]


def test_after_so_much_work_a_cell_rests_so_long(tmp_path):
    played = play(tmp_path, cells=cells("a", duty={"work_h": 3 * S, "rest_min": 10 / 60}))
    assert withdrawn(played) == [("resting", 6), ("resting", 22)]
    assert starts(played) == [0, 3, 16, 19]


def test_a_resting_cells_job_goes_to_another(tmp_path):
    both = cells("a", duty={"work_h": 3 * S, "rest_min": 1}) + cells("b")
    played = play(tmp_path, cells=both, duration_s=12)
    assert [(e.kind, e.cell) for e in played.of("job.assigned", "job.returned")] == [
        ("job.assigned", "a"), ("job.returned", "a"), ("job.assigned", "b"),
    ]  # fmt: skip


def test_maintenance_begins_when_the_episode_and_its_reset_are_over(tmp_path):
    played = play(tmp_path, cells=cells("a", maintenance=[{"at_h": 4 * S, "for_h": 8 * S}]))
    assert withdrawn(played) == [("maintenance", 6)]
    assert [start for start in starts(played) if start < 16] == [0, 3, 12, 15]


def test_a_free_cell_goes_into_maintenance_at_once(tmp_path):
    played = play(
        tmp_path,
        jobs=[{"kind": "list", "jobs": [{"at_s": 6}]}],
        cells=cells("a", maintenance=[{"at_h": 5 * S, "for_h": 9 * S}]),
    )
    assert withdrawn(played) == [("maintenance", 5)] and starts(played) == [14]


def test_maintenance_comes_again(tmp_path):
    again = [{"at_h": 0, "for_h": 2 * S, "every_h": 10 * S}]
    played = play(tmp_path, cells=cells("a", maintenance=again), duration_s=25)
    assert [when for _, when in withdrawn(played)] == [0, 11, 21]


def test_overlapping_windows_end_with_the_last(tmp_path):
    windows = [{"at_h": S, "for_h": 20 * S}, {"at_h": 2 * S, "for_h": 2 * S}]
    played = play(tmp_path, cells=cells("a", maintenance=windows))
    assert starts(played)[:2] == [0, 21]


def test_no_episode_runs_in_a_window_after_the_one_that_began_before(tmp_path):
    window = {"at_h": 7 * S, "for_h": 6 * S, "every_h": 13 * S}
    played = play(tmp_path, cells=cells("a", "b", maintenance=[window]), duration_s=60)
    assert all(start % 13 < 7 for start in starts(played) if start > 0)


def test_a_window_that_never_ends_is_refused(tmp_path):
    with pytest.raises(SpecError, match="never ends"):
        play(tmp_path, cells=cells("a", maintenance=[{"at_h": 0, "for_h": 2, "every_h": 1}]))
