"""A rate or a share that wanders: how it goes on is known to nobody, so that every run draws a course of its own.

A random walk from the start of the run: of the logarithm of a rate, of the log odds of a share. Whatever a fault's targets are,
they share its course: it is the fault that grows or fades. After t hours nine of ten courses lie within 1.645 · sd · √t.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from twin.core.chance import Stream
from twin.core.quantity import draw
from twin.faults.onset import Onset

STEP_S = 60.0
"""A course keeps its level for so long, or for a hundred thousandth of a longer run."""
FURTHEST = 30.0
"""Of a logarithm or log odds: no course goes beyond."""


class Course:
    """The course of one onset over a run of `seconds`, drawn from `stream`."""

    def __init__(self, onset: Onset, seconds: float, stream: Stream) -> None:
        self.step_s = max(STEP_S, seconds / 1e5)
        count = math.ceil(seconds / self.step_s) + 1
        sd = draw(onset.wanders_per_sqrt_h or 0.0, stream) * math.sqrt(self.step_s / 3600)
        walk = np.concatenate(([0.0], np.cumsum(sd * stream.standard_normal(count - 1))))
        self.walk = np.clip(walk, -FURTHEST, FURTHEST)
        """(count,) above the level at the start, step by step."""
        hours = self.step_s / 3600 * np.arange(count)
        factors = np.ones(count) if onset.varies is None else np.interp(hours, onset.varies.at_h, onset.varies.times)
        self.odds = special.logit(np.minimum((onset.per_episode or 0.0) * factors, 1.0))
        hazard = (onset.rate_per_h or 0.0) / 3600 * factors * np.exp(self.walk)
        self.expected = np.concatenate(([0.0], np.cumsum(hazard * self.step_s)))
        """(count + 1,) onsets to be expected from the start up to each of `at_s`."""
        self.at_s = self.step_s * np.arange(count + 1)

    def share(self, now_s: float) -> float:
        """Probability for an episode that begins now."""
        i = min(int(now_s / self.step_s), len(self.walk) - 1)
        return float(special.expit(self.odds[i] + self.walk[i]))

    def wait_s(self, now_s: float, stream: Stream) -> float:
        """Time to the next onset of a rate, by its expected number (Çinlar 1975); the end of the run where none comes in it."""
        wanted = float(np.interp(now_s, self.at_s, self.expected)) + float(stream.exponential())
        if wanted >= self.expected[-1]:
            return float(self.at_s[-1])
        return max(0.0, float(np.interp(wanted, self.expected, self.at_s)) - now_s)
