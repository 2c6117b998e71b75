"""One scenario on two engines: the commands, and the trajectories behind them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from twin.cli import main
from twin.commands.engines import units_of
from twin.cross import CHANGES, DRAWN, LOST, _cause, _course, _keeps, _told, apart
from twin.cross import Path as Moved
from twin.scenario.load import load
from twin.suite.plan import plan
from twin.world.engines import BOTH

SMALL = "scenarios/engines/small.yaml"


def test_two_engines_are_set_side_by_side_and_their_gap_is_written_down(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pybullet")
    status = main(["run", SMALL, "--engine", "both", "--duration-s", "12", "--out", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert status == told["status"] == 1 and told["verdicts"] == {"mujoco": "fail", "pybullet": "fail"}
    assert {c["name"]: c["holds_in_both"] for c in told["checks"]}["never workspace_violation"]
    assert {row["statistic"] for row in told["model_uncertainty"]} >= {"success", "duration_median_s"}
    assert json.loads((tmp_path / "small-1-engines.json").read_text())["engines"] == ["mujoco", "pybullet"]
    assert all(path["joints_mrad"]["free"] < 5.0 for path in told["trajectories"]) and len(told["trajectories"]) == 2
    assert main(["report", str(tmp_path / "small-1-engines.json")]) == 0
    page = (tmp_path / "small-1-engines.html").read_text()
    assert page.index("The same commands on both") < page.index('<th scope="row">ur3 at table</th>')
    assert "how far the thing on MuJoCo is from that on PyBullet, mm" in page


def test_a_comparison_takes_each_seed_once_on_either_engine(tmp_path: Path) -> None:
    pytest.importorskip("pybullet")
    plain = "success_rate: {task: pick_place, min: 0.5}"
    text = Path(SMALL).read_text().replace(plain, f"{{{plain}, engines: both}}")
    (tmp_path / "marked.yaml").write_text(text)
    units = [(unit.scenario.engine, unit.scenario.seed) for unit in units_of(tmp_path / "marked.yaml", 2)]
    assert "engines: both" in text and units == [(e, s) for e in BOTH for s in (1, 2)]


def test_trajectories_of_one_engine_beside_itself_are_the_same() -> None:
    for path in apart(load(SMALL, duration_s=12), ("mujoco", "mujoco")):
        assert max(path.thing_mm.values()) == max(path.joints_mrad.values()) == 0.0 and "(mujoco by itself: " in path.sentence()


def test_the_course_of_a_gap_keeps_its_peaks_and_the_furthest_come_first() -> None:
    gap = np.zeros(1000)
    gap[617] = 3.0
    course = _course(np.arange(1000) * 0.02, gap)
    assert len(course) == DRAWN and max(course, key=lambda point: point[1]) == (12.34, 3.0)


def test_paths_end_where_the_physics_of_one_fails() -> None:
    whole, part = moved([False] * 40), moved([False] * 25)
    found = _told(("ur3", "table"), np.arange(40) * 0.02, whole, part, dict.fromkeys(CHANGES.values(), whole), BOTH)
    assert found.course[-1] == (0.48, 0.0)


def test_an_outcome_tier_has_no_engines_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pybullet")
    for command in (["run", "autoeval", "--engine", "both", "--out", str(tmp_path)], ["compare", "--engines", "autoeval"]):
        assert main(command) == 2 and "no engine takes part" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def moved(held: list[bool]) -> Moved:
    n = len(held)
    return Moved(np.zeros((n, 6)), np.zeros((n, 3)), np.zeros((n, 1, 3)), np.zeros(n, bool), np.array(held)[:, None])


def test_a_hold_that_one_engine_lost_is_told_by_whose_it_is() -> None:
    keeps, loses = moved([True] * 40), moved([True] * 15 + [False] * 25)
    assert _keeps(keeps, loses, 20) == 0 and _keeps(loses, keeps, 20) == 1 and _keeps(keeps, keeps, 20) is None
    briefly = moved([True] * 15 + [False] * (LOST - 1) + [True] * (26 - LOST))
    assert _keeps(keeps, briefly, 20) is None


@pytest.mark.parametrize(
    ("phase", "step", "friction", "word"),
    [
        ("free", 0, 0, "contact"),
        ("touching", 0, 9, "friction"),
        ("after", 9, 9, "integrator"),
        ("touching", 0, 0, "contact"),
    ],
)
def test_a_cause_is_what_moves_one_engine_as_much_by_itself(phase: str, step: float, friction: float, word: str) -> None:
    assert _cause(phase, 10.0, dict(zip(CHANGES.values(), (step, friction), strict=True))).startswith(word)


def test_a_suite_on_both_engines_asks_all_of_either() -> None:
    pytest.importorskip("pybullet")
    units = plan(["tiny"], seeds=2, engine="both")
    assert [(u.name, u.scenario.engine) for u in units] == [
        ("tiny-0", "mujoco"), ("tiny-1", "mujoco"), ("tiny-pybullet-0", "pybullet"), ("tiny-pybullet-1", "pybullet"),
    ]  # fmt: skip
