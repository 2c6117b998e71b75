"""What a part gathers on its way, and the figure that times between happenings share."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from twin.calibrate.figures import BOTTOM, LEFT, RIGHT, TOP, frame
from twin.calibrate.result import Estimate, Figure, Finding
from twin.calibrate.stats.lifetimes import Curve, Law, Times, kaplan_meier
from twin.core.records import Floats
from twin.judge.report import svg


@dataclass
class Found:
    """What is gathered on the way."""

    estimates: list[Estimate] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)


def survival(label: str, law: Law, data: Times, unit: str) -> Figure:
    """The law (line) over Kaplan and Meier's curve (dashes) with its interval, where times were seen from their start."""
    high = float(np.quantile(data.t, 0.99)) * 1.05
    x, y = svg.Scale(0, high, LEFT, RIGHT), svg.Scale(0, 1, BOTTOM, TOP)
    body = frame(x, y, unit, "share that lasts longer")
    seen = data.whole
    if seen.events:
        body += _curve(kaplan_meier(seen), x, y)
    grid = np.linspace(high / 400, high, 200)
    body.append(svg.path([(x(float(t)), y(float(s))) for t, s in zip(grid, law.survival(grid), strict=True)], cls="curve sim"))
    over = f"over Kaplan and Meier's curve (dashes, 90 % band), {seen.events} of {seen.t.size} ended"
    more = "" if seen.t.size == data.t.size else f"; {data.t.size - seen.t.size} more ran already when the log began"
    caption = f"{label}: {law.family} (line) {over if seen.events else 'alone'}{more}."
    return Figure(svg.figure(body, height=284, width=520, alt=caption), caption)


def _curve(curve: Curve, x: svg.Scale, y: svg.Scale) -> list[str]:
    """Steps in a band."""
    body = []
    keep = np.unique(np.linspace(0, curve.t.size - 1, min(200, curve.t.size)).astype(int))
    keep = keep[curve.t[keep] <= x.high]
    inside = keep[np.isfinite(curve.low[keep]) & np.isfinite(curve.high[keep])]
    if inside.size > 1:
        upper, lower = (_steps(curve.t[inside], ends[inside], x, y) for ends in (curve.high, curve.low))
        body.append(svg.path([*upper, *reversed(lower)], cls="band real"))
    t, lasting = np.concatenate(([0.0], curve.t[keep])), np.concatenate(([1.0], curve.lasting[keep]))
    return [*body, svg.path(_steps(t, lasting, x, y), cls="curve real")]


def _steps(t: Floats, level: Floats, x: svg.Scale, y: svg.Scale) -> list[tuple[float, float]]:
    """A level (k,) that holds from each of t (k,) until the next."""
    corners = zip(np.repeat(t, 2)[1:], np.repeat(level, 2)[:-1], strict=True)
    return [(x(float(a)), y(float(b))) for a, b in corners]
