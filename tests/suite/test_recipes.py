"""The CI recipes work as they stand: what they run can be typed, and the page shows the very files."""

import re
import shlex

import pytest
import yaml

from twin.cli import parser

FILES = ("github.yml", "gitlab.yml")


def commands(text):
    """Every `twin …` that stands in a text as a command of its own."""
    return re.findall(r"^\s*(?:- (?:run: )?)?(twin (?:suite|gate) \S.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
def test_the_page_shows_the_files(root, name):
    assert (root / "docs/ci" / name).read_text() in (root / "docs/ci.md").read_text()


@pytest.mark.parametrize("name", FILES)
def test_every_recipe_is_yaml_with_a_suite_and_a_gate(root, name):
    text = (root / "docs/ci" / name).read_text()
    content = yaml.safe_load(text)
    assert {"suite", "gate"} <= set(content.get("jobs", content))
    assert len(commands(text)) == 2


@pytest.mark.parametrize("name", ["ci/github.yml", "ci/gitlab.yml", "ci.md"])
def test_every_command_can_be_typed(root, name):
    found = commands((root / "docs" / name).read_text())
    assert [parser().parse_args(shlex.split(line)[1:]).command for line in found][:2] == ["suite", "gate"]
