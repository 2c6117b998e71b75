"""Where a strategy lives: told what it may know, asked for actions, kept over a kill.

A strategy is pickled with the snapshot. One that cannot be pickled has its inbox kept instead, and a fresh instance is told
everything again after a resume; what it answers then was carried out before and is dropped.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

from twin.core.errors import UseError
from twin.core.records import ACTION_KINDS, Action, Event, Strategy


class Host:
    """One strategy and its mail."""

    def __init__(self, role: str, make: Callable[[], Strategy]) -> None:
        self.role, self._make = role, make
        self.strategy: Any = make()
        self.inbox: list[tuple[int, tuple[Event, ...]]] = []
        self.pickles = True
        try:
            pickle.dumps(self.strategy)
        except Exception:  # noqa: BLE001  a user's class may raise anything here; its inbox is kept instead
            self.pickles = False

    def handle(self, now_us: int, events: Sequence[Event]) -> list[Action]:
        """Pass events on; refuse an answer that is not a sequence of actions."""
        if not self.pickles:
            self.inbox.append((now_us, tuple(events)))
        actions = list(self.strategy.handle(now_us, events))
        for action in actions:
            if not isinstance(action, Action) or action.kind not in ACTION_KINDS:
                raise UseError(f"{self.role} answered {action!r}; expected Action with kind one of {', '.join(ACTION_KINDS)}")
        return actions

    def wake_at(self) -> int | None:
        """When the strategy wants to be called without an event."""
        return self.strategy.wake_at()

    def __getstate__(self) -> dict[str, Any]:
        kept = pickle.dumps(self.strategy) if self.pickles else None
        return {"role": self.role, "pickles": self.pickles, "strategy": kept, "inbox": self.inbox}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.role, self.pickles, self.inbox = state["role"], state["pickles"], state["inbox"]
        if self.pickles:
            self.strategy = pickle.loads(state["strategy"])

    def revive(self, make: Callable[[], Strategy]) -> None:
        """After a restore: a strategy that did not pickle is made anew and told its mail again."""
        self._make = make
        if not self.pickles:
            self.strategy = make()
            for now_us, events in self.inbox:
                self.strategy.handle(now_us, events)
