"""The check that jobs are neither lost nor run twice, and its mutants."""

from dataclasses import replace

import pandas as pd
import pytest

from tests.judge.synthetic import event, make_log
from twin.judge.checks import evaluate
from twin.judge.spec import CheckSpec

ASKED = {"task": "pick_place", "episodes": 1, "on": None}
SOUND = [
    event(0, "authority.offered", "c1", lease=1),
    event(0, "job.arrived", job="j", **ASKED),
    event(0, "job.assigned", "c1", job="j"),
    event(0, "authority.granted", "c1", job="j"),
    event(1, "episode.start", "c1", job="j", episode=1),
    event(9, "episode.end", "c1", job="j", episode=1, label=True, end_reason="done"),
    event(9, "job.done", job="j"),
]
ROWS = [{"job": "j", "episode": 1, "label": True, "end_reason": "done"}]


def judge(events, rows=ROWS, sim_s=200.0):
    log = make_log(events, rows)
    log = replace(log, meta={**log.meta, "sim_s": sim_s, "cells": [{"name": "c1", "tasks": ["pick_place"]}, {"name": "c2"}]})
    return evaluate([CheckSpec.model_validate({"jobs": {"waiting_s": 60}})], log)[0]


def test_a_log_in_which_each_job_ran_once_passes():
    assert judge(SOUND).passed is True


MUTANTS = {
    "given twice": ([*SOUND[:4], event(0.5, "job.assigned", "c2", job="j"), *SOUND[4:]], ROWS, "was given to c2"),
    "run elsewhere": ([*SOUND[:4], event(1, "episode.start", "c2", job="j", episode=2), *SOUND[4:]], ROWS, "ran on c2"),
    "run too often": (SOUND, [*ROWS, ROWS[0] | {"episode": 2}], "asked for 1 episodes and ran 2"),
    "lost": (SOUND[:2], ROWS, "waits beside a free cell"),
    "left undone": ([*SOUND[:4], event(3, "authority.offered", "c1", lease=2)], ROWS, "was left undone by c1"),
    "arrived twice": ([*SOUND, SOUND[1]], ROWS, "arrived twice"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_job_that_is_lost_or_run_twice_fails(name):
    events, rows, says = MUTANTS[name]
    found = judge(events, rows)
    assert found.passed is False and says in found.detail


def test_without_jobs_nothing_is_judged():
    assert judge([event(0, "authority.offered", "c1")], pd.DataFrame(ROWS).to_dict("records")).passed is None
