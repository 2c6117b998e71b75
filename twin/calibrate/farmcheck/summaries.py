"""What a table of episodes says of a farm in a dozen numbers, the same for simulated and real ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from twin.calibrate.operations.resets import turnround
from twin.calibrate.reliability.history import keys, symptoms_seen, with_symptom
from twin.judge.columns import flags, numbers

PAUSE = 20.0
"""A step from one episode to the next of this many usual ones is a pause of the recording."""


def cell_hours(frame: pd.DataFrame) -> float:
    """Hours that cells were watched, pauses of the recording left out, summed over cells."""
    start = numbers(frame, "start_s", table="episodes")
    total = 0.0
    for _, rows in pd.Series(np.arange(len(frame))).groupby(keys(frame).to_numpy()):
        at = np.sort(start[rows.to_numpy()])
        steps = np.diff(at)
        if steps.size:
            usual = float(np.median(steps))
            total += float(np.where(steps > PAUSE * usual, usual, steps).sum()) + usual
    return total / 3600


def summarise(frame: pd.DataFrame, symptoms: list[str]) -> dict[str, float]:
    """Summaries by name; one that a table cannot tell is left out."""
    out: dict[str, float] = {}
    lasts = numbers(frame, "duration_s", table="episodes")
    cut = np.array([v is True for v in flags(frame, "censored", table="episodes")])
    whole = lasts[~np.isnan(lasts) & ~cut]
    if whole.size:
        out |= {f"duration {q:.0%} (s)": float(np.quantile(whole, q)) for q in (0.1, 0.5, 0.9)}
    hours = cell_hours(frame)
    if hours > 0:
        out["episodes per cell-hour"] = len(frame) / hours
    order = np.argsort(numbers(frame, "start_s", table="episodes"), kind="stable")
    for name in symptoms:
        had = with_symptom(frame, name)[order]
        if np.isnan(had).all():
            continue
        words = name.replace("_", " ")
        half = had.size // 2
        out[f"{words}, share of episodes"] = float(np.nanmean(had))
        out[f"{words}, first half"], out[f"{words}, second half"] = float(np.nanmean(had[:half])), float(np.nanmean(had[half:]))
    label = np.array([np.nan if v is None else float(v) for v in flags(frame, "label", table="episodes")])
    if not np.isnan(label).all():
        out["success as labelled"] = float(np.nanmean(label))
    gaps = turnround(frame)
    if gaps.size:
        out["between episodes, median (s)"] = float(np.median(gaps))
    resets = numbers(frame, "resets", table="episodes")
    if not np.isnan(resets).all():
        out["resets per episode"] = float(np.nanmean(resets))
    return out


def shared(frame: pd.DataFrame) -> list[str]:
    """Symptoms that the log tells of."""
    return symptoms_seen(frame)
