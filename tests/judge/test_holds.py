"""Rules of a farm: each passes a log that keeps it, fails a mutant that does not, and is undecided where nothing happened."""

import pytest

from tests.judge.synthetic import event, make_log
from twin.judge.checks import evaluate
from twin.judge.checks.holds import RULES
from twin.judge.spec import RULE_NAMES, CheckSpec

STAND = {"category": 2, "time_s": 0.4, "distance_m": 0.1, "moved": False}
JOB = {"job": "j", "task": "pick_place", "on": None}


def queue(*order):
    """Job a comes, an hour and more later job b; they are given out in an order."""
    came = [("job.arrived", JOB | {"job": "a"}), ("job.arrived", JOB | {"job": "b", "t_s": 4000.0})]
    return came + [("job.assigned", {"job": name, "t_s": 4001.0}) for name in order]


GOOD = {
    "stops_stand": [("stop.protective", {}), ("stop.standstill", STAND), ("stop.cleared", {})],
    "one_authority": [
        ("authority.granted", {"lease": 1}),
        ("authority.taken", {"name": "ann", "lease": 1}),
        ("authority.returned", {}),
        ("authority.released", {}),
        ("authority.granted", {"lease": 2}),
    ],
    "no_work_while_faulty": [("repair.start", {}), ("repair.done", {}), ("episode.start", {"episode": 1})],
    "nothing_after_failure": [("episode.start", {"job": "j", "episode": 1}), ("job.failed", {"job": "j"})],
    "pages_are_answered": [("page.sent", {"page": 1}), ("page.answered", {"page": 1})],
    "no_reset_storm": [("reset.start", {})] * 3,
    "episodes_are_conserved": [("episode.start", {"episode": 1}), ("episode.end", {"episode": 1})],
    "fallback_at_once": [("filter.failed", {"filter": "mine"}), ("stop.protective", {})],
    "inspected_before_work": [("repair.done", {}), ("repair.tested", {"passed": True}), ("episode.start", {"episode": 1})],
    "stuck_is_dealt_with": [("reset.stuck", {}), ("reset.start", {})],
    "no_retry_storm": [("job.returned", {"job": "j"}), ("episode.end", {"job": "j", "episode": 1})] * 11,
    "queues_are_bounded": [("job.arrived", {"job": f"j{k}"}) for k in range(1000)],
    "nobody_starves": queue("a", "b"),
    "the_rest_goes_on": [("reset.abandoned", {}), ("job.arrived", JOB), ("job.assigned", JOB)],
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
    "inspected_before_work": [("authority.withdrawn", {"reason": "power"}), ("episode.start", {"episode": 1})],
    "stuck_is_dealt_with": [("reset.stuck", {})],
    "no_retry_storm": [("job.returned", {"job": "j"})] * 11,
    "queues_are_bounded": [("job.arrived", {"job": f"j{k}"}) for k in range(1001)],
    "nobody_starves": queue("b", "a"),
    "the_rest_goes_on": [("reset.abandoned", {}), ("job.arrived", JOB)],
}


def log_of(told):
    same = told[0][0] == "filter.failed" and told[1][0] == "stop.protective"
    when = [more.get("t_s", 1.0 if same else 1.0 + 0.1 * k) for k, (_, more) in enumerate(told)]
    events = [
        event(t, kind, "c01", **{k: v for k, v in more.items() if k != "t_s"})
        for t, (kind, more) in zip(when, told, strict=True)
    ]
    return make_log(events, cells=("c01", "c02"), sim_s=9000.0)


def passed(told, rule):
    return evaluate([CheckSpec.model_validate({"holds": {"rule": rule}})], log_of(told))[0].passed


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_log_that_keeps_a_rule_passes_and_a_mutant_does_not(rule):
    assert passed(GOOD[rule], rule) is True and passed(MUTANTS[rule], rule) is False


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_rule_that_was_not_put_to_the_test_is_undecided(rule):
    assert passed([("data.saved", {})], rule) is None and set(RULES) == set(RULE_NAMES)
