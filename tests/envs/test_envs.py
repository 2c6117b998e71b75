"""The farm as Gymnasium environments: what Gymnasium asks, what the farm adds, what is refused."""

from __future__ import annotations

import gc
import multiprocessing
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import twin.envs
from twin.core.errors import AssetError, InputError, SpecError
from twin.scenario.arms import arms
from twin.world import render
from twin.world.spec import TASKS

FAST = {"engine": "kinematic", "control_ms": 100}


def made(task="pick_place", n=3, arm=None, **options):
    return gymnasium.make_vec(twin.envs.env_id(task, arm), num_envs=n, **FAST | options)


def far(folder):
    """A fleet whose robot is a slow link away."""
    fleet = folder / "fleet.yaml"
    fleet.write_text("""
fleet: far
grippers: {g: {stroke_mm: 80}}
links: {slow: {latency_ms: 120}}
robots: {arm: {model: panda, gripper: g, control_ms: 100}}
cells: [{name: c, link: slow, robots: [{robot: arm}]}]
""")
    return str(fleet)


def random_steps(env, steps, seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    return [env.step(scale * rng.uniform(-1, 1, env.action_space.shape)) for _ in range(steps)]


@pytest.mark.filterwarnings("ignore:.*Box observation space:UserWarning")
@pytest.mark.parametrize("task", ["pick_place", "bin_pick", "drawer_open"])
def test_gymnasium_accepts_an_environment_of_every_workcell(task):
    env = gymnasium.make(twin.envs.env_id(task), **FAST)
    check_env(env.unwrapped, skip_render_check=True)
    assert env.spec.id == twin.envs.env_id(task)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_a_vector_environment_of_its_spaces(task):
    env = made(task, n=2)
    obs, _ = env.reset(seed=0)
    obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
    assert obs in env.observation_space and reward.shape == terminated.shape == truncated.shape == (2,)


@pytest.mark.parametrize("arm", arms())
def test_every_arm_has_its_environments(arm):
    env = made("drawer_open", arm=arm)
    obs, _ = env.reset(seed=0)
    assert obs in env.observation_space and env.step(env.action_space.sample())[0] in env.observation_space


def test_physics_is_the_default():
    env = gymnasium.make_vec("twin/PickPlace-v0", num_envs=2)
    env.reset(seed=0)
    assert type(env.unwrapped.lane.world).__name__ == "MujocoWorld" and len(random_steps(env, 3)) == 3


def test_things_sleep_unless_an_option_or_the_fleet_says_otherwise(tmp_path):
    fleet = {"fleet": far(tmp_path), "arm": "panda"}
    asked = {"bare": {}, "off": {"rest": False}, "fleet": fleet, "on": fleet | {"rest": True}}
    rests = {name: made(n=1, **options).unwrapped.lane.world.cell.workcell.rest for name, options in asked.items()}
    assert rests == {"bare": True, "off": False, "fleet": False, "on": True}


def test_a_seed_repeats_an_episode_bit_for_bit_and_another_does_not():
    env = made(faults=[{"component": "sensor", "mode": "stuck", "joint": 1, "onset": {"per_episode": 0.5}}])
    runs = []
    for seed in (5, 5, 6):
        first = env.reset(seed=seed)[0]
        runs.append(np.array([first, *(obs for obs, *_ in random_steps(env, 30))]))
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])


def test_a_row_starts_alike_alone_and_among_others():
    many, one = made(n=4), made(n=1)
    assert np.array_equal(many.reset(seed=[7, 8, 9, 4])[0][2], one.reset(seed=9)[0][0])


def test_a_row_that_ended_is_begun_by_the_next_step_whose_action_it_ignores():
    env = made(max_episode_steps=5)
    assert env.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    env.reset(seed=1)
    steps = random_steps(env, 11)
    assert [bool(truncated.all()) for _, _, _, truncated, _ in steps] == [i in (4, 10) for i in range(11)]
    assert (steps[5][0][:, :6] == env.unwrapped.lane.arm.home).all() and (steps[5][1] == 0).all()


def test_without_autoreset_a_mask_says_which_rows_begin_anew():
    env = made(max_episode_steps=3, autoreset="Disabled")
    env.reset(seed=1)
    random_steps(env, 3)
    still = random_steps(env, 1, seed=2)[0][0]
    obs, _ = env.reset(options={"reset_mask": np.array([True, False, False])})
    assert (obs[0, :6] == env.unwrapped.lane.arm.home).all() and np.array_equal(obs[1:], still[1:])
    assert [bool(t) for t in random_steps(env, 3)[-1][3]] == [True, False, False]


def test_info_tells_the_truth_and_what_the_filter_did():
    env = made(filters=[{"kind": "joint_limits"}])
    env.reset(seed=0)
    infos = [env.step(np.ones(env.action_space.shape))[4] for _ in range(4)]
    assert infos[-1]["truth"]["objects"].shape == (3, 1, 7) and not infos[-1]["truth"]["held"].any()
    assert any((info["filter"] == 1).any() for info in infos)


