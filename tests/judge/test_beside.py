"""Beside reality on the page: real tables by equivalence, published figures by the same rule, one summary of trust."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.judge.synthetic import farm, make_log, real_table
from tests.judge.test_report import FARM, Tree, judged, section
from twin.core.errors import AssetError, InputError, TableError
from twin.judge.compare import compare
from twin.judge.report import beside
from twin.judge.report.page import build
from twin.judge.report.published import Figure, Published, compare_published, load

SIM = farm().episodes


def rows(told):
    return {row.key: row for row in told.groups[0].rows}


def published(**figure):
    return Published(title="t", source="s", episodes=500, robot_model="ur3", figures=[figure])


def only(**figure):
    (row,) = compare_published(SIM, published(**figure)).groups[0].rows
    return row


def test_a_real_table_is_judged_by_the_same_rule_as_twin_compare():
    page = section(build(FARM, [real_table()]), "real")
    assert compare(FARM.episodes, real_table()).sentence in page and "240 episodes" in page


def test_margins_are_the_users_own_where_given():
    wide = {"duration_median_s": 9.0, "duration_p10_s": 9.0, "duration_p90_s": 9.0}
    said = section(build(FARM, [real_table()], margins=wide), "trust")
    assert re.search(r"Trust it for.*median of cycle duration.*Do not trust", said)


def test_a_margin_of_no_statistic_is_refused_with_nothing_to_compare_too():
    with pytest.raises(InputError, match="did you mean 'success'"):
        build([FARM], [], margins={"sucess": 0.1})


def test_the_summary_holds_every_statistic_once_under_its_verdict():
    (told,) = beside.trust(beside.gather([_pool()], [real_table()], []), several=False)
    found = [each["name"] for verdict in told["lists"].values() for each in verdict] + told["lone"]
    assert sorted(found) == sorted(row.name for row in compare(SIM, real_table()).groups[0].rows)


def _pool(log=None):
    from twin.judge.report.pools import Pool, Run

    return Pool("synthetic", (Run(log or FARM, None, {}, ""),))


def test_a_twin_beside_itself_is_trusted_for_something_and_distrusted_for_nothing():
    large = farm(cells=12, sim_s=1800.0)
    (told,) = beside.trust(beside.gather([_pool(large)], [large.episodes.assign(source="real")], []), several=False)
    assert told["lists"]["agrees"] and not told["lists"]["differs"]


def test_a_run_without_episodes_is_compared_with_nothing_and_says_so():
    page = build(judged(make_log(), []), [real_table()])
    assert "no simulated episode ran" in section(page, "real") and Tree(page).open == []


def test_a_table_that_fits_no_scenario_is_refused():
    with pytest.raises(TableError, match="robot model in common"):
        build(FARM, [real_table().assign(robot_model="ur10")])
    with pytest.raises(TableError, match="no task in common"):
        build(FARM, [real_table().assign(task="welding")])


def test_a_real_table_is_called_by_its_own_name_where_it_has_one():
    assert beside.name_of(real_table(), 0) == "bench"
    assert beside.name_of(pd.DataFrame({"duration_s": [1.0]}), 1) == "real table 2"


# Published figures.


def test_published_figures_stand_beside_the_simulation_with_their_source():
    told = compare_published(SIM, load("ur3_cobotops"))
    row = rows(told)["share_grip_loss"]
    assert (row.real.n, round(row.real.value * 240)) == (240, 51)
    assert rows(told)["duration_median_s"].real[:3] == (24.1, None, None)
    assert "UCI" in told.notes[0] and "CC BY 4.0" in told.notes[0]


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        ({"statistic": "duration_median_s", "value": float(SIM[SIM.robot_model == "ur3"].duration_s.median())}, "agrees"),
        ({"statistic": "duration_median_s", "value": 60.0, "low": 55.0, "high": 65.0}, "differs"),
        ({"statistic": "share_grip_loss", "k": 450, "n": 500}, "differs"),
        ({"statistic": "share_grip_loss", "k": 70, "n": 500}, "cannot_tell"),
        ({"statistic": "success", "value": 0.2}, "differs"),
        ({"statistic": "stops_per_h", "count": 900, "hours": 1.0}, "differs"),
        ({"statistic": "stops_per_h", "value": 3.0}, "cannot_tell"),
    ],
)
def test_a_published_figure_agrees_differs_or_leaves_it_open(figure, verdict):
    assert only(**figure).verdict == verdict


def test_an_exact_figure_has_no_width_and_one_with_an_interval_has_that():
    assert Figure(statistic="success", value=0.5).estimate().limits(0.01) == (0.5, 0.5)
    low, high = Figure(statistic="success", value=0.5, low=0.4, high=0.6).estimate().limits(0.025)
    assert np.allclose((low, high), (0.4, 0.6))


def test_what_the_simulation_did_not_record_is_left_open():
    silent = SIM.assign(label=pd.array([None] * len(SIM), dtype="boolean"))
    (row,) = compare_published(silent, published(statistic="success", value=0.5)).groups[0].rows
    assert row.verdict == "cannot_tell" and row.sim is None


def test_figures_of_another_robot_are_refused():
    with pytest.raises(TableError, match="no simulated episode of a ur10"):
        compare_published(
            SIM,
            Published(title="t", source="s", episodes=1, robot_model="ur10", figures=[{"statistic": "success", "value": 1}]),
        )


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


@pytest.mark.real
def test_the_ur3_recording_shows_its_known_figures(real_data, tmp_path):
    from twin.log.importer import import_log

    real = import_log(real_data / "ur3_cobotops" / "dataset_02052023.csv", "ur3_cobotops", tmp_path / "e.parquet")
    told = rows(compare(SIM, real))
    shares = [told[f"share_{name}"].real for name in ("protective_stop", "grip_loss")]
    assert [(round(s.value * s.n), s.n) for s in shares] == [(78, 240), (51, 240)]
    assert round(told["duration_median_s"].real.value, 1) == 24.1
