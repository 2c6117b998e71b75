"""Checks of episodes one by one and together: `success_rate`, `always`, `quantile`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats as sps

from twin.core.records import Bools, Floats
from twin.judge.checks.result import (
    ACROSS,
    SHOWN,
    CheckResult,
    bounds,
    by_chance,
    counted,
    decide,
    enough,
    named,
    percent,
)
from twin.judge.columns import answers, numbers
from twin.judge.spec import FIGURES, Always, Quantile, SuccessRate
from twin.judge.stats import NOTHING, Interval, proportion
from twin.judge.stats import quantile as quantile_of
from twin.judge.tally import tally
from twin.judge.words import several, unit
from twin.log.tables import RunLog

CUT = 1e300
"""Stands for a duration of which only a lower bound is known, where the worst has to be assumed."""


def unit_of(figure: str) -> str:
    """The unit in which a column of the episode table ends."""
    ending = figure.rpartition("_")[2]
    return {"s": "s", "mps": "m/s", "N": "N"}.get(ending, "")


def exact(*, k: int, n: int, confidence: float) -> Interval:
    """A share with its exact interval (Clopper and Pearson 1934), which never claims more confidence than it has: what a
    promise with a confidence is held against."""
    if n == 0:
        return NOTHING
    tail = (1 - confidence) / 2
    low = float(sps.beta.ppf(tail, k, n - k + 1)) if k else 0.0
    high = float(sps.beta.ppf(1 - tail, k + 1, n - k)) if k < n else 1.0
    return Interval(k / n, low, high, n)


def success(spec: SuccessRate, log: RunLog) -> CheckResult:
    """The share of labelled episodes of a task that succeeded."""
    ran = tally(log.episodes, ("task", "end_reason", "label")).without(end_reason="void")
    mine = ran.only(task=spec.task)
    k, n = mine.of(label=True), mine.without(label=None).total
    name, bound = f"success_rate of {spec.task}", bounds(spec.min, spec.max, percent, spec.confidence)
    if not n:
        return CheckResult(name, None, None, bound, f"no labelled episode of {spec.task} among {mine.total}")
    share = proportion(k=k, n=n) if spec.confidence is None else exact(k=k, n=n, confidence=spec.confidence)
    passed = decide(share, at_least=spec.min, at_most=spec.max, sure=spec.confidence is not None)
    which = "95 % interval" if spec.confidence is None else f"exact {percent(spec.confidence)} interval"
    missing = f"; {mine.total - n} without a label not counted" if mine.total > n else ""
    chance = by_chance(passed, share, at_least=spec.min, at_most=spec.max)
    more = _more(share, spec) if passed is None else ACROSS * chance
    detail = f"{k} of {n} labelled episodes, {which} {percent(share.low)} to {percent(share.high)}{missing}{more}"
    evidence = named(log, failures, ("label",), spec.task)
    return CheckResult(name, passed, share.value, bound, detail, evidence, share.low, share.high, "%", chance)


def failures(part: pd.DataFrame) -> Bools:
    """Which episodes are labelled a failure."""
    bad: Bools = answers(part, "label", table="episodes") == 0
    return bad


def _more(share: Interval, spec: SuccessRate) -> str:
    """About how many episodes would decide, if they went on as these did."""
    p, confidence = share.value or 0.0, spec.confidence or 0.95
    times = enough(
        lambda t: exact(k=round(p * round(t * share.n)), n=round(t * share.n), confidence=confidence),
        at_least=spec.min,
        at_most=spec.max,
    )
    if times is None:
        return "; too near to the bound to say how many would do"
    return f"; too few to be sure, about {max(round(times * share.n), share.n + 1)} would do"


def always(spec: Always, log: RunLog) -> CheckResult:
    """Whether something holds in every episode. One of which it is not known leaves the check undecided, unless the end of the
    run cut it off."""
    name, reads = f"always {spec.of}", (spec.of, "censored")
    bound = bounds(spec.min, spec.max, lambda v: unit(v, unit_of(spec.of))) if spec.of in FIGURES else "in every episode"
    n = breaches = looked = sound = unknown = open_ = 0
    least, most = math.inf, -math.inf
    for part in counted(log, reads, spec.task):
        x, known, bad = _held(spec, part)
        cut, n = _cut(part), n + len(part)
        breaches, looked = breaches + int(bad.sum()), looked + int((known & (bad | ~cut)).sum())
        unknown, open_ = unknown + int((~known & ~cut).sum()), open_ + int((~bad & cut).sum())
        sound += int((known & ~cut).sum())
        least, most = min(least, x[known].min(initial=math.inf)), max(most, x[known].max(initial=-math.inf))
    if not n:
        return CheckResult(name, None, None, bound, "no episode to judge")
    said = [f"{several(breaches, 'breach', 'breaches')} in {several(looked, 'episode')}"]
    said += [f"{unknown} not recorded"] if unknown else []
    said += [f"{open_} cut off by the end"] if open_ else []
    passed = False if breaches else True if sound and not unknown else None
    value = _worst(spec, least, most) if spec.of in FIGURES else float(breaches)
    evidence = named(log, lambda part: _held(spec, part)[2], reads, spec.task) if breaches else ()
    return CheckResult(name, passed, value, bound, ", ".join(said), evidence, unit=unit_of(spec.of))


def _held(spec: Always, part: pd.DataFrame) -> tuple[Floats, Bools, Bools]:
    """(values, which episodes have one, which break the check)."""
    if spec.of not in FIGURES:
        said = answers(part, spec.of, table="episodes")
        return said.astype(np.float64), said >= 0, said == 0
    x = numbers(part, spec.of, table="episodes")
    known = ~np.isnan(x)
    low, high = -np.inf if spec.min is None else spec.min, np.inf if spec.max is None else spec.max
    # What was cut off lasted at least so long: it can be too long already, and is never too short.
    return x, known, known & ((x > high) | ((x < low) & ~_cut(part)))


def _worst(spec: Always, least: float, most: float) -> float | None:
    """The value that is nearest to breaking a bound, or farthest beyond it; None: none is known."""
    if least > most:
        return None
    return most if spec.max is not None and (spec.min is None or least >= spec.min) else least


def _cut(part: pd.DataFrame) -> Bools:
    """Which episodes the end of the run (or a hole in the log) cut off: their figures are only lower bounds."""
    return np.asarray(answers(part, "censored", table="episodes") == 1)


def observed(log: RunLog, figure: str, task: str | None) -> tuple[Floats, Floats, int]:
    """(values, the same with what was cut off as `CUT`, how many episodes lack the figure). Only a duration can be cut off and
    still tell something; any other figure of such an episode is left out."""
    found = [(numbers(part, figure, table="episodes"), _cut(part)) for part in counted(log, (figure, "censored"), task)]
    x, cut = (np.concatenate(side) for side in zip(*found, strict=True)) if found else (np.zeros(0), np.zeros(0, bool))
    known = ~np.isnan(x) & (~cut if figure != "duration_s" else np.ones_like(cut))
    return x[known], np.where(cut, CUT, x)[known], int((~known & ~cut).sum())


def quantile(spec: Quantile, log: RunLog) -> CheckResult:
    """A quantile of a figure over episodes, with the interval between two order statistics. An episode that was cut off lasted
    at least so long: where that leaves open which side of the bound the quantile lies on, so does the check."""
    low, high, missing = observed(log, spec.of, spec.task)
    unit_ = unit_of(spec.of)
    name, bound = f"quantile {spec.q:g} of {spec.of}", bounds(spec.min, spec.max, lambda v: unit(v, unit_), spec.confidence)
    if not low.size:
        return CheckResult(name, None, None, bound, f"no episode tells its {spec.of}")
    confidence = spec.confidence or 0.95
    least, most = (quantile_of(x, spec.q, confidence=confidence) for x in (low, high))
    found = Interval(least.value, least.low, _open(most.high), least.n)
    judged = found if spec.confidence is not None else Interval(least.value, least.value, _open(most.value), least.n)
    passed = decide(judged, at_least=spec.min, at_most=spec.max)
    ends = " to ".join("—" if v is None else unit(v, unit_) for v in (found.low, found.high))
    notes = [f"{several(found.n, 'episode')}, {percent(confidence)} interval {ends}"]
    notes += [f"{cut} of them cut off by the end"] if (cut := int((high == CUT).sum())) else []
    notes += ["which may yet have taken longer than the bound"] if passed is None and spec.confidence is None else []
    notes += [f"{missing} without the figure not counted"] if missing else []
    notes += ["too few to be sure"] if passed is None and spec.confidence is not None else []
    chance = by_chance(passed, found, at_least=spec.min, at_most=spec.max)
    evidence = _beyond(spec, log) if passed is False else ()
    return CheckResult(
        name, passed, found.value, bound, ", ".join(notes) + ACROSS * chance, evidence, found.low, found.high, unit_, chance
    )


def _open(value: float | None) -> float | None:
    return None if value is None or value > CUT / 1e6 else value


def _beyond(spec: Quantile, log: RunLog) -> tuple[str, ...]:
    """The episodes farthest beyond the bound."""
    low, high = -np.inf if spec.min is None else spec.min, np.inf if spec.max is None else spec.max
    above: list[tuple[float, int, Any]] = []
    below: list[tuple[float, int, Any]] = []
    for part in counted(log, ("episode", spec.of), spec.task):
        x, number = numbers(part, spec.of, table="episodes"), part["episode"].tolist()
        for kept, bad, key in ((above, x > high, -x), (below, x < low, x)):
            kept += [(key[i], part.index[i], number[i]) for i in np.flatnonzero(bad)]
            kept[:] = sorted(kept)[:SHOWN]
    return tuple(f"episode {number}" for _, _, number in above or below)
