"""Robots that ran already when a log began, watched for a part of a life or for some: do intervals of their lives cover?

python -m benchmarks.books        mean life, 40 robots a book, 200 books a row: median over the truth, and how often 90 % cover
"""

from collections.abc import Callable

import numpy as np
from scipy.special import gamma

from twin.calibrate.stats.lifetimes import Times, fit
from twin.core.chance import Chance, Stream
from twin.core.records import Floats

ROBOTS, BOOKS = 40, 200
LAWS: dict[str, tuple[str, float, Callable[[Stream, int], Floats]]] = {
    "exponential": ("exponential", 1.0, lambda s, n: np.asarray(s.exponential(1.0, n))),
    "Weibull, shape 2": ("weibull", float(gamma(1.5)), lambda s, n: np.asarray(s.weibull(2.0, n))),
    "Weibull, shape 0.7": ("weibull", float(gamma(1 + 1 / 0.7)), lambda s, n: np.asarray(s.weibull(0.7, n))),
    "lognormal, σ 0.6": ("lognormal", float(np.exp(0.18)), lambda s, n: np.asarray(np.exp(0.6 * s.standard_normal(n)))),
}


def book(draw: Callable[[Stream, int], Floats], mean: float, watched: float, stream: Stream) -> Times:
    """Times between failures of robots that have run for fifty lives or more."""
    parts = []
    for _ in range(ROBOTS):
        at = np.cumsum(draw(stream, 250)) - stream.uniform(50, 100) * mean
        own = at[(at > 0) & (at < watched)]
        gaps = np.diff(np.concatenate(([0.0], own, [watched])))
        number = np.arange(gaps.size)
        parts.append(Times(gaps, number < own.size, number == 0))
    return Times.joined(parts)


def covered(law: str, lives: float) -> tuple[float, float]:
    """Median of the estimated mean over the true one; share of 90 % intervals that hold it."""
    family, mean, draw = LAWS[law]
    stream = Chance(1).stream("benchmark", law, round(10 * lives))
    told = [fit(family, book(draw, mean, lives * mean, stream), stream, 1000).beliefs["mean"] for _ in range(BOOKS)]
    return float(np.median([b.value for b in told])) / mean, float(np.mean([b.low <= mean <= b.high for b in told]))


if __name__ == "__main__":
    for name in LAWS:
        row = (f"   {lives:g} lives: {middle:.2f}, {share:.0%}" for lives in (0.5, 1.5, 6.0)
               for middle, share in [covered(name, lives)])  # fmt: skip
        print(f"{name:20s}" + "".join(row), flush=True)
