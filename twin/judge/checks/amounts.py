"""Checks of how much and how often: `rate`, `at_least`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from twin.judge.accounting import Accounts, account
from twin.judge.checks.events import happened
from twin.judge.checks.result import (
    ACROSS,
    SHOWN,
    CheckResult,
    bounds,
    by_chance,
    counted,
    decide,
    enough,
    episodes,
    percent,
)
from twin.judge.columns import US, cells, duration_us, numbers
from twin.judge.spec import AtLeast, Rate
from twin.judge.stats import Interval
from twin.judge.stats import rate as rate_of
from twin.judge.tally import tally
from twin.judge.words import num, several, unit
from twin.log.tables import RunLog

HOURS: Mapping[str, str] = {"robot_h": "robot-hours", "episode_h": "hours in episodes"}


def exposure_h(log: RunLog, per: str) -> float:
    """Hours that a rate is counted over: cells × duration, or the time in episodes that count, cut-off ones with theirs."""
    if per == "robot_h":
        return len(cells(log)) * duration_us(log) / US / 3600
    spent = (numbers(part, "duration_s", table="episodes") for part in counted(log, ("duration_s",)))
    return math.fsum(t for part in spent for t in part[~np.isnan(part)].tolist()) / 3600  # the same however it is cut in parts


def rate(spec: Rate, log: RunLog) -> CheckResult:
    """Events an hour, with the exact Poisson interval."""
    name = f"rate of {spec.of}"
    bound = bounds(spec.min_per_h, spec.max_per_h, lambda v: f"{num(v)} /h", spec.confidence)
    evidence, hours = happened(log, spec.of), exposure_h(log, spec.per)
    if evidence is None:
        return CheckResult(name, None, None, bound, "the log holds no event: nothing was watched")
    if hours <= 0:
        return CheckResult(name, None, None, bound, f"no {HOURS[spec.per]} to count over")
    confidence = spec.confidence or 0.95
    found = rate_of(count=len(evidence), exposure=hours, confidence=confidence)
    passed = decide(found, at_least=spec.min_per_h, at_most=spec.max_per_h, sure=spec.confidence is not None)
    detail = f"{several(len(evidence), 'time')} in {unit(hours, HOURS[spec.per])}, exact {percent(confidence)} interval"
    chance = by_chance(passed, found, at_least=spec.min_per_h, at_most=spec.max_per_h)
    detail += f" {num(found.low)} to {num(found.high)} /h" + (_more(found, hours, spec) if passed is None else ACROSS * chance)
    return CheckResult(name, passed, found.value, bound, detail, tuple(evidence[:SHOWN]), found.low, found.high, "/h", chance)


def _more(found: Interval, hours: float, spec: Rate) -> str:
    """About how many hours would decide, if they went on as these did."""
    value, confidence = found.value or 0.0, spec.confidence or 0.95
    times = enough(
        lambda t: rate_of(count=round(value * t * hours), exposure=t * hours, confidence=confidence),
        at_least=spec.min_per_h,
        at_most=spec.max_per_h,
    )
    if times is None:
        return "; too near to the bound to say how many would do"
    return f"; too few to be sure, about {unit(times * hours, HOURS[spec.per])} would do"


def at_least(spec: AtLeast, log: RunLog) -> CheckResult:
    """Whether a count or rate of the whole run is large enough."""
    value, detail = _MEASURES[spec.what](log)
    passed = None if value is None else value >= spec.min
    share = spec.what == "utilisation"
    bound = f"≥ {percent(spec.min) if share else format(spec.min, 'g')}"
    return CheckResult(f"at_least {spec.what}", passed, value, bound, detail, unit="%" if share else "")


def _episodes(log: RunLog) -> tuple[float | None, str]:
    n = episodes(log)
    return float(n), f"{n} episodes, {len(log.episodes) - n} voided"


def _usable(log: RunLog) -> tuple[float | None, str]:
    told = tally(log.episodes, ("usable", "end_reason")).without(end_reason="void", usable=None)
    good, known = told.of(usable=True), told.total
    if not known and len(log.episodes):
        return None, "whether an episode is usable was not recorded"
    return float(good), f"{good} of {known} episodes usable"


def _usable_per_robot_h(log: RunLog) -> tuple[float | None, str]:
    count, detail = _usable(log)
    hours = exposure_h(log, "robot_h")
    if count is None or hours <= 0:
        return None, detail if count is None else "the farm had no robot-hour"
    return count / hours, f"{detail}, in {hours:.3g} robot-hours"


def _utilisation(log: RunLog) -> tuple[float | None, str]:
    books: Accounts = account(log)
    if books.total_us == 0:
        return None, "the farm had no robot-hour"
    busy = books.by_state()["episode"]
    return busy / books.total_us, f"{busy / US / 3600:.3g} of {books.total_us / US / 3600:.3g} robot-hours in episodes"


_MEASURES: Mapping[str, Callable[[RunLog], tuple[float | None, str]]] = {
    "episodes": _episodes,
    "usable_episodes": _usable,
    "usable_per_robot_h": _usable_per_robot_h,
    "utilisation": _utilisation,
}
