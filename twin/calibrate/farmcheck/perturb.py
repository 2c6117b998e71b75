"""Overlays as the data believe them: one draw of every parameter, so that runs differ by what is not known too."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from twin.core.chance import Stream


def drawn(node: Any, stream: Stream) -> Any:
    """A copy of an overlay in which every number with an interval is drawn from it.

    The interval is taken for a 90 % one of a normal on the logarithm (on the logit for a share, as it is where it passes 0).
    """
    if isinstance(node, dict) and isinstance(node.get("value"), float) and node.get("low") is not None is not node.get("high"):
        return {**node, "value": _value(float(node["value"]), float(node["low"]), float(node["high"]), stream)}
    if isinstance(node, dict):
        return {key: drawn(value, stream) for key, value in node.items()}
    return [drawn(item, stream) for item in node] if isinstance(node, list) else node


def _value(value: float, low: float, high: float, stream: Stream) -> float:
    z = float(stream.standard_normal())
    if not low < high:
        return value
    if low > 0 and high < 1:
        a, m, b = (float(special.logit(v)) for v in (low, min(max(value, low), high), high))
        return float(special.expit(m + z * (b - a) / 3.29))
    if low > 0:
        return float(value * np.exp(z * np.log(high / low) / 3.29))
    return float(np.clip(value + z * (high - low) / 3.29, low, high))
