"""What has moved since an earlier calibration: old values and new ones, each with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats as sps

from twin.calibrate.result import Estimate, PartResult

LEVEL = 0.05
"""Chance that anything at all is told to have moved where nothing has (over all values: Holm 1979)."""


@dataclass(frozen=True)
class Move:
    """One value then and now. `moved` is None where one of the two has no interval to judge by."""

    name: str
    old: float
    new: float
    unit: str
    p_value: float | None
    moved: bool | None


def compare(old: Mapping[str, Mapping[str, Any]], results: Sequence[PartResult], confidence: float) -> list[Move]:
    """Every number that both calibrations hold; those that moved most surely first. `confidence`: of all intervals."""
    z = float(sps.norm.ppf(0.5 + confidence / 2))
    found = [move for result in results for estimate in result.estimates if (move := _move(old, estimate, z)) is not None]
    ordered = sorted(found, key=lambda move: (move.p_value is None, move.p_value or 0.0, move.name))
    told = sum(move.p_value is not None for move in ordered)
    out, still = [], False
    for i, move in enumerate(ordered):
        if move.p_value is not None:
            still = still or move.p_value > LEVEL / (told - i)
            move = Move(move.name, move.old, move.new, move.unit, move.p_value, not still)  # noqa: PLW2901
        out.append(move)
    return out


def _move(old: Mapping[str, Mapping[str, Any]], new: Estimate, z: float) -> Move | None:
    before = old.get(new.name)
    if before is None or not new.identified or not _number(before.get("value")) or not _number(new.value):
        return None
    then, now = float(before["value"]), float(new.value)  # type: ignore[arg-type]
    away = now - then
    spread_then = _side(then, before.get("high") if away > 0 else before.get("low"))
    spread_now = _side(now, new.low if away > 0 else new.high)
    if spread_then is None or spread_now is None:
        return Move(new.name, then, now, new.unit, None, None)
    error = float(np.hypot(spread_then, spread_now)) / z
    p = 1.0 if away == 0 else float(2 * sps.norm.sf(abs(away) / error)) if error > 0 else 0.0
    return Move(new.name, then, now, new.unit, p, False)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _side(value: float, bound: Any) -> float | None:
    """Half the interval on the side that faces the other value."""
    return abs(float(bound) - value) if _number(bound) else None
