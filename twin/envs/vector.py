"""`CellVectorEnv`: n cells alike as one Gymnasium `VectorEnv`, each a row of one lane of a farm.

What stands between agent and robot is what stands there on the farm: links, policy server, sensors with noise, faults, safety
chain. While an answer is under way a row plays its last command, and its action is dropped (`info["accepted"]`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from twin.control.agent import Actions, flat
from twin.control.inbox import IDLE
from twin.control.policy import Setup
from twin.core.chance import Chance
from twin.core.errors import InputError
from twin.core.records import Bools, Floats, Observation
from twin.envs.pictures import Pictures
from twin.envs.scene import farm_of, options
from twin.farm.lane import Lane


class _Unhashed:
    """Takes what a lane adds to a run's hash: an environment has none."""

    def add_array(self, array: Any) -> None:
        """Nothing."""


class CellVectorEnv(gymnasium.vector.VectorEnv[Any, Floats, Any]):
    """Observations (n, m) and actions (n, a) as `twin.control.agent` says; options as `twin.envs.scene.Options` says. With a
    camera an observation is {"state": (n, m), "image": (n, height, width, 3) uint8}."""

    def __init__(self, num_envs: int = 1, **given: Any) -> None:
        self.options = options(given)
        self.num_envs = num_envs
        self._build(0)
        guarded: Any = self.lane.inbox.policy
        setup: Setup = guarded.policy.setup
        self._actions = Actions(setup, self.options.control)
        size = 2 * setup.arm.nq + 7 + 7 * setup.things
        state = gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.single_observation_space: gymnasium.Space[Any] = state
        self._camera = None if self.options.camera is None else Pictures(self.lane.world, self.options.camera)
        if self._camera is not None:
            image = gymnasium.spaces.Box(0, 255, (*self._camera.shape, 3), np.uint8)
            self.single_observation_space = gymnasium.spaces.Dict({"state": state, "image": image})
        self.single_action_space = gymnasium.spaces.Box(-1.0, 1.0, (self._actions.size,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.metadata = {"autoreset_mode": AutoresetMode(self.options.autoreset), "render_modes": ["rgb_array"]}
        self.metadata["render_fps"] = round(1.0 / self.lane.period_s)
        self.render_mode = self.options.render_mode
        self._shown: Pictures | None = None
        self._chances = [Chance(i) for i in range(num_envs)]
        self._seen: tuple[Observation, Bools | None] | None = None
        self._obs: Floats = np.zeros((num_envs, size))
        self._steps = np.zeros(num_envs, np.int64)
        self._over = np.ones(num_envs, bool)
        self._all = np.arange(num_envs, dtype=np.int32)
        self._limit = self.options.max_episode_steps or np.inf
        self._begun = False

    def _build(self, seed: int) -> None:
        """The farm, at its time zero."""
        self._farm = farm_of(self.options, self.num_envs, seed)
        self._farm.trouble.begin()
        self._cells = list(self._farm.cells.values())
        self.lane: Lane = self._farm.lanes[0]
        self.task = self.lane.tasks[self.options.task]

    # -- Gymnasium -------------------------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start episodes: of all rows, or of those in `options["reset_mask"]` (n,) bool.

        seed: one for all (row i takes seed + i), or a list of one a row. From a seed for all rows on everything repeats:
        starts, noise, delays, and faults, whose `at_s` counts from there. Where none was ever given, one is taken from
        the system, as Gymnasium asks.
        """
        mask = self._mask(options)
        if isinstance(seed, (int, np.integer)) and seed >= 0:
            super().reset(seed=int(seed))  # what Gymnasium keeps as `np_random_seed`
        elif seed is None and not self._begun:
            seed = int(self.np_random.integers(2**31))
        self._seed(seed, mask)
        self._begin(np.flatnonzero(mask))
        self._begun = True
        self._look()
        return self._told(), self._info(self.lane.world.truth(self._all), np.zeros(self.num_envs, bool))

    def step(self, actions: Floats) -> tuple[Any, Floats, Bools, Bools, dict[str, Any]]:
        """One control period. A row that ended before is begun anew by this step (NextStep) or stands still (Disabled)."""
        if not self._begun:
            raise gymnasium.error.ResetNeeded("call reset before step")
        lane, over = self.lane, self._over.copy()
        idle = self._write(self._checked(actions))
        stopped = np.zeros(self.num_envs, bool)
        if len(lane.rows):
            seen, breaches = self._seen or lane.look(self._farm.clock.now_us)
            for row, what, _ in lane.act(self._farm.clock.now_us, seen, breaches, _Unhashed()):  # type: ignore[arg-type]
                stopped[row] |= what in ("stop", "filter_failed")
        self._advance()
        fresh = over if self.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP else np.zeros_like(over)
        if fresh.any():
            self._begin(np.flatnonzero(fresh))
        self._look()
        truth = lane.world.truth(self._all)
        self._steps += ~over
        success = self.task.success(truth, lane.began) & ~over
        void = lane.world.status(self._all)
        late = (self._steps >= self._limit) | stopped | void
        truncated = late & ~success & ~over
        reward = self._reward(truth, success) * ~fresh
        self._end(success | truncated, fresh)
        info = self._info(truth, success) | {"accepted": idle, "stopped": stopped, "void": void}
        return self._told(), reward, success, truncated, info

    def render(self) -> tuple[Any, ...] | None:
        """With `render_mode="rgb_array"` a picture of every row, (480, 640, 3) uint8."""
        if self.render_mode is None:
            return None
        if self._shown is None:
            self._shown = Pictures(self.lane.world, (480, 640))
        return tuple(self._shown.of(self.lane.world, self._all))

    def close_extras(self, **_: Any) -> None:
        """Let the engine's threads and the drawing contexts go."""
        for pictures in filter(None, (self._camera, self._shown)):
            pictures.close()
        self.lane.world.close()  # type: ignore[attr-defined]

    # -- inside ----------------------------------------------------------------------------------------------------------------

    def _told(self) -> Any:
        """The observation, as arrays that nobody else holds."""
        if self._camera is None:
            return self._obs.copy()
        return {"state": self._obs.copy(), "image": self._camera.of(self.lane.world, self._all)}

    def _mask(self, given: dict[str, Any] | None) -> Bools:
        given = dict(given or {})
        mask = given.pop("reset_mask", np.ones(self.num_envs, bool))
        if given:
            raise InputError(f"unknown reset options {sorted(given)} (known: reset_mask)")
        if not isinstance(mask, np.ndarray) or mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise InputError(f"reset_mask: a boolean array of shape ({self.num_envs},), at least one True, found {mask!r}")
        return mask if self._begun else np.ones(self.num_envs, bool)

    def _seed(self, seed: int | Sequence[int | None] | None, mask: Bools) -> None:
        if seed is None:
            return
        given: Any = [seed + i for i in range(self.num_envs)] if isinstance(seed, (int, np.integer)) else seed
        seeds = [_whole(one) for one in given] if isinstance(given, (Sequence, np.ndarray)) else []
        if len(seeds) != self.num_envs or any(s is not None and s < 0 for s in seeds):
            raise InputError(f"seed: a whole number of at least 0, or {self.num_envs} of them, is needed, found {seed!r}")
        if mask.all() and seeds[0] is not None:
            self._build(seeds[0])
        for i, one in enumerate(seeds):
            if one is not None and mask[i]:
                self._chances[i] = Chance(one)
                self._cells[i].count = 0

    def _begin(self, rows: Any) -> None:
        """New episodes on rows, running or not."""
        lane, trouble, now_us = self.lane, self._farm.trouble, self._farm.clock.now_us
        for row in map(int, rows):
            cell, chance = self._cells[row], self._chances[row]
            if cell.state == "episode":
                self._leave(row)
            cell.count += 1
            cell.state, cell.episode = "episode", cell.count
            start = self.task.start([chance.stream("env", "start", cell.count)])
            lane.begin(now_us, row, cell.count, self.task.name, start, chance.stream("env", "policy", cell.count))
            trouble.episode_begins(cell)
        self._steps[rows], self._over[rows] = 0, False

    def _leave(self, row: int) -> None:
        cell = self._cells[row]
        self._farm.trouble.episode_ends(cell)
        self.lane.end(row)
        cell.state = "free"

    def _end(self, done: Bools, fresh: Bools) -> None:
        for row in np.flatnonzero(done):
            self._leave(int(row))
            self._seen = None
        self._over = (self._over & ~fresh) | done

    def _checked(self, actions: Any) -> Floats:
        try:
            given = np.asarray(actions, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(f"actions: numbers of shape {self.action_space.shape} are wanted, found {actions!r:.80}") from None
        if given.shape != self.action_space.shape:
            raise InputError(f"actions of shape {given.shape}; expected {self.action_space.shape}")
        if not np.isfinite(given).all():
            bad = int(np.flatnonzero(~np.isfinite(given).all(axis=1))[0])
            raise InputError(f"the action of environment {bad} is not finite: {given[bad].tolist()}")
        return given

    def _write(self, actions: Floats) -> Bools:
        """Leave actions where requests are answered from; (n,) whether each is taken."""
        inbox = self.lane.inbox
        idle: Bools = inbox.state == IDLE
        commands = self._actions.commands(self.lane.sent, actions)
        memory = inbox.memory["action"]
        memory[idle] = commands[idle]
        return idle

    def _advance(self) -> None:
        """A control period later: faults begin and end."""
        clock = self._farm.clock
        now_us = clock.now_us + self.lane.period_us
        entry = clock.peek()
        while entry is not None and entry[0] <= now_us:
            clock.pop()
            if entry[3] == "fault.on":
                self._farm.trouble.onset(*entry[5])
            elif entry[3] == "fault.off":
                self._farm.trouble.over(*entry[5])
            entry = clock.peek()
        clock.now_us = now_us
        self._farm.book.new.clear()
        self._farm.book.told.clear()

    def _look(self) -> None:
        """What running rows see now; the others keep what they saw last."""
        lane = self.lane
        if not len(lane.rows):
            return
        self._seen = lane.look(self._farm.clock.now_us)
        seen = self._seen[0]
        seen.goal = lane.began.goal[lane.at]
        self._obs[lane.at] = flat(seen)

    def _reward(self, truth: Any, success: Bools) -> Floats:
        """1 at success; dense: also minus the distances (m) of the tool from the nearest object and of it from the goal."""
        if self.options.reward == "sparse":
            return success.astype(np.float64)
        places = truth.objects[:, :, :3]
        reach = np.sqrt(((places - truth.tool[:, None]) ** 2).sum(axis=2)).min(axis=1)
        carry = np.sqrt(((places - self.lane.began.goal[:, None]) ** 2).sum(axis=2)).min(axis=1)
        dense: Floats = success - reach - carry
        return np.nan_to_num(dense)

    def _info(self, truth: Any, success: Bools) -> dict[str, Any]:
        return {
            "success": success,
            "truth": {"objects": truth.objects, "held": truth.held, "tool": truth.tool, "force_N": truth.force},
            "command": self.lane.sent.copy(),
            "filter": self.lane.changed.copy(),
        }


def _whole(seed: Any) -> int | None:
    """A seed as Python's int; -1, which none is, where it is something else."""
    return None if seed is None else int(seed) if isinstance(seed, (int, np.integer)) else -1
