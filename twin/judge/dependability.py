"""How long robots work until they break, how long they are away, and what share of the time that leaves: from the log alone.

Both means are total time on test: hours in operation (and hours down) over what ended them, so that lives and repairs that the
end of a run cuts off count with the time they were seen. Beside them stands what exponential laws of the run's own fleet give.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter

from twin.core.chance import Chance
from twin.core.quantity import NonNegative, mean
from twin.judge.accounting import HOUR_US, Accounts, Outage
from twin.judge.stats import Interval, rate, ratio
from twin.log.tables import RunLog

FEW = 5
"""Below so many breakages (or repairs that ended) a bootstrap says nothing: there is no interval."""
UNITS = 1000
"""More outages than that are dealt into so many heaps for the bootstrap: it costs memory, and gains nothing."""
_QUANTITY: TypeAdapter[Any] = TypeAdapter(NonNegative)


class Law(NamedTuple):
    """What an exponential law says of a robot: breakages per operating hour, and the mean work of a repair, h."""

    per_h: float
    repair_h: float


@dataclass(frozen=True)
class Dependability:
    """Of a group of cells: what was seen, the means with 95 % intervals (h; a share), and the closed form of their laws.

    `mtbf` has no value and no upper bound where nothing broke: its lower bound is one-sided, at 95 %. `law` is (MTBF, MTTR,
    availability), None where a robot has no law or one that is not exponential.
    """

    name: str
    cells: int
    operated_h: float
    breakages: int
    mended: int
    mtbf: Interval
    mttr: Interval
    availability: Interval
    law: tuple[float, float, float] | None


def dependability(log: RunLog, books: Accounts, groups: Mapping[str, Sequence[str]]) -> list[Dependability]:
    """MTBF, MTTR and availability of each group of cells."""
    found, laws = books.outages, _laws(log)
    operated = {cell: us["episode"] / HOUR_US for cell, us in books.by_cell().items()}
    return [_of(name, tuple(dict.fromkeys(cells)), operated, found, laws) for name, cells in groups.items()]


def _of(
    name: str,
    cells: Sequence[str],
    operated: Mapping[str, float],
    found: Sequence[Outage],
    laws: Mapping[str, Law | None],
) -> Dependability:
    down = dict.fromkeys(cells, 0.0)
    mine = [o for o in found if o.cell in down]
    for outage in mine:
        down[outage.cell] += outage.us / HOUR_US
    up, away = np.array([operated[c] for c in cells]), np.array(list(down.values()))
    turn = np.arange(len(mine)) % UNITS
    long = np.bincount(turn, [o.us / HOUR_US for o in mine]).astype(float)
    ended = np.bincount(turn, [o.mended for o in mine]).astype(float)
    chance, total = Chance(0), float(up.sum())
    mended, broke = int(ended.sum()), len(mine)
    mttr = ratio(long, ended, stream=chance.stream("judge", "mttr"))._replace(n=mended)
    share = ratio(up, up + away, stream=chance.stream("judge", "availability"))._replace(n=broke)
    return Dependability(
        name, len(cells), total, broke, mended, between_failures(broke, total),
        mttr if mended >= FEW else mttr._replace(low=None, high=None),
        share if broke >= FEW else share._replace(low=None, high=None),
        _closed([(operated[c], laws.get(c)) for c in cells]),
    )  # fmt: skip


def between_failures(breakages: int, hours: float) -> Interval:
    """Mean operating time between failures, h: the inverse of the exact Poisson interval of their rate (Garwood 1936)."""
    if not breakages:
        top = rate(count=0, exposure=hours, confidence=0.9).high
        return Interval(None, 1 / top if top else None, None, 0)
    told = rate(count=breakages, exposure=hours)
    value, low, high = (1 / v if v else None for v in (told.value, told.high, told.low))
    return Interval(value, low, high, breakages)


def _closed(robots: Sequence[tuple[float, Law | None]]) -> tuple[float, float, float] | None:
    """MTBF, MTTR and MTBF / (MTBF + MTTR) of robots with their (operating hours, law): breakages and hours expected of each."""
    hours = sum(h for h, _ in robots)
    if not hours or any(law is None for _, law in robots):
        return None
    broke = sum(h * law.per_h for h, law in robots if law)
    down = sum(h * law.per_h * law.repair_h for h, law in robots if law)
    return hours / broke, down / broke, hours / (hours + down)


def _laws(log: RunLog) -> dict[str, Law | None]:
    """The law of each cell's robot, as the run's own fleet has it; None: none, not exponential, or two of one model differ."""
    fleet = ((log.meta.get("stored") or {}).get("spec") or {}).get("fleet") or {}
    of_model: dict[str, set[Law | None]] = {}
    for robot in (fleet.get("robots") or {}).values():
        of_model.setdefault(str(robot.get("model")), set()).add(_law(robot.get("reliability") or {}))
    told = {model: next(iter(found)) if len(found) == 1 else None for model, found in of_model.items()}
    return {str(c["name"]): told.get(str(c.get("robot_model"))) for c in log.meta.get("cells") or []}


def _law(whole: Mapping[str, Any]) -> Law | None:
    """A robot that breaks with whichever of its parts breaks first: the rates of exponential laws add up."""
    per_h = down = 0.0
    for part in (whole, *(whole.get("components") or {}).values()):
        law = part.get("fails_h")
        if part.get("fails_cycles") is not None or (law is not None and law.get("kind") != "exponential"):
            return None
        if law is not None:
            per_h += 1 / law["mean"]
            down += mean(_QUANTITY.validate_python(part.get("repair_h", 2.0))) / law["mean"]
    return Law(per_h, down / per_h) if per_h else None
