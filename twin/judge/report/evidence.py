"""The rows behind a verdict: the events and episodes that checks name, what led up to them, and where each is on the page."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from twin.core.records import EVENT_KINDS
from twin.judge.checks import CheckResult
from twin.judge.columns import column
from twin.judge.words import SYMPTOM_WORDS
from twin.log.tables import RunLog

ALL = 300
"""Up to so many episodes each has its row; of more, only those that a check names."""
FIRST = 5
"""Pieces of evidence of a failing check whose story is told: the events before it, or of its episode."""
BEFORE, OF_EPISODE = 5, 20
LONG = 160
"""Characters of a payload that are shown."""


class Evidence:
    """What the checks of a run name, and the rows to show for it."""

    def __init__(self, log: RunLog, checks: Sequence[CheckResult]) -> None:
        self.log = log
        self.named: dict[str, list[int]] = {}
        for i, check in enumerate(checks, start=1):
            for item in check.evidence:
                self.named.setdefault(item, []).append(i)
        kinds, self.cells = (column(log.events, name, table="events") for name in ("kind", "cell"))
        self.numbers, self.seqs = (column(log.events, name, table="events") for name in ("episode", "seq"))
        self.kinds = kinds
        self.row_of = {seq: row for row, seq in enumerate(self.seqs)} if self.named else {}
        self.starts: dict[Any, list[int]] = {}
        for row, kind in enumerate(kinds if self.named else ()):
            if kind == "episode.start":
                self.starts.setdefault(self.cells[row], []).append(row)
        self.known = dict.fromkeys(column(log.episodes, "episode", table="episodes"))
        self.told = self._story([c for c in checks if c.passed is False])

    def _story(self, failed: Sequence[CheckResult]) -> dict[int, None]:
        """Rows of events to show besides those that are named."""
        rows: dict[int, None] = {}
        wanted = [item for check in failed for item in check.evidence[:FIRST]]
        of_cell: dict[Any, list[int]] = {}
        of_episode: dict[int, list[int]] = {number: [] for item in wanted if (number := _number(item, "episode")) is not None}
        for row, (cell, number) in enumerate(zip(self.cells, self.numbers, strict=True) if wanted else ()):
            of_cell.setdefault(cell, []).append(row)
            if number in of_episode:
                of_episode[number].append(row)
        for item in wanted:
            at = self.row_of.get(_number(item, "event"))
            if at is not None and self.cells[at] is not None:
                before = of_cell[self.cells[at]]
                end = bisect_right(before, at)
                rows |= dict.fromkeys(before[max(0, end - 1 - BEFORE) : end])
            rows |= dict.fromkeys(of_episode.get(_number(item, "episode") or -1, [])[:OF_EPISODE])
        return rows

    def owner(self, row: int) -> int | None:
        """The episode that an event belongs to: its own, or the last that began on its cell."""
        number = self.numbers[row]
        if number is None:
            begun = self.starts.get(self.cells[row], [])
            i = bisect_right(begun, row)
            number = self.numbers[begun[i - 1]] if i and self.cells[row] is not None else None
        return int(number) if number is not None and number in self.known else None

    def links(self, check: CheckResult) -> list[dict[str, Any]]:
        """The evidence of a check: what it is called, its anchor (None: it has no row), and the anchor of its episode."""
        out = []
        for item in check.evidence:
            number, seq = _number(item, "episode"), _number(item, "event")
            row = self.row_of.get(seq)
            there = number in self.known if number is not None else row is not None
            episode = None if row is None else self.owner(row)
            out.append({"text": item, "at": item.replace(" ", "-") if there else None, "episode": episode})
        return out

    def events(self) -> list[dict[str, Any]]:
        """Rows of events, in order."""
        named = [row for item in self.named if (row := self.row_of.get(_number(item, "event"))) is not None]
        rows = sorted({**self.told, **dict.fromkeys(named)})
        if not rows:
            return []
        times, jobs, texts = (column(self.log.events, name, table="events") for name in ("t_s", "job", "payload"))
        return [
            {
                "seq": self.seqs[r], "t_s": times[r], "kind": self.kinds[r], "means": EVENT_KINDS.get(self.kinds[r], ""),
                "cell": self.cells[r], "episode": self.owner(r), "own": self.numbers[r] is not None, "job": jobs[r],
                "said": _said(texts[r]), "by": self.named.get(f"event {self.seqs[r]}", []),
            }
            for r in rows
        ]  # fmt: skip

    def episodes(self, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Rows of episodes: all of a small run, else those that are named or that shown events belong to."""
        numbers = list(self.known)
        wanted = {n for item in self.named if (n := _number(item, "episode")) is not None} | {e["episode"] for e in events}
        rows = [r for r, n in enumerate(numbers) if len(numbers) <= ALL or n in wanted]
        shown = self.log.episodes.iloc[rows]
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
