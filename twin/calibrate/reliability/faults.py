"""Symptoms as faults of the fleet file: how often, how that changes, and how long a stop holds."""

from __future__ import annotations

import numpy as np

from twin.calibrate.episodelog import Episodes
from twin.calibrate.figures import BOTTOM, LEFT, RIGHT, TOP, frame
from twin.calibrate.found import Found
from twin.calibrate.given import Given
from twin.calibrate.laws import estimate, law_estimates, own_law
from twin.calibrate.reliability import history, tell
from twin.calibrate.reliability.history import Happened
from twin.calibrate.reliability.inside import SURE, inside
from twin.calibrate.reliability.spec import ReliabilitySpec
from twin.calibrate.result import Estimate, Figure, Finding, Path
from twin.calibrate.stats import trend
from twin.calibrate.stats.belief import Belief, rate, share
from twin.calibrate.stats.level import Level, follow
from twin.calibrate.stats.lifetimes import Times, choose
from twin.core.records import Floats
from twin.judge.report import svg

FAULTS = {"protective_stop": ("safety", "protective_stop"), "grip_loss": ("gripper", "slips")}
"""Symptom → the fault that makes it, component and mode."""
KNOTS = 13
"""Of the course of a rate."""
CHANGES = 0.95
"""With so much probability that a share changes, a steady one is refused, whatever a straight line says."""


def symptom(spec: ReliabilitySpec, given: Given, log: Episodes, what: str, cells: list[Happened], found: Found) -> None:
    """One symptom, of all cells together or of each."""
    groups = {"": cells} if spec.per == "all" else {c.cell: [c] for c in cells}
    faults = [path for cell, members in groups.items() for path in _group(spec, given, log, what, cell, members, found)]
    if what == "protective_stop" and log.events is not None:
        _recovery(spec, given, log, faults, found)


def _recovery(spec: ReliabilitySpec, given: Given, log: Episodes, faults: list[Path], found: Found) -> None:
    """How long a stop holds a robot: what it costs its cycle, where that is clearly more than the time until it is cleared."""
    assert log.events is not None
    held, lost = history.stop_times(log.events), history.time_lost(log.frame, log.events)
    times, label = held, "time until a protective stop is cleared"
    if held is not None and lost is not None and lost.events >= 10:
        more = float(lost.t.mean() - held.t.mean())
        error = float(np.hypot(lost.t.std() / np.sqrt(lost.events), held.t.std() / np.sqrt(max(held.events, 1))))
        if more > 3 * error and more > 0.5 * held.t.mean():
            told = f"a stop is cleared after {held.t.mean():.3g} s on average and costs its cycle {lost.t.mean():.3g} s"
            found.findings.append(
                Finding("warning", f"{told}: the twin's robot goes on at once, so it is given what a stop costs")
            )
            times, label = lost, "time that a protective stop costs"
    if times is None or times.events < 5:
        found.findings.append(Finding("note", "too few stops were seen to be cleared for a law of how long they hold"))
        return
    laws = choose(times, given.stream(spec, "recover"), ("exponential", "weibull", "lognormal", "mixture"))
    for fault in faults:
        found.estimates += law_estimates(laws[0], (*fault, "recover_s"), given.confidence, unit="s", source=log.source)
    tell.laws(label, laws, times, "s", times.events, None, found)


def _path(what: str, cell: str) -> Path:
    name = what.replace("_", " ")
    return ("faults", f"{name} {cell}" if cell else name) if what in FAULTS else ("models", "symptoms", what)


