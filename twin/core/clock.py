"""The one clock of a farm: integer microseconds and a heap of entries that are data.

An entry is `(when_us, rank, order, kind, entity, payload)`. Rank 0 is a discrete entry; lanes have rank 1 + index, so that at
equal microseconds discrete entries come first and then lanes by index. `order` counts up and settles the rest. Entries hold
plain values only (no functions), so that a clock pickles, restores and goes on exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Any

import xxhash

Entry = tuple[int, int, int, str, str, Any]
Handler = Callable[[int, str, Any], None]

US = 1_000_000
"""Microseconds in a second."""


def to_us(seconds: float) -> int:
    """Seconds as integer microseconds, rounded to nearest."""
    return round(seconds * US)


class Clock:
    """A heap of entries and the time that the last one popped left behind.

    Cancelling is by identity: `at` returns the entry's `order`; `cancel(order)` makes it a no-op when its time comes.
    """

    def __init__(self) -> None:
        self.now_us = self.rank = 0
        """Now, and the highest rank that was popped at it."""
        self._heap: list[Entry] = []
        self._order = 0
        self._cancelled: dict[int, None] = {}

    def at(self, when_us: int, kind: str, entity: str = "", payload: Any = None, rank: int = 0) -> int:
        """Enter something to happen at `when_us`; a time in the past is a bug and raises `ValueError`."""
        if when_us < self.now_us:
            raise ValueError(f"{kind} for {entity!r} at {when_us} µs lies before now, {self.now_us} µs")
        self._order += 1
        heappush(self._heap, (when_us, rank, self._order, kind, entity, payload))
        return self._order

    def after(self, seconds: float, kind: str, entity: str = "", payload: Any = None) -> int:
        """Enter something to happen `seconds` from now."""
        return self.at(self.now_us + to_us(seconds), kind, entity, payload)

    def cancel(self, order: int) -> None:
        """The entry `at` returned `order` for will not happen; once it has happened, this changes nothing."""
        self._cancelled[order] = None
        if len(self._cancelled) > len(self._heap):  # some have already happened: forget those
            waiting = {entry[2] for entry in self._heap}
            self._cancelled = {order: None for order in self._cancelled if order in waiting}

    def peek(self) -> Entry | None:
        """The next entry that will happen, or None."""
        while self._heap and self._cancelled and self._heap[0][2] in self._cancelled:
            del self._cancelled[heappop(self._heap)[2]]
        return self._heap[0] if self._heap else None

    def pop(self) -> Entry | None:
        """Take the next entry and move the time to it."""
        entry = self.peek()
        if entry is not None:
            heappop(self._heap)
            self.rank = max(entry[1], self.rank) if entry[0] == self.now_us else entry[1]
            self.now_us = entry[0]
        return entry

    def run(self, handlers: Mapping[str, Handler], until_us: int) -> int:
        """Hand entries up to and including `until_us` to the handler of their kind; returns how many."""
        count = 0
        heap = self._heap
        while heap and heap[0][0] <= until_us:
            when, _, order, kind, entity, payload = heappop(heap)
            if self._cancelled and order in self._cancelled:
                del self._cancelled[order]
                continue
            self.now_us = when
            handlers[kind](when, entity, payload)
            count += 1
        self.now_us = max(self.now_us, until_us)
        return count

    def __len__(self) -> int:
        return len(self.entries())

    def entries(self) -> list[Entry]:
        """What is still to happen, in order (for `Farm.pending` and tests)."""
        return sorted(e for e in self._heap if e[2] not in self._cancelled)

    def __getstate__(self) -> dict[str, Any]:
        # Sorted is a heap too, and the same for clocks that differ only in how they came to be.
        return {"now_us": self.now_us, "rank": self.rank, "heap": self.entries(), "order": self._order}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.now_us, self.rank = state["now_us"], state["rank"]
        self._heap, self._order = list(state["heap"]), state["order"]
        self._cancelled = {}


class Chain:
    """A hash over everything that happened, in order: `h ← xxh3_128(h + what)`.

    Sixteen bytes are all of its state, so it snapshots where a streaming hash object does not.
    """

    __slots__ = ("digest",)

    def __init__(self, digest: bytes = b"\0" * 16) -> None:
        self.digest = digest

    def add(self, data: bytes) -> None:
        """Chain bytes (an event's canonical form)."""
        self.digest = xxhash.xxh3_128_digest(self.digest + data)

    def add_array(self, buffer: Any) -> None:
        """Chain a C-contiguous array without copying it (a world's state at a tick)."""
        self.digest = xxhash.xxh3_128_digest(self.digest + xxhash.xxh3_128_digest(buffer))

    def hex(self) -> str:
        """The chain so far, 32 hexadecimal digits."""
        return self.digest.hex()
