import gzip

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.errors import AssetError, InputError, SpecError, TableError
from twin.core.records import EPISODE_COLUMNS
from twin.log.importer import import_log
from twin.log.mapspec import load_map

MAP = """\
map: bench
time: {{column: at, format: seconds}}
hole_s: 5
starts: {{column: cycle{starts}}}
ends: {ends}
symptoms:
  stop: {{column: stop{stop}}}
"""


@pytest.fixture
def bring(tmp_path):
    """Import rows `at,cycle,stop` (or a whole text) under the bench map with a few words changed."""

    def run(rows, starts="", ends="last_row", stop=", nan: ignore", more="", header="at,cycle,stop\n", map_text=MAP):
        mapping, log = tmp_path / "bench.yaml", tmp_path / "log.csv"
        mapping.write_text(map_text.format(starts=starts, ends=ends, stop=stop) + more)
        text = rows if isinstance(rows, str) else header + "".join(",".join(map(str, row)) + "\n" for row in rows)
        log.write_text(text)
        return import_log(log, mapping)

    return run


def cycle(number, start, rows, stop=0):
    return [(start + i, number, stop) for i in range(rows)]


THREE = cycle(1, 0, 4) + cycle(2, 4, 6) + cycle(3, 10, 3)


def test_a_cycle_lasts_from_its_first_row_to_its_last_or_to_the_next_as_the_map_says(bring):
    assert bring(THREE)["duration_s"].tolist() == [3, 5, 2]
    assert bring(THREE, ends="next_row")["duration_s"].tolist() == [4, 6, 2]


def test_the_last_episode_is_censored_and_its_duration_a_lower_bound(bring):
    assert bring(THREE)["censored"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("gap_at", "lost"),
    [(2, [True, False, False]), (4, [True, True, False]), (12, [False, False, True])],
    ids=["inside", "between two", "in the last"],
)
def test_an_episode_that_spans_a_hole_has_no_duration(bring, gap_at, lost):
    table = bring([(t + 100 * (t >= gap_at), c, s) for t, c, s in THREE])
    assert table["duration_s"].isna().tolist() == lost
    assert table["censored"].tolist() == [lost[0], lost[1], True]
    assert [hole["seconds"] for hole in table.attrs["import"]["holes"]] == [101]


def test_a_lost_row_is_no_hole(bring):
    assert bring([row for row in THREE if row[0] != 6])["duration_s"].tolist() == [3, 5, 2]


def test_without_hole_s_a_hole_is_five_times_the_median_step(bring):
    table = bring([(t + 6 * (t >= 6), c, s) for t, c, s in THREE], map_text=MAP.replace("hole_s: 5\n", ""))
    assert table["duration_s"].isna().tolist() == [False, True, False]
    assert table.attrs["import"]["hole_s"] == 5


def test_a_number_that_comes_back_is_one_cycle_without_a_duration_or_two_cycles_as_the_map_says(bring):
    rows = cycle(1, 0, 4) + cycle(2, 4, 9, stop=1) + cycle(1, 13, 3) + cycle(3, 16, 3)
    by_value = bring(rows, starts=", each: value")
    assert by_value["episode"].tolist() == [1, 2, 3]
    assert by_value["duration_s"].isna().tolist() == [True, False, False]
    assert by_value.attrs["import"]["scattered"] == 1
    assert bring(rows)["duration_s"].tolist() == [3, 8, 2, 2]


def test_a_rising_flag_starts_an_episode_and_rows_before_it_belong_to_none(bring):
    rows = [(t, int(t in (2, 3, 7)), 0) for t in range(10)]
    table = bring(rows, starts=", each: edge", ends="next_row")
    assert table["start_s"].tolist() == [2, 7]
    assert table["duration_s"].tolist() == [5, 2]


def test_an_episode_can_last_as_long_as_a_flag_is_up(bring):
    rows = [(t, int(t in (2, 3, 7, 8)), int(t == 5)) for t in range(10)]
    table = bring(rows, starts=", each: level", ends="next_row")
    assert table["duration_s"].tolist() == [2, 2]
    assert table["symptoms"].tolist() == [[], []]


