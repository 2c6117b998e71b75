"""Traces of delays: read beside the file that names them, and refused at the first bad row."""

from __future__ import annotations

import pytest

from tests.farm.scenes import cells, opened, scene
from twin.core.errors import SpecError

LINKED = {"cells": cells("a", link="wifi")}


def loaded(folder, text, **trace):
    (folder / "rtt.csv").write_text(text)
    return opened(folder, scene(**LINKED, links={"wifi": {"latency_ms": {"kind": "trace", "path": "rtt.csv"} | trace}}))


def test_a_trace_is_read_beside_the_file_that_names_it(tmp_path):
    assert loaded(tmp_path, "4.5\n\n6\n").spec.fleet.links["wifi"].latency_ms.values_ms == (4.5, 6.0)


def test_a_column_of_a_table_is_a_trace(tmp_path):
    found = loaded(tmp_path, "t, rtt_ms\n0,4\n1,5\n", column="rtt_ms")
    assert found.spec.fleet.links["wifi"].latency_ms.values_ms == (4.0, 5.0)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("4\nnan\n-3\n", "rtt.csv:2:1", "row 2 of the trace: not a number"),
        ("4\n-3\n", "rtt.csv:2:1", "-3 ms is negative"),
        ("4\n1e12\n", "rtt.csv:2:1", "no delay of a message"),
        ("4\nfast\n", "rtt.csv:2:1", "'fast' is no number"),
        ("4,5\n", "rtt.csv:1:1", "name a column"),
        ("\n", "rtt.csv:1:1", "holds no number"),
    ],
)
def test_the_first_bad_row_is_named(tmp_path, text, place, words):
    with pytest.raises(SpecError) as caught:
        loaded(tmp_path, text)
    assert place in str(caught.value) and words in str(caught.value) and len(caught.value.problems) == 1


def test_a_trace_that_is_not_there_is_told_with_what_is(tmp_path):
    with pytest.raises(SpecError, match=r"no trace 'rrt.csv' beside the file.*rtt.csv"):
        loaded(tmp_path, "4\n", path="rrt.csv")
