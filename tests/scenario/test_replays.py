"""Recorded onsets drive a run, and every one of them is accounted for."""

import csv

import pytest

from tests.farm.scenes import SCENE, Played, opened, scene
from twin.core.errors import SpecError

ARM = SCENE["fleet"]["robots"]["arm"]


def played(folder, table, *more, **changes):
    (folder / "stops.csv").write_text(table)
    onset = {"table": "stops.csv", "clock": "operating"}
    stop = {"component": "safety", "mode": "protective_stop", "onset": onset}
    return Played(opened(folder, scene(**{"faults": [stop, *more], "episode_timeout_s": 30} | changes)))


def test_a_table_in_operating_time_is_replayed_with_its_durations(tmp_path):
    run = played(tmp_path, "at_s,duration_s\n3,2\n4,1\n9,1\n999,1\n", duration_s=40)
    assert [e.t_us / 1e6 for e in run.of("stop.protective")] == [3, 9]
    (receipt,) = run.farm.receipts()
    assert receipt["note"] == "4 onsets: 2 applied, 1 coincident, 1 not due"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("at_s\n3\nNaN\n", "stops.csv:3:1: row 2: column 'at_s': 'NaN' is no time in s"),
        ("at_s\n-1\n", "row 1: column 'at_s': '-1' is no time in s"),
        ("at_s\n3\n1e12\n", "row 2: column 'at_s': '1e12' is no time in s"),
        ("at_s\n5\n4\n", "row 2: 4 s comes before 5 s"),
        ("at\n5\n", "unknown column 'at'"),
        ("at_s\n", "the table holds no onset"),
    ],
)
def test_a_table_that_is_none_is_refused_at_its_row(tmp_path, table, says):
    with pytest.raises(SpecError, match=says):
        played(tmp_path, table)


def onsets(path, what):
    """Onsets and lengths of a flag of the recording in s of recording (what was not recorded took no time)."""
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter=";") if row["Timestamp"]]
    up = [row[what].strip().lower() in ("true", "1", "1.0") for row in rows]
    starts = [i for i, now in enumerate(up) if now and not (i and up[i - 1])]
    return [(i, next((k for k in range(i, len(up)) if not up[k]), len(up)) - i) for i in starts]


@pytest.mark.real
def test_a_shift_with_the_108_recorded_stops_and_77_grip_losses_accounts_for_all_of_them(tmp_path, real_data):
    data = next((real_data / "ur3_cobotops").glob("dataset*.csv"))
    found, lost = onsets(data, "Robot_ProtectiveStop"), onsets(data, "grip_lost")
    table, slips = ("at_s,duration_s\n" + "".join(f"{at},{long}\n" for at, long in each) for each in (found, lost))
    (tmp_path / "slips.csv").write_text(slips)
    grip = {"component": "gripper", "mode": "slips", "onset": {"table": "slips.csv", "clock": "operating"}}
    slow = {"arm": ARM | {"control_ms": 400, "stops": {"restart_s": 0}}}
    ladder = [{"kind": "automatic", "attempts": 2, "seconds": 1, "success": 1}, {"kind": "person", "pool": "ops"}]
    run = played(tmp_path, table, grip, robots=slow, resets=ladder, duration_s=9500, log={"snapshot_s": 1000})
    fault, slip = run.farm.trouble.injections
    assert len(lost) == 77 == slip.onsets + slip.coincident and slip.status() == "acted"
    assert len(found) == 108 == fault.onsets + fault.coincident and fault.missed == 0
    assert len(run.of("stop.protective")) == fault.onsets
