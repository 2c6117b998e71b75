"""An outcome model from a table of episodes, simulated or real: `twin fit-outcomes`.

Episodes are grouped by task, policy, robot model and attempt of their goal. In a group every way to end is a result: its
share with Wilson's interval, its durations as they were (their quantiles), its symptoms.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twin.core.errors import StorageError, TableError
from twin.farm.outcomes import OutcomeModel
from twin.judge.columns import column, flags, lists, numbers
from twin.judge.stats import proportion
from twin.log.tables import replacing

QUANTILES = 41
"""Durations of a result are kept as so many quantiles, or as they are where there are fewer."""
OWN_ENTRY = 30
"""A later attempt has an entry of its own where there are so many episodes of it."""
LEFT_OUT = ("crash", "void", "operator")
"""Ends that are not the episode's own doing: breakages and people have laws of their own in the fleet file."""

UNTOLD = "done"
"""The end of episodes in a table that tells no reasons at all."""

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Fit:
    """The model as plain data, and what a reader should know of it."""

    model: dict[str, Any]
    episodes: int
    notes: tuple[str, ...]


def fit(data: pd.DataFrame, source: str) -> Fit:
    """The outcome model of a table. Raises `TableError` where it has no episode that ended, or knows one outcome only."""
    reasons = column(data, "end_reason", table="episodes")
    truth, label = (flags(data, name, table="episodes") for name in ("truth", "label"))
    labelled = all(t is None for t in truth)
    good = label if labelled else truth
    untold = all(why is None for why in reasons)
    if untold:
        reasons = [None if cut else UNTOLD for cut in flags(data, "censored", table="episodes")]
    rows = [r for r, why in enumerate(reasons) if why is not None and why not in LEFT_OUT and good[r] is not None]
    _refuse_one(good, rows, len(reasons))
    notes = ["labels are taken for the truth: the table has no ground truth"] if labelled else []
    notes += [f"the table does not say why episodes ended: all are taken to be {UNTOLD!r}"] if untold else []
    lost = len(reasons) - len(rows)
    if lost:
        notes.append(f"{lost} of {len(reasons)} episodes left out: cut off, without outcome, or ended by {', '.join(LEFT_OUT)}")
    groups = _groups(data, rows)
    made = _Results(data, good, reasons)
    entries: list[dict[str, Any]] = []
    for key, by_attempt in groups.items():
        own = {n: members for n, members in by_attempt.items() if n > 1 and len(members) >= OWN_ENTRY}
        rest = [r for n, members in by_attempt.items() if n not in own for r in members]
        for attempt, members in [*sorted(own.items()), (None, rest)]:
            if members:
                entries.append(_entry(key, attempt, made.of(members), len(members)))
        if len({good[r] for r in rest}) == 1:
            word = "succeeded" if good[rest[0]] else "failed"
            notes.append(f"all {len(rest)} episodes of {key[0]} by {key[1]} on {key[2]} {word}: the model never says otherwise")
    model = {"source": source, "entries": entries}
    OutcomeModel.model_validate_json(json.dumps(model))
    return Fit(model, len(rows), tuple(notes))


def _refuse_one(good: Sequence[bool | None], rows: Sequence[int], n: int) -> None:
    if not rows:
        raise TableError(f"none of the {n} episodes ended with an outcome; an outcome model needs truth or labels")
    if len({good[r] for r in rows}) == 1:
        word, other = ("succeeded", "failures") if good[rows[0]] else ("failed", "successes")
        raise TableError(
            f"all {len(rows)} episodes {word}: a table with one outcome only says nothing of {other}; "
            "give a longer one, or write the outcomes by hand"
        )


def _groups(data: pd.DataFrame, rows: Iterable[int]) -> dict[Key, dict[int, list[int]]]:
    """Rows by (task, policy, robot model), then by attempt."""
    task, policy, version, robot, run, number, of = (
        column(data, name, table="episodes")
        for name in ("task", "policy", "policy_version", "robot_model", "run", "episode", "attempt_of")
    )
    tried: dict[Any, int] = {}
    out: dict[Key, dict[int, list[int]]] = {}
    for r in rows:
        goal = run[r], number[r] if of[r] is None else of[r]  # every run counts its episodes for itself
        tried[goal] = tried.get(goal, 0) + 1
        attempt = 1 if of[r] is None else max(2, tried[goal])
        who = "*" if policy[r] is None else str(policy[r]) if version[r] is None else f"{policy[r]}@{version[r]}"
        key = (str(task[r] or "*"), who, str(robot[r] or "*"))
        out.setdefault(key, {}).setdefault(attempt, []).append(r)
    return out


def _entry(key: Key, attempt: int | None, results: list[dict[str, Any]], n: int) -> dict[str, Any]:
    named = {name: value for name, value in zip(("task", "policy", "robot"), key, strict=True) if value != "*"}
    return named | ({} if attempt is None else {"attempt": attempt}) | {"n": n, "results": results}


class _Results:
    """Results of groups of episodes of one table."""

    def __init__(self, data: pd.DataFrame, good: Sequence[bool | None], reasons: Sequence[str | None]) -> None:
        self.good, self.reasons = good, reasons
        self.symptoms = [tuple(sorted(set(s or ()))) for s in lists(data, "symptoms", table="episodes")]
        self.seconds = numbers(data, "duration_s", table="episodes")

    def of(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Every way in which these episodes ended, the most frequent first; shares add up to 1."""
        ways: dict[tuple[bool, str, tuple[str, ...]], list[int]] = {}
        for r in rows:
            ways.setdefault((bool(self.good[r]), str(self.reasons[r]), self.symptoms[r]), []).append(r)
        out = []
        for (success, reason, symptoms), members in sorted(ways.items(), key=lambda item: (-len(item[1]), str(item[0]))):
            found = proportion(k=len(members), n=len(rows))
            share = {"value": len(members) / len(rows), "low": found.low, "high": found.high, "n": len(rows)}
            result = {"share": share, "success": success, "end_reason": reason, "duration_s": self._durations(members)}
            out.append(result | ({"symptoms": list(symptoms)} if symptoms else {}))
        return out

    def _durations(self, rows: Sequence[int]) -> Any:
        known = np.sort(self.seconds[list(rows)])
        known = known[~np.isnan(known)]
        if not len(known):
            raise TableError("episodes: column 'duration_s' is null where episodes ended: a model must know how long they took")
        if known[0] == known[-1]:
            return float(known[0])
        if len(known) > QUANTILES:
            known = np.quantile(known, (np.arange(QUANTILES) + 0.5) / QUANTILES)
        return {"kind": "empirical", "values": [round(float(v), 6) for v in known]}


def write(model: Mapping[str, Any], path: Path) -> Path:
    """A model as a YAML file that a fleet names by `outcomes: FILE`. Raises `StorageError`."""
    lines = [f"source: {json.dumps(model['source'], ensure_ascii=False)}", "entries:"]
    for entry in model["entries"]:
        head = {name: value for name, value in entry.items() if name != "results"}
        lines.append("  - " + ("\n    ".join(f"{name}: {_flow(value)}" for name, value in head.items()) or "n: null"))
        lines.append("    results:")
        lines += [f"      - {_flow(result)}" for result in entry["results"]]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temp:
            temp.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: the model cannot be written: {error.strerror or error}") from error
    return path


def _flow(value: Any) -> str:
    """JSON is YAML; spaces after colons and commas make it readable."""
    return json.dumps(value, ensure_ascii=False)