def _group(
    spec: ReliabilitySpec, given: Given, log: Episodes, what: str, cell: str, cells: list[Happened], found: Found
) -> list[Path]:
    """The faults that one symptom of some cells becomes."""
    label = what.replace("_", " ") + (f" of {cell}" if cell else "")
    path = _path(what, cell)
    count, seconds = sum(c.count for c in cells), sum(c.operated for c in cells)
    had = in_order(cells)
    known = had[~np.isnan(had)]
    exact = all(c.exact for c in cells) and what == "protective_stop"
    if (count if exact else known.sum()) == 0:
        tell.nothing_happened(label, seconds / 3600, (*path, "mean_h"), log.source, given.confidence, found)
        return [path]
    level = follow(had, smooth=True)
    changes = _changes(label, had, level, found)
    if exact:
        tell.steadiness(label, cells, given.stream(spec, f"{label}/trend"), found)
        _between(spec, given, label, cells, count, seconds / 3600, found)
    found.figures.append(course(label, cells, level))
    placed, follower, brought = _inside(given, log, label, cell, cells, found) if exact else (False, [], 0)
    timed = exact and not placed
    key, unit = ("rate_per_h", "1/h") if timed else ("per_episode", "")
    known_by = rate(count - brought, seconds / 3600) if timed else share(int(known.sum()), known.size)
    found.estimates += _fault(what, path, cell, log.source)
    at: Path = (*path, "onset")
    found.facts[label] = {
        "cycles": int(known.size),
        "with": int(known.sum()),
        "count": count,
        "hours": seconds / 3600,
        "changes": level.changes,
    }
    if not changes:
        found.estimates.append(
            estimate((*at, key), known_by, given.confidence, unit=unit, source=log.source, method="Jeffreys")
        )
    else:
        found.estimates += _changing(spec, given, at, key, unit, known_by, level, cells, log.source)
    return [path, *follower]


def _fault(what: str, path: Path, cell: str, source: str) -> list[Estimate]:
    """What the fault of a symptom is, and on which cell."""
    if what not in FAULTS:
        return []
    named = [*zip(("component", "mode"), FAULTS[what], strict=True), *([("target", cell.rpartition("/")[2])] if cell else [])]
    return [Estimate((*path, key), value, source=source) for key, value in named]


def _between(
    spec: ReliabilitySpec, given: Given, label: str, cells: list[Happened], count: int, hours: float, found: Found
) -> None:
    """Laws of the time between two."""
    times = [t for t in (c.times(new=False) for c in cells) if t is not None and t.events]
    if times:
        data = Times(np.concatenate([t.t for t in times]), np.concatenate([t.ended for t in times]))
        laws = choose(data, given.stream(spec, f"{label}/between"), spec.families)
        tell.laws(f"time between {label}s", laws, data, "s of operation", count, hours, found)


def _inside(
    given: Given, log: Episodes, label: str, cell: str, cells: list[Happened], found: Found
) -> tuple[bool, list[Path], int]:
    """Whether stops begin at a place of the episode; the fault by which one brings another, and how many came by it."""
    told = None if log.events is None else inside(log.frame, log.events, {c.cell for c in cells})
    if told is None:
        return False, [], 0
    p = told.at_a_place()
    placed = p is not None and p < SURE
    path = _path("protective_stop", cell)
    if placed:
        low, middle, high = (float(v) for v in np.quantile(told.first, (0.1, 0.5, 0.9)))
        text = (
            f"{label}: the first of an episode begins {middle:.3g} s after its start ({low:.3g} to {high:.3g} in eight of ten; "
            f"p = {p:.2g} at a steady rate): a share of episodes has one, and no rate over time"
        )
        found.findings.append(Finding("note", text))
        found.estimates += own_law(told.first, (*path, "onset", "after_s"), log.source)
    following = told.followers(placed=placed)
    if following is None or following[1] > SURE:
        return placed, [], 0
    known, again = following[0], (*path[:-1], f"{path[-1]} again")
    text = f"{label}: {told.again.size} of {told.left.size} were followed by another in the same episode"
    found.findings.append(Finding("note", f"{text}: one brings another with probability {known.value:.2f}"))
    brings = estimate((*again, "onset", "probability"), known, given.confidence, unit="", source=log.source, method="Jeffreys")
    found.estimates += [*_fault("protective_stop", again, cell, log.source),
                        Estimate((*again, "onset", "event"), "stop.cleared", source=log.source),
                        Estimate((*again, "onset", "of"), f"{path[-1]}*", source=log.source), brings,
                        *own_law(told.again, (*again, "onset", "delay_s"), log.source)]  # fmt: skip
    return placed, [again], min(told.again.size, round(known.value * known.n))


def in_order(cells: list[Happened]) -> Floats:
    """(n,) cycles of all cells, in the order in which they began."""
    had, began = (np.concatenate([getattr(c, k) for c in cells]) for k in ("had", "began"))
    return np.asarray(had[np.argsort(began, kind="stable")])


