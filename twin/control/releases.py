"""Releases: another version of the policy, the filters or the scheduler on some rows of a lane, while its roll-out lasts.

A roll-out, and its roll-back, take effect where the next episode begins: what runs is finished under the version that it began
with. `Versions` and `Chains` stand where a lane has its one policy and its one chain, and keep count of what was really used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from twin.control.inbox import Inbox
from twin.control.policy import Memory, Policy, PolicySpec
from twin.control.safety.chain import Chain
from twin.control.spec import ReleaseSpec, UseSpec
from twin.core.chance import Stream
from twin.core.errors import UseError
from twin.core.records import Certified, Chunk, Observation
from twin.faults.injection import Injection


def role_of(release: str) -> str:
    """The role of a release's scheduler."""
    return f"scheduler@{release}"


class Versions:
    """Policies of one rhythm, each row served by its own. Memory has those of all of them, by the number before the slash, and
    `release` (n,), which of them has the row, and `answered` (n,), which of them made its latest plan (-1: none yet)."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        """The fleet's own first. Raises `UseError` where they differ in their rhythm."""
        self.policies = tuple(policies)
        self.specs = [policy.spec() for policy in policies]
        first = self.specs[0]
        for other in self.specs:
            if (other.horizon, other.replan) != (first.horizon, first.replan):
                given = f"horizon {other.horizon}, replan {other.replan}; the fleet's has {first.horizon} and {first.replan}"
                raise UseError(f"the policy of a release, version {other.version}, has {given}: a lane has one rhythm")
        self.wanted = {key: value for spec in self.specs for key, value in spec.observations.items()}

    def spec(self) -> PolicySpec:
        """As the fleet's own declares it, with the observations of all."""
        return replace(self.specs[0], observations=self.wanted)

    def memory(self, n: int) -> Memory:
        """Of the policies, and who serves."""
        made = {f"{k}/{key}": value for k, policy in enumerate(self.policies) for key, value in policy.memory(n).items()}
        return made | {"release": np.zeros(n, np.int64), "answered": np.full(n, -1)}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Stream]) -> None:
        """Start an episode, each row with its own."""
        memory["answered"][:] = -1
        for k, at in self._groups(memory):
            part = self._part(k, at, memory)
            self.policies[k].begin(part, self._shown(k, seen.take(at)), [streams[i] for i in at.tolist()])
            self._keep(k, at, memory, part)

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """Each row's own answers."""
        spec, n = self.specs[0], len(seen.q)
        out = Chunk(np.empty((n, spec.horizon, spec.nu)), np.zeros(n, bool))
        for k, at in self._groups(memory):
            part = self._part(k, at, memory)
            said = self.policies[k].act(self._shown(k, seen.take(at)), part)
            out.actions[at], out.done[at] = said.actions, said.done
            self._keep(k, at, memory, part)
            memory["answered"][at] = k
        return out

    def _groups(self, memory: Memory) -> list[tuple[int, Any]]:
        return [(int(k), np.flatnonzero(memory["release"] == k)) for k in np.unique(memory["release"])]

    @staticmethod
    def _part(k: int, at: Any, memory: Memory) -> Memory:
        mine = f"{k}/"
        return {key.removeprefix(mine): value[at] for key, value in memory.items() if key.startswith(mine)}

    @staticmethod
    def _keep(k: int, at: Any, memory: Memory, part: Memory) -> None:
        for key, value in part.items():
            memory[f"{k}/{key}"][at] = value

    def _shown(self, k: int, seen: Observation) -> Observation:
        """What a version did not declare it does not get."""
        for key in self.wanted.keys() - self.specs[k].observations.keys():
            setattr(seen, key, np.full_like(getattr(seen, key), np.nan))
        return seen


