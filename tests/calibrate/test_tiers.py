"""One scenario in both tiers: the drawn farm is judged on seeds that it was not fitted to."""

import pytest

from tests.farm.drawn import drawn
from tests.farm.scenes import cells, jobs, opened, scene
from twin.calibrate.tiers import NAMES, beside, other_tier, planned
from twin.core.errors import InputError
from twin.judge.report.tiers import write
from twin.suite.results import Results, row
from twin.suite.worker import work

SLIPS = {"component": "gripper", "mode": "slips", "onset": {"per_episode": 0.5}}
BREAK = {"component": "joint", "mode": "breaks", "onset": {"at_s": 50}, "target": "a"}
MADE = scene(
    cells=cells("a", "b"), jobs=jobs({"episodes": 900}, {"episodes": 900}), faults=[SLIPS, BREAK],
    episode_timeout_s=30, duration_s=400,
)  # fmt: skip


class Here:
    """Workers that run units in this process."""

    def run(self, units, out, seen=None):
        found = [work(unit, str(out)) for unit in units]
        return Results.of([row(u, f["folder"], f) for u, f in zip(units, found, strict=True)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tiers")


@pytest.fixture(scope="module")
def found(folder):
    return beside(opened(folder, MADE), folder / "runs", Here(), seeds=2, margins={"success": 0.1})


def told(found):
    return {r.key: r for r in found.episodes.groups[0].rows}


def test_drawn_episodes_agree_with_simulated_ones_of_other_seeds(found):
    rows = told(found)
    assert found.fitted == (0, 1) and found.seeds == (2, 3)
    assert rows["duration_median_s"].verdict == "agrees" and not [r.name for r in rows.values() if r.verdict == "differs"]
    assert abs(rows["success"].gap.value) < 0.1 and 0.3 < rows["success"].real.value < 0.95


def test_a_model_that_is_wrong_is_found_out(found, folder, monkeypatch):
    from twin.calibrate import tiers

    right = tiers.fit

    def wrong(*given):
        model = right(*given)
        for entry in model.model["entries"]:
            entry["results"] = [next(r for r in entry["results"] if not r["success"]) | {"share": 1.0}]
        return model

    monkeypatch.setattr(tiers, "fit", wrong)
    rows = told(beside(opened(folder, MADE), folder / "runs", Here(), seeds=2, margins={"success": 0.1}))
    assert rows["success"].verdict == "differs"


def test_faults_that_act_on_signals_are_in_the_outcomes_and_others_go_on(found, tmp_path):
    other, notes = other_tier(opened(tmp_path, MADE), found.model)
    assert [f.mode for f in other.spec.faults] == ["breaks"] and "gripper/slips" in notes[0]


def test_the_page_sets_both_tiers_side_by_side(found, tmp_path):
    page = write("scene", found.episodes, found.farm, found.notes, tmp_path / "t.html").read_text()
    assert "outcome tier beside physics" in page and "usable episodes per robot-hour" in page and "gripper/slips" in page
    assert all(f"{name}, " in page for name in NAMES) and "real robots" not in page


def test_a_reverse_rung_that_no_episode_tells_of_is_refused(found, tmp_path):
    ladder = [{"kind": "reverse", "of": {"pick_place": "clear_tray"}}]
    with pytest.raises(InputError, match="give it as a job too"):
        other_tier(opened(tmp_path, MADE | {"fleet": MADE["fleet"] | {"resets": ladder}}), found.model)


def test_a_scenario_of_the_outcome_tier_is_refused(tmp_path):
    with pytest.raises(InputError, match="give one of tier physics"):
        planned(opened(tmp_path, drawn()), 2)
