from dataclasses import replace

import pytest

from tests.judge.synthetic import event, make_log
from twin.judge.checks import CheckResult, evaluate
from twin.judge.spec import CheckSpec
from twin.judge.verdict import Verdict, exit_status, verdict

GOOD = CheckResult("good", True, 1.0, "≥ 1", "fine")
BAD = CheckResult("bad", False, 0.0, "≥ 1", "less")
OPEN = CheckResult("open", None, None, "≥ 1", "nobody knows")
EPISODE = {"end_reason": "done", "peak_speed_mps": 0.5}


def word(*results, episodes=1, receipts=(), **columns):
    log = make_log([event(0, "episode.start", "c1")], [EPISODE | columns] * episodes, receipts)
    return verdict(log, results).word


def test_the_worst_word_wins():
    assert word(GOOD) == "pass"
    assert word(GOOD, OPEN) == "undecided"
    assert word(GOOD, OPEN, BAD) == "fail"
    assert word(BAD, receipts=[{"status": "inert"}]) == "void"


def test_a_pass_says_which_filters_failed_and_a_check_forbids_it():
    events = [event(t, "filter.failed", "c1", filter="mine", error="raised KeyError") for t in (1, 2)]
    log = make_log(events, [EPISODE])
    found = verdict(log, [GOOD])
    assert found.word == "pass" and "filter mine failed 2 times (raised KeyError)" in found.reasons[1]
    assert evaluate([CheckSpec.model_validate({"never": "failed_filter"})], log)[0].passed is False
    assert len(verdict(make_log([], [EPISODE]), [GOOD]).reasons) == 1
    assert verdict(log, [BAD]).reasons[1] == verdict(log, [OPEN]).reasons[1] == "filter mine failed 2 times (raised KeyError)"


def test_a_pass_says_how_many_checks_hang_on_chance():
    near = replace(GOOD, by_chance=True)
    said = verdict(make_log([], [EPISODE]), [GOOD, near]).reasons[0]
    assert said == "all 2 checks hold, 1 of them with an interval across the bound"


def test_a_farm_that_ran_no_episode_fails_whatever_its_checks_say():
    assert word(GOOD, episodes=0) == "fail"


def test_a_policy_that_commanded_nothing_fails_whatever_its_checks_say():
    assert word(GOOD, peak_speed_mps=0.0) == "fail"
    assert word(GOOD, peak_speed_mps=None) == "pass"


@pytest.mark.parametrize(
    ("status", "must", "says"),
    [
        ("acted", True, "pass"), ("masked", False, "pass"), ("not_due", False, "pass"),
        ("masked", True, "void"), ("not_due", True, "void"), ("inert", False, "void"), ("inert", None, "void"),
    ],
)  # fmt: skip
def test_receipts_void_a_run_when_a_fault_did_not_act_as_it_must(status, must, says):
    assert word(GOOD, receipts=[{"fault": "f", "target": "c1", "status": status, "must_act": must}]) == says


def test_more_than_half_a_percent_of_voided_episodes_voids_the_run():
    log = make_log((), [EPISODE] * 199 + [EPISODE | {"end_reason": "void"}])
    assert verdict(log, [GOOD]).word == "pass"
    log = make_log((), [EPISODE] * 198 + [EPISODE | {"end_reason": "void"}])
    assert verdict(log, [GOOD]) == Verdict("void", verdict(log, [GOOD]).reasons)
    assert "1 of 199" in verdict(log, [GOOD]).reasons[0]


def test_every_reason_is_told():
    log = make_log((), [EPISODE], [{"fault": "f", "target": "c1", "status": "inert"}] * 2)
    assert len(verdict(log, [BAD]).reasons) == 2


def test_each_word_has_its_exit_status():
    assert [exit_status(w) for w in ("pass", "fail", "void", "undecided")] == [0, 1, 3, 4]
