"""`Guarded`: a user's policy, whose mistakes become one message that names it and what was expected."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np

from twin.control.policy import Memory, PolicySpec
from twin.core.chance import Stream
from twin.core.errors import UseError, raised
from twin.core.records import Chunk, Observation


class Guarded:
    """A policy brought by `use:`. It is pickled with the snapshot, so that one that keeps state of its own resumes too."""

    def __init__(self, policy: Any, use: str, nu: int) -> None:
        """nu: commands a tick that the cell takes. Raises `UseError` where the policy does not pickle."""
        self.policy, self.use, self.nu = policy, use, nu
        try:
            pickle.dumps(policy)
        except Exception as error:
            raise UseError(f"policy {use} does not pickle, so that a run could not be resumed: {error}") from error

    def spec(self) -> PolicySpec:
        """What it declares, checked."""
        found = self._call("spec")
        if not isinstance(found, PolicySpec):
            raise UseError(
                f"policy {self.use}: spec() returned {type(found).__name__}; expected twin.control.policy.PolicySpec"
            )
        if found.nu != self.nu or found.horizon < 1 or not 0 <= found.replan <= found.horizon:
            given = f"nu {found.nu}, horizon {found.horizon}, replan {found.replan}"
            raise UseError(f"policy {self.use}: spec() says {given}; expected nu {self.nu}, horizon ≥ 1, replan 0 to horizon")
        return found

    def memory(self, n: int) -> Memory:
        """Arrays of n rows, checked."""
        found = self._call("memory", n)
        if not isinstance(found, dict) or any(np.shape(value)[:1] != (n,) for value in found.values()):
            raise UseError(f"policy {self.use}: memory({n}) must return a dict of arrays with {n} rows")
        return {key: np.array(value) for key, value in found.items()}

    def begin(self, memory: Memory, seen: Observation, streams: Sequence[Stream]) -> None:
        """Start an episode on these rows."""
        self._call("begin", memory, seen, streams)

    def act(self, seen: Observation, memory: Memory) -> Chunk:
        """The next chunk; its shapes are checked by the inbox."""
        found = self._call("act", seen, memory)
        if not isinstance(found, Chunk):
            raise UseError(f"policy {self.use}: act() returned {type(found).__name__}; expected twin.core.records.Chunk")
        return found

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self.policy, method)(*arguments)
        except (Exception, SystemExit) as error:
            raise UseError(f"policy {self.use}: {method}() failed: {raised(error)}") from error
