"""What the Gymnasium layer costs: `CellVectorEnv.step` at 256 environments against bare `Batch.step` with the same commands.

    python -m benchmarks.envs [--n 256] [--task pick_place] [--segments 7] [--json]

Both take turns, so that a machine that slows down slows both. Nothing is left out of the environment's side: observation,
reward, ground truth in `info`, safety filters, resets of episodes that ran out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import gymnasium
import numpy as np
from mujoco.batch import Batch

import twin.envs
from benchmarks.tape import Tape

STEPS = 20
"""Steps of one turn."""
TURNS = 6


def measure(segments: int = 7, n: int = 256, task: str = "pick_place", threads: int = 2, rest: bool = True) -> dict[str, Any]:
    """`vector_env`: median over segments of bare time over the environment's; `env_robot_s_per_s` at n environments.

    The bare engine lets things sleep where the environment does (`rest`).
    """
    env: Any = gymnasium.make_vec(twin.envs.env_id(task), num_envs=n, threads=threads, max_episode_steps=250, rest=rest)
    env.reset(seed=0)
    lane, rng = env.unwrapped.lane, np.random.default_rng(0)
    played = lane.world._batch
    batch = Batch(played.model, n, threads, persistent=played.persistent)
    batch.state[:] = played.state
    ctrl, tape = batch.bind("ctrl"), Tape(lane.world)
    actions = 0.3 * rng.uniform(-1, 1, (STEPS, *env.action_space.shape))
    ratios, speeds = [], []
    for _ in range(segments):
        ours, bare = 0.0, 0.0
        for _ in range(TURNS):
            began = time.perf_counter()
            for action in actions:
                env.step(action)
            ours += time.perf_counter() - began
            bare += tape.play(batch, ctrl)
        ratios.append(bare / ours)
        speeds.append(n * STEPS * TURNS * lane.period_s / ours)
    equal = bool(np.array_equal(batch.state, played.state))
    env.close()
    return {
        "vector_env": statistics.median(ratios),
        "vector_env_low_high": [min(ratios), max(ratios)],
        "vector_env_state_equal": equal,
        "env_robot_s_per_s": statistics.median(speeds),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="python -m benchmarks.envs --n 64")
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--task", default="pick_place")
    parser.add_argument("--segments", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    figures = measure(args.segments, args.n, args.task)
    if args.json:
        print(json.dumps(figures))
        return
    low, high = figures["vector_env_low_high"]
    print(f"VectorEnv over bare Batch.step at {args.n}: {figures['vector_env']:.3f} ({low:.3f} – {high:.3f}), ≥ 0.85 wanted")
    print(f"end states equal: {figures['vector_env_state_equal']}; {figures['env_robot_s_per_s']:,.0f} robot-seconds a second")


if __name__ == "__main__":
    main()
