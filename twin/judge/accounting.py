"""Where the hours of a farm went, reconstructed from events alone: every µs of every cell is in exactly one state.

A cell's events raise and lower flags; its state is the foremost flag that is up. So the states of a cell tile the run, and
the sums over a farm equal cells × duration exactly, whatever the events say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from twin.judge.columns import US, cells, duration_us, payload
from twin.judge.happenings import happenings
from twin.log.tables import RunLog

STATES: Mapping[str, str] = {
    "episode": "in an episode",
    "broken": "broken, in repair or self-test",
    "attended": "a person at work on it",
    "waiting": "waiting for a person",
    "out_of_service": "out of service",
    "stopped": "held in a protective stop",
    "reset": "automatic reset",
    "resting": "resting or maintenance",
    "idle": "idle, no work",
}
"""States of a cell, foremost first, and what they are called."""

HOUR_US = 3600 * US


class Span(NamedTuple):
    """A cell's time in one state, [start_us, end_us); `episode` and `label` where it is an episode, `held` where the robot
    stood in a protective stop meanwhile."""

    cell: str
    start_us: int
    end_us: int
    state: str
    episode: int | None = None
    label: bool | None = None
    held: bool = False

    @property
    def us(self) -> int:
        """How long it lasts."""
        return self.end_us - self.start_us


RAISES: Mapping[str, str] = {
    "episode.start": "episode",
    "repair.start": "broken",
    "repair.test": "broken",
    "person.busy": "attended",
    "page.sent": "waiting",
    "reset.stuck": "waiting",
    "reset.abandoned": "out_of_service",
    "stop.protective": "stopped",
    "reset.start": "reset",
}
"""Event kind → the flag that it raises."""

LOWERS: Mapping[str, tuple[str, ...]] = {
    "episode.start": ("broken", "waiting", "out_of_service", "stopped", "reset", "resting"),
    "episode.end": ("episode",),
    "episode.void": ("episode",),
    "repair.done": ("broken",),
    "repair.tested": ("broken",),
    "person.busy": ("waiting",),
    "person.free": ("attended",),
    "page.answered": ("waiting",),
    "page.done": ("waiting",),
    "page.expired": ("waiting",),
    "page.abandoned": ("waiting",),
    "reset.done": ("reset", "waiting", "stopped", "out_of_service"),
    "reset.stuck": ("reset",),
    "reset.abandoned": ("reset", "waiting", "broken"),
    "stop.cleared": ("stopped",),
}
"""Event kind → the flags that it lowers, before any is raised."""

WITHDRAWN: Mapping[str, str] = {
    "broken": "broken",
    "resting": "resting",
    "maintenance": "resting",
    "out_of_service": "out_of_service",
    "controller": "broken",
    "power": "broken",
    "disk": "broken",
    "config": "broken",
}
"""`payload.reason` of authority.withdrawn → flag. `reset` says nothing that the reset's own events do not."""


