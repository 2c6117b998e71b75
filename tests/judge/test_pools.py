"""Several runs on one page, and the rows of evidence behind a check."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.judge.synthetic import event, farm, make_log, real_table
from tests.judge.test_report import Tree, judged, section
from twin.core.errors import InputError
from twin.judge.checks import CheckResult
from twin.judge.report.evidence import ALL, Evidence
from twin.judge.report.page import build
from twin.judge.report.pools import FULL
from twin.judge.spec import CheckSpec

LATE = CheckSpec.model_validate({"never": "failed_reset"})
LONG = CheckSpec.model_validate({"quantile": {"of": "duration_s", "q": 0.5, "max": 1}})


def run(seed, *checks, scenario="synthetic", **more):
    log = farm(cells=2, sim_s=200.0, seed=seed, scenario=scenario)
    return judged(replace(log, meta=log.meta | {"seed": seed}, folder=Path(f"runs/{scenario}-{seed}")), list(checks))


RUNS = [run(1), run(2, LATE, LONG), run(3), run(1, scenario="other")]
PAGE = build(RUNS, [])
TREE = Tree(PAGE)


def test_several_runs_stand_in_a_table_before_anything_else():
    said = section(PAGE, "overview")
    assert "Verdict: fail" in said and all(f"synthetic, seed {seed}" in said for seed in (1, 2, 3)) and "other, seed 1" in said
    assert TREE.ids.index("overview") < TREE.ids.index("r1-run")


def test_a_page_of_several_runs_is_well_formed_and_its_links_lead_somewhere():
    assert TREE.open == [] and len(TREE.ids) == len(set(TREE.ids))
    assert {link.removeprefix("#") for link in TREE.links} <= set(TREE.ids)


def test_runs_that_differ_in_their_seed_only_are_taken_together():
    said = section(PAGE, "pooled")
    assert "synthetic: 3 runs" in said and "other" not in said and "bootstrap over runs" in said


def test_the_order_in_which_runs_of_a_scenario_are_given_does_not_change_what_is_pooled():
    assert section(build(RUNS[:3][::-1], []), "pooled") == section(build(RUNS[:3], []), "pooled")


def test_each_scenario_is_set_beside_reality_with_all_its_seeds():
    said = section(build(RUNS, [real_table()]), "real")
    assert "bench, beside synthetic" in said and "bench, beside other" in said


def test_a_run_given_twice_is_refused():
    with pytest.raises(InputError, match="seed 1 is given twice"):
        build([RUNS[0], RUNS[0]], [])


def test_no_run_at_all_is_refused():
    with pytest.raises(InputError, match="at least one run"):
        build([], [])


def test_of_many_runs_those_that_did_not_pass_are_told_in_full():
    runs = [run(seed) for seed in range(FULL + 2)] + [run(99, LATE)]
    page = build(runs, [])
    assert page.count('class="run"') == FULL and ">synthetic, seed 99: fail</h2>" in page
    assert "3 more stand in this table only" in section(page, "overview")


# Evidence.


def test_a_failing_check_links_to_its_event_and_to_its_episode():
    page = build(RUNS[1], [])
    tree = Tree(page)
    named = [link for link in tree.links if link.startswith("#event-")]
    assert named and any(link.startswith("#episode-") for link in tree.links)
    assert {link.removeprefix("#") for link in tree.links} <= set(tree.ids)


HAPPENED = ((0, "episode.start", 1), (5, "episode.end", 1), (6, "reset.start", None), (9, "reset.stuck", None))
LOG = make_log([event(t, kind, "c1", episode=number) for t, kind, number in HAPPENED], [{"end_reason": "done"}])


def fails(*evidence):
    return CheckResult("x", False, 1.0, "0", "so", evidence)


def test_an_event_without_an_episode_belongs_to_the_last_one_on_its_cell():
    (link,) = Evidence(LOG, [fails("event 3")]).links(fails("event 3"))
    assert (link["at"], link["episode"]) == ("event-3", 1)


def test_what_led_up_to_a_named_event_stands_before_it():
    told = Evidence(LOG, [fails("event 3")]).events()
    assert [row["kind"] for row in told] == ["episode.start", "episode.end", "reset.start", "reset.stuck"]
    assert [bool(row["by"]) for row in told] == [False, False, False, True]


def test_a_named_episode_brings_its_events():
    assert [row["seq"] for row in Evidence(LOG, [fails("episode 1")]).events()] == [0, 1]


def test_evidence_that_the_log_does_not_hold_is_named_without_a_link():
    found = Evidence(LOG, [fails("event 77", "episode 9", "nonsense")]).links(fails("event 77", "episode 9", "nonsense"))
    assert [link["at"] for link in found] == [None, None, None]


def test_of_a_long_run_only_named_episodes_have_a_row():
    log = make_log([event(0, "episode.start", "c1", episode=1)], [{"end_reason": "done"}] * (ALL + 1))
    found = Evidence(log, [fails("episode 7")])
    assert [row["episode"] for row in found.episodes()] == [7]
    page = build(judged(replace(log, meta=log.meta | {"checks": [fails("episode 7").as_dict()]}), []), [])
    assert Tree(page).open == []
