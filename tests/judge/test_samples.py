"""The samples that `make reports` makes, as they lie in the project."""

import pytest
from PIL import Image

from docs.make_reports import MOST_BYTES, PLACE, SAMPLES, WIDTH
from tests.judge.test_report import Tree


@pytest.fixture(params=sorted(SAMPLES))
def sample(request, root):
    return (root / "reports" / f"sample-{request.param}.html").read_text(encoding="utf-8")


def test_a_sample_is_small_well_formed_and_names_no_place_on_a_machine(sample):
    tree = Tree(sample)
    assert len(sample.encode()) < MOST_BYTES and tree.open == [] and PLACE.search(sample) is None
    assert {link.removeprefix("#") for link in tree.links} <= set(tree.ids)


@pytest.mark.parametrize("text", [f"in /{top}/x/twin" for top in ("home", "root", "opt")] + ["at /builds/team/twin/runs/"])
def test_a_place_on_a_machine_is_seen(text):
    assert PLACE.search(text)


def test_the_recorded_cell_stands_beside_published_figures_only(root):
    text = (root / "reports" / "sample-ur3_cobotops.html").read_text(encoding="utf-8")
    assert "published figures" in text and "real table</span>" not in text


def test_the_picture_of_a_report_is_that_of_a_page_and_small(root):
    picture = root / "docs" / "report.png"
    assert picture.stat().st_size <= 250_000 and Image.open(picture).width == WIDTH
