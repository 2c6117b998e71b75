"""The filter chain: every command passes every filter, in the scenario's order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from twin.control.safety.limits import Bounds, braked
from twin.core.errors import UseError, raised
from twin.core.records import Certified, Floats, Ints, Observation

ABSURD = 1e6
"""A command of this size (rad, m) or beyond is no command."""

BRAKES = frozenset(("workspace_box", "keep_out", "cbf", "contact", "separation", "stale", "torque"))
"""Filters that act at once, with all the acceleration there is."""


class _NoAnswer(Exception):
    """What a filter returned is none; the message says what was expected."""


class Filter(Protocol):
    """Anything with `certify`: the built-ins, or the user's own class. It must pickle: the run is resumed with what it kept."""

    name: str

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """Rows of commands (n, nu) → what may be sent. Never edits its arguments."""
        ...


class Mapped:
    """A user's single-row filter (`single_row = True`), one instance a row of the lane, each shown its own row only.

    It is called with arrays without the row axis and answers a command (nu,), or a `Certified` of one row.
    """

    def __init__(self, make: Callable[[], Any], rows: int) -> None:
        self.each = [make() for _ in range(rows)]
        self.name = str(getattr(self.each[0], "name", type(self.each[0]).__name__))

    def begin(self, row: int) -> None:
        """A row starts afresh."""
        if hasattr(self.each[row], "begin"):
            self.each[row].begin()

    def certify(self, seen: Observation, command: Floats) -> Certified:
        """Rows one after the other; a row is refused by what its own instance did."""
        n, rows = len(command), seen.rows.tolist()
        out = Certified(command.copy(), np.zeros(n, np.int64), np.ones(n), np.zeros(n, bool))
        for i in range(n):
            said = self.each[rows[i]].certify(seen.row(i), command[i].copy())
            if not isinstance(said, Certified):
                out.command[i] = _one(said, command.shape[1:])
                continue
            out.command[i] = _one(said.command, command.shape[1:])
            out.margin[i], out.stop[i] = float(said.margin), bool(said.stop)
        return out


def _one(said: Any, shape: tuple[int, ...]) -> Floats:
    """A single row's command; numpy would spread a number over the row."""
    given: Floats = np.asarray(said, np.float64)
    if given.shape != shape:
        raise _NoAnswer(f"returned a command of shape {given.shape}; expected {shape}")
    return given


class Chain:
    """Filters in order. `changed` of the result names the last filter that changed a row (index + 1; 0: none)."""

    def __init__(self, filters: Sequence[Filter], bounds: Bounds | None = None) -> None:
        """bounds: how an arm brakes whose filter failed. Raises UseError for a filter whose state cannot be kept."""
        self.filters, self.bounds = tuple(filters), bounds
        self.names = tuple(str(getattr(f, "name", type(f).__name__)) for f in filters)
        self.ours = tuple(type(f).__module__.startswith("twin.") and not isinstance(f, Mapped) for f in filters)
        """Filters that are known to keep the contract: what they return is not examined at every tick."""
        self.wants = frozenset(want for f in filters for want in getattr(f, "wants", ()))
        """What filters read besides joints, tool and command: `age`, `force`, `human`."""
        self.brakes = np.array([False, *(name in BRAKES for name in self.names), True])
        """Whether what a `changed` number names may brake."""
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
        by: Ints | None = None
        failed: list[tuple[int, str, str]] = []
        if not np.abs(command).max() < ABSURD:
            bad = ~np.logical_and.reduce(np.abs(command) < ABSURD, axis=1)
            command = np.where(bad[:, None], seen.last, command)
            changed[bad] = len(self.filters) + 1
        for index, step in enumerate(self.filters):
            out = step.certify(seen, command) if self.ours[index] else self._asked(index, seen, command)
            if out.command is not command:
                command = out.command
                np.copyto(changed, index + 1, where=out.changed > 0)
            np.minimum(margin, out.margin, out=margin)
            if np.count_nonzero(out.stop):
                by = np.zeros(n, np.int64) if by is None else by
                np.copyto(by, index + 1, where=out.stop & ~stop)
                stop |= out.stop
            failed += out.failed
        return Certified(command, changed, margin, stop, by, tuple(failed))

    def _asked(self, index: int, seen: Observation, command: Floats) -> Certified:
        """What a user's filter says, made sure of: it gets a copy, and what it changed is seen, not believed.

        Where all rows together fail each is asked alone, so that one row's nonsense stops one cell.
        """
        try:
            return self._checked(index, seen, command)
        except (Exception, SystemExit) as error:  # noqa: BLE001  a user's filter may raise anything: its cell stops
            if len(command) == 1:
                return self._failed(index, seen, command, error)
        alone = [self._asked(index, seen.part(slice(i, i + 1)), command[i : i + 1]) for i in range(len(command))]
        failed = tuple((i, name, why) for i, c in enumerate(alone) for _, name, why in c.failed)
        sent, changed = np.concatenate([c.command for c in alone]), np.concatenate([c.changed for c in alone])
        margin, stop = np.concatenate([c.margin for c in alone]), np.concatenate([c.stop for c in alone])
        return Certified(sent, changed, margin, stop, failed=failed)

    def _checked(self, index: int, seen: Observation, command: Floats) -> Certified:
        """Raises where the answer is none."""
        n, out = len(command), self.filters[index].certify(seen, command.copy())
        if not isinstance(out, Certified):
            raise _NoAnswer(f"returned {type(out).__name__}; expected twin.core.records.Certified")
        given = np.array(out.command, np.float64)
        margin, stop = np.asarray(out.margin, np.float64), np.asarray(out.stop, np.bool_)
        if given.shape != command.shape:
            raise _NoAnswer(f"returned commands of shape {given.shape}; expected {command.shape}")
        if not np.abs(given).max(initial=0.0) < ABSURD or np.isnan(margin).any():
            raise _NoAnswer(f"returned numbers that are not finite; expected {command.shape} of finite numbers")
        if margin.shape != (n,) or stop.shape != (n,):
            raise _NoAnswer(f"returned margin {margin.shape} and stop {stop.shape}; expected ({n},) each")
        return Certified(given, (given != command).any(axis=1).astype(np.int64), margin, stop)

    def _failed(self, index: int, seen: Observation, command: Floats, error: BaseException) -> Certified:
        """One row whose filter failed: it brakes in this tick, and its cell is told to stop."""
        sent = seen.last.copy()
        if self.bounds is not None:
            sent[:, :-1] += braked(self.bounds, seen.last_v) * self.bounds.dt
        why = str(error) if isinstance(error, _NoAnswer) else f"raised {raised(error)}"
        return Certified(sent, np.ones(1, np.int64), np.full(1, -1.0), np.zeros(1, bool), failed=((0, self.names[index], why),))

    def label(self, changed: int) -> str:
        """The name behind a `changed` or `by` number."""
        return "not_a_number" if changed > len(self.filters) else self.names[changed - 1]

    def begin(self, row: int) -> None:
        """A new episode, or a cleared stop, on the lane's `row`: filters that count start afresh."""
        for step in self._begin:
            step.begin(row)
