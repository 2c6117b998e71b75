"""The book: every event gets its number, is chained into the run's hash, kept for the journal and told to who may know."""

from __future__ import annotations

from typing import Any

from twin.core.clock import US, Chain, Clock
from twin.core.records import EVENT_KINDS, Event


class Book:
    """Writes events. `known` says whether the farm can know now; strategies are told only what is known."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.chain = Chain()
        self.seq = 0
        self.new: list[str] = []
        """Canonical texts since the last commit."""
        self.episodes: list[dict[str, Any]] = []
        """Episode rows since the last commit."""
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
        if known:
            self.told.append(event)
        return self.seq

    def now_s(self) -> float:
        """Simulated seconds since the run began."""
        return self.clock.now_us / US
