"""Releases: another version of the policy or of the filters on some rows of a lane, while its roll-out lasts.

A roll-out, and its roll-back, take effect where the next episode begins: what runs is finished under the version that it began
with. `Versions` and `Chains` stand where a lane has its one policy and its one chain, and keep count of what was really used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from twin.control.inbox import Inbox
from twin.control.policy import Memory, Policy, PolicySpec
from twin.control.safety.chain import Chain
from twin.control.spec import ReleaseSpec
from twin.core.chance import Stream
from twin.core.records import Certified, Chunk, Observation


class Versions:
    """Policies with memories of one shape, each row served by its own. Memory adds `release` (n,), which of them has the row,
    and `answered` (n,), which of them made its latest plan (-1: none yet)."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        """The fleet's own first."""
        self.policies = tuple(policies)

    def spec(self) -> PolicySpec:
        """As the fleet's own declares it."""
        return self.policies[0].spec()

    def memory(self, n: int) -> Memory:
        """Of the policies, and who serves."""
        return self.policies[0].memory(n) | {"release": np.zeros(n, np.int64), "answered": np.full(n, -1)}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Stream]) -> None:
        """Start an episode, each row with its own."""
        memory["answered"][:] = -1
        for k in np.unique(memory["release"]):
            at = np.flatnonzero(memory["release"] == k)
            part = {key: value[at] for key, value in memory.items()}
            self.policies[k].begin(part, seen.take(at), [streams[i] for i in at.tolist()])
            for key, value in part.items():
                memory[key][at] = value

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """Each row's own answers."""
        spec, n = self.spec(), len(seen.q)
        out = Chunk(np.empty((n, spec.horizon, spec.nu)), np.zeros(n, bool))
        for k in np.unique(memory["release"]):
            at = np.flatnonzero(memory["release"] == k)
            part = {key: value[at] for key, value in memory.items()}
            said = self.policies[k].act(seen.take(at), part)
            out.actions[at], out.done[at] = said.actions, said.done
            for key, value in part.items():
                memory[key][at] = value
            memory["answered"][at] = k
        return out


class Chains(Chain):
    """The chain of each release, the fleet's own first. `runs` (n,): which one a row's commands pass; since the row's episode
    began they passed `used` (n,) times one that is not the fleet's, of `ticks` (n,)."""

    def __init__(self, chains: Sequence[Chain], n: int) -> None:
        super().__init__([step for chain in chains for step in chain.filters], chains[0].bounds)
        self.chains = tuple(chains)
        self.offset = np.cumsum([0, *(len(chain.filters) + 1 for chain in chains[:-1])])
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
    """What is rolled out on the rows of a lane. The release that was rolled out last is in force; it is numbered from 1."""

    def __init__(self, specs: Mapping[str, ReleaseSpec], inbox: Inbox, chains: Chains) -> None:
        self.names, self.specs = list(specs), list(specs.values())
        self.inbox, self.chains = inbox, chains
        self.out: dict[int, list[tuple[int, Any]]] = {}
        """Row → what is rolled out there, each with its fault, in that order."""
        self.now: dict[int, tuple[int, Any]] = {}
        """Row → what its episode began with."""

    def roll_out(self, fault: Any, name: str) -> None:
        """From its next episode on the fault's row runs a release."""
        self.out.setdefault(fault.row, []).append((self.names.index(name) + 1, fault))

    def roll_back(self, fault: Any) -> None:
        """From its next episode on it does not for that reason."""
        self.out[fault.row] = [entry for entry in self.out[fault.row] if entry[1] is not fault]

    def begin(self, row: int) -> None:
        """An episode begins on a row: what is rolled out there takes effect."""
        rolled = self.out.get(row)
        self.now[row] = k, _ = rolled[-1] if rolled else (0, None)
        spec = self.specs[k - 1] if k else ReleaseSpec()
        if "release" in self.inbox.memory:
            self.inbox.memory["release"][row] = 0 if spec.policy is None else k
        self.chains.runs[row] = 0 if spec.filters is None else k
        self.chains.used[row] = self.chains.ticks[row] = 0

    def columns(self, row: int) -> dict[str, Any]:
        """What the row of its episode says of versions, where they are not the fleet's."""
        k, _ = self.now.get(row, (0, None))
        if not k:
            return {}
        spec = self.specs[k - 1]
        stack = {} if spec.stack_version is None else {"stack_version": spec.stack_version}
        return stack | ({} if spec.policy is None else {"policy_version": spec.policy.version})

    def over(self, row: int, us: int) -> None:
        """An episode of `us` ends on a row: tell the fault whether its release was used, where anything was decided."""
        k, fault = self.now.get(row, (0, None))
        if not k:
            return
        spec = self.specs[k - 1]
        answered = int(self.inbox.memory["answered"][row]) if spec.policy is not None else k
        filtered = self.chains.used[row] > 0 or spec.filters is None
        asked = answered >= 0 and self.chains.ticks[row] > 0
        fault.measured(float(asked and answered == k and filtered), us if asked else 0)
