"""Numbers as words on a page. What is not known is “—”, never 0."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from twin.judge.columns import US
from twin.judge.stats import Interval

NONE = "—"
NB = "\u202f"
"""Narrow no-break space, between a number and its unit."""

SYMPTOM_WORDS = {
    "protective_stop": "protective stop",
    "grip_loss": "grip loss",
    "object_lost": "object lost",
    "link_timeout": "link time-out",
}


def num(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, thousands set apart."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(places, 6)}f}".replace(",", NB)


def short(value: float, digits: int = 4) -> str:
    """A round number without trailing zeros, for axes and bounds."""
    text = num(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def count(value: int | float | None) -> str:
    """A whole number, thousands set apart."""
    return NONE if value is None else f"{round(value):,}".replace(",", NB)


def pct(value: float | None, places: int = 1) -> str:
    """A share as a percentage."""
    return NONE if value is None or not math.isfinite(value) else f"{100 * value:.{places}f}{NB}%"


def points(gap: Interval) -> str:
    """A difference of shares with its interval, signed, in percentage points."""
    value, low, high = (NONE if v is None else f"{100 * v:+.1f}".replace("-", "−") for v in gap[:3])
    return f"{value}{NB}points ({low} to {high})"


def unit(value: float | None, name: str, digits: int = 3) -> str:
    """A number and its unit; a share where the unit is %."""
    if name == "%":
        return pct(value)
    text = num(value, digits)
    return text if text == NONE or not name else f"{text}{NB}{name}"


def found(value: float | None, name: str) -> str:
    """What a check found, in its unit; counts without decimals."""
    return NONE if value is None else unit(value, name) if name else short(value, 3)


def between(interval: Interval, name: str) -> str:
    """The bounds of an interval."""
    if interval.low is None and interval.high is None:
        return NONE
    if name == "%":
        return f"{_bare(interval.low)}–{_bare(interval.high)}{NB}%"
    return f"{num(interval.low)}–{num(interval.high)}{NB}{name}".rstrip(NB)


def _bare(share: float | None) -> str:
    return NONE if share is None else f"{100 * share:.1f}"


def hours(us: int | None) -> str:
    """µs as hours."""
    if us is None:
        return NONE
    h = us / US / 3600
    if 0 < h < 0.01:
        return f"{h:.4f}{NB}h"
    return f"{h:,.2f}{NB}h".replace(",", NB) if h < 100 else f"{count(h)}{NB}h"


def span(seconds: float | None) -> str:
    """A length of time in the unit that suits it."""
    if seconds is None:
        return NONE
    for size, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size or (seconds >= size and seconds % size == 0):
            word = name.rstrip("s") if name == "days" and seconds == size else name
            return f"{short(seconds / size, 3)}{NB}{word}"
    return f"{short(seconds, 3)}{NB}s"


def several(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(names: Iterable[str]) -> str:
    """Names joined as a sentence joins them."""
    items = list(names)
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def plain(value: Any) -> str:
    """Anything from run.json as text; null as “—”."""
    return NONE if value is None or value == "" else str(value)


def p_value(p: float) -> str:
    """A p-value, small ones bounded."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
