import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.synthetic import farm, make_log, real_table
from twin.core.chance import Chance
from twin.core.errors import InputError, TableError
from twin.judge import compare as judge
from twin.judge import measures, stats, survival
from twin.judge.compare import compare


def episodes(n, *, p=0.8, scale=0.5, stop=0.3, seed=1, **constant):
    """n episodes of one task: gamma durations, labels, protective stops, resets, and how long these took."""
    stream = Chance(seed).stream("episodes", "test")
    said = {"task": "pick", "robot_model": "ur3", "policy": "p1", "cell": "c1", "source": "sim"} | constant
    rows = []
    for i in range(n):
        label, stopped = bool(stream.random() < p), bool(stream.random() < stop)
        row = {"duration_s": float(stream.gamma(40, scale)), "label": label, "symptoms": ["protective_stop"] * stopped}
        resets = int(not label)
        row |= {"start_s": float(i), "resets": resets, "reset_s": 5.0 * resets, "wait_s": 0.0, "interventions": 0}
        rows.append(row | said)
    return make_log((), rows).episodes


SIM, REAL = episodes(1500), episodes(1200, seed=2, source="real")


def rows(told, group=0):
    return {r.key: r for r in told.groups[group].rows}


def test_a_twin_that_draws_from_the_same_world_is_trusted():
    told = compare(SIM, REAL)
    assert rows(told)["success"].words == "agrees within 5 points"
    assert rows(told)["duration_median_s"].words == "agrees within 10 %"
    assert told.told("differs") == [] and "may be trusted for success as labelled" in told.sentence


def test_a_twin_that_is_off_is_said_to_differ_and_where():
    told = compare(episodes(800, p=0.95, scale=0.7), REAL)
    apart = {key for _, key in told.told("differs")}
    assert {"success", "duration_median_s", "duration_p10_s", "duration_p90_s", "episodes_per_h"} <= apart
    assert "may not be trusted for success" in told.sentence and rows(told)["stops_per_h"].verdict != "agrees"


def test_too_few_episodes_say_how_many_are_needed():
    row = rows(compare(episodes(60), episodes(40, seed=2)))["success"]
    assert row.verdict == "cannot_tell" and row.needed > 1000 and row.words.startswith("cannot tell: n ≥ ")


def test_the_gap_of_success_is_newcombes():
    row = rows(compare(SIM, REAL))["success"]
    assert row.gap == stats.difference(sim=row.sim, real=row.real)
    assert row.sim.value == SIM["label"].mean() and row.sim.n == 1500


def test_a_margin_of_ones_own_decides():
    tight, wide = (rows(compare(SIM, REAL, {"success": m}))["success"] for m in (0.01, 0.2))
    assert tight.verdict == "cannot_tell" and wide.words == "agrees within 20 points"


@pytest.mark.parametrize(
    ("margins", "says"),
    [({"sucess": 0.1}, "did you mean 'success'"), ({"success": 0.0}, "above 0"), ({"success": 5.0}, "0.05 means 5 points"),
     ({"success": float("nan")}, "is no margin")],
)  # fmt: skip
def test_a_margin_that_is_none_is_refused(margins, says):
    with pytest.raises(InputError, match=says):
        compare(SIM, REAL, margins)


def test_claims_pay_for_how_many_were_tried():
    one = compare(SIM.assign(symptoms=None), REAL)
    assert all(r.p_agrees >= 0 and r.p_differs <= 1 for r in one.groups[0].rows if r.p_agrees is not None)
    assert stats.benjamini_hochberg([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.04, 0.04])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_keep_their_order_and_only_rise(p):
    told = stats.benjamini_hochberg(p)
    assert all(q >= v for q, v in zip(told, p, strict=True)) and max(told) == pytest.approx(max(p))
    assert [told[i] for i in np.argsort(p, kind="stable")] == sorted(told)


def test_like_is_compared_with_like_only():
    both = pd.concat([SIM, episodes(300, robot_model="panda"), episodes(200, task="place", seed=4)])
    told = compare(both, pd.concat([REAL, episodes(100, robot_model="panda", seed=5)]))
    assert [(g.name, g.n_sim, g.n_real) for g in told.groups] == [("pick, panda, p1", 300, 100), ("pick, ur3, p1", 1500, 1200)]
    assert "sim: 200 episodes of 2\u202f000 without a counterpart, left out" in told.notes


