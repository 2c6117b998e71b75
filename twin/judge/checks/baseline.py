"""Checks beside a baseline: `not_worse_than`, `no_effect`. Both sides are pooled over their runs and taken as independent; runs
that share a seed resemble each other, which makes these intervals wider than they need be, never too narrow for that reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twin.core.errors import InputError
from twin.judge.checks.amounts import exposure_h
from twin.judge.checks.episodes import failures, observed, unit_of
from twin.judge.checks.events import happened
from twin.judge.checks.result import CheckResult, decide, named, percent
from twin.judge.columns import refuse_nan
from twin.judge.spec import FIGURES, SHARES, CheckSpec, Effect, NoEffect, NotWorseThan
from twin.judge.stats import NOTHING, Interval, median, proportion
from twin.judge.stats import rate as rate_of
from twin.judge.tally import tally
from twin.judge.words import NB, between, count, pct, points, several, unit
from twin.log.tables import RunLog, open_run, read_meta


@dataclass(frozen=True)
class Baseline:
    """The runs that a check compares with; none: `why` says what is wrong."""

    name: str
    logs: tuple[RunLog, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        told = ", ".join(str(log.meta.get("hash"))[:8] for log in self.logs[:3]) + (" …" if len(self.logs) > 3 else "")
        return f"{self.name} ({several(len(self.logs), 'run')}, hash {told})"


class Baselines:
    """The baselines that a run's checks name, each read once."""

    def __init__(self, log: RunLog, checks: Sequence[CheckSpec]) -> None:
        self.log = log
        named = [item.run for check in checks for item in (check.not_worse_than, check.no_effect) if item is not None]
        self.usual = next((name for name in named if name is not None), None)
        self.read: dict[str, Baseline] = {}

    def of(self, name: str | None) -> Baseline:
        """A baseline by name; None: the one that another check names. Raises `InputError` where none does."""
        name = name or self.usual
        if name is None:
            raise InputError("no_effect names no run, and no other check does: write no_effect: {run: …, on: […]}")
        if name not in self.read:
            self.read[name] = _find(name, self.log)
        return self.read[name]


def _find(name: str, log: RunLog) -> Baseline:
    """Runs by the path of a run folder, or of a folder of them, of which those of the same scenario count."""
    beside = log.meta.get("scenario_path")
    roots = [Path(str(beside)).parent] if beside else []
    places = [root / name for root in dict.fromkeys([*roots, log.folder.parent, Path()])]
    place = next((p for p in places if p.is_dir()), None)
    if place is None:
        return Baseline(name, why=f"no baseline: there is no folder {name!r} beside the scenario or beside this run")
    folders = [place] if (place / "run.json").is_file() else sorted(path.parent for path in place.glob("*/run.json"))
    if not folders:
        return Baseline(name, why=f"no baseline: the folder {name!r} holds no finished run")
    own = log.folder.resolve()
    metas = {folder: read_meta(folder) for folder in folders if folder.resolve() != own}
    if len(folders) > 1:
        metas = {folder: meta for folder, meta in metas.items() if meta.get("scenario") == log.meta.get("scenario")}
    if not metas:
        only = "only this run itself" if any(f.resolve() == own for f in folders) else "no run of this scenario"
        return Baseline(name, why=f"no baseline: the folder {name!r} holds {only}")
    if wrong := next(filter(None, (_unlike(meta, log.meta) for meta in metas.values())), None):
        return Baseline(name, why=wrong)
    logs = tuple(open_run(folder) for folder in metas)
    for other in logs:
        refuse_nan(other)
    return Baseline(name, logs)


