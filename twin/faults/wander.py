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
from twin.core.records import Floats
from twin.core.shares import centred
from twin.faults.onset import Onset

STEP_S, STEPS = 60.0, 100_000
"""A course keeps its level for so long, or for a quarter of the time in which it comes back; at most so many steps a run."""
FURTHEST = 30.0
"""Of a logarithm or log odds: no course goes beyond."""
WIDEST = 100.0
"""Variance of log odds: beyond it shares are next to 0 or 1 anyway."""


class Course:
    """The course of one onset over a run of `seconds`, drawn from `stream`."""

    def __init__(self, onset: Onset, seconds: float, stream: Stream) -> None:
        sd, back, times = onset.wanders.one(stream) if onset.wanders else (0.0, None, 1.0)
        self.step_s = max(min(STEP_S, math.inf if back is None else 900 * back), seconds / STEPS)
        count = math.ceil(seconds / self.step_s) + 1
        walk, variance = _walk(sd, back, self.step_s / 3600, stream.standard_normal(count - 1))
        hours = self.step_s / 3600 * np.arange(count)
        varies = np.ones(count) if onset.varies is None else np.interp(hours, onset.varies.at_h, onset.varies.times)
        factors = times * varies
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


def _walk(sd: float, back: float | None, step_h: float, normal: Floats) -> tuple[Floats, Floats]:
    """(count,) the walk, 0 at first, from standard normal steps (count - 1,); and its variance over all runs."""
    keep = 1.0 if back is None else math.exp(-step_h / back)
    each = sd * sd * (step_h if back is None else back / 2 * (1 - keep * keep))
    walk = signal.lfilter([1.0], [1.0, -keep], np.concatenate(([0.0], math.sqrt(each) * normal)))
    variance = signal.lfilter([0.0, each], [1.0, -keep * keep], np.ones(len(walk)))
    return np.asarray(walk), np.asarray(variance)
