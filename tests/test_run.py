import json
import os
import shutil
import subprocess
from contextlib import contextmanager

import pandas as pd
import pytest

from tests.farm.scenes import breaks, cells, jobs, opened, scene
from twin.cli import main
from twin.core.errors import InputError, RunFolderError, StorageError
from twin.run import folder_name, run

ROBOTS = {"arm": {"model": "ur3", "gripper": "g", "control_ms": 40}, "fast": {"model": "panda", "gripper": "g"}}
PAIR = cells("a") + [{"name": "b", "robots": [{"robot": "fast"}]}]
SHORT = scene(robots=ROBOTS, cells=PAIR, jobs=jobs({"episodes": 99, "on": "a"}, {"episodes": 99, "on": "b"}), duration_s=4)
SHORT["fleet"]["workcells"] = {"table": {"physics_step_ms": 4}}


def physics(folder, **options):
    """Two arms on real physics for four seconds."""
    return opened(folder, SHORT, engine="mujoco", **options)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".parquet"}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    scenario = opened(folder, scene(cells=cells("a", "b"), jobs=jobs({"episodes": 99}, {"episodes": 2})))
    return scenario, run(scenario, folder / "out")


def test_a_run_folder_holds_the_tables_and_run_json(done):
    scenario, result = done
    assert result.folder.name == f"scene-0-{scenario.digest[:8]}"
    assert {path.suffix for path in result.folder.iterdir() if path.is_file()} >= {".json", ".parquet", ".sqlite"}
    meta = json.loads((result.folder / "run.json").read_text())
    assert meta == json.loads(json.dumps({"schema": 1, **result.meta}))
    assert meta["sim_s"] == 30 and meta["resumed_from_s"] == 0 and meta["verdict"] == "pass"


def test_a_run_lasts_as_long_as_it_should(tmp_path):
    result = run(opened(tmp_path, scene(episode_timeout_s=99, duration_s=10)), tmp_path)
    (row,) = pd.read_parquet(result.folder / "episodes.parquet").to_dict("records")
    assert (result.meta["ticks"], result.meta["robot_s"], row["duration_s"]) == (50, 10.0, 10.0)


def test_episodes_that_the_end_cuts_off_are_censored_and_have_no_outcome(tmp_path):
    result = run(opened(tmp_path, scene(duration_s=4)), tmp_path)
    table = pd.read_parquet(result.folder / "episodes.parquet")
    assert table.censored.tolist() == [False, True]
    assert table[["end_reason", "truth", "label", "filtered_ticks"]].isna().all(axis=1).tolist() == [False, True]


def test_a_finished_run_is_returned_and_not_touched(done):
    scenario, result = done
    before = {path: path.stat().st_mtime_ns for path in result.folder.iterdir()}
    again = run(scenario, result.folder.parent)
    assert {path: path.stat().st_mtime_ns for path in result.folder.iterdir()} == before
    assert (again.verdict, again.status, again.meta["hash"]) == (result.verdict, result.status, result.meta["hash"])
    assert again.before and not result.before


def test_threads_change_no_bit(tmp_path):
    one, two = (run(physics(tmp_path), tmp_path / str(n), threads=n) for n in (1, 2))
    assert one.meta["hash"] == two.meta["hash"] and files(one.folder) == files(two.folder)
    assert one.meta["ticks"] > 200 and len(pd.read_parquet(one.folder / "episodes.parquet")) > 2


def test_another_seed_is_another_run(tmp_path, done):
    other = run(opened(tmp_path, scene(cells=cells("a", "b"), jobs=jobs({"episodes": 99}, {"episodes": 2})), seed=1), tmp_path)
    assert other.folder.name.startswith("scene-1-") and other.meta["hash"] != done[1].meta["hash"]


def test_a_policy_that_commands_nothing_fails(tmp_path):
    check = [{"at_least": {"what": "episodes", "min": 1}}]
    result = run(opened(tmp_path, scene(policy={"use": "policies:Idle"}, checks=check)), tmp_path)
    assert (result.verdict, result.status) == ("fail", 1)
    assert "commands nothing" in result.meta["reasons"][0] and result.meta["checks"][0]["passed"]