def test_idle_values_are_no_episode(bring):
    table = bring(cycle(0, 0, 3) + cycle(1, 3, 4) + cycle(0, 7, 3) + cycle(1, 10, 3), starts=", idle_values: [0]")
    assert table["duration_s"].tolist() == [3, 2]


def test_a_symptom_is_a_level_for_its_episodes_and_an_edge_for_its_count(bring):
    rows = [(t, c, int(3 <= t <= 5 or t == 8)) for t, c, _ in THREE]
    table = bring(rows)
    assert table["symptoms"].tolist() == [["stop"], ["stop"], []]
    assert table.attrs["import"]["onsets"] == {"stop": 2}
    assert bring(rows, stop=", when: onset")["symptoms"].tolist() == [["stop"], ["stop"], []]


def test_a_stop_that_only_lasts_on_is_no_onset_in_the_next_cycle(bring):
    rows = [(t, c, int(3 <= t <= 5)) for t, c, _ in THREE]
    assert bring(rows, stop=", when: onset")["symptoms"].tolist() == [["stop"], [], []]


def test_blanks_are_unknown_and_never_false(bring):
    rows = [(t, c, {1: "", 2: "NaN" if t == 5 else 0, 3: 1 if t == 11 else " "}[c]) for t, c, _ in THREE]
    table = bring(rows)
    assert table["symptoms"].tolist() == [None, [], ["stop"]]
    assert table.attrs["import"]["blanks"] == {"stop": 7}


def test_an_unknown_level_is_no_edge(bring):
    rows = [(t, c, {4: 1, 5: "", 6: 1}.get(t, 0)) for t, c, _ in THREE]
    assert bring(rows).attrs["import"]["onsets"] == {"stop": 1}


def test_a_blank_can_be_a_hole_in_the_recording(bring):
    rows = [(t, c, "" if t == 6 else 0) for t, c, _ in THREE]
    assert bring(rows, stop=", nan: hole")["duration_s"].isna().tolist() == [False, True, False]


def test_a_threshold_makes_a_flag_of_a_number(bring):
    rows = [(t, c, 7.5 if t == 6 else 7.0) for t, c, _ in THREE]
    assert bring(rows, stop=", above: 7")["symptoms"].tolist() == [[], ["stop"], []]


LABELS = {
    "{column: ok, source: operator}": [True, False, None],
    "{column: ok, rows: any, source: operator}": [True, True, None],
    "{column: ok, rows: all, source: operator}": [True, False, None],
    "{none_of: [stop], source: detector}": [True, False, True],
}


@pytest.mark.parametrize("label", LABELS)
def test_a_label_is_a_column_or_the_absence_of_symptoms(bring, label):
    rows = [(t, c, int(t == 9), {1: 1, 2: int(t < 9), 3: ""}[c]) for t, c, _ in THREE]
    label_text = label.replace("source", "nan: ignore, source") if "column" in label else label
    table = bring(rows, header="at,cycle,stop,ok\n", more=f"label: {label_text}\n")
    assert [None if pd.isna(v) else bool(v) for v in table["label"]] == LABELS[label]
    assert table["label_source"].notna().tolist() == table["label"].notna().tolist()


def test_a_peak_is_the_largest_magnitude_in_si(bring):
    rows = [(*row, -250 if row[0] == 2 else 100) for row in THREE]
    table = bring(rows, header="at,cycle,stop,mm\n", more="peaks:\n  peak_speed_mps: {column: mm, scale: 0.001}\n")
    assert table["peak_speed_mps"].tolist() == pytest.approx([0.25, 0.1, 0.1])


def test_constants_fill_their_columns_and_the_rest_stays_null(bring):
    table = bring(THREE, more="constants: {robot_model: ur3, robots: [a1], mode: script}\n")
    assert list(table.columns) == list(EPISODE_COLUMNS)
    row = table.iloc[0]
    assert (row["robot_model"], row["robots"], row["source"], row["run"]) == ("ur3", ["a1"], "real", "log")
    assert row[["truth", "label", "end_reason", "resets", "usable", "start_utc", "label_p"]].isna().all()


