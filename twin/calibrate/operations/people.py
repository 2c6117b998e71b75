"""How fast people come and how long they work, from calls. The wait for somebody to be free is no part of a response."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from twin.calibrate.reliability.repairs import calls
from twin.calibrate.stats.lifetimes import Times


@dataclass(frozen=True)
class Pool:
    """Seconds from being sent to arrival, and of work on resets; what was dropped or still went on is censored."""

    response: Times | None
    work: Times | None
    waited: int
    """Calls that had to wait until somebody was free."""


def pools(events: pd.DataFrame, count: dict[str, int]) -> dict[str, Pool]:
    """Every pool that was called. `count`: its people, where known; otherwise as many as were ever seen."""
    table, out = calls(events), {}
    end = float(events["t_s"].max()) if len(events) else 0.0
    for name, group in table.groupby("pool"):
        seen = max(1, group["person"].nunique())
        assigned = _assigned(group, count.get(str(name), seen))
        until = np.fmin(np.fmin(group["answered"].to_numpy(float), group["expired"].to_numpy(float)), end)
        response = _times(until - assigned, group["answered"].notna().to_numpy() & ~np.isnan(assigned))
        resets = (group["why"] != "repair").to_numpy() & group["answered"].notna().to_numpy()
        done = group["done"].to_numpy(float)[resets]
        work = _times(np.where(np.isnan(done), end, done) - group["answered"].to_numpy(float)[resets], ~np.isnan(done))
        out[str(name)] = Pool(response, work, int((assigned > group["sent"].to_numpy(float) + 1e-9).sum()))
    return out


def _times(seconds: np.ndarray, ended: np.ndarray) -> Times | None:
    keep = ~np.isnan(seconds) & (seconds > 0)
    return Times(seconds[keep], ended[keep]) if keep.any() else None


def _assigned(group: pd.DataFrame, people: int) -> np.ndarray:
    """(n,) when somebody set out for each call, oldest first; NaN where nobody did."""
    out = np.full(len(group), np.nan)
    moments = [(t, 1, i) for i, t in enumerate(group["sent"].tolist()) if t == t]
    ends = np.fmin(group["done"].to_numpy(float), group["expired"].to_numpy(float))
    moments += [(t, 0, i) for i, t in enumerate(ends.tolist()) if t == t]
    waiting: list[int] = []
    free = people
    for t, sent, i in sorted(moments):
        if sent:
            waiting.append(i)
        elif i in waiting:
            waiting.remove(i)
        else:
            free += 1
        while waiting and free > 0:
            out[waiting.pop(0)] = t
            free -= 1
    return out
