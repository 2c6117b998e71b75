"""What CI reads: JUnit XML, Markdown, GitHub's annotations; and the story that a failure tells."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.suite.junit import junit, write_junit
from twin.suite.plan import plan
from twin.suite.results import STATUS, Results, Row
from twin.suite.story import story
from twin.suite.summary import github_errors, line_of, markdown

ROW = Row("a", 0, "kinematic", "a.yaml", "/x/a.yaml", "f" * 64, "k", "pass", (), "twin run a.yaml --seed 0", hash="h")
BAD = replace(ROW, seed=1, verdict="fail", reasons=("too slow | really\nvery",), folder="runs/a-1")


@pytest.fixture
def failed(write, here, tmp_path):
    """A row whose second and third check fail, with its run folder."""
    checks = "never: void_episode; within: {from: assigned, to: stuck, seconds: 1}; at_least: {what: episodes, min: 99}"
    return here(plan([write("bad", checks)], engine="kinematic"), tmp_path / "out").rows[0]


def cases(results):
    return {case.get("name"): case for case in ElementTree.fromstring(junit(results)).iter("testcase")}


def test_junit_has_a_case_a_unit_with_what_is_needed_to_see_it_again():
    found = {p.get("name"): p.get("value") for p in cases(Results.of([BAD]))["a[seed=1]"].iter("property")}
    assert (found["seed"], found["hash"], found["run_folder"]) == ("1", "h", "runs/a-1")
    assert found["reproduce"] == "twin run a.yaml --seed 0"


@pytest.mark.parametrize("verdict", STATUS)
def test_junit_calls_nothing_a_pass_that_is_none(verdict):
    (case,) = cases(Results.of([replace(ROW, verdict=verdict)])).values()
    told = [child.tag for child in case if child.tag != "properties"]
    assert told == {"pass": [], "fail": ["failure"]}.get(verdict, ["error"])


def test_junit_sums_are_those_of_its_cases():
    top = ElementTree.fromstring(junit(Results.of([ROW, BAD, replace(ROW, scenario="b", verdict="void")])))
    assert [(s.get("name"), s.get("tests"), s.get("failures"), s.get("errors")) for s in [top, *top.iter("testsuite")]] == [
        ("twin suite", "3", "1", "1"),
        ("a", "2", "1", "0"),
        ("b", "1", "0", "1"),
    ]


@given(text=st.text())
def test_junit_is_xml_whatever_a_reason_says(text):
    row = replace(BAD, reasons=(text,), path=text, reproduce=text)
    assert len(cases(Results.of([row]))) == 1


def test_junit_is_written_with_its_folder(tmp_path):
    path = write_junit(Results.of([ROW]), tmp_path / "deep" / "suite.xml")
    assert ElementTree.parse(path).getroot().tag == "testsuites"


def test_the_summary_tells_the_word_the_counts_and_how_to_see_it_again():
    page = markdown(Results.of([ROW, BAD]))
    assert page.startswith("## ❌ Suite: fail")
    assert "| a | 2 | 1 | 1 |" in page
    assert "reproduce: twin run a.yaml --seed 0" in page


def test_the_summary_cannot_be_broken_by_what_a_reason_says():
    page = markdown(Results.of([replace(BAD, reasons=("```\n# not a title",))]))
    assert page.count("```") == 2


def test_the_summary_of_a_thousand_failures_fits_a_job_page():
    page = markdown(Results.of(replace(BAD, seed=i, reasons=("x" * 500,)) for i in range(1000)))
    assert len(page) < 100_000
    assert "… and 950 more" in page


def test_an_annotation_stands_at_the_check_that_fails(failed):
    (line,) = github_errors([failed])
    number = 1 + Path("bad.yaml").read_text().splitlines().index(
        next(t for t in Path("bad.yaml").read_text().splitlines() if "checks" in t)
    )
    assert line.startswith(f"::error file=bad.yaml,line={number},title=bad seed 0::fail: within assigned → stuck")


def test_an_annotation_without_a_failing_check_stands_at_the_scenario(write):
    path = write("a", more="seed: 3")
    path.write_text("# first\n" + path.read_text())
    assert line_of(replace(ROW, file=str(path))) == 2


def test_an_annotation_is_one_line(failed):
    (line,) = github_errors([replace(failed, reasons=("100 %\nmore",), file="a:b,c.yaml")])
    assert "\n" not in line
    assert "file=a%3Ab%2Cc.yaml" in line
    assert "100 %25" in line


def test_a_story_marks_the_evidence_and_tells_what_followed_instead(failed):
    told = story(Path(failed.folder), failed.checks)
    marked = [line for line in told if line.startswith(">")]
    assert len(marked) == 1
    assert "job.assigned" in marked[0]
    assert "episode.end" in "\n".join(told[told.index(marked[0]) :])


def test_a_story_without_evidence_is_the_end_of_the_run(failed):
    told = story(Path(failed.folder), failed.checks[2:])
    assert len(told) == 10
    assert not any(line.startswith(">") for line in told)


def test_a_story_of_a_folder_that_is_gone_says_so(tmp_path):
    assert "no such run folder" in story(tmp_path / "gone", [])[0]
