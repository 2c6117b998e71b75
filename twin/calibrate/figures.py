"""Figures of a calibration: simulation over reality, residuals, quantiles, correlations. Solid is simulated, dashed is real."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from twin.calibrate.result import Figure
from twin.core.records import Floats
from twin.judge.report import svg
from twin.judge.words import short

LEFT, RIGHT, TOP, BOTTOM = 64.0, 508.0, 22.0, 240.0
POINTS = 400
"""Points of a line; more would not be seen."""


def overlaid(x: Floats, sim: Floats, real: Floats, *, axis: str, left: str, caption: str) -> Figure:
    """Two lines over one axis."""
    keep = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(int))
    ends = np.concatenate([sim, real])
    pad = 0.05 * (float(np.ptp(ends)) or 1.0)
    sx = svg.Scale(float(x[0]), float(x[-1]), LEFT, RIGHT)
    sy = svg.Scale(float(ends.min()) - pad, float(ends.max()) + pad, BOTTOM, TOP)
    body = [*frame(sx, sy, axis, left)]
    for values, side in ((real, "real"), (sim, "sim")):
        body.append(svg.path([(sx(float(x[i])), sy(float(values[i]))) for i in keep], cls=f"curve {side}"))
    return Figure(svg.figure(body, height=284, width=520, alt=caption), caption)


def line(x: Floats, y: Floats, *, axis: str, left: str, caption: str) -> Figure:
    """One line."""
    sx = svg.Scale(float(x.min()), float(x.max()), LEFT, RIGHT)
    sy = svg.Scale(min(0.0, float(y.min())), float(y.max()) or 1.0, BOTTOM, TOP)
    keep = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(int))
    drawn = svg.path([(sx(float(x[i])), sy(float(y[i]))) for i in keep], cls="curve sim")
    return Figure(svg.figure([*frame(sx, sy, axis, left), drawn], height=284, width=520, alt=caption), caption)


def scatter(x: Floats, y: Floats, *, axis: str, left: str, caption: str) -> Figure:
    """Points, such as residuals over what they hang on."""
    keep = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(int))
    sx = svg.Scale(float(x.min()), float(x.max()), LEFT, RIGHT)
    sy = svg.Scale(float(y.min()), float(y.max()), BOTTOM, TOP)
    body = [*frame(sx, sy, axis, left)]
    body += [f'<circle class="dot sim" cx="{svg.fix(sx(float(x[i])))}" cy="{svg.fix(sy(float(y[i])))}" r="1.6"/>' for i in keep]
    return Figure(svg.figure(body, height=284, width=520, alt=caption), caption)


def frame(x: svg.Scale, y: svg.Scale, axis: str, left: str) -> list[str]:
    """Axes with round values."""
    body = [svg.line(x.x0, y.x0, x.x1, y.x0, cls="axis")]
    for t in svg.ticks(y.low, y.high, 5):
        body += [svg.line(x.x0, y(t), x.x1, y(t), cls="grid"), svg.text(x.x0 - 8, y(t) + 4, short(t), cls="tiny", anchor="end")]
    for t in svg.ticks(x.low, x.high, 6):
        body += [
            svg.line(x(t), y.x0, x(t), y.x0 + 4, cls="axis"),
            svg.text(x(t), y.x0 + 18, short(t), cls="tiny", anchor="middle"),
        ]
    body.append(svg.text((x.x0 + x.x1) / 2, y.x0 + 36, axis, cls="dim", anchor="middle"))
    return [*body, svg.text(6, 12, left, cls="tiny")]


def correlations(names: Sequence[str], matrix: Floats, caption: str) -> Figure:
    """A table of correlations: the darker, the stronger; the number says the sign."""
    size, left, top = 44.0, max(150.0, 6.5 * max(map(len, names)) + 16), 8.0
    body = []
    for i, name in enumerate(names):
        y = top + (i + 1) * size
        body.append(svg.text(left - 10, y - size / 2 + 4, name, cls="tiny", anchor="end"))
        for k in range(i + 1):
            value = float(np.clip(matrix[i, k], -1, 1))
            x = left + k * size
            side, title = "sim" if value >= 0 else "real", f"{name}, {names[k]}: {value:+.2f}"
            box = svg.rect(x, y - size, size - 2, size - 2, cls=f"dot {side}", title=title)
            body.append(f'<g opacity="{abs(value) * 0.5 + 0.05:.2f}">{box}</g>')
            body.append(svg.text(x + size / 2, y - size / 2 + 4, f"{value:+.1f}", cls="num", anchor="middle"))
    width = max(520.0, left + size * len(names) + 10)
    return Figure(svg.figure(body, height=top + size * len(names) + 8, width=width, alt=caption), caption)
