"""Symptoms as faults of the fleet file: how often, how that changes, and how long a stop holds."""

from __future__ import annotations

import numpy as np

from twin.calibrate.episodelog import Episodes
from twin.calibrate.found import Found
from twin.calibrate.given import Given
from twin.calibrate.laws import estimate, law_estimates, own_law
from twin.calibrate.reliability import course, history, tell
from twin.calibrate.reliability.history import Happened
from twin.calibrate.reliability.inside import SURE, inside
from twin.calibrate.reliability.spec import ReliabilitySpec
from twin.calibrate.result import Estimate, Finding, Path
from twin.calibrate.stats.belief import rate, share
from twin.calibrate.stats.level import follow
from twin.calibrate.stats.lifetimes import Times, choose
from twin.core.records import Floats

SHORTER = 0.05
"""With a larger share of cycles that were no longer for their stop, what each lost is no time that a stop costs."""
FAULTS = {"protective_stop": ("safety", "protective_stop"), "grip_loss": ("gripper", "slips")}
"""Symptom → the fault that makes it, component and mode."""


def symptom(spec: ReliabilitySpec, given: Given, log: Episodes, what: str, cells: list[Happened], found: Found) -> None:
    """One symptom, of all cells together or of each."""
    groups = {"": cells} if spec.per == "all" else {c.cell: [c] for c in cells}
    told = [_group(spec, given, log, what, cell, members, found) for cell, members in groups.items()]
    if what == "protective_stop" and log.events is not None:
        faults = [path for paths, _ in told for path in paths]
        _recovery(spec, given, log, faults, found, placed=any(placed for _, placed in told))


def _recovery(spec: ReliabilitySpec, given: Given, log: Episodes, faults: list[Path], found: Found, *, placed: bool) -> None:
    """How long a stop holds a robot: what it costs its cycle, where that is clearly more than the time until it is cleared."""
    assert log.events is not None
    held, lost = history.stop_times(log.events), history.time_lost(log.frame, log.events, placed=placed)
    times, label = held, "time until a protective stop is cleared"
    if held is not None and lost.size >= 10:
        more = float(lost.mean() - held.t.mean())
        error = float(np.hypot(lost.std() / np.sqrt(lost.size), held.t.std() / np.sqrt(held.events)))
        if more > 3 * error and more > 0.5 * held.t.mean():
            told = f"a stop is cleared after {held.t.mean():.3g} s on average and costs its cycle {lost.mean():.3g} s"
            found.findings.append(
                Finding("warning", f"{told}: the twin's robot goes on at once, so it is given what a stop costs")
            )
            # where cycles vary by more than a stop costs, what single ones lost is no time; its mean is
            cost = lost[lost > 0] if (lost <= 0).mean() <= SHORTER else held.t + more
            times, label = Times(cost, np.ones(cost.size, bool)), "time that a protective stop costs"
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
) -> tuple[list[Path], bool]:
    """The faults that one symptom of some cells becomes, and whether they keep to a place of the cycle."""
    label = what.replace("_", " ") + (f" of {cell}" if cell else "")
    path = _path(what, cell)
    count, seconds = sum(c.count for c in cells), sum(c.operated for c in cells)
    had = in_order(cells)
    known = had[~np.isnan(had)]
    exact = all(c.exact for c in cells) and what == "protective_stop"
    if (count if exact else known.sum()) == 0:
        tell.nothing_happened(label, seconds / 3600, (*path, "mean_h"), log.source, given.confidence, found)
        return [path], False
    level = follow(had, smooth=True)
    stays = course.judge(label, had, level, found)
    if exact:
        trended = tell.steadiness(label, cells, given.stream(spec, f"{label}/trend"), found)
        stays = "open" if trended and stays == "stays" else stays
        _between(spec, given, label, cells, count, seconds / 3600, found)
    found.figures.append(course.picture(label, had, level))
    placed, follower, brought = _inside(given, log, label, cell, cells, found) if exact else (False, [], 0)
    timed = exact and not placed
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
    of = course.Onset(at, "rate_per_h" if timed else "per_episode", known_by, given.confidence, log.source)
    began = np.sort(np.concatenate([c.began for c in cells]))
    if known_by.bounded is not None or spec.course == "replay":
        found.estimates += of.replayed(level, began) if stays == "changes" else of.steady()
    else:
        found.estimates += of.steady() if stays == "stays" else of.now(level)
        found.estimates += course.wandering(label, of, level, began, found)
    return [path, *follower], placed


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
        data = Times.joined(times)
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
