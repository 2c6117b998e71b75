"""The report in a real browser: silent, alone, sortable, reachable, and with a way from a failing check to its rows."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.judge.synthetic import farm, make_log, real_table
from tests.judge.test_report import judged
from twin.judge.report import render
from twin.judge.spec import CheckSpec

pytestmark = pytest.mark.browser

FAILING = [
    CheckSpec.model_validate(check)
    for check in (
        {"success_rate": {"min": 0.95, "confidence": 0.95}},
        {"never": "failed_reset"},
        {"rate": {"of": "page", "max_per_h": 1000}},
    )
]
CELLS = "#hours table:has(th:has-text('Mostly by'))"
"""The table of cells."""


def run(seed, checks, **more):
    log = farm(seed=seed, **more)
    return judged(replace(log, meta=log.meta | {"seed": seed}, folder=Path(f"runs/s-{seed}")), checks)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """One run that fails, beside a real table; three runs; a run in which nothing happened; a farm of 500 cells."""
    top = tmp_path_factory.mktemp("pages")
    several = [run(1, FAILING, cells=3), run(2, [], cells=3), run(3, [], cells=3)]
    made = {
        "one": (run(7, FAILING), [real_table()]),
        "several": (several, [real_table()]),
        "empty": (judged(make_log(), []), []),
        "large": (run(7, FAILING, cells=500, sim_s=60.0), []),
    }
    return {
        name: render(logs, real, top / f"{name}.html", published=["ur3_cobotops"] if real else ())
        for name, (logs, real) in made.items()
    }


@pytest.mark.parametrize("name", ["one", "several", "empty", "large"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_says_nothing_on_the_console_and_asks_for_nothing_outside(visit, pages, name, scheme):
    page = visit(pages[name], color_scheme=scheme)
    assert (page.said, page.asked) == ([], [])


def column(page, index):
    return page.eval_on_selector_all(f"{CELLS} tbody tr", f"rows => rows.map(r => r.cells[{index}].textContent)")


def numbers(texts):
    return [float(text.split("\u202f")[0]) for text in texts if text != "—"]


def test_a_table_sorts_by_its_head_and_back(visit, pages):
    page = visit(pages["one"])
    page.click("summary:has-text('cells as a table')")
    before = numbers(column(page, 4))
    page.click(f"{CELLS} button:text-is('Success')")
    up = numbers(column(page, 4))
    page.click(f"{CELLS} button:text-is('Success')")
    assert up == sorted(before) != before and numbers(column(page, 4)) == sorted(before)[::-1]
    assert page.get_attribute(f"{CELLS} th:has-text('Success')", "aria-sort") == "descending"


def test_a_table_sorts_by_keyboard(visit, pages):
    page = visit(pages["one"])
    page.click("summary:has-text('cells as a table')")
    page.focus(f"{CELLS} button:text-is('Lost')")
    page.keyboard.press("Enter")
    assert numbers(column(page, 8)) == sorted(numbers(column(page, 8)))


def test_every_table_sorts_by_every_head(visit, pages):
    page = visit(pages["one"])
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    page.evaluate("document.querySelectorAll('table.sort thead button').forEach(button => button.click())")
    assert page.locator("th[aria-sort=ascending]").count() == page.locator("table.sort").count() > 5 and page.said == []


def shown(page):
    """The head of the row that the address names, once it is in sight."""
    from playwright.sync_api import expect

    row = page.locator("tr:target")
    expect(row).to_be_in_viewport()
    return row.locator("th").inner_text()


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize(("check", "kind"), [(1, "episode"), (2, "event"), (2, "episode")])
def test_a_failing_check_links_to_its_rows(visit, pages, check, kind, scripts):
    page = visit(pages["one"], java_script_enabled=scripts)
    link = page.query_selector(f"#check-{check} a[href^='#{kind}-']")
    number = link.inner_text().split()[-1]
    link.click()
    assert shown(page) == number


def test_a_row_of_evidence_leads_back_to_the_check_that_names_it(visit, pages):
    page = visit(pages["one"])
    page.query_selector("tr.named a[href='#check-2']").click()
    assert page.wait_for_selector("tr:target .chip").inner_text() == "fails"


def test_the_overview_leads_into_a_run_that_was_closed(visit, pages):
    page = visit(pages["several"])
    assert not page.is_visible("#r2-verdict") and page.is_visible("#r1-verdict")
    page.click("#overview a[href='#r2-run']")
    assert page.wait_for_selector("#r2-verdict", state="visible")


def test_without_scripts_everything_is_there(visit, pages):
    with_, without = (visit(pages["one"], java_script_enabled=scripts) for scripts in (True, False))
    assert without.query_selector_all("thead button") == []
    assert without.inner_text("main") == with_.inner_text("main")


def test_the_keyboard_reaches_the_verdict_first(visit, pages):
    page = visit(pages["one"])
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.wait_for_selector("#verdict:target", state="visible")


def test_wide_tables_can_be_scrolled_by_keyboard(visit, pages):
    page = visit(pages["one"])
    assert page.eval_on_selector_all(".scroll", "all => all.every(each => each.tabIndex === 0 && each.ariaLabel)")


LIGHTNESS = """name => {
  const [r, g, b] = getComputedStyle(document.body)[name].match(/[0-9.]+/g).map(Number);
  const line = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  return 0.2126 * line(r) + 0.7152 * line(g) + 0.0722 * line(b);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_the_light_and_in_the_dark(visit, pages, scheme):
    page = visit(pages["one"], color_scheme=scheme)
    ink, paper = (page.evaluate(LIGHTNESS, name) for name in ("color", "backgroundColor"))
    assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) > 7 and (ink < paper) is (scheme == "light")


@pytest.mark.parametrize("width", [360, 820, 1920])
def test_the_page_fits_its_window(visit, pages, width):
    page = visit(pages["one"], viewport={"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_page_prints(visit, pages):
    page = visit(pages["one"])
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF") and len(printed) > 50_000
    page.emulate_media(media="print")
    assert not page.is_visible("nav") and page.is_visible("#verdict")


def test_a_farm_of_five_hundred_cells_stays_light_and_readable(visit, pages):
    page = visit(pages["large"])
    assert page.evaluate("document.querySelectorAll('*').length") < 40_000
    assert page.inner_text("#hours details:has-text('500 cells') summary").startswith("All 500 cells")
