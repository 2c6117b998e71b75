"""The fitted chain as the link of a fleet file: quantile tables a regime, chances of the next, intervals of quantiles."""

from __future__ import annotations

import numpy as np

from twin.calibrate.given import Given
from twin.calibrate.network.regimes import Chain
from twin.calibrate.network.score import SPEAKS
from twin.calibrate.network.spec import NetworkSpec
from twin.calibrate.network.stationary import block_quantiles
from twin.calibrate.result import Estimate
from twin.core.records import Floats

SHARES: Floats = np.array(
    [
        0.0,
        0.001,
        0.01,
        0.025,
        0.05,
        *np.arange(0.1, 0.9, 0.05).round(2),
        0.9,
        0.925,
        0.95,
        0.97,
        0.98,
        0.985,
        0.99,
        0.993,
        0.995,
    ]
    + [0.997, 0.998, 0.9985, 0.999, 0.9993, 0.9995, 0.9997, 0.9999, 0.99997, 1.0]
)
"""Where a latency's quantiles are tabled; the last stands for one message in a million."""
_REACHED = np.clip(SHARES, 1e-5, 1 - 1e-6)


def link_estimates(spec: NetworkSpec, given: Given, chain: Chain, x: Floats, source: str) -> list[Estimate]:
    """Everything the overlay says of a link, and its main quantiles with their intervals."""
    n = len(x)
    how = f"{chain.marginal.family}, {chain.size} regimes" if chain.size > 1 else chain.marginal.family
    at = ("links", spec.link, "latency_ms")
    out = [Estimate((*at, "kind"), "regimes"), Estimate((*at, "round_trip"), spec.round_trip)]
    for k in range(chain.size):
        here = (*at, "regimes", k)
        table = 1e3 * (chain.regime(k, _REACHED) if chain.size > 1 else chain.marginal.quantile(_REACHED))
        out += [
            Estimate((*here, "latency_ms", "kind"), "quantiles"),
            Estimate((*here, "latency_ms", "shares"), _tuple(SHARES)),
            Estimate((*here, "latency_ms", "values"), _tuple(table), n=n, unit="ms", source=source, method=how),
            Estimate((*here, "next"), _tuple(_rounded(chain.transitions[k])), n=n, source=source),
        ]
    tail = chain.marginal.tail
    p = np.array(spec.quantiles)
    low, high = block_quantiles(x, p, given.confidence, given.stream(spec, "quantiles"))
    for share, value, a, b in zip(p.tolist(), chain.marginal.quantile(p).tolist(), low.tolist(), high.tolist(), strict=True):
        name, method = f"p{100 * share:g}".replace(".", "_") + "_ms", "block bootstrap"
        if tail is not None and n * (1 - share) < SPEAKS and 1 - share <= tail.above:  # too few lie beyond to be drawn again
            far, method = tail.quantile_interval(share, given.confidence), "block bootstrap and tail"
            a, b = min(a, far[0]), max(b, far[1])  # noqa: PLW2901
        enough = n * (1 - share) >= 1
        out.append(Estimate(("models", spec.link, name), 1e3 * value, 1e3 * min(a, value), 1e3 * max(b, value), n, "ms", source,
                            method, bool(enough)))  # fmt: skip
    if tail is not None:
        a, b = tail.shape_interval(given.confidence)
        out.append(Estimate(("models", spec.link, "tail_shape"), tail.shape, min(a, tail.shape), max(b, tail.shape), tail.count,
                            "1", source, "posterior of the generalised Pareto shape"))  # fmt: skip
    return out


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(float(f"{v:.6g}") for v in values)


def _rounded(chances: Floats) -> Floats:
    """Chances with four digits that still add up to one."""
    out = np.round(chances, 4)
    out[int(np.argmax(out))] += 1 - out.sum()
    return out