@given(
    st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=12),
    st.sets(st.integers(1, 40), max_size=3),
)
def test_durations_and_symptoms_follow_from_the_rows_alone(tmp_path_factory, cycles, holes):
    folder = tmp_path_factory.mktemp("log")
    rows = [(number, up) for number, (length, up) in enumerate(cycles) for _ in range(length)]
    steps = [1 + 50 * (i in holes) for i in range(len(rows))]
    at = np.cumsum(steps) - steps[0]
    (folder / "log.csv").write_text("at,cycle,stop\n" + "".join(f"{t},{c},{u}\n" for t, (c, u) in zip(at, rows, strict=True)))
    (folder / "m.yaml").write_text(MAP.format(starts="", ends="next_row", stop=""))
    table = import_log(folder / "log.csv", folder / "m.yaml")
    assert [bool(s) for s in table["symptoms"]] == [up for _, up in cycles]
    ends = np.cumsum([length for length, _ in cycles])
    for end, (length, _), seconds in list(zip(ends, cycles, table["duration_s"], strict=True))[:-1]:
        torn = any(end - length <= i <= end for i in holes if i)
        assert np.isnan(seconds) if torn else seconds == length


STAMPS = {
    "{column: at, zone: Europe/Berlin}": "2026-07-01 12:00:00",
    '{column: at, format: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}': "01.07.2026 12:00:00",
    "{column: at}": "2026-07-01T11:00:00+01:00",
    "{column: at, format: unix_ms}": "1782900000000",
}


@pytest.mark.parametrize("time", STAMPS)
def test_stamps_of_any_form_become_utc(bring, time):
    text = MAP.replace("{{column: at, format: seconds}}", time.replace("{", "{{").replace("}", "}}"))
    table = bring([(STAMPS[time], 1, 0)], map_text=text)
    assert table["start_utc"][0].isoformat() == "2026-07-01T10:00:00+00:00"


def test_separator_decimal_comma_padding_and_empty_columns_are_understood(bring):
    text = "# logger 3\n at ;cycle ;stop;;;\n0,0;1;False;;;\n0,5;1,0;TRUE;;;\n;;;;;\n1,5;2;No\n"
    table = bring(text, more='separator: ";"\ndecimal: ","\nskip_lines: 1\n')
    assert table["duration_s"].tolist()[0] == 0.5
    assert table["symptoms"].tolist() == [["stop"], []]


def test_a_zipped_log_and_another_encoding_are_read(tmp_path):
    (tmp_path / "m.yaml").write_text(MAP.format(starts="", ends="last_row", stop="") + "encoding: utf-16\n")
    with gzip.open(tmp_path / "log.csv.gz", "wb") as file:
        file.write("at,cycle,stop,größe\n0,1,0,1\n1,1,0,2\n2,2,0,3\n".encode("utf-16"))
    assert import_log(tmp_path / "log.csv.gz", tmp_path / "m.yaml")["run"].tolist() == ["log", "log"]


LOGS = {
    "": "is empty",
    "at,cycle,stop\n": "no rows",
    "at,cyle,stop\n0,1,0\n": r"no column 'cycle' \(columns: at, cyle, stop\); did you mean 'cyle'\?",
    "at;cycle;stop\n0;1;0\n": "seems to be separated by ';', the map says separator: ','",
    "at,cycle,stop,at\n0,1,0,0\n": "names column 'at' 2 times",
    "at,cycle,stop\n0,1,0\n1,,0\n": r"log\.csv:3: row 2, column 'cycle': blank or NaN, which the map refuses",
    "at,cycle,stop\n0,1,0\n\nnan,1,0\n": r"log\.csv:4: row 2, column 'at': blank or NaN",
    "at,cycle,stop\n0,1,0\nnoon,1,0\n": r"log\.csv:3: row 2, column 'at': 'noon' is no number",
    'at,cycle,stop\n0,1,0\n"1,5",1,0\n': "decimal comma",
    "at,cycle,stop\ninf,1,0\n": "'inf' is no number",
    "at,cycle,stop\n5,1,0\n4,1,0\n": r"log\.csv:3: row 2, column 'at': time goes back from 5 to 4",
    "at,cycle,stop\n0,1,maybe\n": "'maybe' is neither up nor down",
    "at,cycle,stop\n0,1,0,7\n": r"log\.csv:2: 4 values, but the header names 3 columns",
}


