"""The one quadratic programme of filters: the speeds nearest to those asked for that keep bounds and half-spaces (daqp)."""

from __future__ import annotations

from typing import Any

import daqp
import numpy as np

from twin.core.records import Bools, Floats, Ints

SOLVED = 1
"""daqp's flag for an optimum. Whatever else it says, its `x` is not to be read."""
FAR = 1e30
TOLERANCE = 1e-9
"""By so much at most an answer may miss a bound; with daqp's own, 1e-6, one in ten thousand answers was 7e-7 off."""


def nearest(asked: Floats, low: Floats, high: Floats, slopes: Floats, least: Floats, of: Ints) -> tuple[Floats, Bools]:
    """For each of k problems min ‖x − asked‖² with low ≤ x ≤ high and slope·x ≥ least.

    asked, low, high (k, nq); slopes (m, nq) and least (m,) of the problems `of` (m,), ascending. Returns x (k, nq), and (k,)
    whether it was solved; where not, x is `asked` and must not be used.
    """
    k, nq = asked.shape
    x, solved = asked.copy(), np.zeros(k, bool)
    begin = np.searchsorted(of, np.arange(k + 1))
    most = nq + int(np.diff(begin).max(initial=0))
    eye, sense, far = np.eye(nq), np.zeros(most, np.int32), np.full(most, FAR)
    sane: Bools = np.logical_and.reduce(np.isfinite(asked) & (low <= high), axis=1)
    sane[of[~(np.isfinite(least) & np.isfinite(slopes).all(axis=1))]] = False
    slopes, first = np.ascontiguousarray(slopes), begin.tolist()
    for i in np.flatnonzero(sane).tolist():
        own = slice(first[i], first[i + 1])
        count = nq + first[i + 1] - first[i]
        upper = far[:count]
        upper[:nq] = high[i]
        lower = np.concatenate((low[i], least[own]))
        found: Any = daqp.solve(eye, -asked[i], slopes[own], upper, lower, sense[:count], primal_tol=TOLERANCE)
        if found[2] == SOLVED:
            x[i], solved[i] = found[0], True
    return x, solved
