"""How often can one forecast for a whole half beat resampling the first half at all? The true law is known here.

python -m benchmarks.static_forecast        mean pinball loss at .5 .9 .99 .999, 1,000 pairs of independent halves a row
"""

from collections.abc import Callable

import numpy as np

from twin.calibrate.network.score import pinball, resampled
from twin.core.chance import Chance, Stream
from twin.core.records import Floats

P = np.array([0.5, 0.9, 0.99, 0.999])
LAWS: dict[str, Callable[[Stream, int], Floats]] = {
    "lognormal, σ 0.5": lambda s, n: np.asarray(np.exp(0.5 * s.standard_normal(n))),
    "Pareto, shape 1.5": lambda s, n: np.asarray(1 + s.pareto(1.5, n)),
    "exponential": lambda s, n: np.asarray(s.exponential(1.0, n)),
}


def won(law: str, n: int, pairs: int = 1000) -> float:
    """Share of pairs of halves of n values where the true quantiles lose less on the second than those of the first."""
    draw, stream = LAWS[law], Chance(1).stream("benchmark", law, n)
    truth = np.quantile(draw(stream, 4_000_000), P)
    wins = 0
    for _ in range(pairs):
        first, second = draw(stream, n), draw(stream, n)
        wins += bool(pinball(truth, second, P).mean() < pinball(resampled(first, P), second, P).mean())
    return wins / pairs


if __name__ == "__main__":
    for name in LAWS:
        print(f"{name:20s}" + "".join(f"   {n} a half: {won(name, n):.0%}" for n in (500, 4000)))
