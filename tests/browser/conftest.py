"""A real browser for the page: Debian's chromium, driven by playwright. Without one of them these tests are skipped."""

from __future__ import annotations

import importlib.util
import os
import shutil

import pytest

CHROMIUM = os.environ.get("TWIN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_collection_modifyitems(items):
    """Skip, and say what is missing."""
    missing = [] if importlib.util.find_spec("playwright") else ["the Python package playwright (pip install -e '.[test]')"]
    missing += [] if CHROMIUM else ["chromium (apt-get install chromium, or TWIN_CHROMIUM)"]
    for item in items:
        if item.get_closest_marker("browser") and missing:
            item.add_marker(pytest.mark.skip(reason=f"no browser: {' and '.join(missing)} is missing"))


@pytest.fixture(scope="session")
def browser():
    """Chromium, once for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        # A container's root may not use the sandbox; the pages are our own and load nothing.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    """Open a file; the page comes with `said` (console and errors) and `asked` (whatever it requested beside itself)."""
    contexts = []

    def visit(path, anchor="", **options):
        contexts.append(browser.new_context(reduced_motion="reduce", **options))
        page = contexts[-1].new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(path.as_uri() + anchor)
        page.asked = [url for url in page.asked if not url.startswith((path.as_uri(), "data:"))]
        return page

    yield visit
    for context in contexts:
        context.close()
