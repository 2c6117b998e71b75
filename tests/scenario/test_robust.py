"""Whatever stands in a scenario, the answer is a list of problems with places, never an exception."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.core.assets import shipped
from twin.core.yaml import read
from twin.scenario.load import check

QUICKSTART = read(shipped("scenarios") / "quickstart.yaml").data
QUICKSTART["fleet"] = read(shipped("scenarios") / "fleets" / "quickstart.yaml").data
JUNK = st.sampled_from(
    [None, True, -1, 0, 1e308, "", "x", "ur3", [], {}, [[]], [{}], {"kind": "x"}, {"use": "a:b"}, {"value": -1}, "a" * 70]
)


def paths(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in the data but its top."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path for key, value in inner for path in ((*at, key), *paths(value, (*at, key)))]


PATHS = paths(QUICKSTART)


def spoilt(changes: list[tuple[int, Any]]) -> Any:
    data = copy.deepcopy(QUICKSTART)
    for number, junk in changes:
        *way, last = PATHS[number]
        holder = data
        for step in way:
            inside = isinstance(holder, dict) and step in holder or isinstance(holder, list) and step in range(len(holder))
            holder = holder[step] if inside else {}
        if isinstance(holder, dict) or (isinstance(holder, list) and last in range(len(holder))):
            holder[last] = copy.deepcopy(junk)
    return data


@given(st.lists(st.tuples(st.integers(0, len(PATHS) - 1), JUNK), min_size=1, max_size=4))
def test_junk_in_any_place_is_told_and_never_raises(tmp_path_factory, changes):
    path = tmp_path_factory.getbasetemp() / "junk.yaml"
    path.write_text(json.dumps(spoilt(changes)))
    assert all(problem.message and (problem.line or not problem.column) for problem in check(path))


NAMED_NOWHERE = ("fleet", "people", "technicians")
KEYS = [path for path in PATHS if isinstance(path[-1], str) and path != NAMED_NOWHERE]


@pytest.mark.parametrize("path", KEYS, ids=lambda path: ".".join(map(str, path)))
def test_every_misspelt_key_is_told(tmp_path, path):
    data = copy.deepcopy(QUICKSTART)
    holder = data
    for step in path[:-1]:
        holder = holder[step]
    holder[f"{path[-1]}zz"] = holder.pop(path[-1])
    (tmp_path / "s.yaml").write_text(json.dumps(data))
    assert any(f"{path[-1]}" in problem.message for problem in check(tmp_path / "s.yaml"))
