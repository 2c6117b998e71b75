import pandas as pd
import pytest

from tests.judge.synthetic import farm, make_log, real_table
from twin.core.errors import AssetError, TableError
from twin.judge.report import versus
from twin.judge.report.published import Published, compare_published, load
from twin.judge.report.versus import compare, sample

SIM = farm().episodes


def rows(told):
    return {row.key: row for row in told.rows}


def table(*lines):
    return make_log((), lines).episodes


def test_each_statistic_stands_beside_its_counterpart_with_n_value_and_interval():
    told = rows(compare(SIM, real_table()))
    assert set(told) == set(versus.STATISTICS)
    row = told["share_protective_stop"]
    assert row.real.n == 240 and row.sim.low < row.sim.value < row.sim.high < row.real.low and row.differs is True


def test_a_table_does_not_differ_from_itself():
    told = compare(real_table(), real_table())
    assert not any(row.differs for row in told.rows)
    assert "not proof" in told.sentence


def test_truth_is_never_compared_with_a_label():
    real = real_table().assign(truth=True)
    assert rows(compare(SIM, real))["success"].real is None
    assert rows(compare(SIM.assign(truth=False), real_table().assign(label=True)))["success"].sim.value > 0.5


def test_what_one_side_did_not_record_is_not_compared_and_not_zero():
    row = rows(compare(SIM, real_table()))["success"]
    assert row.real is None and row.differs is None and "one side only" in row.detail
    silent = sample(table({"duration_s": 3.0}), "x")
    assert "share_grip_loss" not in silent.figures and "success" not in silent.figures


def test_tables_with_nothing_in_common_say_so():
    told = compare(table({"symptoms": ["grip_loss"]}), table({"duration_s": 3.0}))
    assert "no statistic in common" in told.sentence and not any(r.differs for r in told.rows)


def test_an_empty_real_table_compares_with_nothing():
    assert "no statistic in common" in compare(SIM, table()).sentence


def test_voided_episodes_are_left_out_and_cut_off_ones_count_for_symptoms_only():
    told = sample(table({"duration_s": 3.0, "symptoms": []}, {"duration_s": 9.0, "symptoms": ["grip_loss"], "censored": True},
                        {"duration_s": 1.0, "symptoms": ["grip_loss"], "end_reason": "void"}), "x")  # fmt: skip
    assert told.n == 2 and told.durations.tolist() == [3.0]
    assert told.figures["share_grip_loss"][0] == 0.5
    assert "1 episode voided" in " ".join(told.notes)


def test_only_the_real_robots_own_model_is_compared():
    told = compare(SIM, real_table())
    assert told.sim.n == (SIM.robot_model == "ur3").sum() < len(SIM)
    assert "Only the simulated ur3 cells" in " ".join(told.notes)
    assert "read differences with care" in " ".join(compare(SIM, real_table().assign(robot_model="ur10")).notes)


def test_the_distributions_of_duration_are_held_against_each_other():
    assert "differ: Kolmogorov–Smirnov" in " ".join(compare(SIM, real_table()).notes)
    assert "not told apart: Kolmogorov–Smirnov" in " ".join(compare(real_table(), real_table()).notes)


def test_a_negative_duration_is_refused_with_its_row():
    with pytest.raises(TableError, match=r"'duration_s', row 1: a negative duration"):
        compare(SIM, table({"duration_s": 3.0}, {"duration_s": -1.0}))


def test_a_real_table_is_called_by_its_own_name_where_it_has_one():
    assert compare(SIM, real_table()).title == "bench"
    assert compare(SIM, pd.DataFrame({"duration_s": [1.0, 2.0]}), index=1).title == "real table 2"


def test_published_figures_stand_beside_the_simulation_with_their_source():
    told = compare_published(SIM, load("ur3_cobotops"))
    row = rows(told)["share_grip_loss"]
    assert (row.real.n, round(row.real.value * 240)) == (240, 51)
    assert rows(told)["duration_median_s"].real[:3] == (24.1, None, None)
    assert "UCI" in told.source and "CC BY 4.0" in told.source


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title: [", "no YAML"),
        ("title: x\nsource: y\nepisodes: 3\nfigures: [{statistic: success, k: 5, n: 3}]", r"figures\.0: .*exactly one of"),
        ("title: x\nsource: y\nepisodes: 3\nfigures: [{statistic: speed, value: 1}]", r"figures\.0\.statistic"),
        ("- 1", "file: "),
    ],
)
def test_published_figures_that_do_not_hold_are_refused_by_place(tmp_path, text, says):
    path = tmp_path / "cited.yaml"
    path.write_text(text)
    with pytest.raises(TableError, match=says):
        load(path)


def test_unknown_published_figures_name_the_ones_that_ship():
    with pytest.raises(AssetError, match="did you mean 'ur3_cobotops'"):
        load("ur3_cobotop")


def test_a_rate_is_compared_by_counts_and_exposure():
    cited = Published(title="t", source="s", episodes=0, figures=[{"statistic": "stops_per_h", "count": 900, "hours": 1.0}])
    row = rows(compare_published(SIM, cited))["stops_per_h"]
    assert row.differs is True and "p < 0.001" in row.detail


@pytest.mark.real
def test_the_ur3_recording_shows_its_known_figures(real_data, tmp_path):
    from twin.log.importer import import_log

    real = import_log(real_data / "ur3_cobotops" / "dataset_02052023.csv", "ur3_cobotops", tmp_path / "e.parquet")
    told = rows(compare(SIM, real))
    shares = [told[f"share_{name}"].real for name in ("protective_stop", "grip_loss", "both")]
    assert [(round(s.value * s.n), s.n) for s in shares] == [(78, 240), (51, 240), (22, 240)]
    assert round(told["duration_median_s"].real.value, 1) == 24.1
