"""Resets by rung: how often an automatic attempt works, how long it takes. From events, or counts of the episode table."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from twin.calibrate.reliability.history import event_cells, keys
from twin.core.records import Floats
from twin.judge.columns import column, numbers


@dataclass
class Rung:
    """Attempts of one automatic rung: how many worked, and the seconds each took."""

    good: int = 0
    tries: int = 0
    seconds: list[float] = field(default_factory=list)


def told_all(events: pd.DataFrame | None) -> bool:
    """Whether a log keeps the events of episodes that go well, and not exceptions only."""
    return (
        events is not None and bool((events["kind"] == "reset.start").any()) and bool((events["kind"] == "episode.start").any())
    )


def from_events(events: pd.DataFrame) -> list[Rung]:
    """Automatic rungs in the order of the ladder: a new one begins where the count of attempts starts again after a failure."""
    rows = events[events["kind"].isin(("reset.start", "reset.done", "reset.failed", "episode.start"))]
    rungs: list[Rung] = []
    state: dict[str, tuple[int, float | None, bool]] = {}  # cell → rung, when the attempt began, whether the last one failed
    for cell, kind, t, text in zip(event_cells(rows), rows["kind"], rows["t_s"], rows["payload"], strict=True):
        rung, since, failed = state.get(cell, (0, None, False))
        if kind == "episode.start":
            state[cell] = (0, None, False)
            continue
        told = json.loads(text)
        if told.get("reset") != "automatic":
            state[cell] = (rung, None, False)
            continue
        if kind == "reset.start":
            rung = rung + 1 if failed and told.get("attempt") == 1 else rung
            state[cell] = (rung, float(t), False)
            continue
        while len(rungs) <= rung:
            rungs.append(Rung())
        worked = kind == "reset.done"
        rungs[rung].good, rungs[rung].tries = rungs[rung].good + worked, rungs[rung].tries + 1
        if since is not None:
            rungs[rung].seconds.append(float(t) - since)
        state[cell] = (rung, None, not worked)
    return rungs


def from_episodes(frame: pd.DataFrame) -> Rung | None:
    """One rung from counts: a reset of kind automatic took so many attempts, the last of which worked; before a person came all
    had failed. Times are of resets that took one attempt. None where the table does not tell of resets."""
    count = numbers(frame, "resets", table="episodes")
    kind = np.array([k or "" for k in column(frame, "reset_kind", table="episodes")])
    seconds = numbers(frame, "reset_s", table="episodes")
    own, person = (kind == "automatic") & (count > 0), (kind == "person") & (count > 0)
    if not own.any() and not person.any():
        return None
    tries = int(count[own].sum() + (count[person] - 1).sum())
    one = own & (count == 1) & ~np.isnan(seconds) & (seconds > 0)
    return Rung(int(own.sum()), tries, seconds[one].tolist()) if tries else None


def turnround(frame: pd.DataFrame) -> Floats:
    """(n,) s between the end of an episode and the next one of its cell; pauses of the recording are left out (beyond 20 times
    the usual)."""
    start, lasts = (numbers(frame, k, table="episodes") for k in ("start_s", "duration_s"))
    table = pd.DataFrame({"cell": keys(frame).to_numpy(), "start": start, "end": start + lasts}).sort_values(["cell", "start"])
    gap = table.groupby("cell")["start"].shift(-1) - table["end"]
    gaps = gap[gap.notna() & (gap > 0)].to_numpy(float)
    return np.asarray(gaps[gaps <= 20 * np.median(gaps)] if gaps.size else gaps)
