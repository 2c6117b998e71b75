"""The last things that happened before something went wrong, in words: for whoever reads a failed test."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from twin.core.errors import TwinError
from twin.log.tables import read_run

LAST = 10
"""Events that a story tells."""

_QUIET = ("authority.", "data.", "policy.", "link.", "episode.truth")
_WIDEST = 100


def story(folder: Path, checks: Sequence[Mapping[str, Any]], last: int = LAST) -> list[str]:
    """The events up to the first piece of evidence of the first failed check, of the same cell or job, one line each, that
    piece marked; where something did not follow within its time, also what followed instead.

    Without evidence: the end of the run. Never raises for what is wrong with the folder: a line says it.
    """
    try:
        events = read_run(Path(folder)).events
    except TwinError as error:
        return [f"(no story: {error})"]
    if events.empty:
        return ["(the log holds no event)"]
    at, check = _where(events, checks)
    if at is None:
        told = events.tail(last)
    else:
        near = _near(events, at)
        told = near[near["seq"] <= at].tail(last)
        if str(check.get("name", "")).startswith("within"):
            told = pd.concat([told.tail(last // 2), near[near["seq"] > at].head(last // 2)])
    return [_line(event, marked=event["seq"] == at) for event in told.to_dict("records")]


def _where(events: pd.DataFrame, checks: Sequence[Mapping[str, Any]]) -> tuple[int | None, Mapping[str, Any]]:
    """The seq of the first evidence that an event stands for, and the check that it speaks against."""
    pieces = [(check, piece) for check in checks if check.get("passed") is False for piece in check.get("evidence") or ()]
    for check, text in pieces:
        found = re.fullmatch(r"(event|episode) (\d+)", str(text))
        if found is None:
            continue
        key = events["seq"] if found[1] == "event" else events["episode"].where(events["kind"] == "episode.end")
        seqs = events["seq"][(key == int(found[2])).fillna(False)]
        if len(seqs):
            return int(seqs.iloc[0]), check
    return None, {}


def _near(events: pd.DataFrame, at: int) -> pd.DataFrame:
    """What happened where an event happened: in its cell, or to its job; the causes of that, wherever."""
    event = events[events["seq"] == at].iloc[0]
    place = "cell" if not pd.isna(event["cell"]) else "job"
    if pd.isna(event[place]):
        return events
    near = events[(events[place] == event[place]).fillna(False)]
    loud = near[~near["kind"].str.startswith(_QUIET) | (near["seq"] == at)]
    causes = events[events["seq"].isin(loud["cause"].dropna())]
    return pd.concat([loud, causes]).drop_duplicates("seq").sort_values("seq")


def _line(event: Mapping[str, Any], *, marked: bool) -> str:
    where = event["cell"] if not pd.isna(event["cell"]) else event["job"] if not pd.isna(event["job"]) else ""
    told = ", ".join(f"{key} {_value(value)}" for key, value in json.loads(event["payload"] or "{}").items())
    text = f"{'>' if marked else ' '} {event['t_s']:10.3f} s  {where:12}  {event['kind']:18}  {told}".rstrip()
    return text if len(text) <= _WIDEST + 40 else text[: _WIDEST + 39] + "…"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ",".join(map(_value, value)) if isinstance(value, list) else str(value)
