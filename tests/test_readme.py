"""The documents say what is so."""

from __future__ import annotations

import re

import pytest

from twin.scenario.load import check


@pytest.fixture(scope="module")
def readme(root):
    return (root / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def example(readme, tmp_path):
    """The scenario in the README, as a file."""
    (text,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    path = tmp_path / "first.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_scenario_in_the_readme_is_accepted(example):
    assert check(example) == []


def test_the_scenario_in_the_readme_has_ten_lines(example):
    assert len(example.read_text().splitlines()) <= 10


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_every_file_that_a_document_points_to_is_there(root, document):
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (root / document).read_text(encoding="utf-8"))
    assert [t for t in targets if "://" not in t and not (root / t).exists()] == []


def test_every_target_of_make_that_the_readme_names_is_there(root, readme):
    makefile = (root / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z]+)", readme))
    assert {"demo", "test"} <= named
    assert [target for target in named if f"\n{target}:" not in makefile] == []


def test_the_loop_in_the_architecture_is_the_loop_of_the_farm(root):
    (shown,) = re.findall(r"```python\n(.*?)```", (root / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.DOTALL)
    code = (root / "twin/farm/lane.py").read_text(encoding="utf-8")
    assert [line for line in shown.splitlines() if line.strip() not in code] == []
