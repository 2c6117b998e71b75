"""Entry of the part `operations`: resets, people, detectors."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from twin.calibrate.episodelog import Episodes
from twin.calibrate.found import Found, survival
from twin.calibrate.given import Given
from twin.calibrate.laws import estimate, law_estimates
from twin.calibrate.logspec import CallLog
from twin.calibrate.operations import detector, people, resets
from twin.calibrate.operations.spec import OperationsSpec
from twin.calibrate.result import Estimate, Finding, PartResult, Path
from twin.calibrate.stats.belief import share
from twin.calibrate.stats.lifetimes import Times, choose
from twin.core.errors import TableError
from twin.farm.ladder import AutomaticRung

FAMILIES = ("exponential", "weibull", "lognormal", "mixture")
FEWEST = 5
"""Times that a law needs."""


def fit(spec: OperationsSpec, given: Given) -> PartResult:
    """What the log tells of operations. Raises `TableError` where it tells nothing of them."""
    log = given.episodes(spec.log, also=CallLog)
    found = Found(findings=list(log.findings))
    given.say(f"{given.name(spec)}: resets")
    _resets(spec, given, log, found)
    if log.events is not None:
        given.say(f"{given.name(spec)}: people")
        _people(spec, given, log, found)
    given.say(f"{given.name(spec)}: detector")
    _detector(spec, given, log, found)
    if not found.estimates and len(found.findings) == len(log.findings):
        raise TableError(f"log {spec.log!r} tells nothing of operations: no resets, calls, or labels beside truth")
    parts = tuple(found.estimates), (), tuple(found.findings), tuple(found.figures), found.facts
    return PartResult("operations", given.name(spec), *parts)


def law(spec: OperationsSpec, given: Given, path: Path, label: str, times: Times | None, source: str, found: Found) -> None:
    """The law of some seconds at a path, with its figure; too few are said."""
    if times is None or times.events < FEWEST:
        n = 0 if times is None else times.events
        found.findings.append(Finding("note", f"{label}: {n} were seen to their end, too few for a law"))
        return
    if np.ptp(times.t) < 1e-3 * times.t.mean():  # a time that never varies is a number
        value = float(np.median(times.t))
        found.estimates.append(Estimate(path, value, value, value, times.events, "s", source, "the same each time"))
        return
    laws = choose(times, given.stream(spec, label), FAMILIES)
    found.estimates += law_estimates(laws[0], path, given.confidence, unit="s", source=source)
    found.figures.append(survival(label, laws[0], times, "s"))
    found.facts[f"{label}, laws"] = [{"law": one.family, "held_out": one.held_out, **one.point} for one in laws]


def _resets(spec: OperationsSpec, given: Given, log: Episodes, found: Found) -> None:
    if resets.told_all(log.events):
        assert log.events is not None
        rungs = resets.from_events(log.events)
    else:
        one = resets.from_episodes(log.frame)
        rungs = [] if one is None else [one]
    at = [0, 1, 2, 3]
    if given.fleet is not None:
        at = [i for i, rung in enumerate(given.fleet.resets) if isinstance(rung, AutomaticRung)]
    if len(rungs) > len(at):
        text = f"the log has {len(rungs)} automatic rungs and the fleet {len(at)}: the others have no place in it"
        found.findings.append(Finding("warning", text))
    for k, rung in enumerate(rungs[: len(at)]):
        path: Path = ("resets", str(at[k]))
        known = share(rung.good, rung.tries)
        found.estimates.append(
            estimate((*path, "success"), known, given.confidence, unit="", source=log.source, method="Jeffreys, per attempt")
        )
        if known.bounded:
            word = "never" if known.bounded == "above" else "always"
            text = f"rung {at[k]}: {rung.tries} attempts {word} worked: a one-sided bound, [{known.low:.3g}, {known.high:.3g}]"
            found.findings.append(Finding("note", text))
        data = np.array([s for s in rung.seconds if s > 0])
        times = Times(data, np.ones(data.size, bool)) if data.size else None
        law(spec, given, (*path, "seconds"), f"time of an attempt at rung {at[k]}", times, log.source, found)
    if not rungs:
        _turnround(spec, given, log, at, found)


def _turnround(spec: OperationsSpec, given: Given, log: Episodes, at: list[int], found: Found) -> None:
    """A log without resets tells at least how long it takes from one episode to the next."""
    gaps, step = resets.turnround(log.frame), log.sampled_s or 0.0
    if gaps.size < FEWEST or not at:
        return
    path: Path = ("resets", str(at[0]), "seconds")
    said = f"is given to rung {at[0]}, whose share of success is not identified"
    if np.median(gaps) < 2 * step:  # each end is seen up to a step late or early, one step in all on average
        value, error = float(gaps.mean()) - step, float(gaps.std() / np.sqrt(gaps.size))
        z = float(ndtri(0.5 + given.confidence / 2))
        low, value, high = (max(v, 0.0) for v in (value - z * error, value, value + z * error))
        text = f"the log tells of no resets; from one episode to the next it takes {value:.2g} s [{low:.2g}, {high:.2g}], the "
        found.findings.append(Finding("warning", f"{text}recorder's step of {step:.3g} s taken off; that {said}"))
        method = "mean less the recorder's step"
        found.estimates.append(Estimate(path, value, low, high, gaps.size, "s", log.source, method))
        return
    gaps = np.maximum(gaps - step, 1e-3)
    told = f"the log tells of no resets; the time between episodes ({np.median(gaps):.3g} s, n = {gaps.size})"
    found.findings.append(Finding("warning", f"{told} {said}"))
    times = Times(gaps, np.ones(gaps.size, bool))
    law(spec, given, path, "time between episodes", times, log.source, found)


def _people(spec: OperationsSpec, given: Given, log: Episodes, found: Found) -> None:
    assert log.events is not None
    counts = {name: pool.count for name, pool in given.fleet.people.items()} if given.fleet else {}
    for name, pool in people.pools(log.events, counts).items():
        known = given.fleet is None or name in given.fleet.people
        path: Path = ("people", name) if known else ("models", "people", name)
        law(spec, given, (*path, "response_s"), f"response of {name}", pool.response, log.source, found)
        if pool.work is not None:
            law(spec, given, (*path, "work_s"), f"work of {name}", pool.work, log.source, found)
        if pool.waited:
            text = f"{name}: {pool.waited} calls waited until somebody was free; the wait is not counted as response"
            found.findings.append(Finding("note", text))


def _detector(spec: OperationsSpec, given: Given, log: Episodes, found: Found) -> None:
    audit = None if spec.audit is None else given.episodes(spec.audit).frame
    told = detector.confusion(log.frame, audit, given.stream(spec, "detector"))
    if told is None:
        if log.frame["label"].notna().any():
            found.findings.append(
                Finding("note", "labels have no truth or audit beside them: the detector's errors are not told")
            )
        return
    found.facts["confusion"] = told.audited | {"labels": list(told.labels)}
    cells = [cell.name for cell in given.fleet.cells] if given.fleet else []
    for key, known in (("false_positive", told.false_positive), ("false_negative", told.false_negative)):
        if known is None:
            which = "failed" if key == "false_positive" else "succeeded"
            found.findings.append(Finding("warning", f"detector: no audited episode {which}, so {key} is not identified"))
            continue
        if known.bounded:
            found.findings.append(
                Finding("note", f"detector: no {key} in {known.n}: at most {known.high:.3g} (95 %, one-sided)")
            )
        paths: list[Path] = [("cells", name, "detector", key) for name in cells] or [("models", "detector", key)]
        for path in paths:
            found.estimates.append(
                estimate(path, known, given.confidence, unit="", source=log.source, method="label against truth")
            )
