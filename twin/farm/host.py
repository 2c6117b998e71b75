"""Where a strategy lives: told what it may know, asked for actions, kept over a kill.

A strategy is pickled with the snapshot. One that cannot be pickled has its inbox kept instead, and a fresh instance is told
everything again after a resume; what it answers then was carried out before and is dropped.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twin.core.clock import US
from twin.core.errors import UseError, nearest, raised
from twin.core.records import ACTION_KINDS, Action, Event, Strategy

_TEXTS = ("cell", "job", "reset", "pool", "task")
_LATEST_S = 1e9
KEPT = ("role", "ours", "hears", "pickles", "inbox", "life", "down", "mail", "told", "saved", "origin")
"""What a snapshot keeps of a host, besides the strategy."""


class Host:
    """One strategy and its mail. A user's strategy that raises or answers nonsense is refused with `UseError`."""

    def __init__(self, role: str, make: Callable[[], Strategy]) -> None:
        self.role, self.make = role, make
        self.strategy: Any = make()
        self.life = 0
        """How often it was started again."""
        self.down = False
        """It answers nothing, and its mail waits."""
        self.mail: list[Event] = []
        self.told = 0
        """Events that it was or should have been told so far."""
        self.saved: bytes | None = None
        """Its own saved state, where it keeps one (`saved()` and `restore(state)`)."""
        self.origin: bytes | None = None
        """The saved state from which it was started last."""
        self.hears = _hears(type(self.strategy))
        """Kinds of events that the strategy wants to be told of; None: all."""
        self.ours = type(self.strategy).__module__.partition(".")[0] == "twin"
        self.inbox: list[tuple[int, tuple[str, ...]]] = []
        """Canonical texts of all that a strategy which does not pickle was told."""
        self.pickles = True
        try:
            pickle.loads(pickle.dumps(self.strategy))
        except Exception:  # noqa: BLE001  a user's class may raise anything here; its inbox is kept instead
            self.pickles = False

    def handle(self, now_us: int, events: Sequence[Event]) -> list[Action]:
        """Pass events on; refuse an answer that is not a sequence of sound actions."""
        if self.hears is not None:
            mail, events = events, [event for event in events if event.kind in self.hears]
            if mail and not events:
                return []
        self.told += len(events)
        if self.down:
            self.mail += events
            return []
        answer = self._handle(now_us, events)
        if hasattr(self.strategy, "saved"):
            self.saved = self._saved(now_us)
        return answer

    def _saved(self, now_us: int) -> bytes:
        """A copy of what the strategy keeps: what it does with it later changes nothing here."""
        state = self._call(now_us, "saved")
        try:
            return pickle.dumps(state)
        except Exception as error:
            raise UseError(f"{self.role}: what saved() returns cannot be pickled ({type(error).__name__}: {error})") from error

    def restart(self, now_us: int, standing: Sequence[Event]) -> None:
        """The strategy was killed and is made anew: from its own saved state where it keeps one, else told what stands."""
        self.strategy, self.life, self.inbox = self.make(), self.life + 1, []
        self.origin = self.saved
        if self.origin is not None:
            self._call(now_us, "restore", pickle.loads(self.origin))
        else:
            self.mail = [event for event in standing if self.hears is None or event.kind in self.hears]

    def _handle(self, now_us: int, events: Sequence[Event]) -> list[Action]:
        if self.ours:
            return list(self.strategy.handle(now_us, events))
        texts = tuple(event.canonical() for event in events)
        if not self.pickles:
            self.inbox.append((now_us, texts))
        answer = self._call(now_us, "handle", now_us, _mail(texts))
        try:
            actions = list(answer)
        except TypeError:
            raise UseError(f"{self.role} answered {answer!r}; expected a list of actions, which may be empty") from None
        for action in actions:
            if (wrong := _wrong(action)) is not None:
                raise UseError(f"{self.role} answered {action!r}: {wrong}")
        return actions

    def wake_at(self, now_us: int) -> int | None:
        """When the strategy wants to be called without an event; a time that has passed is no wish."""
        if self.down:
            return None
        wake = self.strategy.wake_at() if self.ours else self._call(now_us, "wake_at")
        if wake is not None and (not isinstance(wake, int) or isinstance(wake, bool)):
            raise UseError(f"{self.role} wants to be woken at {wake!r}; expected whole µs of simulated time, or None")
        return wake if wake is not None and wake > now_us else None

    def _call(self, now_us: int, method: str, *arguments: Any) -> Any:
        try:
            return getattr(self.strategy, method)(*arguments)
        except (Exception, SystemExit) as error:
            when = f"{now_us / US:g} s of simulated time"
            raise UseError(f"{self.role}: {method}() failed at {when}: {raised(error)}") from error

    def __getstate__(self) -> dict[str, Any]:
        kept = None
        if self.pickles:
            try:
                kept = pickle.dumps(self.strategy)
            except Exception as error:
                mend = "let it hold plain values only, or from the start something that does not pickle: then its mail is kept"
                raise UseError(f"{self.role} cannot be pickled any more ({type(error).__name__}: {error}); {mend}") from error
        plain = {name: getattr(self, name) for name in KEPT}
        return plain | {"strategy": kept}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        for name in KEPT:
            setattr(self, name, state[name])
        if self.pickles:
            self.strategy = pickle.loads(state["strategy"])

    def revive(self, make: Callable[[], Strategy]) -> None:
        """After a restore: a strategy that did not pickle is made anew and told its mail again, as it was the first time."""
        self.make = make
        if self.pickles:
            return
        self.strategy = make()
        if self.origin is not None:
            self._call(0, "restore", pickle.loads(self.origin))
        for now_us, texts in self.inbox:
            list(self._call(now_us, "handle", now_us, _mail(texts)))
            self._call(now_us, "wake_at")


def _hears(kind: type) -> frozenset[str] | None:
    """The class attribute `HEARS` of a strategy; who inherits it and has a `handle` of their own hears everything again."""
    for each in kind.__mro__:
        if "HEARS" in vars(each):
            return frozenset(vars(each)["HEARS"])
        if "handle" in vars(each):
            return None
    return None


def _mail(texts: Sequence[str]) -> tuple[Event, ...]:
    """Events of its own for a user's strategy, the same ones whenever it is told: what it does to them nobody else sees."""
    return tuple(Event(*json.loads(text)) for text in texts)


def _wrong(action: Any) -> str | None:
    """What is wrong with one answer of a strategy, or None."""
    if not isinstance(action, Action):
        return "expected a twin.core.records.Action"
    if action.kind not in ACTION_KINDS:
        return f"unknown kind of action{nearest(str(action.kind), ACTION_KINDS, what='kinds')}"
    said: dict[str, Any] = action._asdict()
    if not isinstance(said["id"], str) or not said["id"]:
        return "an action needs an id, a text that names it once"
    for name in _TEXTS:
        if not isinstance(said[name], str | None):
            return f"{name} must be a text or None"
    if not isinstance(said["lease"], int | None):
        return "lease must be a whole number or None"
    if not isinstance(said["goal"], int | None):
        return "goal must be a whole number or None"
    late = said["deadline_s"]
    if late is not None and not (isinstance(late, int | float) and 0 < late <= _LATEST_S):
        return f"deadline_s must be seconds greater than 0 and at most {_LATEST_S:g}, or None"
    return None
