"""The example: a policy trained in Gymnasium does on the farm what it did in the environment."""

from __future__ import annotations

import sys
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import twin.envs
from twin.log.tables import read_table
from twin.run import run
from twin.scenario.load import load

EXAMPLE = Path(__file__).parents[2] / "examples" / "drawer"
HEADSTRONG = """\
import linear
from twin.core.records import Chunk


class Headstrong(linear.Linear):
    \"\"\"Adds up its own commands, whatever filters made of them.\"\"\"

    def memory(self, n):
        return super().memory(n) | {"own": linear.np.zeros((n, self.setup.arm.nq + 1))}

    def begin(self, memory, seen, streams):
        super().begin(memory, seen, streams)
        memory["own"][:] = linear.np.column_stack((seen.q, seen.grip))

    def act(self, seen, memory):
        seen.last = memory["own"]
        chunk = super().act(seen, memory)
        memory["own"][:] = chunk.actions[:, 0]
        return Chunk(chunk.actions, chunk.done)
"""


@pytest.fixture
def train(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield __import__("train")
    for name in ("train", "linear"):
        sys.modules.pop(name, None)


def opened(scenario, out, seconds=40):
    """Of the episodes on a farm that ended, how many opened their drawer, and all."""
    folder = run(load(scenario, duration_s=seconds), out, threads=1).folder
    truths = [row["truth"] for row in read_table(folder, "episodes").to_pylist() if row["truth"] is not None]
    return sum(truths), len(truths)


def test_the_trained_policy_opens_drawers_in_the_environment_and_on_the_farm_alike(train, tmp_path):
    env = gymnasium.make_vec(
        twin.envs.env_id("drawer_open"), num_envs=12, fleet=str(train.FLEET), control="tool", autoreset="Disabled",
        max_episode_steps=150,
    )  # fmt: skip
    weights = np.load(EXAMPLE / "weights.npy")
    _, solved = train.returns(env, weights[None], 77, env.unwrapped.lane.arm.nq)
    _, without = train.returns(env, 0 * weights[None], 77, env.unwrapped.lane.arm.nq)
    good, ended = opened(EXAMPLE / "scenario.yaml", tmp_path)
    assert solved.mean() >= 0.9 and not without.any()
    assert ended >= 12 and good >= 0.9 * ended


def test_a_policy_that_adds_up_its_own_commands_runs_away_from_an_arm_that_filters_hold(tmp_path):
    (tmp_path / "headstrong.py").write_text(HEADSTRONG)
    near = (EXAMPLE / "fleet.yaml").read_text().replace(", link: wifi", "")
    (tmp_path / "fleet.yaml").write_text(near)
    text = (EXAMPLE / "scenario.yaml").read_text()
    told = {}
    for name, use in (("last", "linear:Linear"), ("own", "headstrong:Headstrong")):
        (tmp_path / "linear.py").write_text((EXAMPLE / "linear.py").read_text())
        (tmp_path / "weights.npy").write_bytes((EXAMPLE / "weights.npy").read_bytes())
        (tmp_path / "scenario.yaml").write_text(text.replace("linear:Linear", use))
        told[name] = opened(tmp_path / "scenario.yaml", tmp_path / name, 25)
    assert told["own"][0] == 0 < told["own"][1] and told["last"][0] >= 0.9 * told["last"][1]
