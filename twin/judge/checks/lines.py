"""Events as the rules of `holds` read them: in their order, one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from twin.judge.columns import US, payload, rows
from twin.log.tables import RunLog


class Line(NamedTuple):
    """An event as rules read it."""

    seq: int
    t_us: int
    kind: str
    cell: str
    job: str
    episode: Any
    payload: Mapping[str, Any]


class Found(NamedTuple):
    """How often a rule was put to the test, and the events that broke it."""

    cases: int
    broken: list[int]


def lines(log: RunLog, kinds: Collection[str] | None = None) -> Iterator[Line]:
    """Events of some kinds, or all."""
    names = ("seq", "t_us", "kind", "cell", "job", "episode", "payload")
    for row, seq, t, kind, cell, job, episode, text in rows(log.events, names, table="events", kinds=kinds):
        yield Line(int(seq), t, str(kind), str(cell), str(job), episode, payload(text, row))


def stormy(recent: deque[int], t_us: int, limit: float) -> bool:
    """Whether something that happens again now has happened more than `limit` times in ten minutes."""
    recent.append(t_us)
    while t_us - recent[0] > 600 * US:
        recent.popleft()
    return len(recent) > limit
