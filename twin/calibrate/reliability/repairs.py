"""How long repairs take once somebody is there: from the answer to the call until the work is done."""

from __future__ import annotations

import json
from collections.abc import Collection

import numpy as np
import pandas as pd

from twin.calibrate.reliability.history import event_cells
from twin.calibrate.stats.lifetimes import Times


def calls(events: pd.DataFrame) -> pd.DataFrame:
    """One row a call: run, page, cell, pool, why, and when it was sent, answered, done or expired (s; NaN: not seen)."""
    told = events[events["kind"].str.startswith("page.")]
    payloads = [json.loads(text) for text in told["payload"]]
    rows = pd.DataFrame(
        {
            "key": told["run"].astype(str) if "run" in told else "",
            "page": [p.get("page") for p in payloads],
            "cell": event_cells(told),
            "kind": told["kind"].str.removeprefix("page."),
            "t": told["t_s"],
            "pool": [p.get("pool") for p in payloads],
            "why": [p.get("why") for p in payloads],
            "person": [p.get("person") for p in payloads],
        }
    )
    if rows.empty:
        return pd.DataFrame(columns=["cell", "pool", "why", "person", "sent", "answered", "done", "expired"])
    wide = rows.pivot_table(index=["key", "page"], columns="kind", values="t", aggfunc="first")
    first = rows.groupby(["key", "page"])[["cell", "pool", "why", "person"]].first()
    out = first.join(wide)
    for name in ("sent", "answered", "done", "expired"):
        if name not in out:
            out[name] = np.nan
    return out.reset_index()


def hours(events: pd.DataFrame, cells: Collection[str]) -> Times | None:
    """Hours of work of the repairs of some cells; those that nobody saw end are censored. None where none was begun."""
    table = calls(events)
    table = table[(table["why"] == "repair") & table["answered"].notna() & table["cell"].isin(list(cells))]
    done = table["done"].notna().to_numpy(dtype=bool)
    lasted = (np.where(done, table["done"], events["t_s"].max()) - table["answered"].to_numpy(float)) / 3600
    keep = lasted > 0
    return Times(lasted[keep], done[keep]) if keep.any() else None
