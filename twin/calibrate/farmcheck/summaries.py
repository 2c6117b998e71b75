"""What a table of episodes says of a farm in a dozen numbers, the same for simulated and real ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import trim_mean

from twin.calibrate.operations.resets import turnround
from twin.calibrate.reliability.history import cut_off, keys, symptoms_seen, with_symptom
from twin.judge.columns import flags, numbers

PAUSE = 20.0
"""A step from one episode to the next of this many usual ones is a pause of the recording."""


TRIM = 0.05
"""Share of the longest and of the shortest episodes that a mean leaves out."""


def recorded(frame: pd.DataFrame, step_s: float | None) -> pd.DataFrame:
    """Episodes as a recorder sees them that samples every `step_s`: from the first sample in one to the last, counted from
    0 s. None: as they are."""
    if step_s is None:
        return frame
    start, lasts = (numbers(frame, k, table="episodes") for k in ("start_s", "duration_s"))
    first, last = np.ceil(start / step_s), np.floor((start + lasts) / step_s)
    return frame.assign(start_s=first * step_s, duration_s=np.where(last > first, (last - first) * step_s, np.nan))


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
    cut = cut_off(frame)
    whole = lasts[~np.isnan(lasts) & ~cut]
    if whole.size:
        out |= {f"duration {q:.0%} (s)": float(np.quantile(whole, q)) for q in (0.1, 0.5, 0.9)}
    hours = cell_hours(frame)
    if hours > 0:
        out["episodes per cell-hour"] = len(frame) / hours
    if symptoms:
        quiet = np.all([with_symptom(frame, name) == 0 for name in symptoms], axis=0) & ~np.isnan(lasts) & ~cut
        if quiet.any():
            out["duration without symptoms (s)"] = float(trim_mean(lasts[quiet], TRIM))
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
