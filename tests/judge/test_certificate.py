"""A certificate proves itself offline, and no edit of it passes."""

from __future__ import annotations

import copy
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.test_gate import CALM, GOOD, runs
from twin.core.errors import InputError, StorageError
from twin.judge.certificate import _digest, document, read, verify, write
from twin.judge.gate import Requirement, Run, decide

BETTER = Requirement("success", "floor", not_worse_by=0.3)
VERSIONS = {"twin": "0.1.0", "mujoco": "4.0.0"}


def decision(n=50):
    given_runs = [
        Run(**{**vars(r), "baseline": {"success": 0.9}, "baseline_hash": "b", "rerun": r.hash, "sha256": "abc"})
        for r in runs(n)
    ]
    return decide([GOOD, CALM, BETTER], [*given_runs, Run("crash", 0, 7, "h")], release="v1", must_pass=["crash"])


STORED = json.loads(json.dumps(document(decision(), versions=VERSIONS, calibration="sha256:c")))


def put(folder, content):
    path = folder / "certificate.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def leaves(tree, place=()):
    """Where the values of a tree of plain data stand."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else None
    return [place] if items is None else [leaf for key, below in items for leaf in leaves(below, (*place, key))]


def changed(place):
    """The certificate with another value in one place, and that place's parent."""
    content = copy.deepcopy(STORED)
    parent = content
    for key in place[:-1]:
        parent = parent[key]
    old = parent[place[-1]]
    parent[place[-1]] = old + "x" if isinstance(old, str) else old / 3 if old else 0.4321
    return content


def test_a_certificate_says_all_that_it_rests_on(tmp_path):
    stored = read(write(tmp_path / "deep" / "c.json", decision(), versions=VERSIONS, calibration="sha256:c"))
    first = stored["requirements"][0]
    assert stored == STORED and stored["decision"] == "release" and "alpha is about the twin" in stored["about"]
    assert first["n"] == len(first["seeds"]) == len(first["hashes"]) == 50
    assert first["low"] >= first["at_least"] and first["evidence"] >= first["bar"] == 20


def test_a_certificate_without_calibration_says_so():
    assert document(decision(3))["calibration"]["says"].startswith("none")


@pytest.mark.parametrize("n", [0, 5, 50])
def test_what_was_written_is_verified(tmp_path, n):
    found = decision(n)
    assert verify(write(tmp_path / "c.json", found, versions=VERSIONS)) == []
    assert found.word == ("release" if n == 50 else "undecided")


@given(st.sampled_from([leaf for leaf in leaves(STORED) if leaf != ("certificate",)]))
def test_every_edit_is_found(tmp_path_factory, place):
    assert verify(put(tmp_path_factory.mktemp("c"), changed(place))) != []


DERIVED = [("decision",), ("reasons", 0), ("about",), ("calibration", "says")]
DERIVED += [
    leaf for leaf in leaves(STORED) if leaf[0] == "requirements" and leaf[2] not in ("at_least", "at_most", "not_worse_by")
]


@given(st.sampled_from(DERIVED))
def test_a_new_digest_does_not_hide_an_edit_of_what_follows_from_the_runs(tmp_path_factory, place):
    content = changed(place)
    content["digest"] = _digest({key: value for key, value in content.items() if key != "digest"})
    assert verify(put(tmp_path_factory.mktemp("c"), content)) != []


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c["requirements"][0].update(low=0.99), r"requirements\[0\]\.low: the file says 0\.99"),
        (lambda c: c["runs"].pop(3), "is missing, though run"),
        (lambda c: c.update(extra=1), "extra is not known"),
        (lambda c: c.pop("epoch"), "epoch is missing"),
        (lambda c: c["runs"][0].pop("hash"), r"runs\[0\]\.hash is missing"),
        (lambda c: c["runs"].append(7), r"runs\[51\] must be an object"),
        (lambda c: c["requirements"][0].update(at_most=0.5), r"requirements\[0\]: .* 2 are given"),
        (lambda c: c.update(alpha=True), "alpha is not what it should be: True"),
        (lambda c: c.update(versions=[]), "versions is not what it should be"),
    ],
)
def test_a_problem_names_its_place(tmp_path, spoil, message):
    content = copy.deepcopy(STORED)
    spoil(content)
    problems = "\n".join(verify(put(tmp_path, content)))
    assert re.search(message, problems)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("{}", "is no certificate"),
        ("[1]", "is no certificate"),
        ('{"certificate": 2}', "version 2, this twin reads version 1"),
        ('{"certificate": 1, "alpha": NaN}', "NaN is no number"),
        ('{"certificate": 1, "certificate": 1}', "a key stands twice"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_what_is_no_certificate_is_refused(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        verify(path)


def test_no_file_and_no_place_to_write_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        verify(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be written"):
        write(tmp_path / "file" / "c.json", decision(1))
