import json

from tests.judge.synthetic import event, farm, make_log
from twin.judge.summary import as_text, summarise
from twin.judge.words import NB, hours, num, pct, several, span


def test_a_summary_is_plain_data_whose_hours_balance():
    told = summarise(farm())
    assert json.loads(json.dumps(told)) == told
    assert sum(told["lost_h"].values()) < told["robot_h"] == 2.0
    assert told["receipts"] == {"not_due": 1, "masked": 1, "acted": 2, "inert": 0}


def test_the_text_names_the_verdict_and_what_was_lost():
    said = as_text(
        summarise(farm(checks=[{"name": "never x", "passed": False, "bound": "0 times", "detail": "twice"}], verdict="fail"))
    )
    assert "synthetic-7-00000000: fail" in said and "FAILS  never x" in said and "automatic resets" in said


def test_what_is_not_known_stays_unknown():
    told = summarise(make_log([event(0, "episode.start", "c1")], [{"end_reason": "done"}]))
    assert told["usable"] is None and told["success"]["value"] is None
    assert "success      —" in as_text(told)


def test_numbers_are_told_with_three_digits_and_a_dash_where_unknown():
    assert [num(v) for v in (None, 0, 0.12345, 9.87654, float("nan"))] == ["—", "0", "0.123", "9.88", "—"]
    assert (pct(None), pct(0.5), hours(None), hours(9_000_000_000)) == ("—", f"50.0{NB}%", "—", f"2.50{NB}h")
    assert num(1234567.0) == f"1{NB}234{NB}567"


def test_times_are_told_in_the_unit_that_suits_them():
    assert [span(s) for s in (600, 90, 86400 * 3, None)] == [f"10{NB}min", f"90{NB}s", f"3{NB}days", "—"]
    assert (several(1, "episode"), several(2, "episode")) == ("1 episode", "2 episodes")