def test_without_filters_nothing_is_changed():
    env = made(filters=[])
    env.reset(seed=0)
    assert not any(info["filter"].any() for *_, info in random_steps(env, 5))


def test_while_an_answer_is_under_way_actions_are_dropped(tmp_path):
    env = made(fleet=far(tmp_path), arm="panda")
    env.reset(seed=0)
    taken = [info["accepted"].all() for *_, info in random_steps(env, 6)]
    assert taken[0] and not all(taken)


def test_a_fault_reaches_what_the_agent_sees():
    drive = {"component": "sensor", "mode": "stuck", "joint": 0, "onset": {"at_s": 0.5}}
    env = made(faults=[drive], filters=[])
    env.reset(seed=0)
    seen = np.array([env.step(np.ones(env.action_space.shape))[0][:, 0] for _ in range(20)])
    assert len(np.unique(seen[8:])) == 1 and len(np.unique(seen[:4])) > 1


def test_the_tool_goes_where_it_is_told_and_keeps_pointing_down():
    env = made(control="tool", filters=[])
    obs, _ = env.reset(seed=0)
    after = [env.step(np.tile([0.0, 0.0, -0.5, 1.0], (3, 1)))[0] for _ in range(8)][-1]
    at = slice(13, 16)
    assert after[:, at][:, 2] == pytest.approx(obs[:, at][:, 2] - 0.1, abs=0.01)
    assert env.unwrapped.lane.arm.fk(after[:, :6])[1][:, 2, 2] == pytest.approx(-1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fautls": []}, "unknown option 'fautls'.*did you mean 'faults'"),
        ({"reward": "shaped"}, "reward: unknown value 'shaped' .known: dense, sparse"),
        ({"control": "tol"}, "control: unknown value 'tol' .*did you mean 'tool'"),
        ({"render_mode": "human"}, "render_mode: unknown value 'human' .known: rgb_array"),
        ({"camera": (8, 4000)}, "camera: .*height, width. from 16 to 1024 pixels"),
        ({"camera": 64}, "camera: expected a list, found 64; wanted: .height"),
        ({"max_episode_steps": 2.5}, "max_episode_steps: expected a whole number, found 2.5"),
        ({"threads": 0}, "threads: must be at least 1"),
        ({"fleet": 3}, "fleet: .*the path of a fleet file"),
        ({"control_ms": 33}, "^control_ms: the control period of 33 ms .*nearest: 32 and 34 ms"),
        ({"filters": [{"kind": "cbf"}, {"kind": "joint_limit"}]}, r"^filters\[1\]: .*did you mean 'joint_limits'"),
        ({"faults": [{"component": "sensor", "mode": "stuk"}]}, r"^faults\[0\]: unknown mode 'stuk' .*did you mean 'stuck'"),
        ({"faults": [object()]}, "faults, filters: lists and mappings"),
        ({"n": 0}, "num_envs: a whole number of at least 1"),
        ({"n": 2.5}, "num_envs: a whole number of at least 1"),
        ({"faults": [{"component": "safety", "mode": "protective_stop", "onset": {"at_s": 1}}]}, "need a farm"),
    ],
)
def test_bad_options_are_refused_by_name(options, message):
    with pytest.raises(InputError, match=message):
        made(**options)


def test_an_arm_that_is_none_is_told():
    with pytest.raises(InputError, match=r"^arm: no arm 'ur5' .*did you mean 'ur3'"):
        gymnasium.make_vec("twin/Push-v0", arm="ur5", **FAST)


def test_of_a_fleet_any_arm_will_do_unless_one_is_asked_for(tmp_path):
    (tmp_path / "fleet.yaml").write_text("""
fleet: one
grippers: {g: {stroke_mm: 80}}
robots: {arm: {model: panda, gripper: g, control_ms: 100}}
cells: [{name: c, robots: [{robot: arm}]}]
""")
    assert made(fleet=tmp_path / "fleet.yaml").unwrapped.lane.arm.nq == 7


def test_a_fleet_without_such_a_cell_is_told(tmp_path):
    with pytest.raises(SpecError):
        made(fleet=str(tmp_path / "none.yaml"))
    with pytest.raises(InputError, match="has no cell that does pick_place and has the arm iiwa7; there are"):
        made(fleet="scenarios/fleets/quickstart.yaml", arm="iiwa7")


@pytest.mark.parametrize(
    ("action", "message"),
    [(np.zeros((3, 2)), r"shape \(3, 2\)"), (np.full((3, 7), np.nan), "environment 0"), ("up", r"of shape \(3, 7\).*'up'")],
)
def test_actions_of_another_shape_or_not_finite_are_refused(action, message):
    env = made()
    env.reset(seed=0)
    with pytest.raises(InputError, match=message):
        env.step(action)


