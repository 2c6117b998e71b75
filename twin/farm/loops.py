"""What a lane works out for every row at every tick: how its tool moved, what the truth breaks, whether its grip held."""

from __future__ import annotations

import math

from twin.core.compiled import compiled
from twin.core.records import Bools, Floats, Ints, Rows


@compiled
def moved(rows: Rows, tool: Floats, period_s: float, before: Floats, peak_v2: Floats, speed: Floats) -> None:
    """Speeds (n, 3) m/s of tools at (n, 3) m; `before` (lane, 3) and the peaks of their squares (lane,) are updated."""
    for i in range(len(rows)):
        row, square = rows[i], 0.0
        for a in range(3):
            speed[i, a] = (tool[i, a] - before[row, a]) / period_s
            square += speed[i, a] * speed[i, a]
            before[row, a] = tool[i, a]
        if square > peak_v2[row] or math.isnan(square):
            peak_v2[row] = square


@compiled
def breaking(tool: Floats, q: Floats, dq: Floats, box: Floats, low: Floats, high: Floats, most: Floats, broken: Bools) -> int:
    """How many rows have their tool outside the box (2, 3), a joint beyond its range or faster than it may: into `broken`
    (n, 3 or more) by number. What is not a number breaks nothing."""
    count = 0
    for i in range(len(q)):
        for a in range(3):
            broken[i, 0] |= tool[i, a] < box[0, a] or tool[i, a] > box[1, a]
        for j in range(q.shape[1]):
            broken[i, 1] |= q[i, j] < low[j] or q[i, j] > high[j]
            broken[i, 2] |= abs(dq[i, j]) > most[j]
        count += broken[i, 0] or broken[i, 1] or broken[i, 2]
    return count


@compiled
def dropped(rows: Rows, told: Floats, grip: Floats, width: float, ticks: int, held: Ints, lost: Bools) -> int:
    """How many rows held a thing `width` m wide for `ticks`, are told (n, nu) to hold it, and hold nothing now.

    Which they are goes into `lost` (n,); `held` (lane,), for how many ticks each row has held one, is updated.
    """
    count = 0
    for i in range(len(rows)):
        row, gripping = rows[i], told[i, -1] < 0.9 * width
        holding = gripping and abs(grip[i] - width) < 0.2 * width
        lost[i] = gripping and not holding and held[row] >= ticks
        held[row] = held[row] + 1 if holding else 0
        count += lost[i]
    return count
