"""Tables of episodes of other labs: their columns, words and units; what looks wrong in them is told."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from twin.calibrate.episodelog import read_episode_log
from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.errors import SpecError, TableError

COLUMNS = """{cell: robot, task: task, label: {column: outcome, down_values: [no]}, duration_s: {column: minutes, unit: min},
      start_s: {column: began, unit: iso8601, zone: Europe/Berlin},
      symptoms: {column: errors, values: {E-Stop: protective_stop}}}"""
ROWS = [("r2", "wipe", "ok", 0.5, "2025-10-26 03:30", "E-Stop; slip"), ("r1", "wipe", "no", 0.25, "2025-10-26 01:30", ""),
        ("r1", "wipe", "", np.nan, "2025-10-25 23:30", "slip")]  # fmt: skip
NAMES = ["robot", "task", "outcome", "minutes", "began", "errors"]


def planned(folder, columns=COLUMNS, path="trials.csv", parts="{kind: episodes, log: lab}", more=""):
    (folder / "plan.yaml").write_text(
        f"calibrate: lab\nlogs:\n  lab: {{kind: episodes, path: {path}, {more}\n    columns: {columns}}}\nparts: [{parts}]\n"
    )
    return load_plan(folder / "plan.yaml")


def read(folder, **keys):
    return read_episode_log("lab", planned(folder, **keys).spec.logs["lab"], folder)


def written(folder, rows=ROWS, names=NAMES):
    pd.DataFrame(rows, columns=names).to_csv(folder / "trials.csv", index=False)


def test_columns_words_and_units_of_another_lab_become_the_episode_table(tmp_path):
    written(tmp_path)
    told = read(tmp_path).frame
    assert told.cell.tolist() == ["r1", "r1", "r2"] and told.label.tolist() == [pd.NA, False, True]
    assert told.start_s.tolist() == [0, 2 * 3600, 5 * 3600]  # a clock on the wall that went back an hour in between
    assert told.duration_s[1:].tolist() == [15, 30] and np.isnan(told.duration_s[0])
    assert told.symptoms.tolist() == [["slip"], [], ["protective_stop", "slip"]]


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_the_same_table_in_another_format_is_the_same(tmp_path, ending):
    written(tmp_path)
    rows = [{k: None if v == "" or v != v else v for k, v in zip(NAMES, row, strict=True)} for row in ROWS]
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "trials.parquet")
    else:
        (tmp_path / "trials.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pd.testing.assert_frame_equal(read(tmp_path).frame, read(tmp_path, path=f"trials.{ending}").frame)


def test_rows_that_come_twice_count_once_and_a_wrong_unit_is_suspected(tmp_path):
    rows = [("r1", "wipe", "ok", 30.0, f"2025-01-01 08:{i:02d}", "") for i in range(20)]
    written(tmp_path, [*rows, rows[3]])
    log = read(tmp_path)
    words = " ".join(f.text for f in log.findings)
    assert len(log.frame) == 20 and "1 rows say the same episode again" in words
    assert "19 of 19 episodes end after the next one" in words
    written(tmp_path)
    assert read(tmp_path).findings == ()


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        ("{label: minutes}", TableError, r"trials.csv:2: row 1, column 'minutes': '0.5' is neither yes nor no"),
        ("{lable: outcome}", SpecError, "no column 'lable'.*did you mean 'label'"),
        ("{label: outcom}", TableError, "no column 'outcom'.*did you mean 'outcome'"),
        ("{resets: minutes}", TableError, "0.5 is no whole number"),
        ("{duration_s: {column: minutes, unit: s, scale: -1}}", TableError, "less than no time"),
    ],
)
def test_what_a_table_cannot_mean_is_refused(tmp_path, columns, error, message):
    written(tmp_path)
    with pytest.raises(error, match=message):
        read(tmp_path, columns=columns)


def test_success_by_robot_and_covariate_comes_back_from_a_table_of_trials(tmp_path):
    stream = np.random.default_rng(3)
    night = stream.random(900) < 0.4
    odds = 1.2 - 1.0 * night + np.repeat(0.6 * stream.standard_normal(9), 100)
    good = stream.random(900) < 1 / (1 + np.exp(-odds))
    names = {"robot": np.repeat([f"r{i}" for i in range(9)], 100), "outcome": good, "light": np.where(night, "night", "day")}
    pd.DataFrame(names).to_csv(tmp_path / "trials.csv", index=False)
    part = "{kind: episodes, log: lab, covariates: [light], forecasts: 0}"
    plan = planned(tmp_path, "{cell: robot, label: outcome}", parts=part, more="extra: {light: light},")
    told = {e.name: e for e in calibrate(plan).results[0].estimates}
    effect = told["models.episodes.any task.any policy.log_odds.light=night"]
    assert effect.low < -1.0 < effect.high < 0 and effect.method == "against the most frequent value"
    assert len([name for name in told if ".success.r" in name]) == 9


def test_episodes_that_tell_nothing_but_how_long_they_took_have_one_law_of_it(tmp_path):
    frames = np.round(np.exp(6 + 0.2 * np.random.default_rng(1).standard_normal(60)))
    rows = ({"episode_index": i, "tasks": ["Pick it up."], "length": int(n)} for i, n in enumerate(frames))
    (tmp_path / "episodes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    columns = "{episode: episode_index, task: tasks, duration_s: {column: length, scale: 0.1}}"
    plan = planned(tmp_path, columns, path="episodes.jsonl", parts="{kind: episodes, log: lab, forecasts: 0}")
    told = {e.name: e for e in calibrate(plan).results[0].estimates}
    assert told["models.episodes.Pick it up..any policy.duration_s.any end.median"].value == pytest.approx(40.3, rel=0.1)


def test_trials_that_all_succeeded_bound_success_from_below_and_give_the_fleet_no_number(tmp_path):
    written(tmp_path, [("r1", "ok")] * 40, ["robot", "outcome"])
    (result,) = calibrate(planned(tmp_path, "{cell: robot, label: outcome}", parts="{kind: episodes, log: lab}")).results
    typical = next(e for e in result.estimates if e.name.endswith("success.typical"))
    assert (typical.identified, typical.high) == (False, None) and 0.5 < typical.low < 1
