"""Tables of real requests."""

from __future__ import annotations

import pytest

from twin.scenario.load import check, load


@pytest.fixture
def table(folder):
    """Write jobs.csv, name it in the scenario, return the mistakes."""

    def write(text: str, name: str = "jobs.csv") -> list[str]:
        (folder / "jobs.csv").write_text(text)
        scenario = (
            (folder / "s.yaml")
            .read_text()
            .replace("{kind: list, jobs: [{job: first, episodes: 3}]}", f"{{kind: table, path: {name}}}")
        )
        (folder / "s.yaml").write_text(scenario)
        return [str(problem) for problem in check("s.yaml")]

    return write


def test_rows_become_jobs(table):
    assert table('at_s,task,job,episodes,owner,on\n0,pick_place,7,2,"lab, east",a\n\n30.5,pick_place,,,,\n') == []
    first, second = load("s.yaml").spec.jobs[0].jobs
    assert (first.job, first.episodes, first.owner, first.on) == ("7", 2, "lab, east", "a")
    assert (second.at_s, second.episodes, second.job) == (30.5, 1, None)


def test_the_table_is_part_of_the_digest(table):
    table("at_s,task\n0,pick_place\n")
    before = load("s.yaml").digest
    table("at_s,task\n1,pick_place\n")
    assert load("s.yaml").digest != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "jobs.csv:1:1: column 'at_s' is missing (columns: none)"),
        ("at_s;task\n", "jobs.csv:1:1: column 'at_s' is missing (columns: at_s;task)"),
        ("at_s,task,taks\n", "jobs.csv:1:1: unknown column 'taks' (known: at_s,"),
        ("at_s,task,task\n", "jobs.csv:1:1: column 'task' stands twice"),
        ("at_s,task\n", "jobs.csv:1:1: the table holds no job"),
        ("at_s,task\n0,pick_place\nsoon,pick_place\n", "jobs.csv:3:1: column 'at_s': expected a number, found 'soon'"),
        ("at_s,task\n-5,pick_place\n", "jobs.csv:2:1: column 'at_s': must be at least 0, is -5"),
        ("at_s,task\n5\n", "jobs.csv:2:1: 1 fields, the header has 2"),
        ("at_s,task\n5,\n", "jobs.csv:2:3: column 'task' is empty"),
        ("at_s,task,episodes\n5,pick_place,1.5\n", "jobs.csv:2:14: column 'episodes': expected a whole number, found 1.5"),
        ("at_s,task\n5,pick\n", "jobs.csv:2:3: unknown task 'pick' (known: "),
        ('at_s,owner,task\n5,"lab, east",pick\n', "jobs.csv:2:15: unknown task 'pick'"),
        ("at_s,task,job\n5,pick_place,a\n6,pick_place,a\n", "jobs.csv:3:14: duplicate job 'a', also at jobs.csv:2:14"),
        ("at_s,task,on\n5,pick_place,zz\n", "jobs.csv:2:14: no cell matches 'zz'"),
    ],
)
def test_a_wrong_table_is_told_row_and_column(table, text, message):
    assert table(text)[0].startswith(message)


def test_a_table_that_is_not_there_is_told_the_nearest(table):
    assert table("at_s,task\n", "job.csv")[0].endswith(
        "no table 'job.csv' beside the scenario (known: jobs.csv); did you mean 'jobs.csv'?"
    )


def test_a_wrong_number_hides_no_wrong_name(table):
    told = table("at_s,task,job\n0,pick_place,a\nx,pick,a\n1,pick,\n")
    assert [text.split(":")[1] for text in told] == ["3", "3", "3"]


def test_all_rows_are_told_at_once(table):
    assert len(table("at_s,task\nx,pick_place\ny,pick_place\n")) == 2