def _changes(label: str, had: Floats, level: Level, found: Found) -> bool:
    """Whether the share of cycles changes, by a straight line or by what is known of its level."""
    known = had[~np.isnan(had)]
    line, parts = trend.of_cycles(known), trend.halves(known, 120)
    found.facts[f"{label}, cycles"] = [vars(t) for t in (line, parts) if t is not None]
    if line is None or parts is None:
        return False
    refused = line.p < tell.SURE or level.changes > CHANGES
    figures = found.facts.setdefault("figures", {})
    assert isinstance(figures, dict)
    figures[label] = {"trend_p": line.p, "first_against_last_p": parts.p, "stationary_refused": refused}
    told = f"{line.name} p = {line.p:.2g}, {parts.name}, p = {parts.p:.2g}; it changes with probability {level.changes:.3f}"
    if refused:
        text = (
            f"{label}: the share of cycles does not stay ({told}); a stationary model is refused for forecasting, "
            "one that changes is offered and used"
        )
        found.findings.append(Finding("refused", text))
        return True
    found.findings.append(Finding("note", f"{label}: no sign that the share of cycles changes ({told})"))
    return False


def _changing(
    spec: ReliabilitySpec,
    given: Given,
    at: Path,
    key: str,
    unit: str,
    flat: Belief,
    level: Level,
    cells: list[Happened],
    source: str,
) -> list[Estimate]:
    """The rate as it is now, or its course over the log as factors on the mean."""
    began = np.sort(np.concatenate([c.began for c in cells]))
    block = np.linspace(0, began.size, len(level.path), endpoint=False).astype(int)
    path = level.path[:, 1]
    mean = float(np.mean(-np.log1p(-path))) if key == "rate_per_h" else float(np.mean(path))

    def times(p: float) -> float:
        return (-np.log1p(-p) if key == "rate_per_h" else p) / mean

    if spec.course == "now":
        low, high = level.quantile(0.05), level.quantile(0.95)
        value, unsure = flat.value * times(level.quantile(0.5)), given.confidence
        now = Belief(value, lambda p: flat.value * times(level.quantile(p)), flat.n)
        method = f"level at the end of the log (share of cycles {low:.2f} to {high:.2f})"
        return [estimate((*at, key), now, unsure, unit=unit, source=source, method=method)]
    knots = np.unique(np.linspace(0, len(path) - 1, KNOTS).round().astype(int))
    hours = _without_holes(began)[block[knots]] / 3600
    keep = np.concatenate(([True], np.diff(hours) > 0))
    factors = tuple(float(max(times(p), 1e-3)) for p in path[knots][keep])
    return [
        estimate((*at, key), flat, given.confidence, unit=unit, source=source, method="mean over the log"),
        Estimate((*at, "varies", "at_h"), tuple(map(float, hours[keep])), n=flat.n, unit="h", source=source),
        Estimate((*at, "varies", "times"), factors, n=flat.n, source=source, method="smoothed level"),
    ]


def _without_holes(began: Floats) -> Floats:
    """(n,) s since the first cycle, as if the recording had never paused: a pause is twenty times the usual step or more."""
    steps = np.diff(began)
    usual = float(np.median(steps)) if steps.size else 0.0
    return np.concatenate(([0.0], np.cumsum(np.where(steps > 20 * usual, usual, steps))))


def course(label: str, cells: list[Happened], level: Level) -> Figure:
    """The share of cycles as it was known after each, with its 90 % interval, over shares of ten groups of cycles (squares)."""
    had = in_order(cells)
    n, path = had.size, level.path
    at = np.linspace(1, n, len(path))
    x, y = svg.Scale(0, n, LEFT, RIGHT), svg.Scale(0, max(0.05, float(np.nanmax(path[len(path) // 10 :, 2]))), BOTTOM, TOP)
    body = frame(x, y, "cycles in their order", f"share with {label}")
    keep = np.unique(np.linspace(0, len(path) - 1, min(200, len(path))).astype(int))

    def line(k: int) -> list[tuple[float, float]]:
        return [(x(float(at[i])), y(min(float(path[i, k]), y.high))) for i in keep]

    body.append(svg.path([*line(2), *reversed(line(0))], cls="band sim"))
    body.append(svg.path(line(1), cls="curve sim"))
    for part in np.array_split(np.arange(n), min(10, n)):
        if (~np.isnan(had[part])).any():
            got = float(np.nanmean(had[part]))
            body.append(svg.rect(x(float(part.mean())) - 4, y(min(got, y.high)) - 4, 8, 8, cls="dot real"))
    caption = f"Share of cycles with {label}: level with 90 % interval (line), counted in ten parts of the log (squares)."
    return Figure(svg.figure(body, height=284, width=520, alt=caption), caption)
