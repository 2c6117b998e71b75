"""Overlays as the data believe them: one draw of every parameter, so that runs differ by what is not known too."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from twin.core.chance import Stream

LEVELS = ("rate_per_h", "per_episode")


def drawn(node: Any, stream: Stream, confidence: float = 0.9) -> Any:
    """A copy of an overlay in which every number with an interval is drawn from it.

    The interval is taken for one of that confidence of a normal on the logarithm (on the logit where all of it is below 1; as
    it is, and cut at its ends, where it passes 0). An onset that wanders has what is not known of its level in its courses, of
    which the run itself draws one.
    """
    return _drawn(node, stream, 2 * float(special.ndtri(0.5 + confidence / 2)))


def _drawn(node: Any, stream: Stream, width: float) -> Any:
    if isinstance(node, dict) and isinstance(node.get("value"), float) and node.get("low") is not None is not node.get("high"):
        return {**node, "value": _value(float(node["value"]), float(node["low"]), float(node["high"]), stream, width)}
    if isinstance(node, dict):
        kept = LEVELS if "wanders" in node else ()
        return {key: value if key in kept else _drawn(value, stream, width) for key, value in node.items()}
    return [_drawn(item, stream, width) for item in node] if isinstance(node, list) else node


def _value(value: float, low: float, high: float, stream: Stream, width: float) -> float:
    """width: of the interval, in standard deviations."""
    z = float(stream.standard_normal()) / width
    if not low < high:
        return value
    if low > 0 and high < 1:
        a, m, b = (float(special.logit(v)) for v in (low, min(max(value, low), high), high))
        return float(special.expit(m + z * (b - a)))
    if low > 0:
        return float(value * np.exp(z * np.log(high / low)))
    return float(np.clip(value + z * (high - low), low, high))
