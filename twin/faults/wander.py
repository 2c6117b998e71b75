"""A rate or a share that wanders: how it goes on is known to nobody, so that every run draws a course of its own.

A random walk from the start of the run: of the logarithm of a rate, of the log odds of a share. Whatever a fault's targets are,
they share its course: it is the fault that grows or fades. On average over runs it is what the onset says at every moment.
With `returns_h` the walk comes back (Ornstein and Uhlenbeck 1930): its variance, sd² t at first, ends at sd² · returns_h / 2.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import signal, special

from twin.core.chance import Stream
from twin.core.quantity import draw
from twin.core.records import Floats
from twin.core.shares import centred
from twin.faults.onset import Onset

STEP_S = 60.0
"""A course keeps its level for so long, or for a hundred thousandth of a longer run."""
FURTHEST = 30.0
"""Of a logarithm or log odds: no course goes beyond."""
WIDEST = 100.0
"""Variance of log odds: beyond it shares are next to 0 or 1 anyway."""


class Course:
    """The course of one onset over a run of `seconds`, drawn from `stream`."""

    def __init__(self, onset: Onset, seconds: float, stream: Stream) -> None:
        self.step_s = max(STEP_S, seconds / 1e5)
        count = math.ceil(seconds / self.step_s) + 1
        walk, variance = _walk(onset, self.step_s / 3600, count, stream)
        hours = self.step_s / 3600 * np.arange(count)
        factors = np.ones(count) if onset.varies is None else np.interp(hours, onset.varies.at_h, onset.varies.times)
        shares = np.minimum((onset.per_episode or 0.0) * factors, 1.0)
        self.shares = special.expit(centred(shares, np.minimum(variance, WIDEST)) + np.clip(walk, -FURTHEST, FURTHEST))
        """(count,) probability for an episode, step by step."""
        self.factors = factors * np.exp(np.clip(walk - variance / 2, -FURTHEST, FURTHEST))
        """(count,) of the rate."""
        hazard = (onset.rate_per_h or 0.0) / 3600 * self.factors
        self.expected = np.concatenate(([0.0], np.cumsum(hazard * self.step_s)))
        """(count + 1,) onsets to be expected from the start up to each of `at_s`."""
        self.at_s = self.step_s * np.arange(count + 1)

    def share(self, now_s: float) -> float:
        """Probability for an episode that begins now."""
        return float(self.shares[min(int(now_s / self.step_s), len(self.shares) - 1)])

    def wait_s(self, now_s: float, stream: Stream) -> float:
        """Time to the next onset of a rate, by its expected number (Çinlar 1975); the end of the run where none comes in it."""
        wanted = float(np.interp(now_s, self.at_s, self.expected)) + float(stream.exponential())
        if wanted >= self.expected[-1]:
            return float(self.at_s[-1])
        return max(0.0, float(np.interp(wanted, self.expected, self.at_s)) - now_s)


def _walk(onset: Onset, step_h: float, count: int, stream: Stream) -> tuple[Floats, Floats]:
    """(count,) the walk, 0 at first, and its variance over all runs."""
    sd = draw(onset.wanders_per_sqrt_h or 0.0, stream)
    steps = np.concatenate(([0.0], sd * math.sqrt(step_h) * stream.standard_normal(count - 1)))
    keep = 1.0 if onset.returns_h is None else math.exp(-step_h / onset.returns_h)
    variance = signal.lfilter([0.0, sd * sd * step_h], [1.0, -keep * keep], np.ones(count))
    return np.asarray(signal.lfilter([1.0], [1.0, -keep], steps)), np.asarray(variance)