def test_a_real_log_without_policies_is_compared_with_all_of_them():
    told = compare(SIM, REAL.assign(policy=None))
    assert told.groups[0].policy is None and "real names no policy" in told.notes[0]


def test_truth_is_not_a_label_and_null_is_not_zero():
    told = rows(compare(SIM.assign(truth=True), REAL.assign(label=None, symptoms=None, interventions=None)))
    assert told["success"].real is None and told["success"].words == "cannot tell: recorded on one side only"
    assert told["interventions_per_h"].real is None and told["share_protective_stop"].verdict == "cannot_tell"


def test_a_symptom_that_the_real_log_never_names_is_not_taken_for_zero():
    told = rows(compare(SIM, episodes(300, stop=0.0)))
    assert told["share_protective_stop"].real is None and "never" not in told["share_protective_stop"].words
    assert "named nowhere in the real table" in told["share_protective_stop"].words and "stops_per_h" not in told


def test_a_symptom_that_the_simulation_never_shows_is_a_difference():
    assert rows(compare(episodes(300, stop=0.0), REAL))["share_protective_stop"].verdict == "differs"


def test_voided_and_cut_off_episodes_do_not_count_as_durations_or_failures():
    odd = episodes(200, scale=5.0).assign(label=None)
    sim = pd.concat([SIM, odd.assign(end_reason="void"), odd.assign(censored=True)])
    told = compare(sim, REAL)
    assert rows(told)["duration_median_s"].sim == rows(compare(SIM, REAL))["duration_median_s"].sim
    assert rows(told)["success"].sim.n == 1500 and "sim: 200 episodes voided by the physics, left out" in told.notes


def test_the_order_of_rows_changes_nothing():
    assert compare(SIM.sample(frac=1, random_state=3), REAL).as_dict() == compare(SIM, REAL).as_dict()


def test_everything_told_is_plain_json():
    told = compare(episodes(30), episodes(12, seed=9)).as_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert set(told["summary"]) == {"sentence", "trusted", "not_trusted", "unknown"}
    assert told["groups"][0]["statistics"][0]["gap"]["is"] == "difference"


def test_durations_come_with_their_distances_and_shifts():
    told = compare(episodes(400, scale=0.6), REAL).groups[0].durations
    assert told["wasserstein_s"] == pytest.approx(4.0, abs=0.5) and told["ks"]["p_adjusted"] < 0.001
    middle = next(s for s in told["shifts"] if s["q"] == 0.5)
    assert middle["low_s"] < middle["shift_s"] < middle["high_s"] and middle["shift_s"] == pytest.approx(4.0, abs=0.5)
    assert len(told["sim"]["x"]) == survival.POINTS and told["sim"]["p"][-1] == 1


def test_time_to_success_counts_failures_as_censored():
    told = survival.time_to_success(np.array([1.0, 2, 3, 4]), np.array([True, False, True, False]))
    assert told["not_yet"] == [0.75, 0.75, 0.375, 0.375] and told["median_s"] == 3 and told["successes"] == 2


def test_a_simulation_that_succeeds_sooner_shows_in_the_log_rank_test():
    told = compare(episodes(300, scale=0.4), REAL).groups[0].time_to_success
    assert told["log_rank"]["p"] < 0.001 and told["log_rank"]["statistic"] > 0
    assert told["sim"]["median_s"] < told["real"]["median_s"]


def test_attempts_without_success_have_no_curve_and_no_test():
    told = compare(episodes(30, p=0.0), episodes(20, p=0.0)).groups[0].time_to_success
    assert told["sim"]["t"] == [] and told["sim"]["median_s"] is None and told["log_rank"] is None


def test_the_time_between_events_is_operating_time_of_one_cell():
    happened = np.array([True, False, True, True, False, True])
    told = survival.times_between(happened, np.array([5.0, 2, 3, 4, np.nan, 1]), ["a", "a", "a", "b", "a", "a"])
    assert (told["n"], told["mean_s"], told["cv"]) == (1, 5.0, None)