@pytest.mark.parametrize("mask", [[True, False, False], np.zeros(3, bool), np.ones(2, bool), np.ones(3)])
def test_a_mask_that_is_none_is_refused(mask):
    env = made()
    env.reset(seed=0)
    with pytest.raises(InputError, match="reset_mask"):
        env.reset(options={"reset_mask": mask})


@pytest.mark.parametrize("option", ["autoreset", "num_envs"])
def test_a_single_environment_has_no_options_of_many(option):
    with pytest.raises(InputError, match=f"{option} is an option of gymnasium.make_vec"):
        gymnasium.make("twin/Push-v0", **FAST, **{option: 1})


def test_the_action_of_a_single_environment_is_told_its_own_shape():
    env = gymnasium.make("twin/Push-v0", **FAST)
    env.reset(seed=0)
    with pytest.raises(InputError, match=r"shape \(6,\); expected \(7,\)"):
        env.step(np.zeros(6))


def test_gymnasium_says_how_long_an_episode_lasts():
    for asked, lasts in ((None, 500), (700, 700), (3, 3)):
        env = gymnasium.make("twin/Push-v0", max_episode_steps=asked, **FAST)
        env.reset(seed=0)
        assert next(i for i in range(1, 900) if env.step(np.zeros(7))[3]) == lasts == env.spec.max_episode_steps


def test_without_a_seed_no_two_environments_start_alike():
    one, other = made(), made()
    assert not np.array_equal(one.reset()[0], other.reset()[0])
    assert one.reset(seed=4)[0] is not None and one.unwrapped.np_random_seed == 4


@pytest.mark.parametrize("seed", [np.int64(5), np.array([5, 6, 7]), (5, 6, 7)])
def test_seeds_may_be_numpys(seed):
    env = made()
    assert np.array_equal(env.reset(seed=seed)[0], env.reset(seed=5)[0])


@pytest.mark.parametrize("seed", [-1, "x", 2.5, [1, 2], [1, 2, "x"]])
def test_other_seeds_are_refused(seed):
    with pytest.raises(InputError, match="seed: a whole number of at least 0, or 3 of them"):
        made().reset(seed=seed)


def test_workers_forked_beside_an_environment_with_threads_do_not_hang():
    held = [made(engine="mujoco", threads=2)]
    held[0].reset(seed=0)
    random_steps(held[0], 1)

    def child():
        held.clear()
        gc.collect()
        made(n=1, engine="mujoco", threads=1).reset(seed=0)

    worker = multiprocessing.get_context("fork").Process(target=child, daemon=True)
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0


def test_a_step_before_the_reset_is_refused():
    with pytest.raises(gymnasium.error.ResetNeeded):
        made().step(np.zeros((3, 7)))


@pytest.mark.filterwarnings("ignore:.*:UserWarning")
def test_a_camera_is_an_option_of_a_task():
    env = gymnasium.make("twin/PickPlace-v0", camera=(16, 24), render_mode="rgb_array", **FAST)
    try:
        env.reset(seed=0)
    except AssetError as error:
        pytest.skip(str(error))
    check_env(env.unwrapped, skip_render_check=True)
    first = env.reset(seed=0)[0]["image"]
    later = [env.step(np.ones(7))[0]["image"] for _ in range(6)][-1]
    assert first.shape == (16, 24, 3) and first.dtype == np.uint8 and (first != later).any()
    assert env.render().shape == (480, 640, 3)
    env.close()


def test_a_worker_forked_after_drawing_is_told_so(monkeypatch):
    monkeypatch.setattr(render, "_drew", {-1})
    env = made(camera=(16, 24))
    with pytest.raises(AssetError, match=r"forked from one that had drawn.*start it by spawn"):
        env.reset(seed=0)


def test_torchs_compiler_is_loaded_before_the_drivers_that_it_crashes_beside(tmp_path, monkeypatch):
    (tmp_path / "triton.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "triton", raising=False)
    render._before_drivers()
    assert sys.modules.pop("triton").__file__ == str(tmp_path / "triton.py")


def test_torch_and_pictures_live_in_one_process():
    pytest.importorskip("torch")
    program = f"""
import gymnasium, torch, twin.envs
gymnasium.make("twin/Push-v0", camera=(16, 16), **{FAST}).reset(seed=0)
torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if "AssetError" in done.stderr:
        pytest.skip("nothing can be drawn here")
    assert done.returncode == 0, done.stderr


def test_stable_baselines3_accepts_an_environment():
    """A job of its own, where it is installed: torch is no dependency of the twin."""
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    for task in ("pick_place", "bin_pick", "drawer_open"):
        assert checker.check_env(gymnasium.make(twin.envs.env_id(task), **FAST).unwrapped, warn=False) is None
