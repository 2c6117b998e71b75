"""What has moved since an earlier calibration: old values and new ones, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


@dataclass(frozen=True)
class Change:
    """What only one of the two calibrations says (None: not at all), or each in another word, such as the kind of a law."""

    name: str
    old: float | str | None
    new: float | str | None


@dataclass(frozen=True)
class Drift:
    """Every number that both calibrations hold, those that moved most surely first; and what cannot be compared."""

    moves: tuple[Move, ...]
    changes: tuple[Change, ...]


def compare(
    old: Mapping[str, Mapping[str, Any]],
    results: Sequence[PartResult],
    confidence: float,
    then: float | None = None,
    *,
    whole: bool = True,
) -> Drift:
    """Old values by name against new ones. confidence: of all intervals now; `then`: of the old ones (None: the same).

    whole: whether all parts of the plan were fitted; otherwise what only the old one says is of others.
    """
    z_then, z_now = (float(sps.norm.ppf(0.5 + c / 2)) for c in (then or confidence, confidence))
    new = {e.name: e for result in results for e in result.estimates}
    same = {_alias(name, old): name for name in new}
    pairs = [(name, old[other], new[name]) for other, name in same.items() if other in old and _known(new[name])]
    found = [move for name, was, now in pairs if (move := _move(name, was, now, z_then, z_now)) is not None]
    changes = [Change(name, _told(was.get("value")), _told(now.value)) for name, was, now in pairs if _reworded(was, now)]
    changes += [Change(name, _told(was.get("value")), None) for name, was in old.items()
                if whole and not _stays(name, same, new)]  # fmt: skip
    changes += [Change(name, None, _told(new[name].value)) for other, name in same.items() if other not in old
                and _known(new[name])]  # fmt: skip
    return Drift(_judged(found), tuple(change for change in changes if change.old is not None or change.new is not None))


def _alias(name: str, old: Mapping[str, Any]) -> str:
    """What the old calibration calls a value: the mean of a law stands under `models` where the law itself has none."""
    if name in old:
        return name
    other = name.removeprefix("models.") if name.startswith("models.") else f"models.{name}"
    return other if name.endswith(".mean") and other in old else name


def _known(estimate: Estimate) -> bool:
    return estimate.identified and not isinstance(estimate.value, tuple)


def _stays(name: str, same: Mapping[str, str], new: Mapping[str, Estimate]) -> bool:
    return name in same and new[same[name]].identified


def _told(value: Any) -> float | str | None:
    """A value that can stand in a table."""
    return value if isinstance(value, str) or _number(value) else None


def _reworded(was: Mapping[str, Any], now: Estimate) -> bool:
    return isinstance(now.value, str) and isinstance(was.get("value"), str) and was["value"] != now.value and _law(now.name)


def _law(name: str) -> bool:
    """Words that name a choice; others say where a value is from."""
    return name.endswith(".kind")


def _judged(found: Iterable[Move]) -> tuple[Move, ...]:
    """Which moved: from the surest on, until one is not sure enough (Holm 1979)."""
    ordered = sorted(found, key=lambda move: (move.p_value is None, move.p_value or 0.0, move.name))
    told = sum(move.p_value is not None for move in ordered)
    out, still = [], False
    for i, move in enumerate(ordered):
        if move.p_value is not None:
            still = still or move.p_value > LEVEL / (told - i)
            move = Move(move.name, move.old, move.new, move.unit, move.p_value, not still)  # noqa: PLW2901
        out.append(move)
    return tuple(out)


def _move(name: str, was: Mapping[str, Any], new: Estimate, z_then: float, z_now: float) -> Move | None:
    if not _number(was.get("value")) or not _number(new.value):
        return None
    then, now = float(was["value"]), float(new.value)  # type: ignore[arg-type]
    away = now - then
    spread_then = _side(then, was.get("high") if away > 0 else was.get("low"))
    spread_now = _side(now, new.low if away > 0 else new.high)
    if spread_then is None or spread_now is None:
        return Move(name, then, now, new.unit, None, None)
    error = float(np.hypot(spread_then / z_then, spread_now / z_now))
    p = 1.0 if away == 0 else float(2 * sps.norm.sf(abs(away) / error)) if error > 0 else 0.0
    return Move(name, then, now, new.unit, p, False)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _side(value: float, bound: Any) -> float | None:
    """Half the interval on the side that faces the other value."""
    return abs(float(bound) - value) if _number(bound) else None
