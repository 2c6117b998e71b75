"""The farm as Gymnasium environments: `import twin.envs`, then `gymnasium.make_vec("twin/BinPick-v0", num_envs=256)`.

One id a task, with the UR3 (`twin/Push-v0`), and one a task and arm (`twin/Push-panda-v0`). See docs/gymnasium.md.
"""

from __future__ import annotations

try:
    import gymnasium
except ImportError as error:
    raise ImportError("twin.envs needs Gymnasium, which is not installed: pip install 'robot-farm-twin[gym]'") from error

from twin.scenario.arms import arms
from twin.world.spec import TASKS

STEPS = 500
"""Control periods of an episode, where nobody says otherwise."""


def env_id(task: str, arm: str | None = None) -> str:
    """`twin/BinPick-v0` of bin_pick; with an arm `twin/BinPick-iiwa7-v0`."""
    name = "".join(word.capitalize() for word in task.split("_"))
    return f"twin/{name}-v0" if arm is None else f"twin/{name}-{arm}-v0"


def _register() -> None:
    for task in TASKS:
        for arm in (None, *arms()):
            gymnasium.register(
                env_id(task, arm),
                entry_point="twin.envs.single:CellEnv",
                vector_entry_point="twin.envs.vector:CellVectorEnv",
                max_episode_steps=STEPS,
                kwargs={"task": task} | ({} if arm is None else {"arm": arm}),
                order_enforce=True,
            )


_register()