class Chains(Chain):
    """The chain of each release, the fleet's own first. `runs` (n,): which one a row's commands pass; since the row's episode
    began they passed `used` (n,) times one that is not the fleet's, of `ticks` (n,)."""

    def __init__(self, chains: Sequence[Chain], n: int) -> None:
        super().__init__([step for chain in chains for step in chain.filters], chains[0].bounds)
        self.chains = tuple(chains)
        self.offset = np.cumsum([0, *(len(chain.filters) + 1 for chain in chains[:-1])])
        self.brakes = np.concatenate(([False], *(chain.brakes[1:] for chain in chains)))
        self.runs, self.used, self.ticks = (np.zeros(n, np.int64) for _ in range(3))

    def certify(self, seen: Observation, command: Any) -> Certified:
        """Every row by its own chain; `changed` and `by` count through the filters of all chains."""
        runs, n = self.runs[seen.rows], len(command)
        self.ticks[seen.rows] += 1
        if not np.count_nonzero(runs):
            return self.chains[0].certify(seen, command)
        out = Certified(command.copy(), np.zeros(n, np.int64), np.ones(n), np.zeros(n, bool), np.zeros(n, np.int64))
        for k in np.unique(runs):
            at = np.flatnonzero(runs == k)
            said = self.chains[k].certify(seen.part(at), command[at])
            out.command[at], out.margin[at], out.stop[at] = said.command, said.margin, said.stop
            out.changed[at] = np.where(said.changed > 0, said.changed + self.offset[k], 0)
            if said.by is not None:
                out.by[at] = np.where(said.by > 0, said.by + self.offset[k], 0)  # type: ignore[index]
            out.failed += tuple((int(at[i]), name, why) for i, name, why in said.failed)
            self.used[seen.rows[at]] += int(k > 0)
        return out

    def label(self, changed: int) -> str:
        """The name behind a `changed` or `by` number."""
        k = int(np.searchsorted(self.offset, changed, side="left")) - 1
        return self.chains[k].label(changed - int(self.offset[k]))


class Releases:
    """What the rows of a lane run. The release that was rolled out last is in force; it is numbered from 1."""

    def __init__(self, specs: Mapping[str, Any], inbox: Inbox, chains: Chains, rolled: Sequence[Injection]) -> None:
        """specs: the scenario's releases, by name; rolled: the roll-outs in force on the lane, the latest last."""
        self.names, self.specs = list(specs), list(specs.values())
        self.inbox, self.chains, self.rolled = inbox, chains, rolled
        self.versions = [one.version for one in inbox.policy.specs] if isinstance(inbox.policy, Versions) else []
        """Of the policies, the fleet's own first."""
        self.now: dict[int, tuple[int, Injection]] = {}
        """Row → the release with which its episode should have begun, and the fault behind it."""

    def begin(self, row: int) -> None:
        """An episode begins on a row: what is rolled out there takes effect."""
        self.now.pop(row, None)
        for fault in self.rolled:
            if fault.row == row:
                self.now[row] = (self.names.index(fault.spec.release) + 1, fault)
        self._apply(row, self._of(row))

    def _of(self, row: int) -> int:
        return self.now[row][0] if row in self.now else 0

    def _apply(self, row: int, k: int) -> None:
        spec = self.specs[k - 1] if k else ReleaseSpec()
        if "release" in self.inbox.memory:
            self.inbox.memory["release"][row] = 0 if spec.policy is None else k
        self.chains.runs[row] = 0 if spec.filters is None else k
        self.chains.used[row] = self.chains.ticks[row] = 0

    def columns(self, row: int) -> dict[str, Any]:
        """What the row of its episode says of versions, where they are not the fleet's."""
        if row not in self.now:
            return {}
        k = self._of(row)
        spec, told = self.specs[k - 1], dict[str, Any]()
        if spec.stack_version is not None:
            told["stack_version"] = spec.stack_version
        if spec.policy is not None:
            told["policy"] = spec.policy.use if isinstance(spec.policy, UseSpec) else spec.policy.kind
            told["policy_version"] = self.versions[k]
        return told

    def over(self, row: int, us: int, led_by: str, since_us: int) -> None:
        """An episode of `us` ends on a row, under a lease that `led_by` gave at `since_us`: tell the fault whether its release
        was used, where anything was decided. A scheduler can only be used by a lease that begins while it is rolled out."""
        if row not in self.now:
            return
        k, fault = self.now[row]
        spec = self.specs[k - 1]
        answered = int(self.inbox.memory["answered"][row]) if spec.policy is not None else k
        filtered = self.chains.used[row] > 0 or spec.filters is None
        asked = answered >= 0 and self.chains.ticks[row] > 0
        led = True
        if spec.scheduler is not None and since_us >= fault.began_us:
            led = led_by == role_of(fault.spec.release)
        elif spec.policy is None and spec.filters is None:
            asked = False
        fault.measured(float(asked and answered == k and filtered and led), us if asked else 0)
