"""Where the hours of a farm went, reconstructed from events alone: every µs of every cell is in exactly one state.

A cell's events raise and lower flags; its state is the foremost flag that is up. So the states of a cell tile the run, and
the sums over a farm equal cells × duration exactly, whatever the events say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from twin.core.records import EVENT_KINDS
from twin.judge.columns import US, cells, duration_us, payload
from twin.judge.happenings import Happening, Quiet, happenings, spelt
from twin.judge.strips import Strips
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
LOOKS: Mapping[str, str] = {
    "ok": "episode, success",
    "fail": "episode, failure",
    "open": "episode, no label",
    "driven": "episode, an operator at the controls",
    **{state: words for state, words in STATES.items() if state != "episode"},
}
"""How time can look, and what a legend calls it."""


class Span(NamedTuple):
    """A cell's time in one state, [start_us, end_us). Where it is an episode: its number and label, why it was rejected, `held`
    where the robot stood in a protective stop meanwhile, and `driven` where an operator had it."""

    cell: str
    start_us: int
    end_us: int
    state: str
    episode: int | None = None
    label: bool | None = None
    held: bool = False
    rejected: str | None = None
    driven: bool = False

    @property
    def us(self) -> int:
        """How long it lasts."""
        return self.end_us - self.start_us

    @property
    def cause(self) -> str | None:
        """Why it is lost: its state, a rejected episode, or a protective stop inside a good one; None: it is not."""
        if self.state != "episode":
            return self.state
        if self.rejected is not None:
            return f"rejected: {self.rejected}"
        return "stopped" if self.held else None

    @property
    def look(self) -> str:
        """How it looks."""
        if self.state != "episode":
            return self.state
        if self.held or self.driven:
            return "stopped" if self.held else "driven"
        return "open" if self.label is None else "ok" if self.label else "fail"


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


class Outage(NamedTuple):
    """A robot out of service from its breakage (or the test that found it) for `us`; `mended` False: the run ended first."""

    cell: str
    us: int
    mended: bool


ENDS = ("repair.tested", "authority.offered", "episode.start")
"""What shows that a broken robot is in service again; a self-test only where it was passed."""
MOVES = frozenset(k for k in EVENT_KINDS if k in RAISES or k in LOWERS or k in ENDS or k.startswith("authority."))
"""Kinds of events that the books are kept by, besides those that tell of an episode's data."""


class Accounts:
    """The books of a run: what filled the time of each cell, and how it looked.

    `strips` are the spans of each cell as they are drawn; `person_us` is time people spent on cells, however many at once;
    `outages` are those of robots, cell by cell.
    """

    def __init__(self, cells: Sequence[str], duration_us: int, spans: Iterable[Span] = (), person_us: int = 0) -> None:
        self.cells, self.duration_us, self.person_us = tuple(cells), duration_us, person_us
        self.strips = Strips(self.cells, duration_us)
        self.outages: list[Outage] = []
        self._sums = {cell: dict.fromkeys(STATES, 0) for cell in self.cells}
        self._looks = {cell: dict.fromkeys(LOOKS, 0) for cell in self.cells}
        self._lost: dict[str, dict[str, int]] = {cell: {} for cell in self.cells}
        for span in spans:
            self.add(span)

    def add(self, span: Span) -> None:
        """Enter a span; those of one cell come in the order of time."""
        self.enter(span.cell, span.state, span.look, span.cause, span.start_us, span.end_us)

    def enter(self, cell: str, state: str, look: str, cause: str | None, start_us: int, end_us: int) -> None:
        """The same, of what a span says."""
        us = end_us - start_us
        self._sums[cell][state] += us
        self._looks[cell][look] += us
        if cause is not None:
            self._lost[cell][cause] = self._lost[cell].get(cause, 0) + us
        self.strips.add(cell, look, start_us, end_us)

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

    def by_look(self) -> dict[str, dict[str, int]]:
        """µs in each look, by cell."""
        return {cell: dict(looks) for cell, looks in self._looks.items()}

    def lost_us(self, cell: str | None = None) -> dict[str, int]:
        """µs that yielded no usable episode, by cause, largest first, of a cell or of all."""
        lost: dict[str, int] = {}
        for part in self._lost.values() if cell is None else [self._lost[cell]]:
            for cause, us in part.items():
                lost[cause] = lost.get(cause, 0) + us
        return dict(sorted(lost.items(), key=lambda item: (-item[1], item[0])))


