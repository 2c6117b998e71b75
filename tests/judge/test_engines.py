"""Two engines under one scenario: what must hold in both, and what the gap between them is."""

from dataclasses import replace

from tests.judge.synthetic import farm
from tests.judge.test_pools import judged
from tests.judge.test_report import section
from twin.judge.engines import across
from twin.judge.report.page import build
from twin.judge.spec import CheckSpec

MANY = CheckSpec.model_validate({"at_least": {"what": "episodes", "min": 1}})
LONG = CheckSpec.model_validate({"quantile": {"of": "duration_s", "q": 0.5, "max": 1}})


def run(engine, *checks, seed=1, slower=1.0):
    log = farm(cells=2, sim_s=2000.0, seed=seed)
    meta = log.meta | {"seed": seed, "engine": engine, "sha256": engine}
    episodes = log.episodes.assign(duration_s=log.episodes.duration_s * slower)
    found = judged(replace(log, meta=meta, episodes=episodes), list(checks))
    results = [{"name": c["name"], "passed": c["passed"]} for c in found.meta["checks"]]
    return replace(found, meta=found.meta | {"checks": results})


def test_a_check_holds_only_where_it_holds_on_both_engines():
    both = across([run("mujoco", MANY)], [run("pybullet", MANY)])
    assert [check.holds for check in both.checks] == [True] and both.verdict == "pass"
    one = across([run("mujoco", MANY)], [run("pybullet", MANY, LONG)])
    assert [check.holds for check in one.checks] == [True, False] and one.verdict == "fail"
    assert "pybullet: 0 hold, 1 fail" in one.checks[1].words()


def test_the_same_episodes_leave_no_gap_and_slower_ones_differ():
    same, apart = (across([run("mujoco")], [run("pybullet", slower=s)]) for s in (1.0, 1.5))
    gaps = {row.key: row for _, row in apart.uncertainty()}
    assert all(row.gap.value == (1.0 if row.ratio else 0.0) for _, row in same.uncertainty())
    assert gaps["duration_median_s"].verdict == "differs" and gaps["duration_median_s"].gap.value < 0.7
    assert "They differ in" in apart.told.sentence and "trusted" not in apart.told.sentence


def test_the_report_of_both_shows_their_gap_as_model_uncertainty():
    page = build([run("pybullet", slower=1.5), run("mujoco")], [])
    said = section(page, "engines")
    assert "synthetic on PyBullet, beside synthetic on MuJoCo" in said and "model uncertainty" in said
    assert "synthetic on PyBullet, seed" in page
    assert "Real" not in said and "simulated" not in said and "They differ in" in said


def test_runs_on_one_engine_have_no_such_section():
    assert 'id="engines"' not in build([run("mujoco"), run("mujoco", seed=2)], [])
