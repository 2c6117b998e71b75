"""What sleeping things change: `python -m benchmarks.resting [--n 200] [--arms ur3 panda]` prints its table.

The script of `pick_place` with the same starts and the same errors of its camera (`benchmarks.grasps`), in physics as the farm
steps it and with things that sleep while they lie (`rest`, the environments' default): successes, and in how many of the
episodes the verdict is the same.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy import stats

from benchmarks.grasps import cell, play
from twin.world.mujoco import MujocoWorld


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog="python -m benchmarks.resting --n 20")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--arms", nargs="+", default=["ur3", "panda"])
    parser.add_argument("--error-mm", type=float, default=8.0)
    args = parser.parse_args()
    error = 1e-3 * args.error_mm * np.random.default_rng(5).standard_normal((args.n, 3)) * (1.0, 1.0, 0.2)
    print("| arm | stepped | with sleep | same verdict | 95 % interval |\n| --- | --- | --- | --- | --- |")
    for arm in args.arms:
        stepped, rested = (play(MujocoWorld(cell(arm), args.n, 2, rest), error) for rest in (False, True))
        same = int(np.sum(stepped == rested))
        low, high = stats.binomtest(same, args.n).proportion_ci(0.95)
        print(f"| {arm} | {stepped.sum()} of {args.n} | {rested.sum()} | {same} | {low:.3f} to {high:.3f} |", flush=True)


if __name__ == "__main__":
    main()
