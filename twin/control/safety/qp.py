"""The one quadratic programme of filters: the speeds nearest to those asked for that keep bounds and half-spaces (daqp)."""

from __future__ import annotations

from typing import Any

import daqp
import numpy as np

from twin.core.records import Bools, Floats

SOLVED = 1
"""daqp's flag for an optimum. Whatever else it says, its `x` is not to be read."""
FAR = 1e30


def nearest(asked: Floats, low: Floats, high: Floats, rows: Floats, least: Floats) -> tuple[Floats, Bools]:
    """For each of k problems min ‖x − asked‖² with low ≤ x ≤ high and rows·x ≥ least.

    asked, low, high (k, nq); rows (k, m, nq); least (k, m). Returns x (k, nq), and (k,) whether it was solved; where not, x
    is `asked` and must not be used.
    """
    k, nq = asked.shape
    x, solved = asked.copy(), np.zeros(k, bool)
    eye, sense = np.eye(nq), np.zeros(nq + rows.shape[1], np.int32)
    upper, lower = np.full((k, nq + rows.shape[1]), FAR), np.empty((k, nq + rows.shape[1]))
    upper[:, :nq], lower[:, :nq], lower[:, nq:] = high, low, least
    sane = np.isfinite(asked).all(axis=1) & (low <= high).all(axis=1) & np.isfinite(least).all(axis=1)
    for i in np.flatnonzero(sane):
        found: Any = daqp.solve(eye, -asked[i], np.ascontiguousarray(rows[i]), upper[i], lower[i], sense)
        if found[2] == SOLVED:
            x[i], solved[i] = found[0], True
    return x, solved
