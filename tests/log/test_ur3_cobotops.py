"""The shipped map, on a log of its form made here and on the recording itself."""

from datetime import UTC, datetime, timedelta

import pytest

from twin.core.errors import TableError
from twin.log.episodes import read_episodes
from twin.log.importer import import_log

HEADER = "Num;Timestamp;Current_J0;cycle ;Robot_ProtectiveStop;grip_lost;;;\n"


def log_of(path, rows):
    """Rows (seconds, cycle, stop, grip) in the form of the recording."""
    start = datetime(2022, 10, 26, 8, 17, 21, 847000, tzinfo=UTC)
    stamps = [(start + timedelta(seconds=row[0])).isoformat(timespec="milliseconds").replace("+00:00", "Z") for row in rows]
    lines = [f"{i};{t};0,1;{c};{s};{g};;;" for i, (t, (_, c, s, g)) in enumerate(zip(stamps, rows, strict=True), 1)]
    path.write_text(HEADER + "\n".join(lines) + "\n")
    return path


def test_a_log_of_that_form_is_understood(tmp_path):
    rows = [(1.005 * i, 1 + i // 24, {30: True, 31: ""}.get(i, False), 40 <= i < 43) for i in range(72)]
    table = import_log(log_of(tmp_path / "log.csv", rows), "ur3_cobotops")
    assert table["symptoms"].tolist() == [[], ["protective_stop", "grip_loss"], []]
    assert table["duration_s"].tolist() == pytest.approx([23.115] * 3)
    assert table["label"].isna().all()


@pytest.mark.parametrize("column", [1, 3])
def test_nan_where_the_map_needs_a_value_is_refused_with_the_row(tmp_path, column):
    path = log_of(tmp_path / "log.csv", [(i, 1, False, "NaN" if (i, column) == (4, 3) else False) for i in range(6)])
    if column == 1:
        path.write_text(path.read_text().replace("5;2022-10-26T08:17:25.847Z", "5;NaN"))
    with pytest.raises(TableError, match=r"log\.csv:6: row 5, column .* blank or NaN"):
        import_log(path, "ur3_cobotops")


@pytest.fixture(scope="module")
def recording(real_data, tmp_path_factory):
    log = real_data / "ur3_cobotops" / "dataset_02052023.csv"
    out = tmp_path_factory.mktemp("real") / "episodes.parquet"
    import_log(log, "ur3_cobotops", out)
    return read_episodes(out)


@pytest.mark.real
def test_the_recording_has_its_cycles_and_symptoms(recording):
    seen = [set(symptoms) for symptoms in recording["symptoms"]]
    stops, losses = [sum(name in s for s in seen) for name in ("protective_stop", "grip_loss")]
    both = sum(len(s) == 2 for s in seen)
    assert (len(recording), stops, losses, both) == (240, 78, 51, 22)
    assert recording.attrs["import"]["onsets"]["protective_stop"] == 108


@pytest.mark.real
def test_the_recording_s_median_cycle_is_known_and_no_cycle_spans_a_hole(recording):
    assert recording["duration_s"].median() == pytest.approx(24.1, abs=0.05)
    assert recording["duration_s"].max() < 120
    torn = recording.loc[recording["duration_s"].isna(), "episode"].tolist()
    assert torn == [42, 43, 105, 224, 225, 226, 227, 229, 230, 231, 232, 233]
    assert [round(hole["seconds"]) for hole in recording.attrs["import"]["holes"]] == [9, 31, 18814]
    assert recording.attrs["import"]["with_all"] == 22
