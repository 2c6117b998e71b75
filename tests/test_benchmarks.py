import json

import pytest

from benchmarks import clock, farm, nominal, violations
from twin.cli import main


def test_the_clock_benchmark_measures_three_times_the_same_work():
    rates = clock.measure(n=2000, repeats=1)
    assert list(rates) == ["events_per_s", "bare_events_per_s", "simpy_events_per_s"]
    assert min(rates.values()) > 0


def test_both_sides_of_the_clock_benchmark_do_as_many_events():
    counts = {clock.ours(5000)[0], clock.ours(5000, hashed=False)[0], clock.simpys(5000)[0]}
    assert len(counts) == 1
    assert abs(counts.pop() - 5000) <= clock.ENTITIES


def test_twin_bench_takes_what_it_offers(monkeypatch, capsys):
    monkeypatch.setattr(farm, "measure", lambda segments: {"segments": segments})
    assert main(["bench", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"segments": 3}


@pytest.fixture
def counted(monkeypatch):
    each = dict.fromkeys(violations.NAMES, 1)
    piece = {"ticks": 10, "gave_way": 0, **dict.fromkeys(("broken", "least", "alone", "without"), each)}
    monkeypatch.setattr(violations, "piece", lambda part, ticks: piece)
    return piece


def test_twin_bench_counts_every_promise_over_all_policies_and_arms(counted):
    told = violations.measure(30, 1, 1)
    pairs = len(violations.PAIRS)
    assert told["violations_with"] == dict.fromkeys(violations.NAMES, pairs)
    assert told["violations_without"] == dict.fromkeys(violations.NAMES, pairs // 2)  # by the policies that go for limits


def test_the_tables_of_violations_have_a_row_for_every_promise_and_rows_of_one_width(counted):
    text = violations.tables({name: [counted] * len(each) for name, each in violations.parts(1000).items()})
    tables = [[line for line in part.splitlines() if line.startswith("|")] for part in text.split("The same with")]
    assert all(len({line.count(" |") for line in table}) == 1 for table in tables)
    assert all(sum(f"`{name}`" in line for line in table) == 1 for table in tables for name in violations.NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["pick_place", "stack", "drawer_open"])
def test_filters_let_a_policy_alone_that_does_nothing_wrong(task):
    (found,) = nominal.measure(4, ["ur3"], [task], [0.0])
    assert found.altered <= nominal.ALTERED and found.with_filters == found.without == found.episodes == 4
