"""`CellEnv`: one cell as a Gymnasium `Env`, the vector environment with one row."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from twin.core.errors import InputError
from twin.core.records import Floats
from twin.envs.vector import CellVectorEnv

NOT_ONE = ("autoreset", "num_envs")
"""Options of the vector environment that a single one has no use for."""


class CellEnv(gymnasium.Env[Any, Floats]):
    """Observation (m,) and action (a,) as `twin.control.agent` says; options as `twin.envs.scene.Options` says. How long an
    episode may last is up to `gymnasium.make`, whose `TimeLimit` it wraps around."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012  # Gymnasium asks for it so

    def __init__(self, render_mode: str | None = None, **given: Any) -> None:
        for key in filter(given.__contains__, NOT_ONE):
            raise InputError(
                f"{key} is an option of gymnasium.make_vec: a single environment has one row that its caller resets"
            )
        usual = {"threads": 1, "max_episode_steps": None}
        self.vector = CellVectorEnv(1, autoreset="Disabled", render_mode=render_mode, **(usual | given))
        self.metadata = self.metadata | {"render_fps": self.vector.metadata["render_fps"]}
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; from a seed on everything repeats."""
        super().reset(seed=seed)
        obs, info = self.vector.reset(seed=seed, options=options)
        return _one(obs), _first(info)

    def step(self, action: Floats) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """One control period."""
        if np.shape(action) != self.action_space.shape:
            raise InputError(f"an action of shape {np.shape(action)}; expected {self.action_space.shape}")
        obs, reward, terminated, truncated, info = self.vector.step([action])  # type: ignore[arg-type]
        return _one(obs), float(reward[0]), bool(terminated[0]), bool(truncated[0]), _first(info)

    def render(self) -> Any:
        """With `render_mode="rgb_array"` a picture (480, 640, 3) uint8."""
        pictures = self.vector.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """Let the engine's threads and the drawing contexts go."""
        self.vector.close()


def _one(obs: Any) -> Any:
    return {key: value[0] for key, value in obs.items()} if isinstance(obs, dict) else obs[0]


def _first(info: dict[str, Any]) -> dict[str, Any]:
    return {key: _first(value) if isinstance(value, dict) else value[0] for key, value in info.items()}
