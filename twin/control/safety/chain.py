"""The filter chain: every command passes every filter, in the scenario's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from twin.core.errors import UseError
from twin.core.records import Certified, Floats, Observation


class Filter(Protocol):
    """Anything with `certify`: the built-ins, or the user's own class."""

    name: str

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """Rows of commands (n, nu) → what may be sent. Never edits its arguments."""
        ...


class Chain:
    """Filters in order. `changed` of the result names the last filter that changed a row (index + 1; 0: none)."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        self.filters = tuple(filters)
        self.names = tuple(getattr(f, "name", type(f).__name__) for f in filters)

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """A command that is not a number never passes: its row holds what was sent last."""
        n = len(command)
        changed = np.zeros(n, np.int64)
        if not np.isfinite(command).all():
            bad = ~np.asarray(np.isfinite(command).all(axis=1))
            command = np.where(bad[:, None], seen.last, command)
            changed[bad] = len(self.filters) + 1
        margin, stop = np.ones(n), np.zeros(n, bool)
        for index, step in enumerate(self.filters):
            out = step.certify(seen, command)
            if out.command.shape != command.shape or not np.isfinite(out.command).all():
                given = f"{out.command.shape}" if out.command.shape != command.shape else "numbers that are not finite"
                raise UseError(
                    f"filter {self.names[index]!r} returned {given}; expected finite numbers of shape {command.shape}"
                )
            command = out.command
            changed = np.where(out.changed > 0, index + 1, changed)
            margin = np.minimum(margin, out.margin)
            stop = stop | out.stop
        return Certified(command, changed, margin, stop)

    def label(self, changed: int) -> str:
        """The name behind a `changed` number."""
        return "not_a_number" if changed > len(self.filters) else self.names[changed - 1]

    def begin(self, row: int) -> None:
        """A new episode, or a cleared stop, on the lane's `row`: filters that count start afresh."""
        for step in self.filters:
            if (begin := getattr(step, "begin", None)) is not None:
                begin(row)
