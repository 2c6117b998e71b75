"""Killed or interrupted at any moment, the same command goes on and ends as if nothing had happened."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from tests.farm.scenes import breaks, cells, opened, scene
from twin.run import run

KILLS = int(os.environ.get("TWIN_KILLS", "8"))
ROBOTS = {"arm": {"model": "ur3", "gripper": "g", "control_ms": 40}, "fast": {"model": "panda", "gripper": "g"}}
LADDER = [
    {"kind": "automatic", "attempts": 1, "seconds": 1, "success": 0.3},
    {"kind": "person", "pool": "ops", "deadline_s": 9},
]
FAULTS = [
    {"component": "safety", "mode": "protective_stop", "onset": {"rate_per_h": 900}, "recover_s": 1.5},
    {"component": "link", "mode": "loss", "loss": 0.3, "target": "[ab]", "onset": {"at_s": 6}, "duration_s": 9},
    {"component": "sensor", "mode": "stuck", "joint": 1, "onset": {"per_episode": 0.3, "wanders": {"per_sqrt_h": 20}}},
    {"component": "gripper", "mode": "slips", "onset": {"per_episode": 0.3}},
    {"component": "actuator", "mode": "weak", "joint": 2, "torque": 0.3, "onset": {"at_s": 4}, "duration_s": 12},
    breaks(7, "b"),
]


def busy(**changes):
    """Three cells in which all that can go wrong goes wrong within half a minute."""
    robots = {name: robot | {"reliability": {"repair_h": 0.0005}} for name, robot in ROBOTS.items()}
    made = scene(
        robots=robots,
        cells=cells("a", "b", link="l", compute="s") + [{"name": "c", "robots": [{"robot": "fast"}]}],
        resets=LADDER,
        faults=FAULTS,
        jobs=[{"kind": "poisson", "per_hour": 900, "at_start": 4, "episodes": 2}],
        episode_timeout_s=5,
        log={"snapshot_s": 2, "ticks": "[ac]"},
        **changes,
    )
    made["fleet"] |= {"links": {"l": {"latency_ms": 30, "loss": 0.05}}, "compute": {"s": {"inference_ms": 60}}}
    return made


PHYSICS = busy(duration_s=8)
PHYSICS["fleet"]["workcells"] = {"table": {"physics_step_ms": 4}}
RESTING = busy(duration_s=8)
RESTING["fleet"]["workcells"] = {"table": {"physics_step_ms": 4, "rest": True}}
WAYS = {
    "built-in strategies": (busy(), "kinematic"),
    "strategies that pickle": (busy(scheduler={"use": "strategies:Lifo"}, dispatch={"use": "strategies:Patient"}), "kinematic"),
    "strategies that do not": (
        busy(scheduler={"use": "strategies:LockedLifo"}, dispatch={"use": "strategies:LockedPatient"}),
        "kinematic",
    ),
    "real physics": (PHYSICS, "mujoco"),
    "things that sleep": (RESTING, "mujoco"),
    "another physics": (PHYSICS, "pybullet"),
}
if find_spec("pybullet") is None:
    del WAYS["another physics"]


class Stop(Exception):
    """Thrown into a run."""


def stop_after(times):
    """A progress callback that throws when it is called for the how-manieth time."""
    left = [times]

    def progress(done_s, total_s):
        left[0] -= 1
        if not left[0]:
            raise Stop

    return progress


def same(one, other):
    """All that a run leaves behind, and what run.json says but for when and how long."""
    tables = [sorted(path.name for path in Path(folder).glob("*.parquet")) for folder in (one, other)]
    assert tables[0] == tables[1] and len(tables[0]) >= 3
    for name in tables[0]:
        assert (Path(one) / name).read_bytes() == (Path(other) / name).read_bytes()
    metas = [json.loads((Path(folder) / "run.json").read_text()) for folder in (one, other)]
    assert [m | {"resumed_from_s": 0, "wall_s": 0} for m in metas[:1]] == [
        m | {"resumed_from_s": 0, "wall_s": 0} for m in metas[1:]
    ]


@pytest.mark.parametrize("way", WAYS)
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(tmp_path, way):
    made, engine = WAYS[way]
    scenario = opened(tmp_path, made, engine=engine)
    whole = run(scenario, tmp_path / "whole")
    for times in (1, 1, 2):
        with pytest.raises(Stop):
            run(scenario, tmp_path / "cut", progress=stop_after(times))
    resumed = run(scenario, tmp_path / "cut")
    assert resumed.meta["resumed_from_s"] == min(8, scenario.spec.duration_s)
    same(whole.folder, resumed.folder)


def midst():
    """One cell that is stopped, fails, is undone in vain, is driven by an operator over a bad link, and breaks."""
    made = scene(
        robots={"arm": ROBOTS["arm"] | {"stop_recover_s": 2, "stops": {"restart_s": 1}, "reliability": {"repair_h": 0.001}}},
        cells=cells("a", link="l"),
        resets=[{"kind": "person", "pool": "ops", "remote": True, "deadline_s": 60, "drive": {"reaction_s": 0.2}}],
        faults=[FAULTS[0] | {"onset": {"at_s": 1.5}}, breaks(19, "a")],
        episode_timeout_s=5,
        duration_s=34,
        log={"snapshot_s": 2},
    )
    made["fleet"] |= {"links": {"l": {"latency_ms": 90, "loss": 0.1}}}
    return made


def test_a_run_cut_off_in_the_middle_of_a_stop_a_rescue_and_a_repair_goes_on_with_the_same_bits(tmp_path):
    scenario = opened(tmp_path, midst())
    whole, cuts = run(scenario, tmp_path / "whole"), range(2, 34, 2)
    for _ in cuts:
        with pytest.raises(Stop):
            run(scenario, tmp_path / "cut", progress=stop_after(1))
    same(whole.folder, run(scenario, tmp_path / "cut").folder)
    told = pd.read_parquet(whole.folder / "events.parquet")
    for begin, end in (
        ("stop.protective", "stop.cleared"),
        ("authority.taken", "authority.returned"),
        ("repair.start", "repair.done"),
    ):
        first, last = (told.t_s[told.kind == kind].iloc[0] for kind in (begin, end))
        assert any(first < cut < last for cut in cuts), (begin, first, last)


def test_what_is_interrupted_has_something_to_lose(tmp_path):
    result = run(opened(tmp_path, busy()), tmp_path)
    kinds = set(pd.read_parquet(result.folder / "events.parquet").kind)
    assert kinds >= {
        "stop.protective",
        "repair.done",
        "person.free",
        "job.returned",
        "reset.failed",
        "link.timeout",
        "fault.cleared",
    }


def test_a_run_that_was_cut_off_at_its_last_step_only_writes_its_tables(tmp_path):
    scenario = opened(tmp_path, busy())
    whole = run(scenario, tmp_path / "whole")
    with pytest.raises(Stop):
        run(scenario, tmp_path / "cut", progress=stop_after(15))
    resumed = run(scenario, tmp_path / "cut")
    assert resumed.meta["resumed_from_s"] == 30
    same(whole.folder, resumed.folder)


@pytest.mark.parametrize("engine", ["kinematic", "mujoco"] if KILLS > 8 else ["kinematic"])
def test_a_run_killed_at_any_moment_ends_as_one_never_killed(tmp_path, engine):
    scenario = opened(tmp_path, busy() if engine == "kinematic" else PHYSICS)
    driver = Path(__file__).with_name("killed.py")
    command = [sys.executable, str(driver), str(scenario.path), str(tmp_path), engine, str(KILLS), "7"]
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(root)}, check=False)
    assert done.returncode == 0, done.stderr
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(r["kills"] for r in runs) == KILLS and any(r["from_s"] > 0 for r in runs)
    for ended in runs:
        assert ended["from_s"] == ended["due_s"]
        same(ended["folder"], ended["whole"])
