"""Figures of a comparison: two intervals over each other, two curves, shifts of quantiles. Round and solid is simulation,
square and dashed is real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twin.judge.report import svg
from twin.judge.report.charts import whisker
from twin.judge.stats import Interval
from twin.judge.words import between, pct, short, unit

LEFT, RIGHT, TOP, BOTTOM = 54.0, 508.0, 26.0, 250.0


def pair(sim: Interval, real: Interval, name: str, sides: Sequence[str] = ("simulation", "real")) -> str:
    """Two intervals over each other on one axis that starts at zero where it can."""
    ends = [v for i in (sim, real) for v in i[:3] if v is not None]
    if not ends:
        return ""
    high = 1.0 if name == "%" and max(ends) > 0.5 else max(ends) * 1.08 or 1.0
    low = 0.0 if name == "%" or min(ends) < 0.4 * max(ends) else min(ends) - 0.15 * (max(ends) - min(ends) or max(ends))
    x = svg.Scale(low, high, 8, 232)
    body = [
        svg.line(8, 44, 232, 44, cls="axis"),
        svg.text(8, 58, unit(low, name, 2) if name != "%" else pct(low, 0), cls="tiny"),
        svg.text(232, 58, unit(high, name, 2) if name != "%" else pct(high, 0), cls="tiny", anchor="end"),
        whisker(sim, x, 14, cls="sim"),
        whisker(real, x, 31, cls="real", shape="square"),
    ]
    alt = ", ".join(f"{side} {unit(i.value, name)} ({between(i, name)})" for side, i in zip(sides, (sim, real), strict=True))
    return svg.figure(body, height=62, width=240, alt=alt, cls="pair")


def steps(
    sides: Sequence[Mapping[str, Any]],
    *,
    axis: str,
    left: str,
    high: float,
    rising: bool,
    names: Sequence[str] = ("simulation", "real robots"),
) -> str:
    """Two step functions, `x` ascending and `p` a share; `low` and `high` of a side are drawn as a band."""
    x, y = svg.Scale(0, high, LEFT, RIGHT), svg.Scale(0, 1, BOTTOM, TOP)
    body = _frame(x, y, axis)
    start = 0.0 if rising else 1.0
    for side, cls in ((sides[1], "real"), (sides[0], "sim")):
        if "low" in side:
            body.append(_band(side, x, y, high, cls))
        body.append(svg.path(_corners(side["x"], side["p"], x, y, high, start), cls=f"curve {cls}"))
    body.append(svg.text(LEFT - 44, 12, left, cls="tiny"))
    return svg.figure(body, height=292, width=520, alt=f"{left}, against {axis}, for {' and '.join(names)}")


def _corners(
    xs: Sequence[float], ps: Sequence[float | None], x: svg.Scale, y: svg.Scale, high: float, start: float
) -> list[tuple[float, float]]:
    """Corners of a step function from 0 to `high`."""
    at = start
    points = [(x(0.0), y(start))]
    for t, p in zip(xs, ps, strict=True):
        if p is None or t > high:
            continue
        points += [(x(t), y(at)), (x(t), y(p))]
        at = p
    return [*points, (x(high), y(at))]


def _band(side: Mapping[str, Any], x: svg.Scale, y: svg.Scale, high: float, cls: str) -> str:
    upper, lower = (_corners(side["x"], side[k], x, y, high, 1.0) for k in ("high", "low"))
    return svg.path([*upper, *reversed(lower)], cls=f"band {cls}")


def shifts(told: Sequence[Mapping[str, Any]], *, axis: str, left: str) -> str:
    """By how much each quantile is longer in simulation, with 95 % intervals around no shift at all."""
    ends = [abs(row[key]) for row in told for key in ("shift_s", "low_s", "high_s") if row[key] is not None]
    reach = max([e for e in ends if e < float("inf")], default=1.0) * 1.1 or 1.0
    x = svg.Scale(-reach, reach, LEFT + 30, RIGHT)
    body = [svg.text(LEFT - 44, 12, left, cls="tiny")]
    for t in svg.ticks(-reach, reach, 5):
        body += [
            svg.line(x(t), TOP, x(t), BOTTOM, cls="axis" if t == 0 else "grid"),
            svg.text(x(t), BOTTOM + 18, short(t), cls="tiny", anchor="middle"),
        ]
    pitch = (BOTTOM - TOP) / len(told)
    for i, row in enumerate(reversed(told)):
        y = TOP + (i + 0.5) * pitch
        low, high = (v if v is not None and abs(v) < float("inf") else None for v in (row["low_s"], row["high_s"]))
        body.append(svg.text(LEFT + 18, y + 4, pct(row["q"], 0), cls="tiny", anchor="end"))
        body.append(whisker(Interval(row["shift_s"], low, high, 1), x, y, cls="sim"))
    body.append(svg.text((x.x0 + x.x1) / 2, BOTTOM + 36, axis, cls="dim", anchor="middle"))
    alt = f"{left}: {axis}: " + "; ".join(f"{pct(row['q'], 0)} {short(row['shift_s'])}" for row in told)
    return svg.figure(body, height=292, width=520, alt=alt)


def _frame(x: svg.Scale, y: svg.Scale, axis: str) -> list[str]:
    body = [svg.line(x.x0, y.x0, x.x1, y.x0, cls="axis")]
    for t in svg.ticks(y.low, y.high, 4):
        body += [
            svg.line(x.x0, y(t), x.x1, y(t), cls="grid"),
            svg.text(x.x0 - 8, y(t) + 4, pct(t, 0), cls="tiny", anchor="end"),
        ]
    for t in svg.ticks(x.low, x.high, 6):
        body += [
            svg.line(x(t), y.x0, x(t), y.x0 + 4, cls="axis"),
            svg.text(x(t), y.x0 + 18, short(t), cls="tiny", anchor="middle"),
        ]
    return [*body, svg.text((x.x0 + x.x1) / 2, y.x0 + 36, axis, cls="dim", anchor="middle")]
