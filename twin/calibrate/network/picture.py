"""The tail of a link: how many messages take longer, as forecast and as it came, both axes logarithmic."""

from __future__ import annotations

import numpy as np

from twin.calibrate.figures import BOTTOM, LEFT, RIGHT, TOP
from twin.calibrate.network.regimes import Chain
from twin.calibrate.result import Figure
from twin.core.records import Floats
from twin.judge.report import svg
from twin.judge.words import short

SHARES: Floats = np.concatenate([np.linspace(0.01, 0.9, 60), 1 - np.geomspace(0.1, 1e-5, 80)])


def tail_picture(chain: Chain, before: Floats, after: Floats, link: str) -> Figure:
    """Forecast from the first part (line) and the held-out part (dashes)."""
    reach = 1 - 1 / len(after)
    real = np.quantile(after, SHARES[reach >= SHARES])
    sim = chain.marginal.quantile(SHARES)
    x = svg.Scale(
        float(np.log10(1e3 * min(real.min(), sim.min()))), float(np.log10(1e3 * max(real.max(), sim.max()))), LEFT, RIGHT
    )
    y = svg.Scale(-5, 0, BOTTOM, TOP)
    body = [svg.line(x.x0, y.x0, x.x1, y.x0, cls="axis"), svg.text(6, 12, "share of messages that take longer", cls="tiny")]
    for power in range(-5, 1):
        body += [svg.line(x.x0, y(power), x.x1, y(power), cls="grid"),
                 svg.text(x.x0 - 8, y(power) + 4, f"{10.0 ** (power + 2):g} %", cls="tiny", anchor="end")]  # fmt: skip
    round_values = [m * 10.0**k for k in range(int(x.low) - 1, int(x.high) + 2) for m in (1, 2, 5)]
    for t in [float(np.log10(v)) for v in round_values if x.low <= np.log10(v) <= x.high]:
        body += [svg.line(x(t), y.x0, x(t), y.x0 + 4, cls="axis"),
                 svg.text(x(t), y.x0 + 18, short(10.0**t), cls="tiny", anchor="middle")]  # fmt: skip
    body.append(svg.text((x.x0 + x.x1) / 2, y.x0 + 36, "delay, ms", cls="dim", anchor="middle"))
    for values, side in ((real, "real"), (sim, "sim")):
        above = np.log10(1 - SHARES[: len(values)])
        body.append(svg.path([(x(float(np.log10(1e3 * v))), y(float(a))) for v, a in zip(values, above, strict=True)],
                             cls=f"curve {side}"))  # fmt: skip
    caption = f"Tail of {link}: forecast from {len(before)} delays (line), and the {len(after)} that were held out (dashes)."
    return Figure(svg.figure(body, height=284, width=520, alt=caption), caption)