def _unlike(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str | None:
    """Why a run is no baseline of another; None: it is one."""
    for key in ("tier", "engine"):
        if theirs.get(key) != ours.get(key):
            return f"the baseline's {key} is {theirs.get(key)}, this run's {ours.get(key)}"
    return "a run of the baseline is void and says nothing" if theirs.get("verdict") == "void" else None


def gap(ours: Interval, theirs: Interval) -> Interval:
    """Ours minus theirs, with the interval that follows from both (Newcombe 1998, method 10, for shares; Zou and Donner 2008,
    "MOVER", for medians and rates)."""
    if ours.value is None or theirs.value is None:
        return NOTHING
    d, n = ours.value - theirs.value, min(ours.n, theirs.n)
    if ours.low is None or ours.high is None or theirs.low is None or theirs.high is None:
        return Interval(d, None, None, n)
    low = d - math.hypot(ours.value - ours.low, theirs.high - theirs.value)
    return Interval(d, low, d + math.hypot(ours.high - ours.value, theirs.value - theirs.low), n)


def _yes(logs: Sequence[RunLog], name: str, task: str | None, confidence: float) -> Interval:
    """The share of `success` or `usable` over all episodes of some runs."""
    of, k, n = "label" if name == "success" else name, 0, 0
    for log in logs:
        told = tally(log.episodes, (of, "end_reason", "task")).without(**{"end_reason": "void", of: None})
        mine = told if task is None else told.only(task=task)
        k, n = k + mine.of(**{of: True}), n + mine.total
    return proportion(k=k, n=n, confidence=confidence)


def not_worse_than(spec: NotWorseThan, log: RunLog, known: Baselines) -> CheckResult:
    """Whether success is not lower than the baseline's by more than the margin."""
    name, bound = f"not_worse_than {spec.run}", f"≥ −{percent(spec.margin)}, {percent(spec.confidence)} sure"
    base = known.of(spec.run)
    if not base.logs:
        return CheckResult(name, None, None, bound, base.why)
    ours, theirs = (_yes(logs, "success", spec.task, spec.confidence) for logs in ((log,), base.logs))
    if ours.value is None or theirs.value is None:
        side = "this run" if ours.value is None else str(base)
        return CheckResult(name, None, None, bound, f"no labelled episode of {spec.task} in {side}")
    found = gap(ours, theirs)
    passed = decide(found, at_least=-spec.margin)
    shown = [f"{pct(side.value)} (n{NB}{count(side.n)})" for side in (ours, theirs)]
    detail = f"{shown[0]} beside {shown[1]} of {base}: {points(found)}" + (_more(found, spec.margin) if passed is None else "")
    evidence = named(log, failures, ("label",), spec.task)
    return CheckResult(name, passed, found.value, bound, detail, evidence, found.low, found.high, "%")


def _more(found: Interval, margin: float) -> str:
    """About how many episodes a side would decide, if they went on as these did."""
    if found.value is None or found.low is None or found.high is None:
        return ""
    away = found.value + margin
    reach = found.value - found.low if away > 0 else found.high - found.value
    if abs(away) < 1e-3 or reach <= 0:
        return "; too near to the margin to say"
    return f"; cannot tell, about {count(math.ceil(found.n * (reach / away) ** 2))} episodes a side would do"


@dataclass(frozen=True)
class _Compared:
    """One statistic of `no_effect`: whether it agrees, how far it is off in margins, and in what words."""

    agrees: bool | None
    margins: float | None
    words: str


def no_effect(spec: NoEffect, log: RunLog, known: Baselines) -> CheckResult:
    """Whether all statistics agree with the baseline's. That all agree needs no correction for their number; that one of k
    differs is said with k times less doubt, so that looking at many raises no more false alarms."""
    name = "no_effect on " + ", ".join(effect.of for effect in spec.on)
    bound = f"≤ 1 × margin, {percent(spec.confidence)} sure"
    base = known.of(spec.run)
    if not base.logs:
        return CheckResult(name, None, None, bound, base.why)
    told = [_effect(effect, (log,), base.logs, spec) for effect in spec.on]
    answers = [each.agrees for each in told]
    passed = False if False in answers else None if None in answers else True
    off = [each.margins for each in told]
    worst = None if None in off else max(m for m in off if m is not None)
    return CheckResult(name, passed, worst, bound, f"beside {base}: " + "; ".join(t.words for t in told), unit="×")


def _effect(effect: Effect, ours: Sequence[RunLog], theirs: Sequence[RunLog], spec: NoEffect) -> _Compared:
    """A statistic on both sides, held against its margin."""
    wide = 1 - (1 - spec.confidence) / len(spec.on)
    pairs = [[measured(logs, effect.of, spec.task, c) for logs in (ours, theirs)] for c in (spec.confidence, wide)]
    (a, b), apart = pairs[0], gap(*pairs[1])
    found = gap(a, b)
    if found.value is None or b.value is None:
        return _Compared(None, None, f"{effect.of} was not measured on both sides")
    share = effect.of in SHARES
    margin = effect.bound * (1.0 if share else abs(b.value))
    inside = found.low is not None and found.high is not None and -margin <= found.low and found.high <= margin
    outside = decide(apart, at_most=margin) is False or decide(apart, at_least=-margin) is False
    agrees = True if inside else False if outside else None
    off = abs(found.value) / margin if margin > 0 else 0.0 if found.value == 0 else None
    word = {True: "agrees", False: "differs", None: "cannot tell"}[agrees]
    within = f"{100 * effect.bound:g}{NB}points" if share else f"{100 * effect.bound:g}{NB}% of the baseline"
    shown = points(found) if share else _shown(effect.of, a, b)
    return _Compared(agrees, off, f"{effect.of} {word} within {within}: {shown}")


def _shown(name: str, a: Interval, b: Interval) -> str:
    unit_ = unit_of(name) if name in FIGURES else "/h"
    return " beside ".join(f"{unit(side.value, unit_)} ({between(side, unit_)})" for side in (a, b))


def measured(logs: Sequence[RunLog], name: str, task: str | None, confidence: float) -> Interval:
    """A statistic over some runs: a share of episodes, the median of a figure over whole episodes, or a rate a robot-hour."""
    if name in SHARES:
        return _yes(logs, name, task, confidence)
    if name in FIGURES:
        sides = [observed(log, name, task) for log in logs]
        return median(np.concatenate([low[low == high] for low, high, _ in sides]), confidence=confidence)
    found = [happened(log, name) for log in logs]
    if any(each is None for each in found):
        return NOTHING
    hours = sum(exposure_h(log, "robot_h") for log in logs)
    return rate_of(count=sum(len(each or ()) for each in found), exposure=hours, confidence=confidence)
