"""Findings and figures of times between happenings: what did not happen, which law, whether it stays."""

from __future__ import annotations

from collections.abc import Sequence

from twin.calibrate.found import Found, survival
from twin.calibrate.laws import estimate
from twin.calibrate.reliability.history import Happened
from twin.calibrate.result import Finding, Path
from twin.calibrate.stats import trend
from twin.calibrate.stats.belief import rate
from twin.calibrate.stats.lifetimes import Law, Times, inverse, largest_gap
from twin.core.chance import Stream

SURE = 0.001
"""A trend with a smaller p refuses the stationary model."""


def nothing_happened(label: str, hours: float, path: Path, source: str, confidence: float, found: Found) -> None:
    """None in so many hours is a bound, and no zero."""
    if hours <= 0:
        found.findings.append(Finding("warning", f"{label}: no operating time is known, so nothing can be said"))
        return
    known = rate(0, hours)
    found.estimates.append(estimate(path, inverse(known), confidence, unit="h", source=source, method="none seen"))
    text = (
        f"{label}: none in {hours:.4g} h of operation: at most {known.high:.3g} an hour (95 %, one-sided); not in the overlay"
    )
    found.findings.append(Finding("note", text))


def laws(label: str, told: Sequence[Law], data: Times, unit: str, count: int, hours: float | None, found: Found) -> None:
    """Which law was taken and why, and how far it leaves Kaplan and Meier's curve."""
    best = told[0]
    rows = [
        {"law": law.family, "held_out": law.held_out, "bic": law.bic, "gap": largest_gap(law, data), **law.point}
        for law in told
    ]
    found.facts[f"{label}, laws"] = rows
    over = "" if hours is None else f" in {hours:.4g} h"
    rest = ", ".join(f"{law.family} {law.held_out:.3f}" for law in told if law.held_out is not None)
    gap = largest_gap(best, data)
    far = "none seen from its start to its end" if gap is None else f"{gap:.0%} at most from Kaplan and Meier"
    scored = f" (log score held out, nats: {rest})" if rest else ""
    text = f"{label}: {count}{over}; {best.family}, {far}{scored}"
    found.findings.append(Finding("note", text))
    found.figures.append(survival(label, best, data, unit))


def steadiness(label: str, cells: Sequence[Happened], stream: Stream, found: Found) -> bool:
    """Whether moments are a Poisson process; True where a trend refuses a stationary model."""
    systems = [whole for c in cells if (whole := c.whole).until > 0]
    told = [trend.laplace(systems), trend.mil_hdbk_189(systems), trend.lewis_robinson(systems)]
    tests = [t for t in told if t is not None and t.n >= 5]
    if not tests:
        found.findings.append(Finding("note", f"{label}: too few for a test of trend"))
        return False
    robust = tests[-1]
    trended = robust.p < SURE
    after = trend.poisson(systems, stream, trend=trended)
    found.facts[f"{label}, tests"] = [vars(t) for t in (*tests, *([after] if after else []))]
    words = ", ".join(f"{t.name} p = {t.p:.2g}" for t in tests)
    law = trend.power_law(systems)
    growth = f"; power law with shape {law.shape:.2f} [{law.low:.2f}, {law.high:.2f}]" if law else ""
    if trended:
        text = f"{label}: a trend ({words}){growth}; a steady rate is refused for forecasting"
        found.findings.append(Finding("refused", text))
    else:
        found.findings.append(Finding("note", f"{label}: no trend ({words}){growth}"))
    if after is not None and after.p < 0.01:
        how = "cluster" if after.statistic > 0 else "come more evenly"
        text = f"{label}: no Poisson process: they {how} (variation of gaps {1 + after.statistic:.2f}, p = {after.p:.2g})"
        found.findings.append(Finding("warning", text))
    return trended