class _Cell:
    """One cell's flags while the events are walked. Spans of an episode wait until it is known what became of it."""

    def __init__(self, name: str, books: Accounts) -> None:
        self.name, self.books = name, books
        self.since = 0
        self.up: dict[str, None] = {}
        self.episode: int | None = None
        self.label: bool | None = None
        self.rejected: str | None = None
        self.driven = False
        self.people_since: int | None = None
        self.broken_since: int | None = None
        self.last: Span | None = None
        self.open: list[Span] = []

    def close(self, t: int) -> None:
        """Write down the time since the last event, joined to the span before where nothing changed."""
        if t <= self.since:
            return
        up = self.up
        state = next((s for s in STATES if s in up), "idle") if up else "idle"
        runs, last = state == "episode", self.last
        now = Span(self.name, self.since, t, state, self.episode if runs else None, None, runs and "stopped" in up)
        now = now._replace(driven=runs and self.driven)
        if last is not None and last[3:] == now[3:]:
            self.last = last._replace(end_us=t)
        else:
            self.put()
            self.last = now
        self.since = t

    def quiet(self, told: Quiet, begun: int, number: int) -> bool:
        """An episode, its reset and the next beginning, at once; False where more is to be told than that."""
        if self.last is not None or self.open or list(self.up) != ["episode"] or self.since >= told.ended_us:
            return False
        look = "open" if told.label is None else "ok" if told.label else "fail"
        self.books.enter(self.name, "episode", look, None, self.since, told.ended_us)
        for state, start, end in (("reset", told.ended_us, told.done_us), ("idle", told.done_us, begun)):
            if end > start:
                self.books.enter(self.name, state, state, state, start, end)
        self.since, self.episode = begun, number
        return True

    def put(self) -> None:
        """Let go of the span that grew."""
        if self.last is not None:
            self.open.append(self.last)
            self.last = None

    def settle(self) -> None:
        """What became of the last episode is known now: its spans, and those since, are entered."""
        for span in self.open:
            mine = span.state == "episode" and span.episode == self.episode
            self.books.add(span._replace(label=self.label, rejected=self.rejected) if mine else span)
        self.open, self.label, self.rejected = [], None, None


def account(log: RunLog) -> Accounts:
    """The books of a run, from its events (and the rows of episodes that a log of exceptions has no events of)."""
    end = duration_us(log)
    books = Accounts([str(c["name"]) for c in cells(log)], end)
    live = {name: _Cell(name, books) for name in books.cells}
    for item in happenings(log, MOVES | TELLS):
        cell = live.get(item.cell)
        if cell is None:
            continue
        if item.kind != "quiet":
            _walk(books, cell, item, end)
        elif item.t_us > end or cell.broken_since is not None or not cell.quiet(item.text, item.t_us, int(item.episode)):
            for each in spelt(item, cell.episode):
                _walk(books, cell, each, end)
    for cell in live.values():
        cell.close(end)
        cell.put()
        cell.settle()
        books.person_us += 0 if cell.people_since is None else end - cell.people_since
        books.outages += [] if cell.broken_since is None else [Outage(cell.name, end - cell.broken_since, False)]
    return books


def _walk(books: Accounts, cell: _Cell, item: Happening, end: int) -> None:
    """One event of a cell."""
    when, kind, _, episode, text, row = item
    t = when if when < end else end
    if kind in TELLS:
        _told(cell, kind, episode, text, row)
    if kind not in MOVES:
        return
    cell.close(t)
    if kind == "episode.start":
        cell.put()
        cell.settle()
        cell.episode, cell.driven = None if episode is None else int(episode), False
    if kind in HANDS:
        cell.driven = kind == "authority.taken" and payload(text, row).get("holder") == "operator"
    _apply(cell, _changes(kind, text, row))
    _people(books, cell, kind, t)
    _service(books, cell, kind, when, text, row)


HANDS = frozenset(("authority.taken", "authority.returned", "authority.lost"))
"""Events by which a robot changes hands."""
TELLS = frozenset(("episode.end", "episode.void", "data.rejected"))
"""Events that tell what became of an episode."""


def _told(cell: _Cell, kind: str, episode: Any, text: Any, row: int) -> None:
    """Label and rejection of the cell's last episode."""
    if episode is None or cell.episode != int(episode):
        return
    if kind == "episode.end":
        label = payload(text, row).get("label")
        cell.label = label if isinstance(label, bool) else None
    elif kind == "data.rejected":
        cell.rejected = str(payload(text, row).get("reason") or "no reason given")
    else:
        cell.rejected = "void"


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


def _people(books: Accounts, cell: _Cell, kind: str, t: int) -> None:
    """Person-time that an event opens or closes."""
    if kind == "person.busy" and cell.people_since is None:
        cell.people_since = t
    elif kind == "person.free" and cell.people_since is not None:
        books.person_us += t - cell.people_since
        cell.people_since = None


def _service(books: Accounts, cell: _Cell, kind: str, t: int, text: Any, row: int) -> None:
    """Outages by breakage: calls that are repeated and repairs that did not help belong to the same one."""
    if kind == "repair.start":
        cell.broken_since = t if cell.broken_since is None else cell.broken_since
    elif cell.broken_since is not None and kind in ENDS and (kind != "repair.tested" or payload(text, row).get("passed")):
        books.outages.append(Outage(cell.name, t - cell.broken_since, True))
        cell.broken_since = None
