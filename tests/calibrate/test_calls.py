"""Logs of calls for people: how fast somebody comes and how long the work takes."""

import numpy as np
import pandas as pd
import pytest

from twin.calibrate.spec import load_plan
from twin.calibrate.whole import calibrate
from twin.core.errors import InputError, SpecError, TableError

STAMPS = "sent: {column: called, unit: iso8601}, answered: {column: there, unit: iso8601}, done: {column: done, unit: iso8601}"
LENGTHS = "response: {column: waited, unit: min}, work: {column: worked, unit: s}"


def book(folder, n=120):
    s, start = np.random.default_rng(2), pd.Timestamp("2025-03-01")
    called = start + pd.to_timedelta(np.cumsum(s.exponential(900, n)), "s")
    waited, worked = np.exp(np.log(40) + 0.5 * s.standard_normal(n)), np.exp(np.log(25) + 0.4 * s.standard_normal(n))
    there = called + pd.to_timedelta(waited, "s")
    columns = {
        "called": called,
        "there": there,
        "done": there + pd.to_timedelta(worked, "s"),
        "waited": waited / 60,
        "worked": worked,
    }
    table = pd.DataFrame(columns)
    table.loc[5, ["there", "waited"]] = None  # given up
    table.sample(frac=1, random_state=1).to_csv(folder / "calls.csv", index=False)


def told(folder, columns, part="operations"):
    (folder / "plan.yaml").write_text(
        f"calibrate: c\nlogs: {{c: {{kind: calls, path: calls.csv, pool: crew, {columns}}}}}\n"
        f"parts: [{{kind: {part}, log: c}}]\n"
    )
    (result,) = calibrate(load_plan(folder / "plan.yaml")).results
    return {e.name: e for e in result.estimates}, " ".join(f.text for f in result.findings)


@pytest.mark.parametrize("columns", [STAMPS, LENGTHS])
def test_response_and_work_come_back_from_stamps_or_from_lengths(tmp_path, columns):
    book(tmp_path)
    known, _ = told(tmp_path, columns)
    response, work = (known[f"people.crew.{what}.median"] for what in ("response_s", "work_s"))
    assert response.low < 40 < response.high and work.low < 25 < work.high and work.n == 119


def test_calls_without_an_answer_and_an_end_are_left_out_aloud(tmp_path):
    book(tmp_path)
    assert "1 of 120 calls have no answer and no end" in told(tmp_path, "response: {column: waited, unit: min, nan: keep}")[1]


def test_calls_that_cannot_be_are_refused(tmp_path):
    book(tmp_path)
    with pytest.raises(TableError, match="column 'called': earlier than what came before it"):
        told(
            tmp_path, STAMPS.replace("column: there", "column: called").replace("sent: {column: called", "sent: {column: there")
        )
    with pytest.raises(SpecError, match="moments of answers need sent"):
        told(tmp_path, "answered: {column: there, unit: iso8601}")
    with pytest.raises(InputError, match="only the part operations reads"):
        told(tmp_path, LENGTHS, part="episodes")