@pytest.mark.parametrize("text", LOGS)
def test_a_bad_log_is_refused_with_the_place(bring, text):
    with pytest.raises(TableError, match=LOGS[text]):
        bring(text)


TIMES = {"31/12/26": "is no time of the format iso8601", "2026-01-01T00:00": "carries no time zone"}


@pytest.mark.parametrize("text", TIMES)
def test_a_time_that_cannot_be_placed_is_refused(bring, text):
    with pytest.raises(TableError, match=f"row 1, column 'at'.*{TIMES[text]}"):
        bring([(text, 1, 0)], map_text=MAP.replace(", format: seconds", ""))


def test_a_log_in_which_nothing_starts_is_refused(bring):
    with pytest.raises(TableError, match="column 'cycle' starts none"):
        bring(cycle(0, 0, 3), starts=", each: edge")


def test_a_log_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "m.yaml").write_text(MAP.format(starts="", ends="last_row", stop=""))
    (tmp_path / "log.csv").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(TableError, match="encoding"):
        import_log(tmp_path / "log.csv", tmp_path / "m.yaml")
    with pytest.raises(TableError, match=r"nowhere\.csv cannot be read: No such file"):
        import_log(tmp_path / "nowhere.csv", tmp_path / "m.yaml")


MISTAKES = {
    "starst: {column: c}": r":1:1: unknown key 'starst' \(keys here: .*\); did you mean 'starts'\?",
    "time: {column: t, zoen: UTC}": r":1:19: unknown key 'zoen'.*did you mean 'zone'",
    "time: {column: t, zone: Mars/Base}": r":1:25: time\.zone: 'Mars/Base' is no time zone",
    "hole_s: -1": r":1:9: hole_s: Input should be greater than 0",
    "separator: ab": ":1:12: separator",
    "map: a\nmap: b": ":2:1: duplicate key 'map'",
    "map: [": "not YAML",
    "symptoms: {s: {column: c, nan: maybe}}": r":1:32: symptoms\.s\.nan",
    "symptoms: &a {s: {column: c}}\nx: *a": ":2:4: .*aliases are not allowed",
    "label: {source: operator}": ":1:8: label: needs exactly one of column, none_of",
    "encoding: klingon": "no encoding Python knows",
    "- a": "a mapping",
    "": "the file is empty",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_a_map_is_named_with_its_place(tmp_path, text):
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(SpecError, match=MISTAKES[text]):
        load_map(tmp_path / "m.yaml")


def test_all_mistakes_of_a_map_are_told_at_once(tmp_path):
    (tmp_path / "m.yaml").write_text("map: m\nhole: 5\nstarts: {}\nx-mine: 1\n")
    with pytest.raises(SpecError) as caught:
        load_map(tmp_path / "m.yaml")
    assert {(p.line, p.message.split(" (")[0]) for p in caught.value.problems} == {
        (1, "time is missing"), (3, "starts.column is missing"), (2, "unknown key 'hole'")
    }  # fmt: skip


def test_a_label_of_an_unknown_symptom_is_refused(bring):
    with pytest.raises(SpecError, match=r"no symptom 'stopp'.*did you mean 'stop'"):
        bring(THREE, more="label: {none_of: [stopp], source: detector}\n")


def test_a_map_that_does_not_ship_is_refused_with_the_nearest_name():
    with pytest.raises(AssetError, match=r"'ur3_cobot'.*did you mean 'ur3_cobotops'\?"):
        load_map("ur3_cobot")
    with pytest.raises(AssetError, match=r"no such map file; shipped maps, by name: .*ur3_cobotops"):
        load_map("maps/mine.yaml")


def test_the_output_must_be_parquet_or_csv(tmp_path):
    (tmp_path / "m.yaml").write_text(MAP.format(starts="", ends="last_row", stop=""))
    (tmp_path / "log.csv").write_text("at,cycle,stop\n0,1,0\n")
    with pytest.raises(InputError, match=r"written as \.parquet or \.csv"):
        import_log(tmp_path / "log.csv", tmp_path / "m.yaml", tmp_path / "out.xlsx")
