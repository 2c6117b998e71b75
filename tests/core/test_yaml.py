"""YAML as data: scalars by YAML 1.2, marks, and what is refused."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from twin.core.yaml import parse, read, scalar

TEXTS = ["on", "yes", "No", "12:30:00", "0.1.2", "1_000", "2026-01-05", "+", ".", "-", "e3", "0b1", "nan", "08:30"]
NUMBERS = {"1e-3": 0.001, "+5": 5, "-0.5": -0.5, ".5": 0.5, "1.": 1.0, "0x1F": 31, "0o17": 15, "007": 7, "-.inf": -math.inf}
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("abc:#-{}[]'\" ", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcd", min_size=1, max_size=3), inner, max_size=3),
    max_leaves=12,
)


def said(text: str) -> list[str]:
    return [str(problem) for problem in parse(text, "f.yaml").problems]


@pytest.mark.parametrize("text", TEXTS)
def test_what_only_looks_like_a_value_is_text(text):
    assert scalar(text) == text


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_numbers(text):
    assert scalar(text) == NUMBERS[text]
    assert type(scalar(text)) is type(NUMBERS[text])


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False), ("null", None), ("~", None), ("", None)])
def test_only_true_false_and_null_are_what_they_say(text, value):
    assert scalar(text) is value


def test_an_endless_integer_does_no_harm():
    assert scalar("9" * 10_000) == math.inf


@given(st.dictionaries(st.text("abcd", min_size=1), PLAIN, min_size=1))
def test_json_is_read_as_json(data):
    assert parse(json.dumps(data), "f").data == data


@given(st.dictionaries(st.text("abcd", min_size=1), PLAIN, min_size=1))
def test_what_pyyaml_writes_without_aliases_is_read_back_without_a_problem(data):
    class Plain(pyyaml.SafeDumper):
        def ignore_aliases(self, data):
            return True

    document = parse(pyyaml.dump(data, Dumper=Plain), "f")
    assert document.problems == []
    assert document.data.keys() == data.keys()


@given(st.text(max_size=60))
def test_no_text_at_all_raises(text):
    document = parse(text, "f")
    assert document.problems or isinstance(document.data, dict)


@given(st.binary(max_size=60))
def test_no_bytes_at_all_raise(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "some.yaml"
    path.write_bytes(data)
    document = read(path)
    assert document.problems or isinstance(document.data, dict)


def test_every_value_and_key_has_its_place():
    marks = parse("a:\n  - {b: 1,  c: [x, y]}\n", "f").marks
    assert (marks["a", 0, "c"].key_line, marks["a", 0, "c"].key_column) == (2, 13)
    assert (marks["a", 0, "c", 1].line, marks["a", 0, "c", 1].column) == (2, 20)


def test_keys_of_the_user_are_dropped_at_every_level():
    assert parse("x-a: 1\nb: {x-c: {d: 2}, e: [{x-f: 3, g: 4}]}\n", "f").data == {"b": {"e": [{"g": 4}]}}


def test_quotes_make_text():
    assert parse("a: \"1\"\nb: 'true'\nc: |\n  2\n", "f").data == {"a": "1", "b": "true", "c": "2\n"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the file is empty"),
        ("# nothing\n", "1:1: the file is empty"),
        ("- a\n", "1:1: the top of the file must be a mapping (key: value), not a list"),
        ("a: 1\nb: 2\na: 3\n", "3:1: duplicate key 'a', first given at line 1"),
        ("a:\n\tb: 1\n", "2:1: a tab cannot indent YAML; use spaces"),
        ("a: {<<: {b: 1}}\n", "1:5: merge key '<<' is not allowed, write the keys out"),
        ("a: !!python/name:os.system x\n", "1:4: tag tag:yaml.org,2002:python/name:os.system: tags are not allowed"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document starts here; one file holds one"),
        ("a: [1, 2\nb: 3\n", "2:2: not YAML: did not find expected ',' or ']'"),
        ("a: \x01\n", "1:4: the character U+0001 is not allowed in YAML"),
        ("? [1]\n: 2\n", "1:3: a key must be plain text, not a list"),
        ("a: " + "[" * 5000, "1:63: nested deeper than 60 levels"),
    ],
)
def test_what_is_refused_says_where_and_why(text, message):
    assert said(text)[0].startswith(f"f.yaml:{message}")


def test_anchors_and_aliases_are_refused_and_reading_goes_on():
    assert said("a: &x 1\nb: *x\nc: 1\nc: 2\n") == [
        "f.yaml:1:4: anchor &x: anchors and aliases are not allowed",
        "f.yaml:2:4: alias *x: anchors and aliases are not allowed, write the value out",
        "f.yaml:4:1: duplicate key 'c', first given at line 3",
    ]


def test_an_alias_bomb_never_expands():
    names = "abcdefghij"
    layers = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in pairwise(names)]
    document = parse("a: &a [x, x, x]\n" + "\n".join(layers), "f")
    assert "too many mistakes" in str(document.problems[-1])
    assert len(document.marks) < 100


def test_bytes_that_are_no_utf_8_have_a_place(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    assert str(read(path, "bad.yaml").problems[0]) == "bad.yaml:2:7: byte 0xe9 is not UTF-8; save the file as UTF-8"
