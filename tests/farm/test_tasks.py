"""Cells with several tasks, and tasks that last."""

from __future__ import annotations

from tests.farm.scenes import SCENE, cells, jobs, play

ROBOT = {"arm": SCENE["fleet"]["robots"]["arm"] | {"control_ms": 100}}


def test_a_bin_is_emptied_before_anybody_resets_it(tmp_path):
    played = play(
        tmp_path, workcells={"table": {"kind": "bin", "objects": 3, "physics_step_ms": 10}}, robots=ROBOT, duration_s=60,
        cells=cells("a", tasks=["bin_pick"]), jobs=jobs({"task": "bin_pick", "episodes": 4}), episode_timeout_s=30,
    )  # fmt: skip
    kinds = [k for k in played.kinds("episode", "reset") if k in ("episode.end", "reset.done")]
    assert kinds == ["episode.end"] * 3 + ["reset.done", "episode.end"]
    assert [row["truth"] for row in played.rows if not row["censored"]] == [True] * 4


def test_one_cell_does_each_job_by_its_task(tmp_path):
    asked = ["pick_place", "push", "stack", "unstack", "clear_tray", "push_back"]
    played = play(
        tmp_path, workcells={"table": {"objects": 2, "physics_step_ms": 10}}, robots=ROBOT, duration_s=120,
        cells=cells("a", tasks=asked), jobs=jobs(*({"task": task, "episodes": 1} for task in asked)), episode_timeout_s=30,
    )  # fmt: skip
    done = [(row["task"], row["truth"]) for row in played.rows]
    assert done == [(task, True) for task in asked]
