"""What became of a check, and how a value with its interval is held against bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy import stats as sps

from twin.core.records import Bools
from twin.judge.columns import codes
from twin.judge.stats import Interval
from twin.log.tables import RunLog

SHOWN = 20
"""Pieces of evidence that a result keeps."""


@dataclass(frozen=True)
class CheckResult:
    """What became of one check. `passed` None: undecided; `value` in `unit` (`%`: a share from 0 to 1, `s`, or a bare number),
    `low` and `high` its interval where it has one (of the confidence asked for, else 95 %); `evidence` names events (`event
    812`) and episodes (`episode 17`)."""

    name: str
    passed: bool | None
    value: float | None
    bound: str
    detail: str
    evidence: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    unit: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain data for run.json."""
        return asdict(self) | {"evidence": list(self.evidence)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CheckResult:
        """The inverse of `as_dict`."""
        known = {k: data[k] for k in cls.__dataclass_fields__ if k in data}
        return replace(cls("", None, None, "", ""), **known | {"evidence": tuple(known.get("evidence", ()))})


def counted(log: RunLog, task: str | None = None) -> Sequence[int]:
    """Row numbers of the episodes that count (the physics did not void them), of one task or of all."""
    good = _not(log, "end_reason", "void")
    if task is not None:
        good &= ~_not(log, "task", task)
    return range(len(good)) if good.all() else np.flatnonzero(good).tolist()


def _not(log: RunLog, name: str, value: str) -> Bools:
    """In which episodes a text is not `value`."""
    told, names = codes(log.episodes, name, table="episodes")
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


def bounds(low: float | None, high: float | None, words: Any, confidence: float | None = None) -> str:
    """`≥ 60 % and ≤ 90 %, 95 % sure`."""
    told = [f"{sign} {words(limit)}" for sign, limit in (("≥", low), ("≤", high)) if limit is not None]
    return " and ".join(told) + ("" if confidence is None else f", {percent(confidence)} sure")


def percent(share: float | None) -> str:
    """A share as a percentage of three digits."""
    return "—" if share is None else f"{100 * share:.3g} %"


def z_of(confidence: float) -> float:
    """How many standard errors a two-sided interval reaches."""
    return float(sps.norm.ppf(0.5 + confidence / 2))
