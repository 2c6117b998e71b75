import json

import pytest

from benchmarks import clock, farm, nominal
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


@pytest.mark.slow
@pytest.mark.parametrize("task", ["pick_place", "stack", "drawer_open"])
def test_filters_let_a_policy_alone_that_does_nothing_wrong(task):
    (found,) = nominal.measure(4, ["ur3"], [task], [0.0])
    assert found.altered <= nominal.ALTERED and found.with_filters == found.without == found.episodes == 4
