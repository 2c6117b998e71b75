"""When a thing counts as held, from what the pads feel: one rule for every engine with contacts."""

from __future__ import annotations

import numpy as np

from twin.core.records import Floats, Observation, Truth
from twin.world.cell import CellModel

TOUCH_N = 0.2
"""A finger that feels less than this (N) does not hold anything."""


def truth_of(cell: CellModel, seen: Observation, pads: Floats) -> Truth:
    """Ground truth of n rows from the forces of the pads (n, 1 + things, 2, 3) N on all they touch and on each thing. Held:
    both fingers press on a thing, which is between them and not below them."""
    squared = (pads * pads).sum(axis=3)
    offset = seen.objects[:, :, :3] - seen.tool[:, None]
    between = (offset * offset).sum(axis=2) < cell.size_m**2
    level = np.abs(offset[:, :, 2]) < 0.75 * cell.size_m
    held = (squared[:, 1:].min(axis=2) > TOUCH_N**2) & between & level
    force = np.sqrt(squared[:, 0].max(axis=1))
    return Truth(seen.q, seen.dq, seen.tool, seen.objects, held, force)
