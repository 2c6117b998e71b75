"""What no log tells directly (how fast a policy moves): a number of the scenario, moved until runs have a summary of the log.

A bisection on the logarithm with the same seeds throughout, so that two runs differ by the number alone. Its interval: the
error of the log's summary, by blocks of episodes drawn again, over the slope of the runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twin.calibrate.farmcheck.spec import AdjustSpec
from twin.calibrate.farmcheck.summaries import summarise
from twin.core.chance import Stream
from twin.core.errors import InputError
from twin.core.records import Floats

STEPS = 5
BLOCK, DRAWS = 10, 100
"""Episodes that are drawn together, and how often."""


@dataclass(frozen=True)
class Adjusted:
    """A number of the scenario at `path`: its value, the standard error of its logarithm, and the summary it rests on."""

    path: str
    value: float
    error: float
    summary: str

    def draw(self, spec: AdjustSpec, stream: Stream) -> float:
        """One value that the log allows."""
        return float(np.clip(self.value * np.exp(self.error * stream.standard_normal()), spec.low, spec.high))


def adjust(path: str, spec: AdjustSpec, real: float, error: float, run: Callable[[float], float]) -> Adjusted:
    """The value at which runs have the log's summary; `run` makes some at a value and says theirs. Raises `InputError`."""
    low, high = spec.low, spec.high
    at_low, at_high = run(low), run(high)
    if not min(at_low, at_high) <= real <= max(at_low, at_high):
        said = f"{spec.summary} is {real:.4g} in the log; runs have {at_low:.4g} at {low:g} and {at_high:.4g} at {high:g}"
        raise InputError(f"no {path} in [{low:g}, {high:g}] makes runs like the log: {said}")
    for _ in range(STEPS):
        middle = float(np.sqrt(low * high))
        now = run(middle)
        if (now > real) == (at_high > at_low):
            high, at_high = middle, now
        else:
            low, at_low = middle, now
    share = (real - at_low) / (at_high - at_low) if at_high != at_low else 0.5
    slope = (at_high - at_low) / np.log(high / low)
    value = float(low * (high / low) ** share)
    return Adjusted(path, value, float(abs(error / slope)) if slope else 0.0, spec.summary)


def uncertain(frame: pd.DataFrame, name: str, symptoms: list[str], stream: Stream) -> float:
    """Standard error of a summary of the log, its episodes drawn again in blocks."""
    starts = np.arange(0, max(len(frame) - BLOCK, 1))
    count = -(-len(frame) // BLOCK)
    told: Floats = np.empty(DRAWS)
    for i in range(DRAWS):
        rows = (stream.choice(starts, count)[:, None] + np.arange(BLOCK)).ravel()[: len(frame)]
        told[i] = summarise(frame.iloc[rows], symptoms)[name]
    return float(told.std())


def put(data: dict[str, Any], values: Mapping[str, float]) -> dict[str, Any]:
    """The data of a scenario with numbers at their paths. Raises `InputError` for a path that is not there."""
    for path, value in values.items():
        *above, last = path.split(".")
        holder: Any = data
        for step in above:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or not isinstance(holder.get(last), int | float):
            raise InputError(f"`adjust`: the scenario has no number {path!r}")
        holder[last] = value
    return data
