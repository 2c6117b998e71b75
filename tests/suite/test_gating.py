"""The gate over suites: what has to be shown, when runs are added, what blocks."""

from dataclasses import replace
from pathlib import Path

import pytest

from twin.core.errors import InputError
from twin.judge.gate import seeds
from twin.suite.gating import Asked, gate, measures
from twin.suite.plan import plan
from twin.suite.results import Results, Row

RATE = "success_rate: {task: pick_place, min: 0.3}"


def asked(path, **more):
    return Asked(tuple(plan([path], engine="kinematic")), **more)


class Told:
    """A runner that makes results up: `verdict(seed)` of each unit; it counts what it ran."""

    def __init__(self, verdict=lambda seed: "pass", flaky=False):
        self.verdict, self.flaky, self.ran = verdict, flaky, []

    def __call__(self, units, out):
        self.ran += [(Path(out).name, unit.scenario.seed) for unit in units]
        return Results.of(self.row(unit, Path(out).name) for unit in units)

    def row(self, unit, part):
        s = unit.scenario
        other = "again" if self.flaky and part not in ("candidate", "baseline") else ""
        hash_ = f"{s.name} {s.seed}{other}"
        word = self.verdict(s.seed)
        return Row(s.name, s.seed, s.engine, "", "", s.digest, unit.key, word, ("because",), "", hash=hash_)


def test_shares_are_shown_by_their_mean_and_beside_the_baseline(write):
    path = write("a", f"{RATE}; never: void_episode; success_rate: {{task: pick_place, min: 0.1, max: 0.9}}")
    units = tuple(plan([path], engine="kinematic"))
    found = [str(m.requirement) for m in measures(Asked(units, units, margin=0.1))]
    assert found == [
        "a check 1: success of pick_place ≥ 0.3 in a",
        "a check 3: success of pick_place ≥ 0.1 in a",
        "a check 3: success of pick_place (most) ≤ 0.9 in a",
        "a: success of pick_place (pairs) not worse than the baseline by 0.1 in a",
    ]


def test_a_check_beside_a_baseline_brings_its_own_margin_and_needs_a_baseline(write):
    units = tuple(plan([write("a", "not_worse_than: {run: main, margin: 0.2}")], engine="kinematic"))
    assert [m.requirement.not_worse_by for m in measures(Asked(units, units))] == [0.2]
    with pytest.raises(InputError, match="--baseline"):
        measures(Asked(units))


def test_a_suite_that_shows_nothing_is_refused(write):
    with pytest.raises(InputError, match="--pass-rate"):
        measures(asked(write("a")))


def test_a_scenario_that_the_baseline_lacks_is_refused(write):
    one, other = plan([write("a", RATE)]), plan([write("b", RATE)])
    with pytest.raises(InputError, match="baseline has no scenario 'a'"):
        measures(Asked(tuple(one), tuple(other)))


def test_runs_are_added_until_it_is_decided_and_no_longer(write, tmp_path):
    runner, rounds = Told(), []
    decision = gate(asked(write("a"), pass_rate=0.5), tmp_path, runner, told=lambda _, count: rounds.append(count))
    assert decision.word == "release"
    assert rounds == sorted(set(rounds))
    assert len(decision.runs) == rounds[-1] < 20
    assert [seed for part, seed in runner.ran if part == "candidate"] == list(seeds(decision.release, rounds[-1]))


def test_a_budget_ends_it_undecided(write, tmp_path):
    decision = gate(asked(write("a"), pass_rate=0.9, budget=3), tmp_path, Told())
    assert (decision.word, decision.status, len(decision.runs)) == ("undecided", 4, 3)


def test_too_few_passes_are_refuted(write, tmp_path):
    decision = gate(asked(write("a"), pass_rate=0.5), tmp_path, Told(lambda seed: "fail"))
    assert decision.word == "block"
    assert "refuted" in decision.reasons[0]


def test_what_holds_on_one_engine_only_is_not_released(write, tmp_path):
    pytest.importorskip("pybullet")
    units = tuple(plan([write("a")], engine="both"))

    class OnOneOnly(Told):
        def row(self, unit, part):
            return replace(super().row(unit, part), verdict="pass" if unit.scenario.engine == "mujoco" else "fail")

    decision = gate(Asked(units, pass_rate=0.5), tmp_path, OnOneOnly())
    refuted = [f.requirement.name for f in decision.findings if "refuted" in str(f)]
    assert decision.word == "block" and refuted == ["a-pybullet: runs that pass"]
    assert gate(Asked(units, pass_rate=0.5), tmp_path, Told()).word == "release"


def test_a_check_for_both_engines_that_holds_on_one_alone_is_not_released(write, tmp_path):
    pytest.importorskip("pybullet")
    units = tuple(plan([write("a", "never: page; never: breakage, engines: both")]))

    class Breaks(Told):
        def row(self, unit, part):
            return replace(super().row(unit, part), verdict="pass" if unit.scenario.engine == "mujoco" else "fail")

    decision = gate(Asked(units, pass_rate=0.5), tmp_path, Breaks())
    assert decision.word == "block" and "a-pybullet" in str(decision.reasons)
    assert gate(Asked(units, pass_rate=0.5), tmp_path, Told()).word == "release"


def test_a_rerun_that_differs_blocks_whatever_else_was_shown(write, tmp_path):
    decision = gate(asked(write("a"), pass_rate=0.5), tmp_path, Told(flaky=True))
    assert decision.word == "block"
    assert "flaky is a bug" in decision.reasons[0]
    assert [run.rerun is not None for run in decision.runs[:2]] == [True, False]


def test_a_unit_that_is_refused_ends_the_gate(write, tmp_path):
    with pytest.raises(InputError, match="because"):
        gate(asked(write("a"), pass_rate=0.5), tmp_path, Told(lambda seed: "refused"))


@pytest.mark.parametrize(("verdict", "word"), [("void", "void"), ("lost", "block")])
def test_what_proves_nothing_is_never_released(write, tmp_path, verdict, word):
    assert gate(asked(write("a", RATE)), tmp_path, Told(lambda seed: verdict)).word == word


def test_an_edited_candidate_is_judged_on_seeds_of_its_own(write):
    path = write("a", RATE)
    first, named = asked(path).name, asked(path, release="1.0").name
    path.write_text(path.read_text().replace("min: 0.3", "min: 0.4"))
    assert asked(path).name != first
    assert asked(path, release="1.0").name == named == "1.0"


def test_candidate_and_baseline_run_on_the_same_seeds_and_are_judged_in_pairs(write, here, tmp_path):
    ours = asked(write("a", "success_rate: {task: pick_place, min: 0.1}"), margin=0.9, budget=9)
    decision = gate(replace(ours, baseline=ours.candidate), tmp_path / "work", here)
    pairs = [f for f in decision.findings if f.requirement.paired]
    assert decision.word == "release"
    assert [(f.value, f.state) for f in pairs] == [(0.0, "met")]
    assert all(run.baseline_hash == run.hash for run in decision.runs)


def test_a_check_that_must_hold_in_every_run_blocks_outright(write, here, tmp_path):
    path = write("a", f"{RATE}; at_least: {{what: episodes, min: 99}}")
    decision = gate(asked(path), tmp_path / "work", here)
    assert decision.word == "block"
    assert "must pass, and its verdict is fail" in decision.reasons[0]
    assert len(decision.runs) == 2
