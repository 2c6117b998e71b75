"""What waits on disks, from the log alone."""

from itertools import pairwise

import pytest

from tests.farm.drawn import SURE, drawn
from tests.farm.drawn import play as draw
from tests.farm.scenes import cells, opened
from tests.judge.synthetic import event, make_log
from twin.judge.backlog import backlog
from twin.judge.report import render
from twin.log.tables import read_run
from twin.run import run

SLOW = {"episode_mb": 500, "upload_mbps": 20, "disk_gb": 5}


def told(t_s, cell, mb, full_s=0.0, site="north"):
    return event(t_s, "data.backlog", cell, mb=mb, limit_mb=1000.0, full_s=full_s) | {"site": site}


def test_a_site_waits_with_the_sum_of_its_disks_and_peaks_where_that_is_largest():
    log = make_log([told(0, "a", 100), told(36, "b", 300), told(72, "a", 700, 9.0), told(90, "b", 50)], cells=("a", "b"))
    (north,) = backlog(log)
    assert (north.cells, north.limit_gb, north.peak_gb) == (2, 2.0, 1.0) and north.peak_h == pytest.approx(72 / 3600)
    assert north.full_h == pytest.approx(9 / 3600) and north.curve[-1][1] == pytest.approx(37.5)


def test_a_log_that_tells_of_no_disk_has_no_backlog():
    assert backlog(make_log([event(1, "episode.start", "c1")])) == []


def test_a_disk_fills_at_the_pace_of_its_episodes_and_stands_without_room_from_then_on(tmp_path):
    found = draw(tmp_path, outcomes=SURE, store=SLOW, duration_s=4000)
    said = [(e.t_us / 1e6, e.payload["mb"], e.payload["full_s"]) for e in found.of("data.backlog")]
    assert said[0][:2] == (50, 500) and 4500 < said[-1][1] <= 5000 and said[-1][2] > 600
    assert all(later[0] - before[0] >= 600 for before, later in pairwise(said))


def test_nothing_leaves_a_disk_while_uploads_are_held_up(tmp_path):
    stalls = [{"component": "recorder", "mode": "upload_stalls", "target": "*", "onset": {"at_s": 60}, "duration_s": 1000}]
    free, held = (draw(tmp_path, outcomes=SURE, store=SLOW | {"disk_gb": 50}, faults=f, duration_s=1500)
                  for f in ([], stalls))  # fmt: skip
    most = [max(e.payload["mb"] for e in found.of("data.backlog")) for found in (free, held)]
    assert most[1] > most[0] + 1000 * 20 / 8 * 0.8


def test_the_page_draws_the_backlog_against_the_limit(tmp_path):
    folder = run(opened(tmp_path, drawn(outcomes=SURE, store=SLOW, cells=cells("a"), duration_s=4000)), tmp_path).folder
    page = render(read_run(folder), [], tmp_path / "page.html").read_text()
    assert "What waits for its upload" in page and "disk limit" in page and "Cell-hours without room" in page
