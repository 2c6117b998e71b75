"""The example: a policy trained in Gymnasium, back on the farm."""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import twin.envs

EXAMPLE = Path(__file__).parents[2] / "examples" / "drawer"


@pytest.fixture
def train(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield __import__("train")
    for name in ("train", "linear"):
        sys.modules.pop(name, None)


def test_the_trained_weights_open_the_drawer_in_physics(train):
    env = gymnasium.make_vec(
        twin.envs.env_id("drawer_open"), num_envs=8, control="tool", reward="dense", autoreset="Disabled", max_episode_steps=150
    )
    weights = np.load(EXAMPLE / "weights.npy")
    _, solved = train.returns(env, weights[None], 77, env.unwrapped.lane.arm.nq)
    _, without = train.returns(env, 0 * weights[None], 77, env.unwrapped.lane.arm.nq)
    assert solved.mean() >= 0.75 and not without.any()
