"""Collective experience: sites that learn from each other's episodes, or alone, and one of them lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.farm.drawn import AUTO, BAD, GOOD, drawn
from tests.farm.scenes import Played, cells, opened, scene
from twin.core.errors import SpecError
from twin.farm.outcomes import LearningSpec
from twin.judge.learning import by_version, shared
from twin.judge.report import render
from twin.log.tables import read_run
from twin.run import run

CURVE = {"start": 0.2, "limit": 0.9, "episodes": 2000, "rollout_h": 1}
SITES = {"north": {}, "south": {}}


def fleet(lost=False, **learning):
    away = {"maintenance": [{"at_h": 3, "for_h": 1000}]} if lost else {}
    where = cells("a", "b", site="north") + cells("c", "d", site="south", **away)
    asked = [{"kind": "list", "jobs": [{"job": c, "on": c, "episodes": 99_999} for c in "abcd"]}]
    return drawn(outcomes={"entries": [{"results": [GOOD, BAD]}]}, sites=SITES, cells=where, jobs=asked, duration_s=8 * 3600,
                 resets=[AUTO | {"success": 1}], learning=CURVE | learning)  # fmt: skip


def levels(folder, **made):
    return Played(opened(folder, fleet(**made))).farm.episodes.learning.level


@given(st.floats(0, 1), st.floats(0, 1), st.floats(1, 1e6), st.lists(st.floats(0, 1e7), min_size=2, max_size=5))
def test_more_data_never_make_it_worse(low, high, e_fold, counts):
    start, limit = sorted((low, high))
    curve = LearningSpec(start=start, limit=limit, episodes=e_fold)
    found = [curve.success(n) for n in sorted(counts)]
    assert found == sorted(found) and start - 1e-12 <= found[0] <= found[-1] <= limit + 1e-12


def test_pooled_sites_learn_faster_than_sites_alone(tmp_path):
    alone, pooled = levels(tmp_path, data="own"), levels(tmp_path)
    assert min(pooled.values()) > max(alone.values()) + 0.05


def test_with_one_site_lost_the_other_keeps_what_both_learnt(tmp_path):
    alone, pooled = levels(tmp_path, lost=True, data="own"), levels(tmp_path, lost=True)
    assert pooled["south"] == pooled["north"] > alone["north"] > alone["south"]


def test_versions_come_site_by_site_and_their_success_is_as_declared(tmp_path):
    result = run(opened(tmp_path, fleet(stagger_h=0.5)), tmp_path / "out")
    found = by_version(read_run(result.folder))
    assert [round(24 * days, 1) for days, _ in found["south"][1:4]] == [1.5, 2.5, 3.5]
    shares = [share for _, share in found["north"]]
    assert shares[0] == pytest.approx(0.2, abs=0.08) and shares[-1] > 0.65


def test_a_learning_curve_is_refused_where_nothing_is_drawn_or_learnt(tmp_path):
    with pytest.raises(SpecError, match="use tier: outcome"):
        opened(tmp_path, scene(learning=CURVE))
    with pytest.raises(SpecError, match="nothing would be learnt"):
        opened(tmp_path, fleet(limit=0.1))


def test_the_page_tells_what_each_site_learnt_and_what_it_would_have_alone(tmp_path):
    log = read_run(run(opened(tmp_path, fleet()), tmp_path / "out").folder)
    north, south = shared(log)
    assert north.alone < north.pooled and south.without < south.pooled and north.last > north.first
    page = render(log, [], tmp_path / "page.html").read_text()
    assert "its own data alone" in page and f"{north.lost} lost half-way" in page
