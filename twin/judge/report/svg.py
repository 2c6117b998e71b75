"""Pieces of inline SVG. Colours and type come from the page's style sheet, so a figure follows light, dark and print."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

WIDTH = 1060
"""Width of a figure in its own units; the page scales it."""


def figure(body: Iterable[str], *, height: float, alt: str, width: float = WIDTH, cls: str = "") -> str:
    """An inline SVG with `alt` as what a screen reader says."""
    names = f"fig {cls}".strip()
    head = f'<svg class="{names}" viewBox="0 0 {fix(width)} {fix(height)}" role="img" aria-label="{escape(alt)}">'
    return head + "".join(body) + "</svg>"


def fix(value: float) -> str:
    """A coordinate with one decimal, as short as it goes."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def text(x: float, y: float, words: str, *, cls: str = "", anchor: str = "start") -> str:
    """A line of text at its base line."""
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    kind = f' class="{cls}"' if cls else ""
    return f'<text x="{fix(x)}" y="{fix(y)}"{kind}{where}>{escape(words)}</text>'


def rect(x: float, y: float, w: float, h: float, *, cls: str, title: str = "", radius: float = 0) -> str:
    """A box; `title` shows when the pointer rests on it."""
    round_ = f' rx="{fix(radius)}"' if radius else ""
    shape = f'<rect class="{cls}" x="{fix(x)}" y="{fix(y)}" width="{fix(max(w, 0))}" height="{fix(h)}"{round_}'
    return f"{shape}><title>{escape(title)}</title></rect>" if title else shape + "/>"


def line(x1: float, y1: float, x2: float, y2: float, *, cls: str) -> str:
    """A straight line."""
    return f'<line class="{cls}" x1="{fix(x1)}" y1="{fix(y1)}" x2="{fix(x2)}" y2="{fix(y2)}"/>'


def path(points: Sequence[tuple[float, float]], *, cls: str) -> str:
    """A polyline through points."""
    return f'<path class="{cls}" d="M' + "L".join(f"{fix(x)} {fix(y)}" for x, y in points) + '"/>'


def bars(runs: Iterable[tuple[float, float]], y: float) -> str:
    """One path of horizontal strokes (start, end) at `y`: the cheapest way to draw thousands of bars."""
    out: list[str] = []
    at = 0.0
    for start, end in runs:
        x, w = round(start, 1), round(end - start, 1)
        if w <= 0:
            continue
        out.append(f"M{fix(x)} {fix(y)}h{fix(w)}" if not out else f"m{fix(x - at)} 0h{fix(w)}")
        at = round(x + w, 1)
    return "".join(out)


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round values between `low` and `high`, steps of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    raw = (high - low) / about
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(m * base for m in (1, 2, 5, 10) if m * base >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def time_ticks(seconds: float, about: int = 8) -> tuple[list[float], str]:
    """Round moments of a run and the unit that they are told in."""
    for size, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if seconds >= 2 * size:
            return [t * size for t in ticks(0, seconds / size, about)], name
    return ticks(0, seconds, about), "s"


UNIT_S = {"days": 86400.0, "h": 3600.0, "min": 60.0, "s": 1.0}


class Scale:
    """A linear map from values to coordinates."""

    def __init__(self, low: float, high: float, x0: float, x1: float) -> None:
        self.low, self.high, self.x0, self.x1 = low, max(high, low + 1e-9), x0, x1

    def __call__(self, value: float) -> float:
        """The coordinate of a value."""
        return self.x0 + (value - self.low) / (self.high - self.low) * (self.x1 - self.x0)
