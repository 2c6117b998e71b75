"""How a rate or a share goes on: whether it stays, what it was and is, and how far it may wander from there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from twin.calibrate.figures import BOTTOM, LEFT, RIGHT, TOP, frame
from twin.calibrate.found import Found
from twin.calibrate.laws import estimate
from twin.calibrate.reliability import tell
from twin.calibrate.result import Estimate, Figure, Finding, Path
from twin.calibrate.stats import trend
from twin.calibrate.stats.belief import Belief
from twin.calibrate.stats.level import Level
from twin.core.records import Floats
from twin.judge.report import svg

KNOTS = 13
"""Of the course of a rate."""
CHANGES = 0.95
"""With so much probability that a share changes, a steady one is refused, whatever a straight line says."""
LIKELY = 0.1
"""With so much probability that it changes, for who leaves room for it, what comes next starts from where it is now."""
RETURNS = 4
"""A course comes back in so many times the length of the log: a log cannot tell one that does from one that never does, and
one that never does leaves in a long run nothing but none and all."""
COURSES, COURSES_FROM = 40, "posterior of the level and of how it goes on"
"""Equally likely ones, of which a run draws its own."""
Verdict = Literal["stays", "open", "changes"]


def judge(label: str, had: Floats, level: Level, found: Found) -> Verdict:
    """Whether the share of cycles stays or changes, by a straight line and by what is known of its level."""
    known = had[~np.isnan(had)]
    line, parts = trend.of_cycles(known), trend.halves(known, 120)
    found.facts[f"{label}, cycles"] = [vars(t) for t in (line, parts) if t is not None]
    likely: Verdict = "open" if level.may_change > LIKELY else "stays"
    if line is None or parts is None:
        return likely
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
        return "changes"
    rest = (
        "" if likely == "stays" else "; that it stays is not shown either, so what comes next starts from its level at the end"
    )
    found.findings.append(Finding("note", f"{label}: no sign that the share of cycles changes ({told}){rest}"))
    return likely


@dataclass(frozen=True)
class Onset:
    """Where the rate (1/h) or the share of cycles of a fault stands in the fleet file, and what all of the log says of it."""

    at: Path
    key: Literal["rate_per_h", "per_episode"]
    flat: Belief
    confidence: float
    source: str

    def _said(self, known: Belief, method: str) -> Estimate:
        return estimate(
            (*self.at, self.key),
            known,
            self.confidence,
            unit="1/h" if self.key == "rate_per_h" else "",
            source=self.source,
            method=method,
        )

    def steady(self) -> list[Estimate]:
        """As it was all the time."""
        return [self._said(self.flat, "Jeffreys")]

    def times(self, level: Level, share: Floats) -> Floats:
        """What shares of cycles are of the mean over the log; of a rate by the onsets that make such a share."""
        path = level.path[:, 1]
        if self.key == "rate_per_h":
            return np.asarray(np.log1p(-share) / np.mean(np.log1p(-path)))
        return np.asarray(share / np.mean(path))

    def now(self, level: Level) -> list[Estimate]:
        """As it is at the end of the log."""

        def quantile(p: float) -> float:
            value = float(self.flat.value * self.times(level, np.array(level.quantile(p))))
            return value if self.key == "rate_per_h" else min(value, 1.0)

        low, high = level.quantile(0.05), level.quantile(0.95)
        method = f"level at the end of the log (share of cycles {low:.2f} to {high:.2f})"
        return [self._said(Belief(quantile(0.5), quantile, self.flat.n), method)]

    def replayed(self, level: Level, began: Floats) -> list[Estimate]:
        """Its course over the log, as factors on the mean. began (n,): when each cycle did, in order, s."""
        path = level.path[:, 1]
        block = np.linspace(0, began.size, len(path), endpoint=False).astype(int)
        knots = np.unique(np.linspace(0, len(path) - 1, KNOTS).round().astype(int))
        hours = without_holes(began)[block[knots]] / 3600
        keep = np.concatenate(([True], np.diff(hours) > 0))
        factors = tuple(np.maximum(self.times(level, path[knots][keep]), 1e-3).tolist())
        n = self.flat.n
        return [
            self._said(self.flat, "mean over the log"),
            Estimate((*self.at, "varies", "at_h"), tuple(hours[keep].tolist()), n=n, unit="h", source=self.source),
            Estimate((*self.at, "varies", "times"), factors, n=n, source=self.source, method="smoothed level"),
        ]


def wandering(label: str, onset: Onset, level: Level, began: Floats, found: Found) -> list[Estimate]:
    """How it may go on from where it is: courses of which each run draws one; none where the log leaves no room for it."""
    hours = float(without_holes(began)[-1]) / 3600
    share, sd, cycles = level.draws(COURSES)
    if hours <= 0 or not sd.any():
        return []
    cycle_h = hours / (began.size - 1)
    per_sqrt_h = sd / np.sqrt(cycle_h) * (-share / np.log1p(-share) if onset.key == "rate_per_h" else 1.0)
    returns_h = np.minimum(cycle_h * cycles, RETURNS * hours)
    times = onset.times(level, share) / onset.times(level, np.array(level.quantile(0.5)))
    low, middle, high = (float(v) for v in np.quantile(_after_an_hour(per_sqrt_h, returns_h, times), (0.05, 0.5, 0.95)))
    kinds, what = level.kinds, "rate" if onset.key == "rate_per_h" else "odds"
    text = (
        f"{label}: it stays with probability {kinds['steady']:.2f}, comes in spells with {kinds['clusters']:.2f}, and "
        f"wanders or jumps with {level.may_change:.2f}; "
        f"at a moment an hour later nine of ten runs have {low:.2g} to {high:.2g} times its {what} now"
    )
    found.findings.append(Finding("note", text))
    n, source, at = onset.flat.n, onset.source, (*onset.at, "wanders")
    told = Estimate(("models", "wandering", label, "after_an_hour_times"), middle, low, high, n, "", source, COURSES_FROM)
    columns = {"per_sqrt_h": (per_sqrt_h, "1/√h"), "returns_h": (returns_h, "h"), "times": (times, "")}
    return [told, *(Estimate((*at, key), tuple(values.tolist()), n=n, unit=unit, source=source, method=COURSES_FROM)
                    for key, (values, unit) in columns.items())]  # fmt: skip


def _after_an_hour(per_sqrt_h: Floats, returns_h: Floats, times: Floats) -> Floats:
    """(n,) equally likely factors on the level now."""
    variance = per_sqrt_h**2 * returns_h / 2 * -np.expm1(-2 / returns_h)
    away = special.ndtri((np.arange(COURSES) + 0.5) / COURSES)
    return np.asarray((times * np.exp(np.sqrt(variance) * away[:, None] - variance / 2)).ravel())


def without_holes(began: Floats) -> Floats:
    """(n,) s since the first cycle, as if the recording had never paused: a pause is twenty times the usual step or more."""
    steps = np.diff(began)
    usual = float(np.median(steps)) if steps.size else 0.0
    return np.concatenate(([0.0], np.cumsum(np.where(steps > 20 * usual, usual, steps))))


def picture(label: str, had: Floats, level: Level) -> Figure:
    """The share of cycles as it was known after each, with its 90 % interval, over shares of ten groups of cycles (squares)."""
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
