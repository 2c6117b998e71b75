"""What became of a check, and how a value with its interval is held against bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from twin.core.records import Bools
from twin.judge.columns import codes, parts
from twin.judge.stats import Interval
from twin.log.tables import RunLog

SHOWN = 20
"""Pieces of evidence that a result keeps."""


@dataclass(frozen=True)
class CheckResult:
    """What became of one check. `passed` None: undecided; `value` in `unit` (`%`: a share from 0 to 1, `s`, or a bare number),
    `low` and `high` its interval where it has one (of the confidence asked for, else 95 %); `evidence` names events (`event
    812`) and episodes (`episode 17`). `by_chance`: no confidence was asked for, and the interval lies across a bound, so that
    another run may well say the opposite."""

    name: str
    passed: bool | None
    value: float | None
    bound: str
    detail: str
    evidence: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""
    by_chance: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain data for run.json."""
        return asdict(self) | {"evidence": list(self.evidence)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CheckResult:
        """The inverse of `as_dict`."""
        known = {k: data[k] for k in cls.__dataclass_fields__ if k in data}
        return replace(cls("", None, None, "", ""), **known | {"evidence": tuple(known.get("evidence", ()))})


def episodes(log: RunLog) -> int:
    """How many episodes count: the physics did not void them."""
    return sum(map(len, counted(log, ())))


def counted(log: RunLog, names: Sequence[str], task: str | None = None) -> Iterator[pd.DataFrame]:
    """Some columns of the episodes that count, of one task or of all; frames one after the other, whose index is the row
    number."""
    read = dict.fromkeys((*names, "end_reason", *(() if task is None else ("task",))))
    for part in parts(log.episodes, list(read), "episodes"):
        good = _not(part, "end_reason", "void")
        if task is not None:
            good &= ~_not(part, "task", task)
        yield part if good.all() else part[good]


def named(log: RunLog, bad: Callable[[pd.DataFrame], Bools], names: Sequence[str], task: str | None) -> tuple[str, ...]:
    """The first episodes that count and are `bad` (told from some columns), as evidence."""
    found = (n for part in counted(log, ("episode", *names), task) for n in part["episode"][bad(part)])
    return tuple(f"episode {number}" for number in islice(found, SHOWN))


def _not(part: pd.DataFrame, name: str, value: str) -> Bools:
    """In which episodes a text is not `value`."""
    told, names = codes(part, name, table="episodes")
    return told != names.index(value) if value in names else np.ones(len(told), dtype=bool)


def decide(found: Interval, *, at_least: float | None = None, at_most: float | None = None, sure: bool = True) -> bool | None:
    """Whether a value keeps its bounds. `sure`: its whole interval must, and None where the interval lies across one of them
    or has no end on that side; else the value itself is held against them."""
    if found.value is None:
        return None
    low, high = (found.low, found.high) if sure else (found.value, found.value)
    answers: list[bool | None] = []
    if at_least is not None:
        answers.append(True if low is not None and low >= at_least else False if high is not None and high < at_least else None)
    if at_most is not None:
        answers.append(True if high is not None and high <= at_most else False if low is not None and low > at_most else None)
    return False if False in answers else None if None in answers else True


def by_chance(passed: bool | None, found: Interval, *, at_least: float | None = None, at_most: float | None = None) -> bool:
    """Whether a value decided, though its interval lies across a bound."""
    return passed is not None and decide(found, at_least=at_least, at_most=at_most) is None


ACROSS = "; the interval lies across the bound, so that chance decides: confidence: 0.95 asks for more"
"""What is said of an interval where it does."""


def bounds(low: float | None, high: float | None, words: Any, confidence: float | None = None) -> str:
    """`≥ 60 % and ≤ 90 %, 95 % sure`."""
    told = [f"{sign} {words(limit)}" for sign, limit in (("≥", low), ("≤", high)) if limit is not None]
    return " and ".join(told) + ("" if confidence is None else f", {percent(confidence)} sure")


def percent(share: float | None) -> str:
    """A share as a percentage of three digits."""
    return "—" if share is None else f"{100 * share:.3g} %"


def enough(found: Callable[[float], Interval], *, at_least: float | None, at_most: float | None) -> float | None:
    """How many times as much evidence, of the same kind, would decide: `found` is the interval at so many times as much.
    None: not even a million times."""
    times = (1.05**k for k in range(1, 284))
    return next((t for t in times if decide(found(t), at_least=at_least, at_most=at_most) is not None), None)
