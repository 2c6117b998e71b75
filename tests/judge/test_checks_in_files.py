"""Checks as they are written: every mistake is told in its place, and what the documents show is accepted."""

import re

import jsonschema
import pytest
import yaml

from twin.judge.spec import FIGURES, NEVER, CheckSpec
from twin.scenario.load import check
from twin.scenario.schema import schema


@pytest.fixture(scope="module")
def document(root):
    return (root / "docs" / "checks.md").read_text(encoding="utf-8")


@pytest.fixture
def complaints(root, tmp_path):
    """What `twin check` says of the smallest scenario with other checks, without the name of the file."""

    def complaints(*checks):
        text = (root / "scenarios" / "tiny.yaml").read_text(encoding="utf-8")
        lines = "".join(f"  - {line}\n" for line in checks)
        path = tmp_path / "s.yaml"
        path.write_text(re.sub(r"checks:\n(  - .*\n)+", f"checks:\n{lines}", text), encoding="utf-8")
        return [problem.message for problem in check(path)]

    return complaints


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("rate: {of: protectiv_stop, max_per_h: 3}", "did you mean 'protective_stop'"),
        ("rate: {of: page}", "rate needs max_per_h or min_per_h"),
        ("rate: {of: page, max_per_hour: 3}", "did you mean 'max_per_h'"),
        ("success_rate: {min: 0.8, confidence: 95}", "must be less than 1, is 95"),
        ("quantile: {of: duration, q: 0.9, max: 10}", "did you mean 'duration_s'"),
        ("quantile: {of: duration_s, q: 0.9, max: .nan}", "expected a finite number"),
        ("quantile: {of: duration_s, q: 0.9, max: 9, task: pick_plac}", "did you mean 'pick_place'"),
        ("always: {of: peak_speed, max: 1}", "did you mean 'peak_speed_mps'"),
        ("not_worse_than: {rum: main, margin: 0.03}", "did you mean 'run'"),
        ("no_effect: [success]", "no check names the baseline run"),
        ("no_effect: {run: main, on: [succes]}", "did you mean 'success'"),
        ("no_effect: {run: main, on: [{of: success, margn: 0.1}]}", "did you mean 'margin'"),
        ("never: grip_los", "did you mean 'grip_loss'"),
    ],
)
def test_a_mistake_in_a_check_is_one_message_with_what_was_meant(complaints, line, says):
    (found,) = complaints(line)
    assert says in found


def test_the_short_form_of_no_effect_is_told_in_its_place_too(complaints):
    found = complaints("not_worse_than: {run: main, margin: 0.1}", "no_effect: [succes, {of: duration_s, margn: 0.1}]")
    assert ["'success'" in found[0], "'margin'" in found[1], len(found)] == [True, True, 2]


def shown(document):
    return yaml.safe_load(re.search(r"```yaml\n(.*?)```", document, re.DOTALL)[1])["checks"]


def test_the_checks_that_the_document_shows_are_accepted(document, complaints):
    assert complaints(*(yaml.safe_dump(c, default_flow_style=True, width=1000).strip() for c in shown(document))) == []


def test_the_document_shows_every_kind_of_check_and_names_all_that_can_be_counted(document):
    assert [next(iter(c)) for c in shown(document)] == [
        "success_rate", "never", "always", "within", "at_least", "rate", "quantile", "not_worse_than", "no_effect",
        "jobs", "holds",
    ]  # fmt: skip
    assert len(shown(document)) == len(CheckSpec.model_fields.keys() - {"engines"})
    assert [name for name in (*NEVER, *FIGURES) if f"`{name}`" not in document] == []


@pytest.mark.parametrize("value", [["success"], ["success", {"of": "page", "margin": 0.1}], {"run": "main", "on": ["success"]}])
def test_editors_are_told_both_forms_of_no_effect(root, value):
    data = yaml.safe_load((root / "scenarios" / "tiny.yaml").read_text(encoding="utf-8")) | {"checks": [{"no_effect": value}]}
    assert jsonschema.Draft202012Validator(schema()).is_valid(data)
