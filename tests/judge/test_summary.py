import json

from tests.judge.synthetic import event, farm, make_log
from twin.judge.summary import as_text, summarise
from twin.judge.words import hours, num, pct, several, span


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


def test_numbers_are_told_with_three_digits_and_their_unit():
    assert [num(v) for v in (None, 0, 0.12345, 9.87654, 1234567.0, float("nan"))] == [
        "—",
        "0",
        "0.123",
        "9.88",
        "1 234 567",
        "—",
    ]
    assert (pct(None), pct(0.5), hours(None), hours(9_000_000_000)) == ("—", "50.0 %", "—", "2.50 h")
    assert (span(600), span(90), span(86400 * 3), several(1, "episode"), several(2, "episode")) == (
        "10 min", "90 s", "3 days", "1 episode", "2 episodes",
    )  # fmt: skip