def test_bursts_show_as_dispersion_and_make_a_verdict_harder():
    bursts = REAL.assign(symptoms=[["protective_stop"] * (i % 400 < 120) for i in range(len(REAL))])
    told, even = compare(SIM, bursts), compare(SIM, REAL)
    assert told.groups[0].events["real"]["protective_stop"]["dispersion"]["value"] > 5
    assert even.groups[0].events["real"]["protective_stop"]["dispersion"]["value"] < 2
    key = "share_protective_stop"
    assert rows(told)[key].verdict == "cannot_tell" and np.ptp(rows(told)[key].gap[1:3]) > 2 * np.ptp(rows(even)[key].gap[1:3])


def test_dispersion_needs_events_enough_for_blocks():
    assert stats.dispersion(np.zeros(100)) is None
    assert stats.dispersion(np.tile([0.0, 1.0], 100)).value < 0.1


def test_throughput_counts_resets_and_waits_where_both_sides_know_them():
    known, unknown = (rows(compare(SIM, REAL.assign(reset_s=r)))["episodes_per_h"] for r in (REAL["reset_s"], None))
    assert known.sim.value < unknown.sim.value
    assert "availability" in rows(compare(SIM, REAL)) and known.sim.low < known.sim.value < known.sim.high


def test_labels_of_different_makers_are_pointed_out():
    told = compare(SIM.assign(label_source="detector"), REAL.assign(label_source="audit"))
    assert "labels are the detector’s in sim and the audit’s in real" in told.notes


def test_a_comparison_reads_as_text():
    told = judge.as_text(compare(SIM, REAL))
    assert "agrees within 5 points" in told and "1\u202f500 simulated, 1\u202f200 real" in told


FIGURES = ("label", "duration_s", "symptoms", "resets", "interventions")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="label"), r"real: no column 'label'"),
        (lambda t: t.iloc[:0], "real: no episodes"),
        (lambda t: t.assign(end_reason="void"), "real: all 12 episodes voided"),
        (lambda t: t.assign(task="other"), "no task in common: sim has pick, real has other"),
        (lambda t: t.assign(policy="p2"), "no policy in common: sim has p1, real has p2"),
        (lambda t: t.assign(task=None), "real: column 'task' is empty in every row"),
        (lambda t: t.assign(label=pd.Series([float("nan")] * 12, dtype=object)), "real: column 'label', row 0: nan"),
        (lambda t: t.assign(duration_s=pd.Series([1.0] * 11 + [float("nan")], dtype=object)), "'duration_s', row 11: NaN"),
        (lambda t: t.assign(duration_s=-1.0), "'duration_s', row 0: -1, a negative amount"),
        (lambda t: t.assign(duration_s=float("inf")), "'duration_s', row 0: infinity"),
        (lambda t: t.assign(duration_s="long"), "'duration_s', row 0: 'long' where a number"),
        (lambda t: t.assign(symptoms="grip_loss"), "'symptoms', row 0: 'grip_loss' where a list"),
        (lambda t: t[["task", "policy", "robot_model"]], "real: no column 'label'"),
        (lambda t: t.assign(**dict.fromkeys(FIGURES)), "no statistic in common"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_compared_is_refused(change, says):
    with pytest.raises(TableError, match=says):
        compare(SIM, change(episodes(12, source="real")))


def test_swapped_tables_are_noticed():
    with pytest.raises(TableError, match="swapped"):
        compare(REAL, SIM)


def test_an_unknown_key_to_group_by_is_refused():
    with pytest.raises(InputError, match="did you mean 'policy'"):
        compare(SIM, REAL, by=["task", "polcy"])


def test_a_farms_log_is_compared_as_it_is():
    told = compare(farm().episodes.assign(task="pick_place"), real_table())
    assert told.groups[0].name == "pick_place, ur3" and rows(told)["success"].real is None
    assert set(rows(told)) <= set(measures.STATISTICS)


@pytest.mark.real
def test_the_two_halves_of_the_ur3_recording_are_not_the_same_robot(real_data, tmp_path):
    from twin.log.importer import import_log

    real = import_log(real_data / "ur3_cobotops" / "dataset_02052023.csv", "ur3_cobotops", tmp_path / "e.parquet")
    told = rows(compare(real.iloc[:120], real.iloc[120:]))
    row = told["share_protective_stop"]
    assert (round(row.sim.value * 120), round(row.real.value * 120), row.verdict) == (17, 61, "differs")
    assert rows(compare(real.iloc[::2], real.iloc[1::2]))["share_protective_stop"].verdict == "cannot_tell"
