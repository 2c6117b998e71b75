"""The rows behind a verdict: the events and episodes that checks name, what led up to them, and where each is on the page."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from twin.core.records import EVENT_KINDS
from twin.judge.checks import CheckResult
from twin.judge.columns import column, numbers, parts, picked, rows
from twin.judge.words import SYMPTOM_WORDS
from twin.log.tables import RunLog

ALL = 300
"""Up to so many episodes each has its row; of more, only those that a check names."""
FIRST = 5
"""Pieces of evidence of a failing check whose story is told: the events before it, or of its episode."""
BEFORE, OF_EPISODE = 5, 20
LONG = 160
"""Characters of a payload that are shown."""


class _Event(NamedTuple):
    """An event that is shown or led up to one; `begun` is the last episode that began on its cell."""

    row: int
    seq: int
    t_s: Any
    kind: str
    cell: Any
    number: int | None
    job: Any
    text: Any
    begun: int | None


class Evidence:
    """What the checks of a run name, and the rows to show for it. The events pass by once."""

    def __init__(self, log: RunLog, checks: Sequence[CheckResult]) -> None:
        self.log = log
        self.named: dict[str, list[int]] = {}
        for i, check in enumerate(checks, start=1):
            for item in check.evidence:
                self.named.setdefault(item, []).append(i)
        first = [item for check in checks if check.passed is False for item in check.evidence[:FIRST]]
        self.shown: dict[int, _Event] = {}
        """Rows of events to show."""
        self.row_of: dict[int, int] = {}
        """Number of a named event → its row."""
        if self.named:
            self._read(_numbers(first, "event"), _numbers(first, "episode"))
        found = {n for e in self.shown.values() if (n := _of(e)) is not None} | _numbers(self.named, "episode")
        self.known = self._there(found)
        """Number of an episode that is shown or named → its row in the table."""

    def _read(self, told: Collection[int], episodes: Collection[int]) -> None:
        """Keep named events, those of a cell before one whose story is told, and those of an episode whose story is."""
        named = _numbers(self.named, "event")
        recent: dict[Any, deque[_Event]] = {}
        begun: dict[Any, int] = {}
        left = dict.fromkeys(episodes, OF_EPISODE)
        names = ("seq", "t_s", "kind", "cell", "episode", "job", "payload")
        for row, seq, t_s, kind, cell, number, job, text in rows(self.log.events, names, table="events"):
            event = _Event(row, seq, t_s, kind, cell, number, job, text, None if cell is None else begun.get(cell))
            before = recent.setdefault(cell, deque(maxlen=BEFORE))
            if kind == "episode.start" and number is not None:
                begun[cell] = number
            if seq in named:
                self.row_of[seq] = row
                self.shown[row] = event
            if seq in told and cell is not None:
                self.shown |= {e.row: e for e in before}
            if left.get(number, 0):
                left[number] -= 1
                self.shown[row] = event
            before.append(event)

    def _there(self, wanted: Collection[int]) -> dict[int, int]:
        """The rows of episodes, of all of them in a small run."""
        few, whole = np.array(sorted(wanted), dtype=float), len(self.log.episodes) <= ALL
        found: dict[int, int] = {}
        for part in parts(self.log.episodes, ("episode",), "episodes"):
            held = numbers(part, "episode", table="episodes")
            some = np.arange(len(held)) if whole else np.flatnonzero(np.isin(held, few))
            found |= {int(held[i]): int(part.index[i]) for i in some}
        return found

    def owner(self, event: _Event) -> int | None:
        """The episode that an event belongs to: its own, or the last that began on its cell."""
        number = _of(event)
        return number if number in self.known else None

    def links(self, check: CheckResult) -> list[dict[str, Any]]:
        """The evidence of a check: what it is called, its anchor (None: it has no row), and the anchor of its episode."""
        out = []
        for item in check.evidence:
            number, seq = _number(item, "episode"), _number(item, "event")
            row = None if seq is None else self.row_of.get(seq)
            there = number in self.known if number is not None else row is not None
            episode = None if row is None else self.owner(self.shown[row])
            out.append({"text": item, "at": item.replace(" ", "-") if there else None, "episode": episode})
        return out

    def events(self) -> list[dict[str, Any]]:
        """Rows of events, in order."""
        return [
            {
                "seq": e.seq, "t_s": e.t_s, "kind": e.kind, "means": EVENT_KINDS.get(e.kind, ""),
                "cell": e.cell, "episode": self.owner(e), "own": e.number is not None, "job": e.job,
                "said": _said(e.text), "by": self.named.get(f"event {e.seq}", []),
            }
            for _, e in sorted(self.shown.items())
        ]  # fmt: skip

    def episodes(self) -> list[dict[str, Any]]:
        """Rows of episodes: all of a small run, else those that are named or that shown events belong to."""
        shown = picked(self.log.episodes, sorted(self.known.values()))
        names = (
            "episode", "cell", "robot_model", "task", "start_s", "duration_s", "end_reason", "censored", "label", "symptoms",
            "injected", "resets", "interventions", "peak_speed_mps", "obs_age_p99_s",
        )  # fmt: skip
        columns = {name: column(shown, name, table="episodes") for name in names}
        told = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        for row in told:
            row["symptoms"] = ", ".join(SYMPTOM_WORDS.get(s, s) for s in row["symptoms"] or ())
            row["injected"] = ", ".join(row["injected"] or ())
            row["by"] = self.named.get(f"episode {row['episode']}", [])
        return told


def _of(event: _Event) -> int | None:
    return event.begun if event.number is None else int(event.number)


def _numbers(items: Iterable[str], what: str) -> set[int]:
    return {number for item in items if (number := _number(item, what)) is not None}


def _number(item: str, what: str) -> int | None:
    """The number in `episode 17` or `event 812`, where it is that."""
    found = re.fullmatch(rf"{what} (\d+)", item)
    return int(found[1]) if found else None


def _said(text: Any) -> str:
    """A payload in few characters."""
    try:
        said = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        said = {"": text}
    parts = [f"{k} {v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)}" for k, v in (said or {}).items()]
    words = ", ".join(parts)
    return words if len(words) <= LONG else words[: LONG - 1] + "…"
