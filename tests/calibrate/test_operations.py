"""Resets, people and detectors from logs: what the farm does to them is taken out again."""

import json

import numpy as np
import pandas as pd
import pytest

from twin.calibrate.operations import detector, people, resets
from twin.core.chance import Chance
from twin.core.errors import TableError
from twin.log.episodes import episode_frame


def stream():
    return Chance(4).stream("test", "operations")


def told(*rows):
    return pd.DataFrame([{"t_s": t, "kind": kind, "cell": "c1", "payload": json.dumps(load)} for t, kind, load in rows])


def attempt(t, seconds, worked, number=1):
    start = (t, "reset.start", {"reset": "automatic", "attempt": number})
    return start, (t + seconds, "reset.done" if worked else "reset.failed", {"reset": "automatic", "attempt": number})


def test_a_rung_is_left_when_its_attempts_start_again():
    log = told((0, "episode.start", {}), *attempt(10, 2, False), *attempt(12, 2, False, 2), *attempt(14, 5, True, 1))
    first, second = resets.from_events(log)
    assert (first.good, first.tries, first.seconds) == (0, 2, [2, 2]) and (second.good, second.tries) == (1, 1)


def episodes(**columns):
    n = len(next(iter(columns.values())))
    rows = [
        {"episode": i + 1, "source": "real", "schema": 1, "cell": "c1"} | {k: v[i] for k, v in columns.items()}
        for i in range(n)
    ]
    return episode_frame(rows)


def test_counts_of_the_table_tell_attempts_that_failed():
    rung = resets.from_episodes(
        episodes(resets=[1, 3, 3, 0], reset_kind=["automatic", "automatic", "person", None], reset_s=[8, 30, 90, 0])
    )
    assert (rung.good, rung.tries, rung.seconds) == (2, 6, [8])


def page(number, sent, answered, done, pool="floor", why="reset"):
    load = {"pool": pool, "why": why, "page": number}
    yield sent, "page.sent", load
    if answered is not None:
        yield answered, "page.answered", load | {"person": "floor/1"}
    if done is not None:
        yield done, "page.done", load | {"person": "floor/1"}


def test_a_wait_for_somebody_to_be_free_is_no_response():
    rows = sorted([*page(1, 0, 60, 100), *page(2, 50, 150, 200)], key=lambda r: r[0])
    pool = people.pools(told(*rows), {"floor": 1})["floor"]
    assert pool.response.t.tolist() == [60, 50] and pool.waited == 1 and pool.work.t.tolist() == [40, 50]


def test_a_call_that_nobody_has_answered_yet_is_censored():
    rows = [*page(1, 0, 60, 100), *page(2, 110, None, None), (400, "job.done", {})]
    pool = people.pools(told(*rows), {"floor": 1})["floor"]
    assert pool.response.t.tolist() == [60, 290] and pool.response.ended.tolist() == [True, False]


def test_errors_of_a_detector_are_found_from_audits_of_failures_only():
    s = stream()
    truth = s.random(4000) < 0.7
    label = np.where(s.random(4000) < np.where(truth, 0.1, 0.2), ~truth, truth)
    seen = (~label & (s.random(4000) < 0.8)) | (s.random(4000) < 0.05)
    frame = episodes(label=label.tolist(), truth=[bool(t) if a else None for t, a in zip(truth, seen, strict=True)])
    known = detector.confusion(frame, None, s)
    assert known.false_negative.low < 0.1 < known.false_negative.high
    assert known.false_positive.low < 0.2 < known.false_positive.high and known.success.low < 0.7 < known.success.high


def test_an_audit_of_other_episodes_is_refused():
    frame = episodes(label=[True, False])
    other = frame.assign(episode=[11, 12])
    with pytest.raises(TableError, match="none of the log's episodes"):
        detector.confusion(frame, other, stream())
