"""The book: every event gets its number, is chained into the run's hash, kept for the journal and told to who may know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twin.core.clock import US, Chain, Clock
from twin.core.records import EVENT_KINDS, Event

_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class Book:
    """Writes events. `known` says whether the farm can know now; strategies are told only what is known.

    With `everyday` False the log keeps exceptions: what goes as it should is a row of the episode table and no event
    (`usual`). Strategies are told of it all the same, and the hash then covers the rows.
    """

    def __init__(self, clock: Clock, everyday: bool = True) -> None:
        self.clock, self.everyday = clock, everyday
        self.heard: frozenset[str] | None = None
        """Kinds that some strategy wants to be told of; None: all."""
        self.chain = Chain()
        self.seq = 0
        self.new: list[str] = []
        """Canonical texts since the last commit."""
        self.episodes: list[dict[str, Any] | str] = []
        """Episode rows since the last commit, as JSON where the hash covers them."""
        self.watched: frozenset[str] = frozenset()
        """Kinds that planned faults follow from."""
        self.noticed: list[Event] = []
        """Events of those kinds, until the farm has looked at them."""
        self.told: list[Event] = []
        """Observable events that strategies have not seen yet."""

    def emit(
        self,
        kind: str,
        cell: Any = None,
        *,
        job: str | None = None,
        episode: int | None = None,
        cause: int | None = None,
        known: bool = True,
        **payload: Any,
    ) -> int:
        """Write an event about a `cell` (a Cell or None) and return its number."""
        if kind not in EVENT_KINDS:
            raise ValueError(f"{kind} is no event kind")
        self.seq += 1
        now = self.clock.now_us
        site, name, robot = (cell.site, cell.name, cell.robot) if cell is not None else (None, None, None)
        event = Event(self.seq, now, now if known else None, kind, site, name, robot, job, episode, cause, payload)
        text = event.canonical()
        self.chain.add(text.encode())
        self.new.append(text)
        if known and (self.heard is None or kind in self.heard):
            self.told.append(event)
        if kind in self.watched:
            self.noticed.append(event)
        return self.seq

    def usual(self, kind: str, cell: Any, *, known: bool = True, **more: Any) -> int | None:
        """An event of every episode that goes well; None where the log does not keep it. Its number is counted all the same."""
        if self.everyday or kind in self.watched:
            return self.emit(kind, cell, known=known, **more)
        self.seq += 1
        if known and (self.heard is None or kind in self.heard):
            job, episode, cause = more.pop("job", None), more.pop("episode", None), more.pop("cause", None)
            now = self.clock.now_us
            self.told.append(Event(self.seq, now, now, kind, cell.site, cell.name, cell.robot, job, episode, cause, more))
        return None

    def row(self, row: Mapping[str, Any]) -> None:
        """The row of an episode that is over."""
        if self.everyday:
            self.episodes.append(dict(row))
            return
        text = _text({name: value for name, value in row.items() if value is not None})
        self.chain.add(text.encode())
        self.episodes.append(text)

    def now_s(self) -> float:
        """Simulated seconds since the run began."""
        return self.clock.now_us / US
