"""Robot-seconds a second beside other people's environments, each in a virtual environment of its own on this machine.

    python -m benchmarks.others [--seconds 10] [--rounds 3] [--folder FOLDER] [--json]

gymnasium-robotics (FetchPickAndPlace) and robosuite (Lift, Panda) want other versions of MuJoCo and NumPy than ours, so each
is installed, pinned, into a folder that is thrown away, or kept where one is named (some 1 GB, minutes). All run with random
actions and without pictures; theirs one environment at a time and in as many processes as there are processors,
whichever is faster; ours 256 rows on two threads, as it comes (things that lie still sleep) and with `rest=False`.
A robot-second is a second of simulated time of one robot.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import mujoco

from benchmarks.envs import measure

LOOP = """
import json, sys, time
import numpy as np
def rate(step, dt, seconds):
    for _ in range(10): step()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        step(); count += 1
    return count * dt / (time.perf_counter() - began)
"""
FETCH = """
import gymnasium, gymnasium_robotics
gymnasium.register_envs(gymnasium_robotics)
NAME = "FetchPickAndPlace-v4"
def main(seconds, workers):
    one = gymnasium.make(NAME); one.reset(seed=0); dt = one.unwrapped.dt
    def step():
        if any(one.step(one.action_space.sample())[2:4]): one.reset()
    found = {"one": rate(step, dt, seconds)}
    many = gymnasium.make_vec(NAME, num_envs=workers, vectorization_mode="async"); many.reset(seed=0)
    found["processes"] = rate(lambda: many.step(many.action_space.sample()), dt * workers, seconds)
    many.close()
    print(json.dumps(found | {"step_s": dt}))
if __name__ == "__main__": main(float(sys.argv[1]), int(sys.argv[2]))
"""
LIFT = """
import multiprocessing, robosuite
def one(seconds):
    env = robosuite.make("Lift", robots="Panda", has_renderer=False, has_offscreen_renderer=False, use_camera_obs=False)
    env.reset(); low, high = env.action_spec; rng = np.random.default_rng(0)
    def step():
        if env.step(rng.uniform(low, high))[2]: env.reset()
    return rate(step, env.control_timestep, seconds)
def main(seconds, workers):
    found = {"one": one(seconds)}
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        found["processes"] = sum(pool.map(one, [seconds] * workers))
    print(json.dumps(found | {"step_s": 0.05}))
if __name__ == "__main__": main(float(sys.argv[1]), int(sys.argv[2]))
"""
OTHERS = {
    "gymnasium-robotics FetchPickAndPlace": (("gymnasium-robotics==1.4.2", "mujoco==3.3.7"), FETCH),
    "robosuite Lift, Panda": (("robosuite==1.5.2", "mujoco==3.3.7"), LIFT),
}
"""What to install and what to run there."""
OURS = ("pick_place", "drawer_open", "bin_pick")


def beside(folder: Path, packages: tuple[str, ...], code: str, seconds: float, workers: int) -> dict[str, float]:
    """Install packages into a folder, where they are not there yet, and run code there."""
    python = str(folder / "bin" / "python")
    if not Path(python).is_file():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
    script = folder / "measure.py"
    script.write_text(LOOP + code)
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [python, str(script), str(seconds), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=folder, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(folder: Path, seconds: float, workers: int, rounds: int) -> dict[str, Any]:
    """Robot-seconds a second of each, medians over rounds in which all take turns, and how many times the better of the others
    ours is, in each round."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, what in OTHERS.items():
            for key, value in beside(folder / name.split()[0], *what, seconds, workers).items():
                found.setdefault(name, {}).setdefault(key, []).append(value)
        for rest, words in ((True, "as it comes"), (False, "rest=False")):
            for task in OURS if rest else OURS[:1]:
                speed = measure(1, task=task, rest=rest)["env_robot_s_per_s"]
                found.setdefault(f"twin {task}, {words}", {}).setdefault("speed", []).append(speed)
    best = [max(max(found[name]["one"][i], found[name]["processes"][i]) for name in OTHERS) for i in range(rounds)]
    ours = found[f"twin {OURS[0]}, as it comes"]["speed"]
    medians = {name: {key: statistics.median(values) for key, values in of.items()} for name, of in found.items()}
    return {"medians": medians, "times_the_better": [our / other for our, other in zip(ours, best, strict=True)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="python -m benchmarks.others --seconds 5")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement of theirs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the virtual environments are kept (default: thrown away)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="twin-others-") as temp:
        found = table(args.folder or Path(temp), args.seconds, workers, args.rounds)
    if args.json:
        print(json.dumps(found))
        return
    print(f"{platform.machine()}, {workers} processors, Python {sys.version.split()[0]}, our MuJoCo {mujoco.__version__}\n")
    print(f"| environments | robot-seconds a second, one | in {workers} processes |\n| --- | --- | --- |")
    for name, one in found["medians"].items():
        if name in OTHERS:
            print(f"| {name} (step {1000 * one['step_s']:.0f} ms) | {one['one']:.1f} | {one['processes']:.1f} |")
        else:
            print(f"| {name}, 256 rows, 2 threads (step 40 ms) | | {one['speed']:.0f} |")
    times = sorted(found["times_the_better"])
    middle, low, high = statistics.median(times), times[0], times[-1]
    print(f"\ntwin {OURS[0]} over the better of the others: {middle:.1f} ({low:.1f} – {high:.1f}), ≥ 10 wanted")


if __name__ == "__main__":
    main()
