"""Tests of a mean that may be looked at after every run: of one sample against a threshold, and of pairs against a margin.

One value a run. The mathematics stand in `judge/evidence.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from twin.core.errors import InputError
from twin.core.records import Floats
from twin.judge.evidence import grow, log_evidence, lower_bound, start, upper_bound
from twin.judge.stats import Interval

State = Literal["continue", "met", "refuted"]
ALPHA = 0.05


class SequentialTest:
    """Whether the mean of one bounded statistic lies above a threshold, with an answer that holds whenever one stops looking.

    "met" is said of a mean at or below `threshold` with probability at most `alpha`, over all runs that will ever be
    added, and "refuted" of a mean at or above it likewise. At exactly the threshold a test may go on until the budget ends
    it. The first answer stays; later values still sharpen the bounds. Values: one a run, in [0, 1], in the order of runs.
    """

    def __init__(self, threshold: float, alpha: float = ALPHA) -> None:
        self.threshold = inside(threshold, "threshold")
        self.alpha = inside(alpha, "alpha")
        self.values: list[float] = []
        self.state: State = "continue"
        self.decided_after: int | None = None
        self._prices = np.array([self.threshold, 1 - self.threshold])
        self._log_wealth = start(2)

    def update(self, values: float | Sequence[float] | Floats) -> State:
        """Take the values of further runs, in order. `InputError` for NaN or a value outside [0, 1]; then none is taken."""
        for value in _bounded(values, first=len(self.values)):
            self._log_wealth = grow(self._log_wealth, np.array([value, 1 - value]) / self._prices)
            self.values.append(value)
            if self.state == "continue":
                self._judge()
        return self.state

    def _judge(self) -> None:
        for_it, against = log_evidence(self._log_wealth) >= -math.log(self.alpha)
        if for_it or against:
            self.state, self.decided_after = ("met" if for_it else "refuted"), len(self.values)

    @property
    def evidence(self) -> float:
        """E-value for "met" after the last run; the bar is 1/alpha. It may sink again; `state` remembers."""
        return _e_value(float(log_evidence(self._log_wealth)[0]))

    @property
    def against(self) -> float:
        """E-value for "refuted" after the last run."""
        return _e_value(float(log_evidence(self._log_wealth)[1]))

    def interval(self) -> Interval:
        """Mean of the values, and bounds of the true mean at all times: each holds with 1 − alpha, both with 1 − 2·alpha."""
        return interval_of(np.array(self.values), self.alpha)

    def as_dict(self) -> dict[str, Any]:
        """All there is to it, as plain data."""
        return {"threshold": self.threshold, "alpha": self.alpha, "values": list(self.values)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SequentialTest:
        """Go on from `as_dict`: the same test, value for value."""
        if lacking := [key for key in ("threshold", "alpha", "values") if key not in data]:
            raise InputError(f"the state of a test lacks {', '.join(lacking)}")
        test = cls(data["threshold"], data["alpha"])
        test.update(data["values"])
        return test


class PairedTest:
    """Whether a candidate is at most `margin` worse than its baseline, both run on the same seeds (`margin` 0: better).

    Values lie in [0, 1] and rise with quality. A pair's difference d is judged as (d + 1)/2 against (1 − margin)/2.
    """

    def __init__(self, margin: float, alpha: float = ALPHA) -> None:
        self.margin = margin_of(margin)
        self.test = SequentialTest((1 - self.margin) / 2, alpha)

    def update(self, candidate: float | Sequence[float] | Floats, baseline: float | Sequence[float] | Floats) -> State:
        """Take further pairs, a seed at its place. `InputError` as `SequentialTest`, or where one side is longer."""
        first = len(self.test.values)
        ours, theirs = _bounded(candidate, first=first), _bounded(baseline, first=first)
        if len(ours) != len(theirs):
            raise InputError(f"{len(ours)} values of the candidate, {len(theirs)} of the baseline: a pair needs both")
        return self.test.update([(a - b + 1) / 2 for a, b in zip(ours, theirs, strict=True)])

    @property
    def state(self) -> State:
        """What the pairs have shown so far."""
        return self.test.state

    def interval(self) -> Interval:
        """Mean difference, candidate minus baseline, with bounds as of `SequentialTest.interval`."""
        return stretched(self.test.interval(), scale=2.0, shift=-1.0)


EDGE = 1e-12
"""Nearer to 0 or 1 than this, a threshold is one of them: numbers no longer tell."""


def inside(number: Any, what: str) -> float:
    """A number strictly between 0 and 1. At 0 or 1 nothing can be shown of a mean: watch such a thing with a `never` check."""
    if isinstance(number, bool) or not isinstance(number, (int, float, np.floating)) or not EDGE < number < 1 - EDGE:
        raise InputError(f"{what} must lie strictly between 0 and 1, is {number!r}")
    return float(number)


def margin_of(number: Any) -> float:
    """A margin: at least 0 and below 1."""
    if isinstance(number, bool) or not isinstance(number, (int, float, np.floating)) or not 0 <= number < 1:
        raise InputError(f"margin must be at least 0 and below 1, is {number!r}")
    return float(number)


def unit_value(value: Any, place: str) -> float:
    """One value in [0, 1]; numbers only: text that looks like a number is a mistake upstream."""
    if not isinstance(value, (int, float, np.number, np.bool_)) or not 0 <= float(value) <= 1:
        raise InputError(f"{place}: a run's value must be a number from 0 to 1, is {value!r}")
    return float(value)


def _bounded(values: Any, first: int) -> list[float]:
    many = isinstance(values, Iterable) and not isinstance(values, str) and getattr(values, "ndim", 1) > 0
    return [unit_value(value, f"run {first + i}") for i, value in enumerate(values if many else [values])]


def _e_value(log_e: float) -> float:
    """An e-value as a number that JSON can hold."""
    return math.exp(min(log_e, 690.0))


def interval_of(scores: Floats, alpha: float) -> Interval:
    """Mean of scores (n,) in [0, 1] with bounds that hold at all times, each with 1 − `alpha`."""
    value = float(scores.mean()) if scores.size else None
    return Interval(value, lower_bound(scores, alpha), upper_bound(scores, alpha), int(scores.size))


def stretched(i: Interval, *, scale: float, shift: float) -> Interval:
    """`scale`·x + `shift` of an interval; the bounds change places where `scale` is negative."""
    value, low, high = (None if x is None else scale * x + shift for x in i[:3])
    return Interval(value, *((low, high) if scale > 0 else (high, low)), i.n)
