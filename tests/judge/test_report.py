import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest

from tests.judge.synthetic import event, farm, make_log, real_table
from twin.core.errors import StorageError
from twin.judge.checks import CheckResult, evaluate
from twin.judge.report import render
from twin.judge.report.page import build
from twin.judge.spec import CheckSpec
from twin.judge.verdict import verdict

CHECKS = [
    CheckSpec.model_validate(c)
    for c in (
        {"success_rate": {"min": 0.6}},
        {"never": "job_failed"},
        {"within": {"from": "stuck", "to": "recovered", "seconds": 900}},
    )
]
VOID = {"br", "meta", "link", "img", "hr"}


def judged(log, checks=CHECKS):
    results = evaluate(checks, log)
    told = {"verdict": verdict(log, results).word, "checks": [r.as_dict() for r in results]}
    return replace(log, meta=log.meta | told)


FARM = judged(farm())
PAGE = build(FARM, [real_table()], cited=["ur3_cobotops"])


class Tree(HTMLParser):
    """Checks that tags close in order and collects what a reader meets."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.words = [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [v for k, v in attrs if k == "id"]
        self.links += [v for k, v in attrs if k == "href" and tag == "a"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def text(self):
        return " ".join(" ".join(self.words).split())


TREE = Tree(PAGE)


def section(page, name):
    return Tree(re.search(rf'<section id="{name}".*?</section>', page, re.S).group(0)).text()


def test_the_page_is_well_formed_and_its_links_lead_somewhere():
    assert TREE.open == []
    assert len(TREE.ids) == len(set(TREE.ids))
    assert {link.removeprefix("#") for link in TREE.links} <= set(TREE.ids)


def test_the_page_opens_offline_and_loads_nothing():
    assert not re.search(
        r"https?://|<link(?! rel=\"icon\" href=\"data:,\">)|<img|@import|javascript:|\bsrc=|url\((?!#h-)", PAGE
    )
    assert "default-src 'none'" in PAGE and PAGE.count("<script>") == 1


def test_every_table_is_there_without_the_script():
    assert "<button" not in PAGE.split("<script>")[0] and PAGE.count('class="sort') > 3


def test_every_pattern_that_a_figure_uses_is_defined():
    assert set(re.findall(r"url\(#([\w-]+)\)", PAGE)) <= set(TREE.ids)


def test_equal_input_gives_equal_bytes(tmp_path):
    first = render(FARM, [real_table()], tmp_path / "a.html", published=["ur3_cobotops"]).read_bytes()
    assert first == PAGE.encode()
    assert first == render(judged(farm()), [real_table()], tmp_path / "b.html", published=["ur3_cobotops"]).read_bytes()


def test_what_a_clock_on_the_wall_said_does_not_show():
    again = replace(FARM, meta=FARM.meta | {"wall_s": 12.3456, "resumed_from_s": 300.0, "threads": 7})
    assert build(again, [real_table()], cited=["ur3_cobotops"]) == PAGE


def test_the_story_goes_from_the_verdict_to_the_evidence():
    assert [i for i in TREE.ids if not re.search(r"-", i)] == [
        "verdict", "trust", "headline", "timeline", "hours", "data", "success", "trouble", "real", "evidence", "reproduce",
    ]  # fmt: skip
    levels = [int(tag[1]) for tag, _ in TREE.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_figure_says_what_it_shows_to_who_cannot_see_it():
    figures = [attrs for tag, attrs in TREE.tags if tag == "svg"]
    assert all(a.get("aria-hidden") == "true" or len(a.get("aria-label", "")) > 10 for a in figures)


def test_the_page_of_twelve_cells_is_small():
    assert len(PAGE) < 200_000


@pytest.mark.parametrize("word", ["pass", "fail", "void", "undecided"])
def test_each_verdict_is_told_in_a_word_and_not_by_colour_alone(word):
    page = build(replace(FARM, meta=FARM.meta | {"verdict": word}), [])
    assert f"Verdict: {word}" in section(page, "verdict")


def test_a_verdict_that_does_not_follow_from_the_tables_is_called_out():
    assert "one of them was edited" not in PAGE
    edited = replace(FARM, episodes=FARM.episodes.assign(end_reason="void"))
    assert "one of them was edited" in section(build(edited, []), "verdict")


def test_a_failed_check_shows_its_evidence():
    late = CheckSpec.model_validate({"within": {"from": "stuck", "to": "recovered", "seconds": 1}})
    said = section(build(judged(FARM, [late]), []), "verdict")
    assert "fails" in said and re.search(r"event \d+", said)


def test_masked_and_not_due_receipts_are_shown_with_the_others():
    said = section(PAGE, "trouble")
    assert all(word in said for word in ("acted", "masked", "not due", "must act", "0.310 rad", "no message passed"))


def test_many_receipts_are_taken_together_and_none_is_hidden():
    receipts = pd.concat([FARM.receipts] * 60, ignore_index=True)
    said = section(build(replace(FARM, receipts=receipts), []), "trouble")
    assert "60 masked" in said and "60 acted" in said and "The first 200 of 240 receipts" in said


def test_what_is_not_known_is_a_dash_and_never_zero():
    log = make_log([event(0, "episode.start", "c1", episode=1)], [{"end_reason": "done"}])
    said = section(build(judged(log), []), "headline")
    assert "— success, as labelled" in said and "— usable episodes per robot-hour" in said


@pytest.mark.parametrize("log", [make_log(), make_log(cells=()), make_log(sim_s=0.0), make_log(cells=(), sim_s=0.0)])
def test_a_run_in_which_nothing_happened_still_has_a_page_and_it_is_a_failure(log):
    page = build(judged(log, []), [])
    assert "no episode ran" in section(page, "verdict") and Tree(page).open == []


def test_names_from_a_scenario_are_text_and_never_markup():
    evil = farm(cells=1, sim_s=60.0, scenario="<script>alert(1)</script>", about="<b>&")
    cells = [evil.meta["cells"][0] | {"name": '"><script>', "robot_model": "<i>"}]
    page = build(judged(replace(evil, meta=evil.meta | {"cells": cells})), [])
    assert "<script>alert" not in page and page.count("<script") == 1 and "<i>" not in page and Tree(page).open == []


def test_the_command_and_the_hash_that_reproduce_the_run_are_told():
    said = section(PAGE, "reproduce")
    assert "twin run scenarios/synthetic.yaml --seed 7" in said and FARM.meta["hash"] in said and "mujoco 4.0.0" in said


def test_every_number_says_which_tier_made_it():
    for name in ("headline", "timeline", "hours", "data", "success", "trouble", "real"):
        assert "physics tier" in section(PAGE, name)


def test_a_folder_that_cannot_be_written_is_one_clear_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="report cannot be written"):
        render(FARM, [], tmp_path / "file" / "report.html")


def test_checks_written_by_an_older_twin_still_show():
    old = {"name": "never job_failed", "passed": True, "value": 0.0, "bound": "0 times", "detail": "never happened"}
    assert CheckResult.from_dict(old | {"unheard": 1}).evidence == ()
    assert "never job_failed" in section(build(replace(FARM, meta=FARM.meta | {"checks": [old]}), []), "verdict")
