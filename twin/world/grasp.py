"""When a thing counts as held, from what the pads feel: one rule for every engine with contacts."""

from __future__ import annotations

import math

import numpy as np

from twin.core.compiled import compiled
from twin.core.records import Bools, Floats, Observation, Truth
from twin.world.cell import CellModel

TOUCH_N = 0.2
"""A finger that feels less than this (N) does not hold anything."""


def truth_of(cell: CellModel, seen: Observation, pads: Floats) -> Truth:
    """Ground truth of n rows from the forces of the pads (n, 1 + things, 2, 3) N on all they touch and on each thing. Held:
    both fingers press on a thing, which is between them and not below them. Shares its arrays with what is seen."""
    n, things = seen.objects.shape[:2]
    held, force = np.empty((n, things), np.bool_), np.empty(n)
    felt(pads, seen.objects, seen.tool, cell.size_m, held, force)
    return Truth(seen.q, seen.dq, seen.tool, seen.objects, held, force)


@compiled
def felt(pads: Floats, objects: Floats, tool: Floats, size: Floats, held: Bools, force: Floats) -> None:
    """Into `held` (n, things) and `force` (n,) N what `truth_of` tells, for loops that are compiled."""
    for i in range(len(pads)):
        force[i] = math.sqrt(max(_squared(pads[i, 0, 0]), _squared(pads[i, 0, 1])))
        for k in range(objects.shape[1]):
            x, y, z = objects[i, k, 0] - tool[i, 0], objects[i, k, 1] - tool[i, 1], objects[i, k, 2] - tool[i, 2]
            between = x * x + y * y + z * z < size[k] ** 2 and abs(z) < 0.75 * size[k]
            pressed = min(_squared(pads[i, 1 + k, 0]), _squared(pads[i, 1 + k, 1])) > TOUCH_N * TOUCH_N
            held[i, k] = between and pressed


@compiled
def _squared(force: Floats) -> float:
    return float(force[0] * force[0] + force[1] * force[1] + force[2] * force[2])
