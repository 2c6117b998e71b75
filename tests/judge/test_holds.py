"""Rules of a farm: each passes a log that keeps it, fails a mutant that does not, and is undecided where nothing happened."""

import pytest

from tests.judge.synthetic import event, make_log
from twin.judge.checks import evaluate
from twin.judge.checks.holds import RULES
from twin.judge.spec import RULE_NAMES, CheckSpec

STAND = {"category": 2, "time_s": 0.4, "distance_m": 0.1, "moved": False}
GOOD = {
    "stops_stand": [("stop.protective", {}), ("stop.standstill", STAND), ("stop.cleared", {})],
    "one_authority": [("authority.taken", {"name": "ann"}), ("authority.returned", {})] * 2,
    "no_work_while_faulty": [("repair.start", {}), ("repair.done", {}), ("episode.start", {"episode": 1})],
    "nothing_after_failure": [("episode.start", {"job": "j", "episode": 1}), ("job.failed", {"job": "j"})],
    "pages_are_answered": [("page.sent", {"page": 1}), ("page.answered", {"page": 1})],
    "no_reset_storm": [("reset.start", {})] * 3,
    "episodes_are_conserved": [("episode.start", {"episode": 1}), ("episode.end", {"episode": 1})],
    "fallback_at_once": [("filter.failed", {"filter": "mine"}), ("stop.protective", {})],
}
MUTANTS = {
    "stops_stand": [("stop.protective", {}), ("stop.standstill", STAND | {"time_s": 5.0})],
    "one_authority": [("authority.taken", {"name": "ann"}), ("authority.taken", {"name": "ben"})],
    "no_work_while_faulty": [("repair.start", {}), ("episode.start", {"episode": 1}), ("repair.done", {})],
    "nothing_after_failure": [("job.failed", {"job": "j"}), ("episode.start", {"job": "j", "episode": 1})],
    "pages_are_answered": [("page.sent", {"page": 1})],
    "no_reset_storm": [("reset.start", {})] * 11,
    "episodes_are_conserved": [("episode.start", {"episode": 1}), ("episode.start", {"episode": 2})],
    "fallback_at_once": [("filter.failed", {"filter": "mine"}), ("episode.end", {"episode": 1})],
}


def log_of(told):
    same = told[0][0] == "filter.failed" and told[1][0] == "stop.protective"
    return make_log([event(1.0 if same else 1.0 + k, kind, "c01", **more) for k, (kind, more) in enumerate(told)], sim_s=9000.0)


def passed(told, rule):
    return evaluate([CheckSpec.model_validate({"holds": {"rule": rule}})], log_of(told))[0].passed


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_log_that_keeps_a_rule_passes_and_a_mutant_does_not(rule):
    assert passed(GOOD[rule], rule) is True and passed(MUTANTS[rule], rule) is False


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_rule_that_was_not_put_to_the_test_is_undecided(rule):
    assert passed([("data.saved", {})], rule) is None and set(RULES) == set(RULE_NAMES)
