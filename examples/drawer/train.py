"""Trains `linear.py` to open the drawer, by the cross-entropy method, in a few minutes on two cores.

    python examples/drawer/train.py [--rounds 25] [--envs 96]

Each environment of the batch tries weights of its own for one episode; the best tenth of them says where to look next. Prints
the return of each round, writes weights.npy beside itself, and ends with the success of the mean over 96 fresh episodes.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import gymnasium
import numpy as np
from linear import ACTIONS, FEATURES, answer

import twin.envs  # noqa: F401  # makes the environments known

STEPS = 150
FLEET = Path(__file__).with_name("fleet.yaml")
"""The farm's own: what delays, errs and filters there does so here."""


def returns(env, weights, seed, nq):
    """(n,) return and (n,) success of one episode of each row with its own weights (n, 4, 11)."""
    obs, _ = env.reset(seed=seed)
    total, solved = np.zeros(env.num_envs), np.zeros(env.num_envs, bool)
    for _ in range(STEPS):
        obs, reward, terminated, truncated, _ = env.step(answer(weights, obs, nq))
        total += np.where(solved, 0.0, reward)
        solved |= terminated
        if (solved | truncated).all():
            break
    return total, solved


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--envs", type=int, default=96)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    env = gymnasium.make_vec(
        "twin/DrawerOpen-v0", num_envs=args.envs, fleet=str(FLEET), control="tool", reward="dense", autoreset="Disabled",
        max_episode_steps=STEPS,
    )  # fmt: skip
    nq, rng, began = env.unwrapped.lane.arm.nq, np.random.default_rng(args.seed), time.perf_counter()
    mean, spread = np.zeros((ACTIONS, FEATURES)), np.ones((ACTIONS, FEATURES))
    for k in range(args.rounds):
        tried = mean + spread * rng.standard_normal((args.envs, ACTIONS, FEATURES))
        total, solved = returns(env, tried, args.seed + 1000 * (k + 1), nq)
        best = tried[np.argsort(-total)[: max(4, args.envs // 10)]]
        mean, spread = best.mean(axis=0), best.std(axis=0) + 0.3 * 0.85**k
        print(f"round {k + 1:3}: return {total.mean():8.2f}, best {total.max():7.2f}, success {solved.mean():.2f}", flush=True)
    _, solved = returns(env, mean[None], 10**6, nq)
    np.save(Path(__file__).with_name("weights.npy"), mean)
    print(f"success {solved.mean():.2f} over {args.envs} fresh episodes, after {time.perf_counter() - began:.0f} s")
    print("weights.npy written; next: twin run examples/drawer/scenario.yaml")


if __name__ == "__main__":
    main()
