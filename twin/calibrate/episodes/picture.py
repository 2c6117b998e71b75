"""Figures of episodes: robots with their shares, forecasts with what came."""

from __future__ import annotations

from collections.abc import Mapping

from twin.calibrate.episodes.success import Group
from twin.calibrate.figures import BOTTOM, LEFT, RIGHT, TOP, frame
from twin.calibrate.result import Figure
from twin.calibrate.stats.belief import Belief
from twin.calibrate.stats.forecast import Scored
from twin.judge.report import svg
from twin.judge.report.charts import Dot, forest
from twin.judge.stats import Interval
from twin.judge.words import pct

MOST = 40
"""Robots on a figure: those with the least and the most success."""


def robots(group: Group, known: Mapping[str, Belief]) -> Figure:
    """Shares of success with 90 % intervals: the robot in the middle, one not seen yet, and each that was."""
    own = sorted((k for k in known if k not in ("typical", "new")), key=lambda k: known[k].value)
    if len(own) > MOST:
        own = own[: MOST // 2] + own[-MOST // 2 :]
    rows = []
    for name in ["typical", "new", *own]:
        belief = known[name]
        level = 0 if name == "typical" else 1 if name == "new" else 2
        words = f"{pct(belief.value)}  n = {belief.n}"
        rows.append(Dot(name, Interval(belief.value, belief.low, belief.high, belief.n), words, level))
    caption = f"Success of {group.name}: 90 % intervals after pooling; `new` is a robot that nobody has seen yet."
    return Figure(forest(rows, alt=caption), caption)


def forecasts(name: str, scored: Scored, horizon: int) -> Figure:
    """Of every window: the 90 % interval of the count that was forecast, its expectation, and what came (square)."""
    rows = scored.rows
    high = max(max(row["high"], row["got"]) for row in rows) * 1.1 + 1
    x, y = svg.Scale(0, max(row["origin"] for row in rows) + horizon, LEFT, RIGHT), svg.Scale(0, high, BOTTOM, TOP)
    body = frame(x, y, "episodes before the forecast", f"of the next {horizon} with {name.replace('_', ' ')}")
    for row in rows:
        at = x(row["origin"])
        body.append(svg.line(at, y(row["low"]), at, y(row["high"]), cls="whisk l1"))
        body.append(f'<circle class="dot l1" cx="{svg.fix(at)}" cy="{svg.fix(y(row["expected"]))}" r="4"/>')
        body.append(svg.rect(at - 4.5, y(row["got"]) - 4.5, 9, 9, cls="dot real"))
    words = name.replace("_", " ")
    inside = f"{scored.inside * scored.inside_of:.0f} of {scored.inside_of} inside"
    caption = (
        f"Forecasts of {words} in the next {horizon} episodes: 90 % interval, expectation (dot), what came (square); {inside}."
    )
    return Figure(svg.figure(body, height=284, width=520, alt=caption), caption)