@dataclass
class Accounts:
    """The books of a run. `spans` by cell and time; `person_us` time people spent on cells, however many at once."""

    cells: tuple[str, ...]
    duration_us: int
    spans: list[Span]
    person_us: int = 0
    rejected: dict[int, str] = field(default_factory=dict)

    @property
    def total_us(self) -> int:
        """Cells × duration."""
        return len(self.cells) * self.duration_us

    def by_state(self, names: Iterable[str] | None = None) -> dict[str, int]:
        """µs in each state, of the named cells or of all; the values add up to cells × duration."""
        parts = self._sums.values() if names is None else [self._sums[n] for n in dict.fromkeys(names) if n in self._sums]
        return {state: sum(part[state] for part in parts) for state in STATES}

    def by_cell(self) -> dict[str, dict[str, int]]:
        """µs in each state, by cell."""
        return {cell: dict(states) for cell, states in self._sums.items()}

    @cached_property
    def _sums(self) -> dict[str, dict[str, int]]:
        """The same, added up once: a page asks for it by many groups of cells."""
        out = {cell: dict.fromkeys(STATES, 0) for cell in self.cells}
        for span in self.spans:
            out[span.cell][span.state] += span.end_us - span.start_us
        return out

    def lost_us(self, cell: str | None = None) -> dict[str, int]:
        """µs that yielded no usable episode, by cause, largest first, of a cell or of all. With `productive_us` they add up to
        cells × duration."""
        lost: dict[str, int] = {}
        for part in self._lost.values() if cell is None else [self._lost[cell]]:
            for cause, us in part.items():
                lost[cause] = lost.get(cause, 0) + us
        return dict(sorted(lost.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def _lost(self) -> dict[str, dict[str, int]]:
        """µs lost by cause, by cell."""
        out: dict[str, dict[str, int]] = {cell: {} for cell in self.cells}
        for span in self.spans:
            cause = self.cause(span)
            if cause is not None:
                out[span.cell][cause] = out[span.cell].get(cause, 0) + span.us
        return out

    def cause(self, span: Span) -> str | None:
        """Why a span is lost: its state, a rejected episode, or a protective stop inside a good one; None: it is not."""
        if span.state != "episode":
            return span.state
        if span.episode in self.rejected:
            return f"rejected: {self.rejected[span.episode]}"
        return "stopped" if span.held else None

    @property
    def productive_us(self) -> int:
        """µs in episodes that were not rejected, without protective stops."""
        return sum(span.us for span in self.spans if self.cause(span) is None)


class _Cell:
    """One cell's flags and spans while the events are walked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.since = 0
        self.up: dict[str, None] = {}
        self.episode: int | None = None
        self.people_since: int | None = None
        self.spans: list[Span] = []

    def close(self, t: int, labels: Mapping[int, bool | None]) -> None:
        """Write down the time since the last event, joined to the span before where nothing changed."""
        if t <= self.since:
            return
        state = next((s for s in STATES if s in self.up), "idle")
        number = self.episode if state == "episode" else None
        held = state == "episode" and "stopped" in self.up
        last = self.spans[-1] if self.spans else None
        if last is not None and (last.state, last.episode, last.held) == (state, number, held):
            self.spans[-1] = last._replace(end_us=t)
        else:
            label = None if number is None else labels.get(number)
            self.spans.append(Span(self.name, self.since, t, state, number, label, held))
        self.since = t


def account(log: RunLog) -> Accounts:
    """The books of a run, from its events and the list of its cells."""
    end = duration_us(log)
    live = {str(c["name"]): _Cell(str(c["name"])) for c in cells(log)}
    labels, rejected = _outcomes(log)
    people_us = 0
    for when, kind, name, episode, text, row in happenings(log):
        cell = live.get(name)
        if cell is None or not (kind in RAISES or kind in LOWERS or kind.startswith("authority.")):
            continue
        t = min(when, end)
        cell.close(t, labels)
        _apply(cell, _changes(kind, text, row))
        people_us += _people(cell, kind, t)
        if kind == "episode.start":
            cell.episode = None if episode is None else int(episode)
    for cell in live.values():
        cell.close(end, labels)
        people_us += 0 if cell.people_since is None else end - cell.people_since
    spans = sorted((s for cell in live.values() for s in cell.spans), key=lambda s: s.start_us)
    return Accounts(tuple(live), end, spans, people_us, rejected)


Change = tuple[tuple[str, ...], str | None]


def _changes(kind: str, text: Any, row: int) -> Change | None:
    """(flags lowered, flag raised) by an event; None: every flag is lowered, for the cell is free."""
    if kind == "authority.offered":
        return None
    if kind == "authority.withdrawn":
        return (), WITHDRAWN.get(str(payload(text, row).get("reason")))
    return LOWERS.get(kind, ()), RAISES.get(kind)


def _apply(cell: _Cell, change: Change | None) -> None:
    if change is None:
        cell.up.clear()
        return
    for flag in change[0]:
        cell.up.pop(flag, None)
    if change[1] is not None:
        cell.up[change[1]] = None


def _people(cell: _Cell, kind: str, t: int) -> int:
    """Person-time that an event closes."""
    if kind == "person.busy" and cell.people_since is None:
        cell.people_since = t
    elif kind == "person.free" and cell.people_since is not None:
        spent, cell.people_since = t - cell.people_since, None
        return spent
    return 0


def _outcomes(log: RunLog) -> tuple[dict[int, bool | None], dict[int, str]]:
    """Labels and reasons of rejection, by episode, as the events tell them."""
    labels: dict[int, bool | None] = {}
    rejected: dict[int, str] = {}
    for _, kind, _, number, text, row in happenings(log):
        if number is None or kind not in ("episode.end", "episode.void", "data.rejected"):
            continue
        said = payload(text, row)
        if kind == "episode.end":
            label = said.get("label")
            labels[int(number)] = label if isinstance(label, bool) else None
        elif kind == "data.rejected":
            rejected[int(number)] = str(said.get("reason") or "no reason given")
        else:
            rejected[int(number)] = "void"
    return labels, rejected
