"""Sites that learn from each other, or alone, and one of them lost, on one page."""

import json

import pytest

from tests.farm.drawn import drawn
from tests.farm.scenes import opened
from tests.farm.test_learning import fleet
from twin.cli import main
from twin.core.errors import InputError
from twin.suite.sites import ways


def test_pooled_sites_learn_faster_and_keep_what_a_lost_site_taught(tmp_path):
    found = {way.name: way for way in ways(opened(tmp_path, fleet()), "south")}
    whole, alone, left, lone = (
        found["pooled data"],
        found["own data"],
        *(found[f"{d} data, south lost"] for d in ("pooled", "own")),
    )
    assert whole.level["north"] > left.level["north"] > alone.level["north"] == lone.level["north"]
    assert (
        left.usable["south"] < 0.6 * whole.usable["south"]
        and left.success["south"][-1][0] < 0.55 * whole.success["south"][-1][0]
    )


def test_the_page_draws_every_site_in_every_way(tmp_path, capsys):
    opened(tmp_path, fleet())
    out = tmp_path / "s.html"
    assert main(["predict", str(tmp_path / "scene.yaml"), "--sites", "--json", "--out", str(out)]) == 0
    assert [w["lost"] for w in json.loads(capsys.readouterr().out)["ways"]] == [None, None, "north", "north"]
    page = out.read_text()
    assert page.count("<svg") == 2 and "own data, north lost" in page and "lost half-way" in page


@pytest.mark.parametrize(
    ("made", "lost", "told"), [(drawn(), None, "declares no 'learning'"), (fleet(), "nort", "did you mean 'north'")]
)
def test_what_cannot_be_compared_is_refused(tmp_path, made, lost, told):
    with pytest.raises(InputError, match=told):
        ways(opened(tmp_path, made), lost)
