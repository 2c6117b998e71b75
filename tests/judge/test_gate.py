"""The sequential tests and the gate's decision. Errors by chance are computed exactly where they can be."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from benchmarks import gate_error
from twin.core.errors import InputError
from twin.judge.evidence import BETS, familywise, fewest_runs, grow, log_evidence, lower_bound, path, start, upper_bound
from twin.judge.gate import PairedTest, Requirement, Run, SequentialTest, decide, seeds

UNIT = st.floats(0, 1)
SOME = st.lists(UNIT, min_size=1, max_size=40)
INNER = st.floats(0.05, 0.95)


def coins(n, p, seed=0):
    return (np.random.default_rng(seed).random(n) < p).astype(float)


# evidence


@given(INNER)
def test_no_bet_wins_on_average_where_the_mean_is_the_threshold(m):
    win, lose = np.exp(grow(start(), np.float64(1 / m))), np.exp(grow(start(), np.float64(0.0)))
    assert m * win + (1 - m) * lose == pytest.approx(1)


def test_evidence_against_a_true_threshold_is_one_on_average():
    paths = [(np.array(x, float), 0.7 ** sum(x) * 0.3 ** (6 - sum(x))) for x in product((0, 1), repeat=6)]
    assert sum(p * math.exp(path(x, 0.7)[-1]) for x, p in paths) == pytest.approx(1)


def ever_met(p, threshold, runs, alpha=0.05):
    """The exact probability that Bernoulli runs with rate p are ever said to meet a threshold."""
    alive, met = np.array([1.0]), 0.0
    for n in range(1, runs + 1):
        alive = np.append(alive, 0) * (1 - p) + np.append(0, alive) * p
        s = np.arange(n + 1)[:, None]
        passed = log_evidence(s * np.log1p(BETS * (1 / threshold - 1)) + (n - s) * np.log1p(-BETS)) >= -math.log(alpha)
        met, alive = met + alive[passed].sum(), np.where(passed, 0, alive)
    return met


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8, 0.97])
def test_a_false_release_within_400_looks_stays_below_alpha(threshold):
    assert 0 < ever_met(threshold, threshold, 400) <= 0.05


def test_a_good_candidate_is_released_for_certain():
    assert ever_met(0.9, 0.8, 500) > 0.999


@given(st.integers(0, 63), st.integers(0, 63))
def test_the_bets_are_the_beta_mixture(wins, losses):
    wins = min(wins, 63 - losses)

    def wealth(angle):  # c = sin², uniform in the angle, is Beta(½, ½)
        c = math.sin(angle) ** 2
        return (1 + c / 4) ** wins * (1 - c) ** losses

    exact = integrate.quad(wealth, 0, math.pi / 2)[0] / (math.pi / 2)
    values = np.repeat([1.0, 0.0], [wins, losses])
    assert math.exp(path(values, 0.8)[-1] if values.size else 0) == pytest.approx(exact, rel=1e-6)


@given(SOME, INNER)
def test_no_constant_bet_does_much_better_in_hindsight(values, m):
    x = np.array(values)
    best = max(float(np.log1p(c * (x / m - 1)).sum()) for c in np.linspace(0, 0.999, 50))
    assert path(x, m)[-1] >= best - math.log(2 * math.sqrt(x.size + 1)) - 1e-9


@given(SOME)
def test_the_bounds_hold_the_mean_and_never_widen(values):
    x = np.array(values)
    lows, highs = (np.array([bound(x[:n], 0.05) for n in range(1, x.size + 1)]) for bound in (lower_bound, upper_bound))
    assert lows[-1] <= x.mean() + 1e-9 and highs[-1] >= x.mean() - 1e-9
    assert (np.diff(lows) >= 0).all() and (np.diff(highs) <= 0).all()


@given(st.lists(st.lists(st.floats(-5, 12), min_size=4, max_size=4), min_size=1, max_size=4))
def test_adjusted_evidence_is_the_worst_mean_over_all_sets(rows):
    e = np.exp(np.array(rows))
    subsets = [s for size in range(1, 5) for s in combinations(range(4), size)]
    brute = [[min(row[list(s)].mean() for s in subsets if i in s) for i in range(4)] for row in e]
    assert familywise(np.log(e)) == pytest.approx(np.array(brute))


@given(st.lists(st.floats(-5, 12), min_size=1, max_size=6))
def test_adjusting_is_never_worse_than_bonferroni_and_spares_the_weakest(log_e):
    adjusted = familywise(np.array([log_e]))[0]
    assert (adjusted >= np.exp(log_e) / len(log_e) - 1e-9).all()
    assert adjusted.min() == pytest.approx(np.exp(min(log_e)))


@pytest.mark.parametrize("threshold", [0.485, 0.8, 0.99])
def test_not_even_perfect_runs_decide_before_the_fewest_runs(threshold):
    n, test = fewest_runs(threshold, 0.05), SequentialTest(threshold, 0.05)
    assert test.update([1.0] * (n - 1)) == "continue"
    assert test.update(1.0) == "met"


# SequentialTest


def test_a_good_candidate_is_met_and_a_bad_one_refuted():
    assert SequentialTest(0.8, 0.05).update(coins(400, 0.9)) == "met"
    assert SequentialTest(0.8, 0.05).update(coins(400, 0.6)) == "refuted"


def test_the_first_answer_stays():
    test = SequentialTest(0.5, 0.05)
    test.update([1.0] * 20)
    decided = test.decided_after
    assert test.update([0.0] * 500) == "met"
    assert test.decided_after == decided < 20 and test.evidence < 1 < test.against


@given(SOME, INNER, st.integers(0, 40))
def test_runs_may_come_one_by_one_or_all_at_once_or_after_a_rest(values, threshold, cut):
    whole, single = SequentialTest(threshold, 0.05), SequentialTest(threshold, 0.05)
    whole.update(values)
    for value in values[:cut]:
        single.update(value)
    resumed = SequentialTest.from_dict(json.loads(json.dumps(single.as_dict())))
    resumed.update(values[cut:])
    assert vars(resumed).keys() == vars(whole).keys()
    assert (resumed.state, resumed.evidence, resumed.interval()) == (whole.state, whole.evidence, whole.interval())


@given(SOME, st.sampled_from([0.25, 0.5, 0.75]))
def test_failures_mirror_successes(values, threshold):
    up, down = SequentialTest(threshold, 0.05), SequentialTest(1 - threshold, 0.05)
    words = {"met": "refuted", "refuted": "met", "continue": "continue"}
    grid = np.round(np.array(values) * 64) / 64  # so that 1 − x is exact
    assert up.update(grid) == words[down.update(1 - grid)]


@given(SOME, INNER)
def test_a_test_says_met_when_its_lower_bound_passes_the_threshold(values, threshold):
    test = SequentialTest(threshold, 0.05)
    state, bounds = test.update(values), test.interval()
    assert {"met": bounds.low >= threshold - 1e-9, "refuted": bounds.high <= threshold + 1e-9, "continue": True}[state]
    assert state != "continue" or bounds.low <= threshold <= bounds.high


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.01, 1.01, "0.9", None, [0.5]])
def test_a_value_that_is_no_share_is_refused_and_nothing_is_taken(value):
    test = SequentialTest(0.8, 0.05)
    with pytest.raises(InputError, match=r"run 1: .* from 0 to 1"):
        test.update([1.0, value])
    assert test.values == []


@pytest.mark.parametrize("bad", [0, 1, -1, 2, math.nan, "0.8", True, None])
def test_thresholds_and_levels_that_mean_nothing_are_refused(bad):
    with pytest.raises(InputError, match="threshold"):
        SequentialTest(bad, 0.05)
    with pytest.raises(InputError, match="alpha"):
        SequentialTest(0.8, bad)


def test_a_state_without_its_values_is_refused():
    with pytest.raises(InputError, match="lacks values"):
        SequentialTest.from_dict({"threshold": 0.8, "alpha": 0.05})


# PairedTest


def test_equal_pairs_are_not_worse_and_a_loss_beyond_the_margin_is():
    equal, worse = PairedTest(0.1), PairedTest(0.1)
    assert equal.update([0.8] * 60, [0.8] * 60) == equal.state == "met"
    assert worse.update([0.5] * 60, [0.9] * 60) == "refuted"
    assert worse.interval().value == pytest.approx(-0.4) and worse.interval().high < -0.1


def test_pairs_need_both_sides():
    with pytest.raises(InputError, match="2 values of the candidate, 1 of the baseline"):
        PairedTest(0.1).update([0.5, 0.6], [0.5])
    with pytest.raises(InputError, match="margin"):
        PairedTest(1.0)


# decide

GOOD = Requirement("success", "floor", at_least=0.8)
CALM = Requirement("stops", "floor", at_most=0.2)


def runs(n, *, scenario="floor", release="v1", epoch=1, **values):
    """n runs of a scenario; each value is a number, or one number a run."""
    table = {name: np.broadcast_to(v, n).tolist() for name, v in (values or {"success": 0.95, "stops": 0.02}).items()}
    places = enumerate(seeds(release, n, epoch))
    return [Run(scenario, i, seed, f"h{i}", {k: v[i] for k, v in table.items()}) for i, seed in places]


def test_a_release_needs_every_requirement():
    assert decide([GOOD, CALM], runs(60), release="v1").word == "release"
    both = decide([GOOD, CALM], runs(60, success=0.95, stops=0.9), release="v1")
    assert (both.word, both.status, both.reasons) == ("block", 1, ("refuted: stops ≤ 0.2 in floor",))


def test_too_few_runs_are_undecided_and_say_how_many_more():
    decision = decide([GOOD], runs(8, success=0.95), release="v1")
    assert (decision.word, decision.status) == ("undecided", 4)
    to_go = decision.findings[0].to_go
    assert decide([GOOD], runs(8 + 2 * to_go, success=0.95), release="v1").word == "release"


def test_before_the_first_run_nothing_is_decided():
    decision = decide([GOOD], [], release="v1", must_pass=["crash"])
    assert decision.word == "undecided" and str(decision.findings[0]).endswith("no run yet")
    assert "crash must pass and was not run" in decision.reasons


@settings(max_examples=20)
@given(st.permutations(range(30)))
def test_the_order_of_arrival_does_not_matter(order):
    given_runs = runs(30, success=coins(30, 0.9))
    assert decide([GOOD], [given_runs[i] for i in order], release="v1") == decide([GOOD], given_runs, release="v1")


def test_one_requirement_is_judged_as_the_test_judges_it():
    values = coins(200, 0.88, seed=3)
    test, found = SequentialTest(0.8, 0.05), decide([GOOD], runs(200, success=values), release="v1").findings[0]
    test.update(values)
    assert (found.state, found.decided_after) == (test.state, test.decided_after)
    assert (found.value, found.low, found.high) == test.interval()[:3]


@pytest.mark.parametrize(("lower", "sign"), [(False, 1), (True, -1)])
def test_a_baseline_is_compared_seed_by_seed(lower, sign):
    kept = Requirement("x", "floor", not_worse_by=0.1, lower_is_better=lower)
    ours = [replace(run, baseline={"x": 0.5}) for run in runs(80, x=0.5 + sign * 0.1)]
    worse = [replace(run, baseline={"x": 0.5}) for run in runs(80, x=0.5 - sign * 0.4)]
    assert decide([kept], ours, release="v1").word == "release"
    found = decide([kept], worse, release="v1").findings[0]
    assert found.state == "refuted" and found.low <= found.value <= found.high
    assert found.value == pytest.approx(-0.4 * sign)


def test_a_run_without_its_baseline_is_no_evidence():
    kept = Requirement("success", "floor", not_worse_by=0.1)
    decision = decide([kept], runs(5), release="v1")
    assert (decision.word, decision.status, decision.findings[0].n) == ("void", 3, 0)


@pytest.mark.parametrize("change", [{"verdict": "void"}, {"values": {}}, {"values": {"success": None}}])
def test_a_hole_in_the_evidence_voids_the_gate_and_ends_the_evidence(change):
    holed = runs(60, success=1.0)
    holed[10] = replace(holed[10], **change)
    decision = decide([GOOD], holed, release="v1")
    assert decision.word == "void" and decision.findings[0].n == 10


def test_a_scenario_that_must_pass_blocks_however_good_the_rest_is():
    regression = Run("crash", 0, 7, "h", verdict="fail")
    decision = decide([GOOD], [*runs(60), regression], release="v1", must_pass=["crash"])
    assert decision.word == "block" and decision.reasons == ("crash, seed 7: must pass, and its verdict is fail",)
    assert decide([GOOD], [*runs(60), replace(regression, verdict="pass")], release="v1", must_pass=["crash"]).word == "release"


def test_a_rerun_that_differs_blocks():
    flaky = runs(60)
    flaky[3], flaky[4] = replace(flaky[3], rerun="h3"), replace(flaky[4], rerun="other")
    decision = decide([GOOD], flaky, release="v1")
    assert decision.word == "block" and len(decision.reasons) == 1 and "flaky is a bug" in decision.reasons[0]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r[:3] + r[4:], "run 3 is missing, though run 4 is there"),
        (lambda r: [*r, r[5]], "run 5 is there twice"),
        (lambda r: r[1:], "run 0 is missing"),
        (lambda r: [*r[:4], replace(r[4], seed=1), *r[5:]], "seed 1 is not the epoch's"),
        (lambda r: [replace(r[0], sha256="new"), *r[1:]], "was edited between its runs"),
        (lambda r: [replace(r[0], verdict="passed"), *r[1:]], "did you mean 'pass'"),
        (lambda r: [replace(r[0], values={"success": 1.2}), *r[1:]], "from 0 to 1"),
    ],
)
def test_runs_that_somebody_chose_are_refused(spoil, message):
    with pytest.raises(InputError, match=message):
        decide([GOOD], spoil(runs(10)), release="v1")


def test_the_seeds_of_another_epoch_do_not_count():
    with pytest.raises(InputError, match="is not the epoch's"):
        decide([GOOD], runs(10, epoch=1), release="v1", epoch=2)


def test_an_epoch_has_seeds_of_its_own_and_more_runs_keep_the_first():
    assert seeds("v1", 50)[:20] == seeds("v1", 20)
    assert len({*seeds("v1", 50), *seeds("v2", 50), *seeds("v1", 50, epoch=2)}) == 150
    with pytest.raises(InputError, match="named release"):
        seeds("", 3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "0 are given"),
        ({"at_least": 0.8, "at_most": 0.9}, "2 are given"),
        ({"at_least": 1.0}, "strictly between"),
        ({"not_worse_by": -0.1}, "margin"),
        ({"at_least": 0.8, "lower_is_better": True}, "write at_most"),
    ],
)
def test_a_requirement_without_one_sensible_bound_is_refused(wrong, message):
    with pytest.raises(InputError, match=f"'success': .*{message}"):
        Requirement("success", "floor", **wrong)


def test_a_gate_that_requires_nothing_or_the_same_twice_is_refused():
    with pytest.raises(InputError, match="release anything"):
        decide([], runs(5), release="v1")
    with pytest.raises(InputError, match="stands twice"):
        decide([GOOD, GOOD], runs(5), release="v1")


def test_many_requirements_at_once_ask_no_more_of_each_than_one_alone():
    three = [Requirement(f"r{i}", "floor", at_least=0.8) for i in range(3)]
    alone = decide(three[:1], runs(40, r0=0.95), release="v1").findings[0]
    together = decide(three, runs(40, r0=0.95, r1=0.95, r2=0.95), release="v1")
    assert {f.decided_after for f in together.findings} == {alone.decided_after}


# the benchmark


def test_the_error_benchmark_holds_its_figures_and_knows_a_miss():
    figures = gate_error.measure(replicates=150)
    assert gate_error.missed(figures) == [] and len(gate_error.table(figures)) == len(figures["false"]) + 7
    assert figures["wald_runs"] == pytest.approx(72.2, abs=0.1)
    assert gate_error.missed(figures | {"false": {"x": 0.19}, "mean_runs": 160.0}) == ["x", "mean runs"]