def test_a_farm_without_work_fails(tmp_path):
    assert run(opened(tmp_path, scene(jobs=jobs({"at_s": 99}))), tmp_path).verdict == "fail"


@pytest.mark.parametrize(
    "fault",
    [
        {"component": "sensor", "mode": "stuck", "joint": 1, "onset": {"at_s": 10}, "duration_s": 5},
        {"component": "safety", "mode": "protective_stop", "onset": {"at_s": 10}},
        {"component": "sensor", "mode": "stuck", "joint": 1, "onset": {"at_s": 99}},
    ],
    ids=["sensor of an idle cell", "stop of an idle cell", "after the end"],
)
def test_a_fault_that_must_act_and_cannot_voids_the_run(tmp_path, fault):
    result = run(opened(tmp_path, scene(jobs=jobs({}), faults=[fault | {"must_act": True}])), tmp_path)
    assert (result.verdict, result.status) == ("void", 3)


def test_a_fault_that_must_act_and_does_is_no_obstacle(tmp_path):
    assert run(opened(tmp_path, scene(faults=[breaks(5, must_act=True)])), tmp_path).verdict == "pass"


def test_the_command_that_reproduces_a_run_does(tmp_path, done, capsys):
    _, result = done
    words = result.meta["reproduce"].split()
    assert words[:2] == ["twin", "run"]
    assert main([*words[1:], "--out", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["hash"] == result.meta["hash"]


def test_a_run_folder_of_another_version_is_refused(tmp_path, done):
    folder = tmp_path / done[1].folder.name
    shutil.copytree(done[1].folder, folder)
    meta = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(meta | {"schema": 2}))
    with pytest.raises(RunFolderError, match="schema 2, this twin reads schema 1"):
        run(done[0], tmp_path)


def test_a_snapshot_that_other_versions_made_is_not_gone_on_from(tmp_path, monkeypatch):
    scenario = opened(tmp_path, scene())
    with pytest.raises(KeyboardInterrupt):
        run(scenario, tmp_path, progress=interrupt)
    monkeypatch.setattr("twin.build.metadata.version", lambda package: "9.9.9")
    with pytest.raises(RunFolderError, match=r"begun with other versions .*9\.9\.9"):
        run(scenario, tmp_path)


def interrupt(done_s, total_s):
    raise KeyboardInterrupt


def test_a_policy_that_cannot_be_made_is_refused(tmp_path):
    with pytest.raises(InputError, match="policies:Idle"):
        run(opened(tmp_path, scene(policy={"use": "policies:Idle", "with": {"ticks": 10, "arm": 1}})), tmp_path)


@contextmanager
def small_disk(folder, kb):
    """A file system of its own on which so much is free."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip() or 'no right to'}")
    try:
        (folder / "ballast").write_bytes(bytes(8 * 1024 * 1024 - 1024 * kb))
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
@pytest.mark.parametrize("kb", [64, 512, 1024])
def test_a_full_disk_loses_nothing(tmp_path, capsys, kb):
    scenario = opened(tmp_path, scene(cells=cells("a", "b"), log={"snapshot_s": 1}))
    command = ["run", str(tmp_path / "scene.yaml"), "--engine", "kinematic"]
    with small_disk(tmp_path / "disk", kb) as disk:
        assert main([*command, "--out", str(disk)]) == 2
        assert "make room" in capsys.readouterr().err
        left = [path.name for path in (disk / folder_name(scenario)).glob("*")]
        assert not any(name.endswith((".part", ".json")) for name in left)
        (disk / "ballast").unlink()
        assert main([*command, "--out", str(disk)]) == 0
        full = run(scenario, tmp_path / "roomy")
        assert files(disk / folder_name(scenario)) == files(full.folder)
        assert json.loads((disk / folder_name(scenario) / "run.json").read_text())["hash"] == full.meta["hash"]


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another --out"):
        run(opened(tmp_path, scene()), tmp_path / "file")
