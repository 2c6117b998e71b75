"""The filter chain: every command passes every filter, in the scenario's order."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from twin.control.safety.limits import JointLimits
from twin.control.safety.tracking import Tracking
from twin.control.safety.workspace import WorkspaceBox
from twin.core.errors import UseError
from twin.core.records import Certified, Floats, Observation

ABSURD = 1e6
"""A command of this size (rad, m) or beyond is no command."""
BUILT_IN = (JointLimits, WorkspaceBox, Tracking)
"""Filters that are known to keep the contract: what they return is not examined at every tick."""


class Filter(Protocol):
    """Anything with `certify`: the built-ins, or the user's own class. It must pickle: the run is resumed with what it kept."""

    name: str

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """Rows of commands (n, nu) → what may be sent. Never edits its arguments."""
        ...


class Chain:
    """Filters in order. `changed` of the result names the last filter that changed a row (index + 1; 0: none)."""

    def __init__(self, filters: Sequence[Filter]) -> None:
        """Raises UseError for a filter whose state cannot be kept."""
        self.filters = tuple(filters)
        self.names = tuple(str(getattr(f, "name", type(f).__name__)) for f in filters)
        self._begin = tuple(f for f in filters if hasattr(f, "begin"))
        for name, step in zip(self.names, self.filters, strict=True):
            try:
                pickle.dumps(step)
            except Exception as error:
                raise UseError(f"filter {name!r} does not pickle, so that a run could not be resumed: {error}") from error

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """A command that is not a number, or absurd, never passes: its row holds what was sent last."""
        n = len(command)
        changed, margin, stop = np.zeros(n, np.int64), np.ones(n), np.zeros(n, bool)
        if not np.abs(command).max() < ABSURD:
            bad = ~np.logical_and.reduce(np.abs(command) < ABSURD, axis=1)
            command = np.where(bad[:, None], seen.last, command)
            changed[bad] = len(self.filters) + 1
        for index, step in enumerate(self.filters):
            out = step.certify(seen, command) if type(step) in BUILT_IN else self._asked(index, seen, command)
            if out.command is not command:
                command = out.command
                np.copyto(changed, index + 1, where=out.changed > 0)
            np.minimum(margin, out.margin, out=margin)
            stop |= out.stop
        return Certified(command, changed, margin, stop)

    def _asked(self, index: int, seen: Observation, command: Floats) -> Certified:
        """What a user's filter says, made sure of: it gets a copy, and what it changed is seen, not believed."""
        name, n = self.names[index], len(command)
        try:
            out = self.filters[index].certify(seen, command.copy())
            given = np.array(out.command, np.float64)
            margin, stop = np.asarray(out.margin, np.float64), np.asarray(out.stop, np.bool_)
        except (Exception, SystemExit) as error:
            raise UseError(f"filter {name!r} raised {type(error).__name__}: {error}") from error
        if given.shape != command.shape:
            raise UseError(f"filter {name!r} returned commands of shape {given.shape}; expected {command.shape}")
        if not np.isfinite(given).all():
            raise UseError(f"filter {name!r} returned numbers that are not finite; expected {command.shape} of finite numbers")
        if margin.shape != (n,) or stop.shape != (n,):
            raise UseError(f"filter {name!r} returned margin {margin.shape} and stop {stop.shape}; expected ({n},) each")
        return Certified(given, (given != command).any(axis=1).astype(np.int64), margin, stop)

    def label(self, changed: int) -> str:
        """The name behind a `changed` number."""
        return "not_a_number" if changed > len(self.filters) else self.names[changed - 1]

    def begin(self, row: int) -> None:
        """A new episode, or a cleared stop, on the lane's `row`: filters that count start afresh."""
        for step in self._begin:
            step.begin(row)
