"""The documents say what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from twin import cli
from twin.scenario.load import check

HERE = Path(__file__).parents[1]
DOCUMENTS = sorted(str(p.relative_to(HERE)) for at in ("*.md", "docs/*.md", "scenarios/*.md") for p in HERE.glob(at))


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


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_a_document_points_to_is_there(root, document):
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", (root / document).read_text(encoding="utf-8"))
    assert [t for t in targets if "://" not in t and not (root / document).parent.joinpath(t).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_option_that_a_document_names_is_there(capsys, root, document):
    text = (root / document).read_text(encoding="utf-8")
    for name, rest in set(re.findall(r"(?:`|\.venv/bin/|^ *)twin ([a-z][a-z-]*)([^`\n|#]*)", text, re.MULTILINE)):
        assert cli.main([name, "--help"]) == 0, name
        told = capsys.readouterr().out
        assert [option for option in re.findall(r"--[a-z][a-z-]*", rest) if option not in told] == [], name


def test_every_page_is_found_from_the_readme(root, readme):
    assert [page.name for page in root.glob("docs/*.md") if f"(docs/{page.name})" not in readme] == []


def test_every_target_of_make_that_the_readme_names_is_there(root, readme):
    makefile = (root / "Makefile").read_text()
    named = set(re.findall(r"make ([a-z]+)", readme))
    assert {"demo", "test"} <= named
    assert [target for target in named if f"\n{target}:" not in makefile] == []


def test_the_loop_in_the_architecture_is_the_loop_of_the_farm(root):
    (shown,) = re.findall(r"```python\n(.*?)```", (root / "ARCHITECTURE.md").read_text(encoding="utf-8"), re.DOTALL)
    code = (root / "twin/farm/lane.py").read_text(encoding="utf-8")
    assert [line for line in shown.splitlines() if line.strip() not in code] == []
